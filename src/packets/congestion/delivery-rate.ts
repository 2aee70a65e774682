/**
 * How fast the network delivers: one sample for each ACK.
 *
 *   bytes delivered
 *     │                        ┌── ACK of P        rate = delivered between the two knees
 *     │                  ┌─────┘                          ─────────────────────────────────
 *     │        ┌─────────┘  ◀ P leaves about here         max(time of ACKs, time of sends)
 *     └────────┴─ knee before P left ───────────▶ time
 *
 * Each packet carries away what had been delivered when it left; its ACK compares. Bunched ACKs
 * make a path look faster than it is, so the rate at which the same bytes were sent bounds
 * the sample. Where the sender had nothing to say a sample tells of the sender and not
 * of the path, and is marked: until all that was in flight then has been delivered.
 *
 * Source: draft-ietf-ccwg-bbr section 4.1 (delivery rate samples).
 * Page: protocol/congestion.md (spec: CC-6) · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { SentPacket } from '../sent.ts'
import type { AckEvent } from './controller.ts'

export interface RateSample {
  /** Bytes per millisecond; 0 when this ACK allows no sample. */
  rate: number
  /** The sender, not the path, was the limit. */
  appLimited: boolean
  /** Bytes delivered over the sample. */
  delivered: number
  /** Bytes that had been delivered when the newest packet left. */
  priorDelivered: number
  /** Bytes this ACK acknowledges. */
  newlyAcked: number
  /** Bytes in flight when the newest packet had left. */
  txInFlight: number
  /** Bytes lost since the newest packet left. */
  lost: number
  /** Round trip of the newest packet: the one that waited least for its ACK. */
  rtt: Millis
}

export class DeliveryRate {
  /** Bytes delivered, in all. */
  delivered = 0
  /** Bytes lost, in all. */
  lost = 0
  #deliveredTime: Millis
  #firstSentTime: Millis
  /** Samples are app-limited until this much is delivered; 0: they are not. */
  #bubbleEnd = 0
  readonly #sample: RateSample = {
    rate: 0,
    appLimited: false,
    delivered: 0,
    priorDelivered: 0,
    newlyAcked: 0,
    txInFlight: 0,
    lost: 0,
    rtt: 0,
  }

  constructor(now: Millis) {
    this.#deliveredTime = now
    this.#firstSentTime = now
  }

  get appLimited(): boolean {
    return this.#bubbleEnd !== 0
  }

  /** `inFlight` counts this packet. */
  onSent(packet: SentPacket, inFlight: number): void {
    if (inFlight <= packet.size) {
      this.#firstSentTime = packet.time
      this.#deliveredTime = packet.time
    }
    packet.firstSentTime = this.#firstSentTime
    packet.deliveredTime = this.#deliveredTime
    packet.delivered = this.delivered
    packet.appLimited = this.#bubbleEnd !== 0
    packet.txInFlight = inFlight
    packet.lostBefore = this.lost
  }

  /** The sample of one ACK: valid until the next. */
  onAck({ acked, newest, now, rtt }: AckEvent): RateSample {
    const sample = this.#sample
    sample.newlyAcked = 0
    for (const packet of acked) sample.newlyAcked += packet.size
    this.delivered += sample.newlyAcked
    this.#deliveredTime = now
    this.#firstSentTime = newest.time
    if (this.delivered > this.#bubbleEnd) this.#bubbleEnd = 0

    sample.appLimited = newest.appLimited
    sample.priorDelivered = newest.delivered
    sample.delivered = this.delivered - newest.delivered
    sample.txInFlight = newest.txInFlight
    sample.lost = this.lost - newest.lostBefore
    sample.rtt = now - newest.time
    const interval = Math.max(newest.time - newest.firstSentTime, now - newest.deliveredTime)
    // Shorter than any round trip: two clocks were out of step, and the rate would be too high.
    const plausible = interval > 0 && (!rtt.sampled || interval * (1 + 1e-9) >= rtt.least)
    sample.rate = plausible ? sample.delivered / interval : 0
    return sample
  }

  /** A packet counted as lost has arrived after all. */
  onSpurious(packet: SentPacket): void {
    this.delivered += packet.size
    this.lost -= packet.size
  }

  /** Nothing to send though something might have left. */
  markAppLimited(inFlight: number): void {
    this.#bubbleEnd = Math.max(this.delivered + inFlight, 1)
  }
}
