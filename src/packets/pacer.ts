/**
 * Spreads packets over the round trip: a bucket of bytes that fills at the pacing rate.
 *
 *   bytes in hand ▲  ────── most in hand: 4 ms, at least ten packets
 *                 │  ╱│ ╱│  ╱│
 *                 │ ╱ │╱ │ ╱ │      woken when a quantum is in hand: 1 ms of sending, a packet at least
 *                 └──────────────▶ time
 *
 * A window sent at once is a burst that overflows the first short queue it meets. Packet by packet
 * would ask a timer for more than it can do: so at high rates what one millisecond is worth leaves
 * together, and a timer that wakes late finds what it missed still in hand, up to 4 ms of it. Ten packets
 * may always leave at once (RFC 9002 section 7.7: no burst above the initial window).
 *
 * It counts fractions of milliseconds and holds no clock.
 *
 * Page: protocol/congestion.md (spec: CC-4) · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'
import type { Congestion, RoundTrips } from './congestion/controller.ts'

/** Milliseconds of the rate that leave together. */
const QUANTUM: Millis = 1
/** Milliseconds of the rate that a late timer finds in hand. */
const SLACK: Millis = 4
const BURST_PACKETS = 10
/** RFC 9002 section 7.7: a little faster than a window each round trip, or the window is never full. */
const AHEAD = 1.25
/** Before anything is measured (RFC 9002 section 6.2.2). */
const INITIAL_RTT: Millis = 333

/** Bytes per second: what the controller says, or what its window comes to. */
export function paceOf(congestion: Pick<Congestion, 'pacingRate' | 'window'>, rtt: RoundTrips): number {
  if (congestion.pacingRate !== undefined) return congestion.pacingRate
  const roundTrip = rtt.sampled ? Math.max(rtt.smoothed, 0.001) : INITIAL_RTT
  return (AHEAD * congestion.window * 1000) / roundTrip
}

export class Pacer {
  #mss: number
  /** Bytes per millisecond; infinite until a rate is set. */
  #rate = Number.POSITIVE_INFINITY
  #inHand: number
  #at: Millis

  constructor(mss: number, now: Millis) {
    this.#mss = mss
    this.#at = now
    this.#inHand = BURST_PACKETS * mss
  }

  /** At least a packet a second, so that every wait ends. Counts from the last call that said the time. */
  setRate(bytesPerSecond: number): void {
    this.#rate = Math.max(bytesPerSecond, this.#mss) / 1000
  }

  setMtu(size: number): void {
    this.#mss = size
    this.#rate = Math.max(this.#rate, size / 1000)
  }

  /** May a packet leave now? */
  canSend(now: Millis): boolean {
    this.#fill(now)
    // Half a byte of slack: a wake-up computed in milliseconds must not fall just short.
    return this.#inHand + 0.5 >= this.#mss
  }

  /** A packet has left. */
  spend(bytes: number, now: Millis): void {
    this.#fill(now)
    this.#inHand -= bytes
  }

  /** When a quantum will be in hand; undefined: a packet may leave now. */
  next(now: Millis): Millis | undefined {
    if (this.canSend(now)) return undefined
    const quantum = Math.min(Math.max(this.#mss, this.#rate * QUANTUM), this.#most)
    return now + (quantum - this.#inHand) / this.#rate
  }

  get #most(): number {
    return Math.max(BURST_PACKETS * this.#mss, this.#rate * SLACK)
  }

  #fill(now: Millis): void {
    if (now > this.#at) {
      this.#inHand =
        this.#rate === Number.POSITIVE_INFINITY ? this.#most : this.#inHand + (now - this.#at) * this.#rate
      this.#at = now
    }
    this.#inHand = Math.min(this.#inHand, this.#most)
  }
}
