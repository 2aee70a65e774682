/**
 * Holds a flow to a rate: so many bytes may pass now, and then.
 *
 * A token bucket with debt: what passes may be a little more than the allowance (a record is
 * not cut for it), and is paid back before anything else passes. The bucket holds a tenth
 * of a second, so that a measured second is never far from the rate.
 *
 * Floor: base.
 */
import type { Millis } from './machine.ts'

const BURST_SECONDS = 0.1
/** Less than this is not worth waking up for. */
const QUANTUM = 16 * 1024

export class Shaper {
  readonly #perMilli: number
  readonly #burst: number
  readonly #quantum: number
  #tokens: number
  #at: Millis

  constructor(bytesPerSecond: number, now: Millis) {
    this.#perMilli = bytesPerSecond / 1000
    this.#burst = Math.max(1, bytesPerSecond * BURST_SECONDS)
    this.#quantum = Math.min(QUANTUM, this.#burst)
    this.#tokens = this.#burst
    this.#at = now
  }

  /** Whole bytes that may pass now; 0 while there is debt or less than a quantum. */
  allowance(now: Millis): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMilli)
      this.#at = now
    }
    // Half a byte of slack: a wake-up computed in milliseconds must not fall just short.
    return this.#tokens + 0.5 >= this.#quantum ? Math.floor(this.#tokens + 0.5) : 0
  }

  spend(bytes: number, now: Millis): void {
    this.allowance(now)
    this.#tokens -= bytes
  }

  /** How long until something may pass, when nothing else does. */
  wait(now: Millis): Millis {
    return this.allowance(now) > 0 ? 0 : (this.#quantum - this.#tokens) / this.#perMilli
  }
}
