/**
 * CUBIC: what most of the Internet's TCP does, for whoever wants its datagrams to do the same.
 *
 *   window ▲              ╱     W(t) = C (t − K)³ + Wmax, t since the last loss
 *    Wmax  │   ____──────╱      fast back towards where it was lost, slow around it, then on
 *          │  ╱
 *     0.7  │─╱                  never slower than Reno would be (the friendly region)
 *          └──────────K─────▶ t
 *
 * Growth goes by time and not by round trips, so flows of unlike round trips share alike. A
 * loss below the last one means that someone came in, and leaves them room (fast convergence). Slow start ends
 * by HyStart++; time in which the window was not used does not count.
 *
 * Source: RFC 9438, RFC 9406. Faults: UQ-19.
 * Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { SentPacket } from '../sent.ts'
import {
  type AckEvent,
  bytesOf,
  type Congestion,
  type CongestionOptions,
  finite,
  initialWindow,
  type LossEvent,
  minimumWindow,
} from './controller.ts'
import { DeliveryRate } from './delivery-rate.ts'
import { HyStart } from './hystart.ts'
import { LossEpisode } from './loss-episode.ts'
import { isUsed } from './newreno.ts'

/** RFC 9438 section 5: C, in segments a cubic second, and the factor of a reduction. */
const C = 0.4
const BETA = 0.7
/** Section 4.3: Reno's growth as a flow that gives back 0.3 instead of half. */
const FRIENDLY = (3 * (1 - BETA)) / (1 + BETA)

/** All that a reaction changes, so that it can be taken back. Windows are bytes. */
interface Curve {
  readonly window: number
  readonly threshold: number
  /** Where the last loss was, after fast convergence. */
  readonly wMax: number
  /** Window just before the last reduction. */
  readonly prior: number
}

export class Cubic implements Congestion {
  readonly name = 'cubic'
  readonly pacingRate = undefined
  readonly #rate: DeliveryRate
  readonly #episode = new LossEpisode()
  #hystart = new HyStart()
  #mss: number
  #window: number
  #threshold = Number.POSITIVE_INFINITY
  #wMax = 0
  #prior = 0
  #before: Curve | undefined
  #largestSent = -1
  /** When this stretch of the curve began; undefined: with the next ACK that counts. */
  #epoch: Millis | undefined
  /** Seconds from there to the plateau; below 0 past it. */
  #k = 0
  /** What Reno would have by now. */
  #reno = 0

  constructor(options: CongestionOptions) {
    this.#mss = options.mss
    this.#window = initialWindow(options.mss)
    this.#rate = new DeliveryRate(options.now)
  }

  get window(): number {
    return this.#window
  }

  onSent(packet: SentPacket, inFlight: number): void {
    this.#rate.onSent(packet, inFlight)
    this.#largestSent = packet.number
  }

  onAck(event: AckEvent): void {
    this.#rate.onAck(event)
    const slowStart = this.#window < this.#threshold
    if (!isUsed(event, this.#window, slowStart)) {
      this.#epoch = undefined
      return
    }
    let bytes = 0
    for (const packet of event.acked) if (!this.#episode.covers(packet.number)) bytes += packet.size
    if (!slowStart) return this.#avoid(bytes, event.now, event.rtt.smoothed)
    const growth = this.#hystart.onAck(event.newest.number, event.now - event.newest.time, this.#largestSent)
    if (growth !== undefined) {
      this.#window += growth * bytes
      return
    }
    this.#threshold = this.#window
    this.#wMax = this.#window
    this.#prior = this.#window
  }

  // spec: CC-2
  onLost({ lost, largestSent }: LossEvent): void {
    this.#rate.lost += bytesOf(lost)
    for (const packet of lost) {
      if (packet.mtuProbe || !this.#episode.lost(packet.number, largestSent)) continue
      this.#before = {
        window: this.#window,
        threshold: this.#threshold,
        wMax: this.#wMax,
        prior: this.#prior,
      }
      this.#prior = this.#window
      // Fast convergence (section 4.7): a loss below the last one makes room for a newcomer.
      this.#wMax = this.#window < this.#wMax ? (this.#window * (1 + BETA)) / 2 : this.#window
      this.#window = Math.max(this.#window * BETA, minimumWindow(this.#mss))
      this.#threshold = this.#window
      this.#epoch = undefined
    }
  }

  onSpurious(packet: SentPacket): void {
    this.#rate.onSpurious(packet)
    const before = this.#before
    if (!this.#episode.spurious(packet.number) || before === undefined) return
    this.#window = Math.max(this.#window, before.window)
    this.#threshold = Math.max(this.#threshold, before.threshold)
    this.#wMax = Math.max(this.#wMax, before.wMax)
    this.#prior = before.prior
    this.#epoch = undefined
  }

  onPersistent(): void {
    this.#episode.settle()
    this.#window = minimumWindow(this.#mss)
    this.#epoch = undefined
    this.#hystart = new HyStart()
  }

  onMtu(size: number): void {
    this.#mss = size
    this.#window = Math.max(this.#window, minimumWindow(size))
  }

  appLimited(inFlight: number): void {
    this.#rate.markAppLimited(inFlight)
  }

  explain(): Record<string, number | string> {
    const phase = this.#window < this.#threshold ? 'slow start' : 'avoidance'
    return finite({
      name: this.name,
      phase,
      window: Math.floor(this.#window),
      ssthresh: this.#threshold,
      wMax: Math.floor(this.#wMax),
    })
  }

  /** Section 4.2 to 4.5: along the curve, or where Reno would be if that is more. */
  #avoid(bytes: number, now: Millis, rtt: Millis): void {
    if (bytes === 0) return
    if (this.#epoch === undefined) {
      this.#epoch = now
      this.#k = Math.cbrt((this.#wMax - this.#window) / this.#mss / C)
      this.#reno = this.#window
    }
    const alpha = this.#reno < this.#prior ? FRIENDLY : 1
    this.#reno += (alpha * this.#mss * bytes) / this.#window
    if (this.#curve(now - this.#epoch) < this.#reno) {
      this.#window = Math.max(this.#window, this.#reno)
      return
    }
    const aim = Math.min(this.#curve(now - this.#epoch + rtt), 1.5 * this.#window)
    if (aim > this.#window) this.#window += ((aim - this.#window) * bytes) / this.#window
  }

  #curve(elapsed: Millis): number {
    return C * (elapsed / 1000 - this.#k) ** 3 * this.#mss + this.#wMax
  }
}
