/**
 * Rounds, the most bandwidth of two cycles, and whether the pipe is full.
 *
 *   cycle        ─── before ───│─── now ───│        maximum of both: one probe that met a crowd
 *   best sample      9.8       │    9.6    │        does not make us forget what the path can do
 *
 * A round ends with the ACK of a packet that left after the last one ended: time told by packets, which
 * stands still while nothing is sent. Bandwidth is the best delivery rate of this probing cycle and the
 * one before. App-limited samples count only where they show more. The pipe is full after three
 * rounds that grew by less than a quarter.
 *
 * Rates are bytes per millisecond.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.3.1.2, 5.5.1, 5.5.3 to 5.5.6. Page: protocol/congestion.md · Floor: packets.
 */
import type { RateSample } from './delivery-rate.ts'

const GROWTH = 1.25
const FLAT_ROUNDS = 3

export class Rounds {
  count = 0
  /** Did this ACK begin one? */
  start = false
  /** Since the last probe for bandwidth ended. */
  sinceProbe = 0
  #end = 0

  update(priorDelivered: number, delivered: number): void {
    this.start = priorDelivered >= this.#end
    if (!this.start) return
    this.#end = delivered
    this.count++
    this.sinceProbe++
  }

  /** A round begins here, whatever the last one was. */
  restart(delivered: number): void {
    this.#end = delivered
  }
}

export class MostBandwidth {
  #before = 0
  #now = 0

  get value(): number {
    return Math.max(this.#before, this.#now)
  }

  update(sample: RateSample): void {
    if (sample.rate > 0 && (!sample.appLimited || sample.rate >= this.value))
      this.#now = Math.max(this.#now, sample.rate)
  }

  /** A probing cycle is over: what the one before it saw is forgotten. */
  advance(): void {
    if (this.#now === 0) return
    this.#before = this.#now
    this.#now = 0
  }
}

export class FullPipe {
  /** Ever, since the last restart. */
  reached = false
  /** In this probe. */
  now = false
  #best = 0
  #flat = 0

  /** A probe begins, with what is known already. */
  reset(best = 0): void {
    this.#best = best
    this.#flat = 0
    this.now = false
  }

  check(sample: RateSample, roundStart: boolean): void {
    if (this.now || !roundStart || sample.appLimited || sample.rate === 0) return
    if (sample.rate >= this.#best * GROWTH) {
      this.reset(sample.rate)
      return
    }
    this.#flat++
    this.now = this.#flat >= FLAT_ROUNDS
    if (this.now) this.reached = true
  }
}
