/**
 * A token bucket: so many a second, with a burst.
 *
 * What a peer may do cheaply to us (empty frames, peer requests, new streams) is
 * paid from one. Rates are per second, times in milliseconds.
 *
 * Floor: base.
 */
import type { Millis } from './machine.ts'

export class Budget {
  readonly #perMilli: number
  readonly #burst: number
  #tokens: number
  #at: Millis

  constructor(perSecond: number, burst: number, now: Millis) {
    this.#perMilli = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Takes `cost` when there is that much; false leaves the bucket as it was. */
  spend(cost: number, now: Millis): boolean {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMilli)
      this.#at = now
    }
    if (this.#tokens < cost) return false
    this.#tokens -= cost
    return true
  }
}
