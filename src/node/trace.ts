/**
 * What happens to the packets of a link, as plain objects for those who watch.
 *
 *   link ─ observer calls ─▶ LinkTrace ─ TraceEvent ─┬─▶ diagnostics channels
 *                                                    └─▶ qlog file
 *
 * An event is made once, and only when somebody wants its kind. Nothing secret is in one: no keys, no
 * reset tokens, nothing of what people or programs say to each other.
 *
 * Floor: node. Page: protocol/observability.md.
 */
import type { Millis } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import type { LinkEnd } from '../link/link-end.ts'
import type { LinkObserver } from '../link/packet-link.ts'
import type { PacketConnection } from '../packets/connection.ts'
import { type Figures, figuresOf } from '../packets/figures.ts'
import { type FrameNote, notesOf } from '../packets/frame-notes.ts'
import type { DropReason } from '../packets/observer.ts'
import type { OpenedPacket } from '../packets/protection.ts'
import type { LossReason } from '../packets/recovery.ts'
import type { SentPacket } from '../packets/sent.ts'
import type { KeyPhase } from '../wire/packet.ts'
import type { Direction } from './types.ts'

/** The link an event is of: one object for all its events. */
export interface TraceLink {
  /** Our PeerId. */
  readonly node: string
  /** The peer's, once it is proved. */
  readonly peer: string | undefined
  readonly direction: Direction
  /** Where the link began. */
  readonly local: Endpoint | undefined
  readonly remote: Endpoint
}

/** Times are monotonic milliseconds, sizes those of whole datagrams in bytes. */
export type TraceEvent = { readonly link: TraceLink; readonly time: Millis } & (
  | {
      readonly kind: 'packet-sent'
      readonly number: number
      readonly size: number
      readonly keyPhase: KeyPhase
      /** It asks for an acknowledgement. */
      readonly eliciting: boolean
      readonly mtuProbe: boolean
      readonly to: Endpoint
      readonly frames: readonly FrameNote[]
    }
  | {
      readonly kind: 'packet-received'
      readonly number: number
      readonly size: number
      readonly keyPhase: KeyPhase
      readonly from: Endpoint
      readonly frames: readonly FrameNote[]
    }
  /** `too early` follows a `packet-received`: it is not acknowledged, and comes again. */
  | { readonly kind: 'packet-dropped'; readonly size: number; readonly reason: DropReason }
  | {
      readonly kind: 'packet-lost'
      readonly number: number
      readonly size: number
      readonly sentAt: Millis
      readonly mtuProbe: boolean
      readonly reason: LossReason
    }
  /** With each acknowledgement, and when a timer of loss detection rang. */
  | { readonly kind: 'metrics'; readonly figures: Figures }
  /** The peer is elsewhere. */
  | { readonly kind: 'path'; readonly from: Endpoint; readonly to: Endpoint }
  /** `sent` and `received`: a datagram of the handshake. */
  | { readonly kind: 'handshake'; readonly step: 'begun' | 'proved' }
  | { readonly kind: 'handshake'; readonly step: 'sent' | 'received'; readonly size: number }
  | {
      readonly kind: 'ended'
      readonly by: LinkEnd['by']
      /** How far it came. */
      readonly stage: LinkEnd['stage']
      /** GH_… */
      readonly code: string
      /** Of the CLOSE frame, where one ended it. */
      readonly closeCode: number | undefined
    }
)

export type TraceKind = TraceEvent['kind']

/** The part of an event that is its own. */
type Own<E> = E extends TraceEvent ? Omit<E, 'link' | 'time'> : never

export interface TraceSink {
  wants(kind: TraceKind): boolean
  take(event: TraceEvent): void
  /** The link is gone. */
  close(now: Millis): void
}

export class LinkTrace implements LinkObserver {
  readonly #sinks: readonly TraceSink[]
  readonly #link: { -readonly [Key in keyof TraceLink]: TraceLink[Key] }
  #packets: PacketConnection | undefined

  constructor(link: Omit<TraceLink, 'peer'>, sinks: readonly TraceSink[]) {
    this.#sinks = sinks
    this.#link = { ...link, peer: undefined }
  }

  begun(now: Millis): void {
    this.#tell({ kind: 'handshake', step: 'begun' }, now)
  }

  handshake(step: 'sent' | 'received', size: number, now: Millis): void {
    this.#tell({ kind: 'handshake', step, size }, now)
  }

  proved(peerId: string, packets: PacketConnection, now: Millis): void {
    this.joined(peerId, packets)
    this.#tell({ kind: 'handshake', step: 'proved' }, now)
  }

  joined(peerId: string, packets: PacketConnection): void {
    this.#link.peer = peerId
    this.#packets = packets
  }

  sent(packet: SentPacket, frames: Uint8Array, keyPhase: KeyPhase, to: Endpoint): void {
    if (!this.#wanted('packet-sent')) return
    const { number, size, eliciting, mtuProbe, time } = packet
    const notes = notesOf(frames)
    this.#tell({ kind: 'packet-sent', number, size, keyPhase, eliciting, mtuProbe, to, frames: notes }, time)
  }

  received({ number, phase, plaintext }: OpenedPacket, size: number, from: Endpoint, now: Millis): void {
    if (!this.#wanted('packet-received')) return
    const frames = notesOf(plaintext)
    const { host, port } = from
    this.#tell({ kind: 'packet-received', number, size, keyPhase: phase, from: { host, port }, frames }, now)
  }

  dropped(size: number, reason: DropReason, now: Millis): void {
    this.#tell({ kind: 'packet-dropped', size, reason }, now)
  }

  lost({ number, size, time, mtuProbe }: SentPacket, reason: LossReason, now: Millis): void {
    this.#tell({ kind: 'packet-lost', number, size, sentAt: time, mtuProbe, reason }, now)
  }

  measured(now: Millis): void {
    const packets = this.#packets
    if (packets === undefined || !this.#wanted('metrics')) return
    this.#tell({ kind: 'metrics', figures: figuresOf(packets.departures, packets.packetsIn) }, now)
  }

  moved(from: Endpoint, to: Endpoint, now: Millis): void {
    this.#tell({ kind: 'path', from, to }, now)
  }

  ended({ by, stage, error, closeCode, peerId }: LinkEnd, now: Millis): void {
    this.#link.peer ??= peerId // somebody answered whom we did not want
    this.#tell({ kind: 'ended', by, stage, code: error.code, closeCode }, now)
  }

  gone(now: Millis): void {
    for (const sink of this.#sinks) sink.close(now)
  }

  #wanted(kind: TraceKind): boolean {
    for (const sink of this.#sinks) if (sink.wants(kind)) return true
    return false
  }

  #tell(own: Own<TraceEvent>, time: Millis): void {
    const { kind } = own
    let event: TraceEvent | undefined
    for (const sink of this.#sinks) {
      if (!sink.wants(kind)) continue
      event ??= { link: this.#link, time, ...own } as TraceEvent
      sink.take(event)
    }
  }
}
