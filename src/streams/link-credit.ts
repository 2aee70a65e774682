/**
 * Credit of the whole link, both ways: how many stream bytes may be on their way.
 *
 *   granted = min(received, consumed + slack) + window
 *
 * Credit given back only for what was read would let sixteen streams that nobody reads
 * (16 × 256 KiB) stop every other stream of the link. So bytes that wait for a reader do not
 * count against the link, up to a slack of 8 MiB; beyond it they do. One unread stream
 * then never slows another, and what a peer can make us hold stays below window + slack:
 * 12 MiB at first. The window is 1.5 times the largest stream window and at least
 * 4 MiB (decision 12); it never shrinks.
 *
 * Refuses: bytes past the credit granted. Faults: FR-09, FR-12.
 * Page: protocol/streams.md (spec: STREAM-10, STREAM-11, STREAM-12) · Floor: streams.
 */
import { GuildError } from '../base/errors.ts'

const slack = 8 * 1024 * 1024
/** Under a rate, MAX_DATA is told in steps of this: small enough to be smooth. */
const SHAPED_STEP = 8 * 1024

export class LinkCredit {
  #window: number
  #granted: number
  /** The frame that told of `#granted` was lost. */
  #again = false
  #received = 0
  #consumed = 0
  #sent = 0
  /** Never granted beyond this, where a rate is set; `allow` raises it. */
  #limit: number
  #maximum: number

  /** What we grant at first, and what the peer grants us. `shaped`: later grants wait for `allow`. */
  constructor(local: number, remote: number, shaped = false) {
    this.#limit = shaped ? local : Number.POSITIVE_INFINITY
    this.#window = local
    this.#granted = local
    this.#maximum = remote
  }

  /** Judges bytes that arrive; changes nothing. */
  check(fresh: number): void {
    if (this.#received + fresh > this.#granted)
      throw new GuildError('GH_LINK_FLOW', `link byte ${this.#received + fresh} of ${this.#granted}`)
  }

  /** Takes bytes that `check` passed. */
  receive(fresh: number): void {
    this.#received += fresh
  }

  /** Bytes were read, or thrown away. */
  consume(bytes: number): void {
    this.#consumed += bytes
  }

  /** Bytes that arrived and wait for a reader. */
  get unread(): number {
    return this.#received - this.#consumed
  }

  /** A stream's window has grown. */
  grow(streamWindow: number): void {
    this.#window = Math.max(this.#window, Math.floor(1.5 * streamWindow))
  }

  /** Half a window can be granted, or the last grant was lost: time for MAX_DATA. */
  get due(): boolean {
    if (this.#again) return true
    const enough = this.#limit === Number.POSITIVE_INFINITY ? this.#window / 2 : SHAPED_STEP
    return this.#next() - this.#granted >= Math.min(enough, this.#window / 2)
  }

  /** Bytes that would be granted if the rate let them. */
  get held(): number {
    return this.#limit === Number.POSITIVE_INFINITY ? 0 : Math.max(0, this.#unshaped() - this.#limit)
  }

  /** The rate lets so many more bytes come in. */
  allow(bytes: number): void {
    this.#limit += bytes
  }

  /** Grants it; the new maximum. */
  grant(): number {
    this.#again = false
    this.#granted = this.#next()
    return this.#granted
  }

  /** A MAX_DATA did not arrive: if it was the newest, another one is due. */
  lost(maximum: number): void {
    if (maximum === this.#granted) this.#again = true
  }

  /** Bytes we may still send. */
  get left(): number {
    return this.#maximum - this.#sent
  }

  send(bytes: number): void {
    this.#sent += bytes
  }

  /** MAX_DATA. False when it grants nothing new (spec: FR-11). */
  raise(maximum: number): boolean {
    if (maximum <= this.#maximum) return false
    this.#maximum = maximum
    return true
  }

  #next(): number {
    return Math.min(this.#unshaped(), this.#limit)
  }

  #unshaped(): number {
    return Math.min(this.#received, this.#consumed + slack) + this.#window
  }
}
