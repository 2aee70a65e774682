/**
 * How much disorder a path is granted before a packet counts as lost.
 *
 *   lost when   a packet sent `packets` later was acknowledged      3, up to 8,192
 *          or   one sent later was, and `factor` round trips passed  9/8, up to 2
 *
 * Both begin small, so that a loss is seen early, and grow when a packet that was declared lost turns
 * out to have been late: to what would have waited long enough for it. A path that shuffles packets
 * so costs one false alarm for each new depth and not one for each packet. After sixteen
 * losses in a row that were true, both go half the way back.
 *
 * Source: RFC 9002, 6.1; the growing window after RFC 8985, 6.2 and 3.3.2.
 * Page: protocol/recovery.md (spec: LOSS-7) · Faults: UQ-04 · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'

export const PACKETS = 3
export const FACTOR: number = 9 / 8
/** Beyond the receiver's replay window nothing is taken any more. */
export const PACKETS_MAX = 8192
/** RFC 8985 waits one round trip beyond the first at most. */
export const FACTOR_MAX = 2
/** True losses in a row before patience shrinks. */
const CALM = 16

export class Reordering {
  packets = PACKETS
  factor: number = FACTOR
  #calm = 0

  /** A packet that was declared lost came: so many numbers below the largest, `waited` after it was sent. */
  spurious(distance: number, waited: Millis, rtt: Millis): void {
    this.#calm = 0
    if (waited > FACTOR_MAX * rtt) return // no patience that is granted would have been enough
    this.packets = Math.min(Math.max(this.packets, distance + 1), PACKETS_MAX)
    this.factor = Math.max(this.factor, waited / rtt)
  }

  /** A loss, the first in about a round trip. */
  loss(): void {
    if (++this.#calm < CALM) return
    this.#calm = 0
    this.packets = PACKETS + ((this.packets - PACKETS) >>> 1)
    const more = (this.factor - FACTOR) / 2
    this.factor = more < 0.01 ? FACTOR : FACTOR + more
  }

  /** Another path. */
  reset(): void {
    this.packets = PACKETS
    this.factor = FACTOR
    this.#calm = 0
  }
}
