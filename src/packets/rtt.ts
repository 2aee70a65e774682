/**
 * How long a round trip takes on the path in use.
 *
 *   smoothed  ← 7/8 smoothed + 1/8 sample        variance ← 3/4 variance + 1/4 |smoothed - sample|
 *
 * A sample is from sending a packet to hearing that it came, less what the peer says it waited
 * before it told; but never so much less that the sample falls below the least round trip seen, or
 * a peer that exaggerates its delay would make us impatient.
 *
 * Source: RFC 9002, 5 and 6.2.1.
 * Page: protocol/recovery.md (spec: LOSS-5) · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'

/** Before the first sample: a first probe after one second (RFC 9002, 6.2.2). */
export const INITIAL_RTT: Millis = 333
/** What a timer can be trusted with (kGranularity). */
export const GRANULARITY: Millis = 1
/** What a handshake tells: how long a round trip took; where that is in doubt, the shortest that fits what was seen. */
export interface FirstTrip {
  readonly rtt?: Millis | undefined
  readonly shortest?: Millis | undefined
}
/** No sample is shorter: what follows divides by it. */
const LEAST: Millis = 0.001

export class Rtt {
  latest: Millis = INITIAL_RTT
  smoothed: Millis = INITIAL_RTT
  variance: Millis = INITIAL_RTT / 2
  /** The shortest seen on this path. */
  least: Millis = INITIAL_RTT
  /** Whether any sample came yet; until then the values above are a guess. */
  sampled = false

  /** In doubt nothing is measured, but probes begin by the shortest: they double from there, and one too many costs little. */
  begin({ rtt, shortest = INITIAL_RTT }: FirstTrip): void {
    if (rtt !== undefined) return this.sample(rtt, 0)
    this.latest = this.smoothed = Math.min(Math.max(shortest, GRANULARITY), INITIAL_RTT)
    this.variance = this.smoothed / 2
  }

  /** `ackDelay`: what the peer waited, already held to what it promised to wait at most. */
  sample(rtt: Millis, ackDelay: Millis): void {
    const latest = Math.max(rtt, LEAST)
    this.latest = latest
    if (!this.sampled) {
      this.sampled = true
      this.least = latest
      this.smoothed = latest
      this.variance = latest / 2
      return
    }
    this.least = Math.min(this.least, latest)
    const adjusted = latest >= this.least + ackDelay ? latest - ackDelay : latest
    this.smoothed += (adjusted - this.smoothed) / 8
    this.variance += (Math.abs(this.smoothed - adjusted) - this.variance) / 4
  }

  /** How long to wait for an acknowledgement that is not delayed. The caller adds the peer's max_ack_delay. */
  get pto(): Millis {
    return this.smoothed + Math.max(4 * this.variance, GRANULARITY)
  }

  /** The path was broken for long: what was the least before says nothing now (RFC 9002, 5.2). */
  forgetLeast(): void {
    this.least = this.latest
  }

  /** Another path: all begins anew (RFC 9000, 9.4). */
  reset(): void {
    this.latest = INITIAL_RTT
    this.smoothed = INITIAL_RTT
    this.variance = INITIAL_RTT / 2
    this.least = INITIAL_RTT
    this.sampled = false
  }
}
