/** A packet as recovery remembers it, for tests that hand packets about. */
import type { Millis } from '../../src/base/machine.ts'
import type { AckEvent, Congestion, RoundTrips } from '../../src/packets/congestion/controller.ts'
import type { SentPacket } from '../../src/packets/sent.ts'

export function packetOf(number: number, time: Millis, size = 1200, mtuProbe = false): SentPacket {
  return {
    number,
    time,
    size,
    eliciting: true,
    mtuProbe,
    path: 0,
    frames: [],
    delivered: 0,
    deliveredTime: 0,
    firstSentTime: 0,
    appLimited: false,
    txInFlight: 0,
    lostBefore: 0,
  }
}

export const roundTrips = (rtt: Millis): RoundTrips => ({
  latest: rtt,
  smoothed: rtt,
  least: rtt,
  sampled: true,
})

/** Sends, loses and acknowledges by hand, one round trip after another. */
export class Hand {
  now: Millis = 0
  inFlight = 0
  #next = 0
  readonly #congestion: Congestion
  readonly #rtt: RoundTrips

  constructor(congestion: Congestion, rtt: Millis) {
    this.#congestion = congestion
    this.#rtt = roundTrips(rtt)
  }

  send(count: number, mtuProbe = false): SentPacket[] {
    return Array.from({ length: count }, () => {
      const packet = packetOf(this.#next++, this.now, 1200, mtuProbe)
      this.inFlight += packet.size
      this.#congestion.onSent(packet, this.inFlight, this.now)
      return packet
    })
  }

  /** As many as the window holds. */
  fill(): SentPacket[] {
    return this.send(Math.floor((this.#congestion.window - this.inFlight) / 1200))
  }

  ack(acked: readonly SentPacket[]): void {
    const { now } = this
    const priorInFlight = this.inFlight
    for (const packet of acked) this.inFlight -= packet.size
    const event: AckEvent = {
      now,
      acked,
      newest: acked.at(-1)!,
      inFlight: this.inFlight,
      priorInFlight,
      rtt: this.#rtt,
      lost: [],
    }
    this.#congestion.onAck(event)
  }

  lose(lost: readonly SentPacket[]): void {
    for (const packet of lost) this.inFlight -= packet.size
    this.#congestion.onLost({ now: this.now, lost, inFlight: this.inFlight, largestSent: this.#next - 1 })
  }

  /** A whole round trip in which everything arrives. */
  round(): void {
    const packets = this.fill()
    this.now += this.#rtt.latest
    this.ack(packets)
  }
}
