/**
 * What every congestion controller is told, and what it answers.
 *
 *      a packet leaves ─ onSent ──▶ ┌────────────┐
 *      packets are lost ─ onLost ─▶ │ controller │ ──▶ window: bytes that may be in flight
 *   then packets arrive ─ onAck ──▶ │            │ ──▶ pacingRate: how fast they may leave
 *    nothing to send ─ appLimited ▶ └────────────┘
 *
 * One interface for three of them: NewReno (the simple twin), CUBIC and BBR. They are cores:
 * the clock and the dice are handed in, so a test runs a minute of a bottleneck in a few
 * milliseconds. The order of the calls is part of the contract: an ACK that shows losses is told as
 * `onLost` first and `onAck` after it, both with the bytes in flight when all of it was counted.
 *
 * Refuses nothing: whoever calls has already judged the ACK (UQ-12).
 * Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { SentPacket } from '../sent.ts'

/** By the names of the option; here, so that asking for one loads none. */
export const congestionNames = ['bbr', 'cubic', 'newreno'] as const
export type CongestionName = (typeof congestionNames)[number]

/** What a controller reads of the round-trip estimate; `Rtt` of rtt.ts fits. All in milliseconds. */
export interface RoundTrips {
  readonly latest: Millis
  readonly smoothed: Millis
  /** The least sample of this path. */
  readonly least: Millis
  /** False before the first sample. */
  readonly sampled: boolean
}

export interface AckEvent {
  readonly now: Millis
  /** Newly acknowledged, at least one. */
  readonly acked: readonly SentPacket[]
  /** The one of them sent last. */
  readonly newest: SentPacket
  /** Bytes in flight after this ACK and the losses it showed. */
  readonly inFlight: number
  /** Bytes in flight before it. */
  readonly priorInFlight: number
  readonly rtt: RoundTrips
  /** Losses this ACK showed: `onLost` was told them already. */
  readonly lost: readonly SentPacket[]
}

export interface LossEvent {
  readonly now: Millis
  /** Newly declared lost, in the order they were sent. */
  readonly lost: readonly SentPacket[]
  /** Bytes in flight without them. */
  readonly inFlight: number
  /** Number of the last packet sent: one reaction covers all losses up to it. */
  readonly largestSent: number
}

export interface Congestion {
  readonly name: string
  /** Bytes that may be in flight. */
  readonly window: number
  /** Bytes per second; undefined: derive it from the window (`paceOf`). */
  readonly pacingRate: number | undefined
  /** A packet that counts as in flight leaves; stamps it. `inFlight` counts it already. */
  onSent(packet: SentPacket, inFlight: number, now: Millis): void
  onAck(event: AckEvent): void
  onLost(event: LossEvent): void
  /** A packet that was declared lost has arrived after all (RFC 9438 section 4.9). */
  onSpurious(packet: SentPacket, now: Millis): void
  /** Persistent congestion (RFC 9002 section 7.6): everything over several PTOs was lost. */
  onPersistent(now: Millis): void
  /** Datagrams of this size are in use now. */
  onMtu(size: number): void
  /** The window and the pacer would have let something leave, and there was nothing. */
  appLimited(inFlight: number): void
  /** For `status` and qlog: names and figures, sizes in bytes, rates in bytes per second. A bound that is not set is left out. */
  explain(): Record<string, number | string>
}

export interface CongestionOptions {
  /** Bytes of a datagram. */
  readonly mss: number
  readonly now: Millis
  /** In [0, 1). */
  readonly random: () => number
  /** What the handshake measured, in milliseconds; the first pacing rate is made of it. */
  readonly rtt?: Millis | undefined
}

/** RFC 9002 section 7.2: ten datagrams, at most 14,720 bytes, but two at least. */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(14_720, 2 * mss))
}

/** RFC 9002 section 7.2: what persistent congestion leaves. */
export function minimumWindow(mss: number): number {
  return 2 * mss
}

/** For `explain`: without what is infinite, which no JSON can say. */
export function finite(figures: Record<string, number | string>): Record<string, number | string> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== Number.POSITIVE_INFINITY))
}

/** Bytes of those whose loss says something: one of a path-MTU probe does not (RFC 8899 section 3). */
export function bytesOf(packets: readonly SentPacket[]): number {
  let bytes = 0
  for (const packet of packets) if (!packet.mtuProbe) bytes += packet.size
  return bytes
}
