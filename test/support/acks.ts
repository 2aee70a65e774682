/** Packets that were sent and ACKs of them, made for tests of the loss machines. */
import type { SentPacket } from '../../src/packets/sent.ts'
import type { AckFrame } from '../../src/wire/frames/ack.ts'

/** An ACK of just these numbers. */
export function ackOf(numbers: Iterable<number>, delay = 0): AckFrame {
  const ranges: number[] = []
  for (const n of [...new Set(numbers)].sort((a, b) => b - a))
    if (ranges.at(-2) === n + 1) ranges[ranges.length - 2] = n
    else ranges.push(n, n)
  return { largest: ranges[1]!, delay, count: ranges.length / 2, ranges }
}

/** An ACK of `from` to `to`, both within. */
export function ackTo(from: number, to: number, delay = 0): AckFrame {
  return { largest: to, delay, count: 1, ranges: [from, to] }
}

export function sentPacket(number: number, time: number, more: Partial<SentPacket> = {}): SentPacket {
  return {
    number,
    time,
    size: 1200,
    eliciting: true,
    mtuProbe: false,
    path: 0,
    frames: [],
    delivered: 0,
    deliveredTime: 0,
    firstSentTime: 0,
    appLimited: false,
    txInFlight: 0,
    lostBefore: 0,
    ...more,
  }
}

export function numbersOf(packets: readonly SentPacket[]): number[] {
  return packets.map(packet => packet.number)
}
