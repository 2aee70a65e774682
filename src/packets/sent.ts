/**
 * The packets that were sent and may still be heard of, in a ring by number.
 *
 *        first                                  next
 *   ───────┼──────────────────────────────────────┼──────▶ packet number
 *    gone  │ acked  lost  acked  acked  out  out  │  to be sent
 *          │  └─jump─▶┘    └────jump────▶┘        │
 *
 * Numbers are dense, so a slot is found by a mask, and nothing is hashed or allocated. A number
 * that needs no further thought jumps towards the next one that does, and jumps are joined as they are
 * walked: an acknowledgement of ten thousand numbers, all but two heard of before, visits two.
 * A lost packet stays a while, so that a late acknowledgement of it is understood (`spurious`).
 *
 * Refuses: a number that is not new, more than 16 left out at once, more than 131,072 at a time.
 * Page: protocol/recovery.md · Floor: packets.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { InFlight } from '../wire/frames/index.ts'

export interface SentPacket {
  readonly number: number
  readonly time: Millis
  /** The whole datagram, in bytes. */
  readonly size: number
  /** It asks for an acknowledgement. Only such packets count as in flight. */
  readonly eliciting: boolean
  /** A path-MTU probe: its loss is no congestion. */
  readonly mtuProbe: boolean
  /** Which path it left on: a number that grows with each migration. */
  readonly path: number
  frames: readonly InFlight[]
  /** Delivery rate, stamped by congestion/delivery-rate.ts. */
  delivered: number
  deliveredTime: Millis
  firstSentTime: Millis
  appLimited: boolean
  txInFlight: number
  lostBefore: number
}

/** Of a number in the ring. */
export const NEVER = 0 // left out, or forgotten
export const OUT = 1
export const LOST = 2
export const ACKED = 3

/** Bytes in flight beyond 150 MB are no window anybody has. */
export const MAX_SENT: number = 2 ** 17
/** Numbers one may leave out at a time, to catch a peer that acknowledges what it has not seen (RFC 9000, 21.4). */
export const MAX_SKIP = 16
const CAPACITY = 32
/** A ring with more slots than this gives them back once it is empty. */
const ROOMY = 1024

export class SentRing {
  /** The oldest number here. */
  first = 0
  /** One past the newest. */
  next = 0
  #mask = CAPACITY - 1
  #packets: (SentPacket | undefined)[] = new Array(CAPACITY).fill(undefined)
  #states = new Uint8Array(CAPACITY)
  /** How far to the next number that may be unsettled; 0: this one is. */
  #jumps = new Uint32Array(CAPACITY)

  get size(): number {
    return this.next - this.first
  }

  /** Room for one more number, and as many left out before it as may be. */
  get full(): boolean {
    return this.size + MAX_SKIP >= MAX_SENT
  }

  push(packet: SentPacket): void {
    const skipped = packet.number - this.next
    if (!(skipped >= 0 && skipped <= MAX_SKIP))
      throw new GuildError('GH_INTERNAL', `packet ${packet.number} is sent where ${this.next} is next`)
    if (this.full) throw new GuildError('GH_INTERNAL', `${this.size} packets were never heard of`)
    while (this.size + skipped > this.#mask) this.#resize(2 * (this.#mask + 1))
    for (; this.next < packet.number; this.next++) this.#put(this.next, undefined, NEVER, 1)
    this.#put(this.next++, packet, OUT, 0)
  }

  /** The packet, while it is out or lost; undefined once it was acknowledged. */
  at(number: number): SentPacket | undefined {
    return this.#packets[number & this.#mask]
  }

  /** Of a number from `first` to before `next`. */
  state(number: number): number {
    return this.#states[number & this.#mask]!
  }

  lose(number: number): void {
    this.#states[number & this.#mask] = LOST
  }

  /** It was acknowledged: the packet goes, its number remembers that. The caller settles all up to `last`. */
  settle(number: number, last: number): void {
    this.#put(number, undefined, ACKED, last + 1 - number)
  }

  /** The least number from `number` on that is out or lost; `next` when there is none. */
  unsettled(number: number): number {
    const jumps = this.#jumps
    const mask = this.#mask
    let at = number
    while (at < this.next) {
      const by = jumps[at & mask]!
      const then = at + by
      if (by === 0 || then >= this.next) return then
      const further = jumps[then & mask]!
      if (further > 0) jumps[at & mask] = by + further // halves the way for whoever comes next
      at = then + further
    }
    return at
  }

  /** The oldest one goes. */
  shift(): void {
    this.#put(this.first++, undefined, NEVER, 1)
    // A link that had much to say and fell silent keeps no memory for it.
    if (this.first === this.next && this.#mask >= ROOMY) this.#resize(CAPACITY)
  }

  #put(number: number, packet: SentPacket | undefined, state: number, jump: number): void {
    const slot = number & this.#mask
    this.#packets[slot] = packet
    this.#states[slot] = state
    this.#jumps[slot] = jump
  }

  #resize(capacity: number): void {
    const [packets, states, jumps, mask] = [this.#packets, this.#states, this.#jumps, this.#mask]
    this.#mask = capacity - 1
    this.#packets = new Array(capacity).fill(undefined)
    this.#states = new Uint8Array(capacity)
    this.#jumps = new Uint32Array(capacity)
    for (let n = this.first; n < this.next; n++)
      this.#put(n, packets[n & mask], states[n & mask]!, jumps[n & mask]!)
  }
}

/** A packet that leaves now, its delivery rate not stamped yet. */
export function sentPacket(
  number: number,
  time: Millis,
  size: number,
  eliciting: boolean,
  mtuProbe: boolean,
  path: number,
  frames: readonly InFlight[],
): SentPacket {
  return {
    number,
    time,
    size,
    eliciting,
    mtuProbe,
    path,
    frames,
    delivered: 0,
    deliveredTime: 0,
    firstSentTime: 0,
    appLimited: false,
    txInFlight: 0,
    lostBefore: 0,
  }
}
