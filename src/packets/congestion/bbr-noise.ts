/**
 * Noise: what the path loses of itself, however little is sent.
 *
 *   down, cruise: no faster than what arrives ─▶ lost ÷ sent, fifty packets and six rounds at a time ─▶ the least of three
 *
 * A radio that drops every tenth packet drops it at any speed, and a bound of 2 % would bring a flow
 * to a standstill there. Who sends no faster than what arrives fills no queue: what is lost then is not
 * lost for what we send. A crowd loses packets by the burst, when others probe, and between its bursts none, so that the least of
 * three samples is nothing there; noise is in every one. What it comes to is added to the threshold, with the spread that
 * chance gives so many packets, and a probe sends that much more, or it would deliver no more than before.
 *
 * With the least window nobody can send less: what is lost then is noise in any state.
 *
 * Not in the draft, which stops at 2 %. Page: protocol/congestion.md (spec: CC-8) · Floor: packets.
 */
import type { SentPacket } from '../sent.ts'

/** A flight that loses a greater part than this, beyond noise, was too much. */
export const LOSS_THRESHOLD = 0.02
const SAMPLE_PACKETS = 50
/** So that one crowd's burst is not in all samples. */
const SAMPLE_ROUNDS = 6
const SAMPLES = 3
/** More is no path to send on: then we give way. */
const MOST = 0.4
/** Standard deviations: a flight in a thousand loses more by chance. */
const SPREAD = 3
/** Rounds after a probe in which its losses still come in. */
const AFTERMATH = 2

export class Noise {
  /** Of what is sent, from 0 to 0.4. */
  part = 0
  readonly #samples: number[] = []
  #mss: number
  #delivered = 0
  #lost = 0
  #lostBefore = 0
  #quietFrom = Number.POSITIVE_INFINITY
  #sampleFrom = 0

  constructor(mss: number) {
    this.#mss = mss
  }

  /** `probing`: more is sent than arrives, and less could be. `lost`: bytes lost in all. */
  update(probing: boolean, round: number, delivered: number, lost: number, mss: number): void {
    const fresh = lost - this.#lostBefore
    this.#lostBefore = lost
    this.#mss = mss
    if (probing) {
      this.#quietFrom = Number.POSITIVE_INFINITY
      return
    }
    this.#quietFrom = Math.min(this.#quietFrom, round + AFTERMATH)
    if (round < this.#quietFrom) return
    this.#delivered += delivered
    this.#lost += fresh
    const sent = this.#delivered + this.#lost
    if (sent < SAMPLE_PACKETS * mss || round < this.#sampleFrom + SAMPLE_ROUNDS) return
    this.#sampleFrom = round
    this.#samples.push(Math.max(0, this.#lost / sent))
    if (this.#samples.length > SAMPLES) this.#samples.shift()
    if (this.#samples.length === SAMPLES) this.part = Math.min(MOST, ...this.#samples)
    this.#delivered = 0
    this.#lost = 0
  }

  /** Lost too great a part of a flight? */
  exceeded(lost: number, inFlight: number): boolean {
    const { part } = this
    const chance = SPREAD * Math.sqrt(part * (1 - part) * inFlight * this.#mss)
    return lost > inFlight * (LOSS_THRESHOLD + part) + chance
  }

  /** At which flight the losses up to this packet, `lost` bytes of them, went past the threshold. */
  flightAtLoss(packet: SentPacket, lost: number): number {
    const threshold = LOSS_THRESHOLD + this.part
    const flightBefore = packet.txInFlight - packet.size
    const lostBefore = lost - packet.size
    return flightBefore + Math.max(0, (threshold * flightBefore - lostBefore) / (1 - threshold))
  }
}
