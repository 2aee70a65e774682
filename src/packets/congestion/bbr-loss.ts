/**
 * What losses say while BBR is not probing: the short-term bounds.
 *
 *   round that lost > 2 %: bound = max(what was delivered in this round, 0.7 × bound)
 *   next probe:            the bounds are lifted, and the long-term model is tried again
 *
 * Losses outside of a probe say that there is less room than there was. So the rate and the flight fall to what still
 * arrives, by three tenths a round at most, and stay there until the next probe. The draft does so for
 * any loss; we do above 2 % of a flight, the threshold of a probe. A path that always loses one in a hundred
 * would else give away that hundredth each of the sixty rounds between two probes.
 *
 * Source: draft-ietf-ccwg-bbr section 5.5.10.3. Page: protocol/congestion.md · Floor: packets.
 */
import type { RateSample } from './delivery-rate.ts'

/** CUBIC's factor: BBR gives way no further than the flows beside it do. */
export const BETA = 0.7
const none = Number.POSITIVE_INFINITY

export class ShortTerm {
  /** Bytes per millisecond; infinite where no loss says otherwise. */
  bandwidth = none
  /** Bytes in flight. */
  inFlight = none
  /** Was something lost since the loss round began? */
  lossInRound = false
  /** Stretches of packet numbers lost in it: a burst is one. */
  stretches = 0
  /** Does this ACK end a round that began with a loss? */
  roundStart = false
  /** The most delivered over one round trip, in the last round. */
  latestInFlight = 0
  #latestBandwidth = 0
  #roundDelivered = 0
  #lastLost = -2

  /** A packet was lost. True: the first of this round. */
  note(number: number, delivered: number): boolean {
    const first = !this.lossInRound
    if (first) this.#roundDelivered = delivered
    this.lossInRound = true
    if (number !== this.#lastLost + 1) this.stretches++
    this.#lastLost = number
    return first
  }

  /** Near the beginning of an ACK. */
  update(sample: RateSample, delivered: number): void {
    this.#latestBandwidth = Math.max(this.#latestBandwidth, sample.rate)
    this.latestInFlight = Math.max(this.latestInFlight, sample.delivered)
    this.roundStart = sample.priorDelivered >= this.#roundDelivered
    if (this.roundStart) this.#roundDelivered = delivered
  }

  /** A round that lost too much is over, and it was no probe. */
  adapt(mostBandwidth: number, window: number): void {
    if (this.bandwidth === none) this.bandwidth = mostBandwidth
    if (this.inFlight === none) this.inFlight = window
    this.bandwidth = Math.max(this.#latestBandwidth, BETA * this.bandwidth)
    this.inFlight = Math.max(this.latestInFlight, BETA * this.inFlight)
  }

  /** Near the end of an ACK. */
  advance(sample: RateSample): void {
    if (!this.roundStart) return
    this.#latestBandwidth = sample.rate
    this.latestInFlight = sample.delivered
    this.lossInRound = false
    this.stretches = 0
  }

  /** The cycle begins anew: what was seen so far is of another phase. */
  forgetSignals(): void {
    this.lossInRound = false
    this.stretches = 0
    this.#latestBandwidth = 0
    this.latestInFlight = 0
  }

  /** Nothing bounds any more. */
  lift(): void {
    this.bandwidth = none
    this.inFlight = none
  }
}
