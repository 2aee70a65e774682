/**
 * When slow start has gone on long enough: HyStart++.
 *
 *   slow start ── the round's least RTT rises by an eighth ──▶ careful: a quarter of the growth
 *       ▲                                                        │               │
 *       └───────────── it falls again: a false alarm ────────────┘   five rounds └──▶ done
 *
 * Slow start that ends with a loss ends with half a window of them. A queue tells before it
 * overflows, by the round trip: the least of eight samples a round, so that one late ACK means nothing.
 *
 * Source: RFC 9406 section 4 (4.3 for a sender that paces: no limit to the growth per ACK).
 * Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'

const LEAST_RISE: Millis = 4
const MOST_RISE: Millis = 16
const RISE_DIVISOR = 8
const SAMPLES = 8
const GROWTH_DIVISOR = 4
const CAREFUL_ROUNDS = 5
const none = Number.POSITIVE_INFINITY

export class HyStart {
  #roundEnd = -1
  #lastLeast: Millis = none
  #least: Millis = none
  #samples = 0
  /** Rounds of care so far; undefined: not careful. */
  #careful: number | undefined
  /** The round trip that made it careful. */
  #baseline: Millis = none

  /** One ACK. The part of its bytes that the window may grow by, or undefined: slow start is over. */
  onAck(newest: number, rtt: Millis, largestSent: number): number | undefined {
    if (newest > this.#roundEnd) {
      if (this.#careful !== undefined && ++this.#careful >= CAREFUL_ROUNDS) return undefined
      this.#roundEnd = largestSent
      this.#lastLeast = this.#least
      this.#least = none
      this.#samples = 0
    }
    this.#least = Math.min(this.#least, rtt)
    this.#samples++
    if (this.#samples >= SAMPLES && this.#lastLeast !== none) {
      if (this.#careful === undefined) {
        const rise = Math.max(LEAST_RISE, Math.min(this.#lastLeast / RISE_DIVISOR, MOST_RISE))
        if (this.#least >= this.#lastLeast + rise) {
          this.#baseline = this.#least
          this.#careful = 0
        }
      } else if (this.#least < this.#baseline) {
        this.#careful = undefined
        this.#baseline = none
      }
    }
    return this.#careful === undefined ? 1 : 1 / GROWTH_DIVISOR
  }
}
