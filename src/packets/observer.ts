/**
 * Who watches the packets of one connection, without touching them.
 *
 *   a packet leaves ─ sent ─────────────▶ ┌──────────┐
 *   one comes ─ received, or dropped ───▶ │ observer │ ──▶ diagnostics channels, qlog
 *   one is lost ─ lost ─────────────────▶ │          │
 *   figures may be others ─ measured ───▶ └──────────┘
 *
 * Most connections have none: then each packet costs one look at an empty field. What it is handed
 * is as it stands in the machines, and valid during the call; whoever wants to show it makes
 * something to show of it himself (`frame-notes.ts`, `figures.ts`).
 *
 * Refuses nothing, and must not throw. Page: protocol/observability.md (spec: OBS-1) · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import type { KeyPhase } from '../wire/packet.ts'
import type { NotOpened, OpenedPacket } from './protection.ts'
import type { LossReason } from './recovery.ts'
import type { SentPacket } from './sent.ts'

/** Why a datagram was no use. `too early`: it opened, and its frames come again; `busy`: it was not even looked at (P15). */
export type DropReason = NotOpened | 'too early' | 'busy'

export interface PacketObserver {
  /** `frames` are in the clear; `to` is where it goes. */
  sent(packet: SentPacket, frames: Uint8Array, phase: KeyPhase, to: Endpoint): void
  /** It opened and is new; its frames are not read yet. `size` is that of the datagram. */
  received(packet: OpenedPacket, size: number, from: Endpoint, now: Millis): void
  dropped(size: number, why: DropReason, now: Millis): void
  lost(packet: SentPacket, why: LossReason, now: Millis): void
  /** An acknowledgement was read, a timer rang, or another size is in use. */
  measured(now: Millis): void
  /** The peer is elsewhere. */
  moved(from: Endpoint, to: Endpoint, now: Millis): void
}
