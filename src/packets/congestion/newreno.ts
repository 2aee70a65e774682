/**
 * NewReno: the simple twin. One more datagram a round trip, half of it after a loss.
 *
 *   window ▲          ╱│    ╱│
 *          │  slow  ╱  │  ╱  │  ╱      slow start: as many bytes more as were acknowledged
 *          │ start╱    │╱    │╱        avoidance: one datagram a window
 *          └──────────────────────▶    a loss: half; persistent congestion: two datagrams
 *
 * It is here to be read first and to measure the others by: at 1 % of random loss it is left with
 * one part in a hundred of the path, and that is what the other two are for. The window does
 * not grow while it is not used (RFC 9002 section 7.8).
 *
 * Source: RFC 9002 section 7 and appendix B. Faults: UQ-19.
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
import { LossEpisode } from './loss-episode.ts'

/** RFC 9002 appendix B.1: kLossReductionFactor. */
const REDUCTION = 0.5

export class NewReno implements Congestion {
  readonly name = 'newreno'
  readonly pacingRate = undefined
  readonly #rate: DeliveryRate
  readonly #episode = new LossEpisode()
  #mss: number
  #window: number
  #threshold = Number.POSITIVE_INFINITY
  #before = { window: 0, threshold: 0 }

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
  }

  onAck(event: AckEvent): void {
    this.#rate.onAck(event)
    if (!isUsed(event, this.#window, this.#window < this.#threshold)) return
    let bytes = 0
    for (const packet of event.acked) if (!this.#episode.covers(packet.number)) bytes += packet.size
    if (this.#window < this.#threshold) this.#window += bytes
    else this.#window += (this.#mss * bytes) / this.#window
  }

  // spec: CC-2
  onLost({ lost, largestSent }: LossEvent): void {
    this.#rate.lost += bytesOf(lost)
    for (const packet of lost) {
      if (packet.mtuProbe || !this.#episode.lost(packet.number, largestSent)) continue
      this.#before = { window: this.#window, threshold: this.#threshold }
      this.#window = Math.max(this.#window * REDUCTION, minimumWindow(this.#mss))
      this.#threshold = this.#window
    }
  }

  onSpurious(packet: SentPacket): void {
    this.#rate.onSpurious(packet)
    if (!this.#episode.spurious(packet.number)) return
    this.#window = Math.max(this.#window, this.#before.window)
    this.#threshold = Math.max(this.#threshold, this.#before.threshold)
  }

  onPersistent(_now: Millis): void {
    this.#episode.settle()
    this.#window = minimumWindow(this.#mss)
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
    return finite({ name: this.name, phase, window: Math.floor(this.#window), ssthresh: this.#threshold })
  }
}

/** Was the window what held the sender back? In slow start half of it is use enough. */
export function isUsed(event: AckEvent, window: number, slowStart: boolean): boolean {
  return !event.newest.appLimited || (slowStart && event.priorInFlight * 2 >= window)
}
