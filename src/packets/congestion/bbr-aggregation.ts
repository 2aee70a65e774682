/**
 * How much more comes acknowledged at once than the bandwidth explains.
 *
 *   bytes acked ▲            ┌────  ▲ extra: what must be in flight besides
 *               │      ┌─────┘ ╱    ▼ so that the sender need not wait for the next bunch
 *               │──────┘   ╱ bandwidth × time
 *               └──────────────▶ time
 *
 * Receivers that acknowledge every 32nd packet, timers of a millisecond, radio links that hand over in slots: between
 * two bunches the path is silent, and one bandwidth-delay product is used up before the
 * next comes. The most of the last ten rounds is added to the window; of the last one in startup.
 *
 * Source: draft-ietf-ccwg-bbr section 5.5.9. Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'

const ROUNDS = 10

export class Aggregation {
  /** Bytes above what the bandwidth explains: the most of the last rounds. */
  extra = 0
  readonly #most = new Float64Array(ROUNDS)
  #round = 0
  #begin: Millis
  #acked = 0

  constructor(now: Millis) {
    this.#begin = now
  }

  /** `bandwidth` in bytes per millisecond; `keep`: how many rounds to remember, at most ten. */
  update(bytes: number, bandwidth: number, window: number, round: number, keep: number, now: Millis): void {
    let expected = bandwidth * (now - this.#begin)
    if (this.#acked <= expected) {
      this.restart(now)
      expected = 0
    }
    this.#acked += bytes
    const extra = Math.min(this.#acked - expected, window)
    for (let r = Math.max(this.#round + 1, round - ROUNDS + 1); r <= round; r++) this.#most[r % ROUNDS] = 0
    this.#round = round
    this.#most[round % ROUNDS] = Math.max(this.#most[round % ROUNDS]!, extra)
    this.extra = 0
    for (let r = round; r > round - keep && r >= 0; r--)
      this.extra = Math.max(this.extra, this.#most[r % ROUNDS]!)
  }

  /** A new stretch begins: after a pause nothing was to be expected. */
  restart(now: Millis): void {
    this.#begin = now
    this.#acked = 0
  }
}

export const REMEMBERED_ROUNDS: number = ROUNDS
