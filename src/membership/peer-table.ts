/**
 * The peer table: who is connected, over which links.
 *
 *   peer ─┬─ link, active      the one that carries new streams: the first that stands
 *         └─ link, draining    lost the tie-break; closes when empty, or after 10 s
 *
 * A peer is in the table while it has a link of either kind. Links stand in the
 * order in which they were established, peers in the order in which they came.
 *
 * Floor: membership.
 */
import { Budget } from '../base/budget.ts'
import type { Millis } from '../base/machine.ts'
import { type Address, encodeAddress } from '../wire/address.ts'
import { defaults } from './defaults.ts'
import type { Liveness } from './liveness.ts'
import type { Direction, LinkId, Proof } from './messages.ts'

export interface Mesh {
  readonly linked: number
  readonly known: number
}

export interface PeerRecord {
  readonly peerId: string
  readonly key: Uint8Array
  readonly staticKey: Uint8Array
  readonly name: string
  readonly links: LinkRecord[]
  readonly since: Millis
  /** What it says of itself, to be told to others. */
  announced: readonly Address[]
  /** How whole its mesh is, as it last said. */
  mesh: Mesh | undefined
  /** It was asked for its peers and told ours. */
  greeted: boolean
  /** Its links to others when it came. */
  readonly linkCount: number
}

export class LinkRecord {
  readonly id: LinkId
  readonly peer: PeerRecord
  readonly direction: Direction
  /** For people: what we dialled, or the observed host with the announced port. */
  readonly address: Address
  /** For other nodes: IP addresses that are known to work, if any. */
  readonly tell: readonly Address[]
  readonly tellBytes: readonly Uint8Array[]
  readonly establishedAt: Millis
  readonly liveness: Liveness
  /** Set while draining: when it closes at the latest. */
  drainUntil: Millis | undefined
  /** The peer sent the DRAIN: then it is ours to close the link when it is empty. */
  obeying = false
  idle = false
  /** REQUEST_PEERS sent and not yet answered. */
  asked = 0
  /** What is left of our patience with its REQUEST_PEERS and its unasked PEERS. */
  readonly requests: Meter
  readonly pushes: Meter
  meshSent: (Mesh & { readonly at: Millis }) | undefined

  constructor(
    peer: PeerRecord,
    proof: Proof,
    dialled: Address | undefined,
    tell: readonly Address[],
    liveness: Liveness,
    now: Millis,
  ) {
    this.id = proof.link
    this.peer = peer
    this.direction = dialled === undefined ? 'in' : 'out'
    // A dial may be won by another transport at the same number.
    const by = proof.address.transport
    this.address =
      dialled === undefined ? (proof.listenAddress ?? proof.address) : { ...dialled, transport: by }
    this.tell = tell
    this.tellBytes = tell.map(encodeAddress)
    this.establishedAt = now
    this.liveness = liveness
    this.requests = new Meter(now)
    this.pushes = new Meter(now)
  }
}

/** A token bucket that first falls silent and then has had enough (spec: PT-04). */
export class Meter {
  readonly #budget: Budget
  #over = 0

  constructor(now: Millis) {
    this.#budget = new Budget(defaults.gossipPerSecond, defaults.gossipBurst, now)
  }

  spend(now: Millis): 'answer' | 'silence' | 'close' {
    if (this.#budget.spend(1, now)) {
      this.#over = 0
      return 'answer'
    }
    return ++this.#over >= defaults.gossipPatience ? 'close' : 'silence'
  }
}

export class PeerTable {
  readonly #peers = new Map<string, PeerRecord>()
  readonly #links = new Map<LinkId, LinkRecord>()

  get size(): number {
    return this.#peers.size
  }

  peer(peerId: string): PeerRecord | undefined {
    return this.#peers.get(peerId)
  }

  link(id: LinkId): LinkRecord | undefined {
    return this.#links.get(id)
  }

  peers(): Iterable<PeerRecord> {
    return this.#peers.values()
  }

  links(): Iterable<LinkRecord> {
    return this.#links.values()
  }

  add(peer: PeerRecord): void {
    this.#peers.set(peer.peerId, peer)
  }

  attach(link: LinkRecord): void {
    link.peer.links.push(link)
    this.#links.set(link.id, link)
  }

  /** True when the peer has no link any more, and so has left the table. */
  detach(link: LinkRecord): boolean {
    const { links, peerId } = link.peer
    this.#links.delete(link.id)
    const index = links.indexOf(link)
    if (index >= 0) links.splice(index, 1)
    if (links.length > 0) return false
    if (this.#peers.get(peerId) === link.peer) this.#peers.delete(peerId)
    return true
  }
}

/** Links that stand: not draining. */
export function activeLinks(peer: PeerRecord): LinkRecord[] {
  return peer.links.filter(link => link.drainUntil === undefined)
}

/** The link for what is sent next: the first that stands, else one that drains. */
export function primaryLink(peer: PeerRecord): LinkRecord | undefined {
  return peer.links.find(link => link.drainUntil === undefined) ?? peer.links[0]
}

/** How many links to other peers it has, as far as it told. */
export function otherLinks(peer: PeerRecord): number {
  return peer.mesh === undefined ? peer.linkCount : Math.max(0, peer.mesh.linked - 1)
}
