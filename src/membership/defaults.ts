/**
 * What membership prefers where nobody says otherwise, each with its reason.
 *
 * These are choices of ours, not of the protocol: two nodes with other figures
 * still form one mesh. Times are milliseconds unless a name says seconds.
 *
 * Floor: membership.
 */
export const defaults = Object.freeze({
  /** Silence after which the side that dialled PINGs: a dead peer is doubted within a few, and 100 idle links cost 20 small frames a second. */
  interval: 5_000,
  /** PINGs that are due within this share of the interval go out with one that is: forty idle links wake a node for ten turns, not for forty. */
  together: 0.1,
  /** Silence after which a peer is gone: long enough for a laptop to change networks. */
  peerTimeout: 60_000,
  /** Between rounds of REQUEST_PEERS. New peers are asked at once; this only catches what was missed. */
  discoveryInterval: 30_000,
  /** Between clean-ups. */
  maintenanceInterval: 15_000,
  /** A full mesh costs N(N-1)/2 links. */
  maxPeers: 20,

  /** Addresses in the book: ten times the largest mesh that makes sense. */
  bookLimit: 1_000,
  /** Unproven addresses one teller may place, and all tellers of one public network: 6.2 % of the book (P18). */
  perTeller: 62,
  /** Unproven addresses told by gossip on one public host (PT-03). */
  perHost: 8,
  /** The same for one public prefix, /16 or /32: 3.2 % of the book; and as many proven ones (P18). */
  perPrefix: 32,
  /** The same on private, link-local and loopback hosts, where a whole swarm may sit on one machine … */
  perLocalHost: 256,
  /** … or in one prefix. */
  perLocalPrefix: 512,

  /** An address where no peer was met for so long is forgotten: seven days (E18). */
  retention: 604_800_000,
  /** Peers of the book that are dialled before all others after a restart. */
  anchors: 8,

  /** Dials under way at once. */
  dials: 16,
  /** More for bootstrap and person, so that told addresses which answer nothing cannot keep them waiting. */
  urgentDials: 4,
  /** For so long a peer that was lost keeps its place from addresses that were only told (P18). */
  placeKept: 3_600_000,
  /** First wait after a failed dial or a lost link; it doubles … */
  backoffFirst: 1_000,
  /** … to this. */
  backoffMax: 30_000,
  /** First wait after a goodbye: the peer meant to leave. */
  goodbyeWait: 5_000,
  /** Least wait after a link that fell silent, when one before it did within `silenceAgain` (PT-13). */
  silenceWait: 60_000,
  silenceAgain: 600_000,
  /** A peer that has not been reached for `slowAfter` is tried at this pace, until it is forgotten. */
  slowPace: 300_000,
  slowAfter: 3_600_000,
  /** A told address that never worked is dropped after so many failures, about four minutes. */
  giveUpAfter: 10,
  /** An address that failed so often in a row does not count as a known peer. */
  unreachableAfter: 3,
  /** … unless others heard of the peer no longer ago than this before: two rounds of gossip. */
  hearsayHolds: 60_000,
  /** Gossip of a peer that we have just lost may be so much behind. */
  hearsayLate: 2_000,
  /** Failures after the first are reported at every so many. */
  reportEvery: 20,
  /** A link that lived this long was a success; a shorter one counts as a failed dial. */
  settled: 10_000,

  /** Tie-break: how old the old link must be at the lower side for a second one to replace it. */
  replaceAfterLower: 10_000,
  /** At the higher side: twice that, so that the lower side has always decided first. */
  replaceAfterHigher: 20_000,
  /** How long a drained link may take to empty (decision 13). */
  drainFor: 10_000,

  /** REQUEST_PEERS and unasked PEERS a peer may send: a second, at once, and beyond that before it is closed. */
  gossipPerSecond: 1,
  gossipBurst: 10,
  gossipPatience: 100,
  /** Peers asked in one round of discovery. */
  askedPerRound: 3,
  /** Of the peers we know but are not linked to, an answer tells at most this share (PT-05). */
  unlinkedShare: 0.23,
  /** The same share is told to whoever asks in this time (PT-05). */
  lotsHold: 3_600_000,
  /** Ages above this, in seconds, are taken for this: 30 days (PT-08). */
  ageMaxSeconds: 2_592_000,
  /** Least time between two MESH frames on one link. */
  meshEvery: 1_000,
})

export type MembershipDefaults = typeof defaults
