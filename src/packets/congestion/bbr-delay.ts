/**
 * The path without its queue: the least round trip, and when to look for it again.
 *
 *   5 s without a new least ──▶ time to measure      10 s without one ──▶ take what was measured last
 *
 * Two filters in one. The short one says when a flight must shrink so that the queue can be seen past; the long
 * one holds on to what two such measurements found, so that one that failed does not
 * make the path look longer than it is.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.3.4.3 and 5.5.7. Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'

const PROBE_INTERVAL: Millis = 5000
const MEMORY: Millis = 10_000

export class LeastDelay {
  /** Infinite before the first sample. */
  value: Millis = Number.POSITIVE_INFINITY
  /** Is it time to measure? */
  expired = false
  #at: Millis
  #recent: Millis = Number.POSITIVE_INFINITY
  #recentAt: Millis

  constructor(now: Millis) {
    this.#at = now
    this.#recentAt = now
  }

  update(rtt: Millis, now: Millis): void {
    this.expired = now > this.#recentAt + PROBE_INTERVAL
    if (rtt < this.#recent || this.expired) {
      this.#recent = rtt
      this.#recentAt = now
    }
    if (this.#recent < this.value || now > this.#at + MEMORY) {
      this.value = this.#recent
      this.#at = this.#recentAt
    }
  }

  /** It was measured: not again for a while. */
  measured(now: Millis): void {
    this.#recentAt = now
  }
}
