/**
 * What the engine prefers, with the reason for each. None of it is part of the protocol.
 *
 * Sizes are bytes, times milliseconds.
 * Floor: protocols.
 */
const KIB = 1024
const MIB = 1024 * KIB

export const defaults = {
  /** Of blocks asked for and not yet stored, over all peers: a gigabit over 60 ms. */
  inFlight: 8 * MIB,
  /** Asked of one peer before its rate is known. */
  firstPipeline: 1 * MIB,
  /** One peer is asked for what it brings in this time and a round trip: long enough to hide a busy turn of either side. */
  pipelineTime: 250,
  /** Wants at one peer at a time: with those that search and stand it stays within its list of 1,024. */
  pipelineWants: 512,
  /** What a block is taken for before the first of a session has come: the usual chunk. */
  blockGuess: 256 * KIB,
  /** Nothing came for so long, and four round trips: whoever else has the block is asked. */
  silence: 1_000,
  /** One block may take so long, twice as long with each move, although other things come. */
  patience: 3_000,
  /** A peer that is alone in having a block is given longer each time, up to this. */
  patienceMost: 30_000,
  /** Slower than that (bytes per ms) nobody is taken to be when it comes to waiting. */
  slowest: 128,
  /** How often a want that nobody has is asked again; that its answer was lost should not be for ever. */
  askAgain: 30_000,
  /** A peer that does not say whether it has a block is waited for so long, before it is taken that nobody has it. */
  answer: 10_000,
  /** Wants asked of everybody at once; of one session, whose first answers tell whom to ask for the rest. */
  searching: 256,
  searchingEach: 32,
  /** Wants that wait in the lists of others for somebody to have them. */
  standing: 256,
  /** Every so many wants of a session everybody is asked, for there may be more who have it by now. */
  widenEvery: 128,
  /** Wants that one session may hold; what is above is for its owner to hold back. */
  sessionWants: 65_536,
  /** Handed to a peer's stream and not taken by it yet; of all peers together. */
  outstanding: 1 * MIB,
  outstandingAll: 16 * MIB,
  /** Blocks of one message: as many as make this. */
  servingBytes: 256 * KIB,
  servingBlocks: 256,
  /** Blocks with wrong bytes, or broken messages, until a peer is refused; and for how long. */
  misdeeds: 3,
  refusedFor: 10 * 60_000,
  refusedMost: 4_096,
  /** Blocks nobody asked for: so many bytes a second cost nothing but their way; what is above is a misdeed. */
  strayPerSecond: 256 * KIB,
  strayBurst: 8 * MIB,
  /** Blocks whose second copy is known as one. */
  lately: 4_096,
} as const
