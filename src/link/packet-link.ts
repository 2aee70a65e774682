/**
 * One authenticated connection to one peer over datagrams.
 *
 *   unit ─────▶ initiator ─ proved ─┐                    (dialled)
 *   newcomer ───────────────────────┴─▶ packets ─▶ CONTROL ─▶ link core, mesh
 *   datagram ──────────────────────────▶ packets ─▶ streams
 *
 * The frames and their meaning are those of `link.ts`; frames of the link and the mesh travel inside
 * CONTROL, in order, since a packet may be lost or overtaken and is smaller than some of them.
 * An inbound link begins proved: the door has done the handshake.
 *
 * Page: protocol/packets.md, protocol/handshake.md · Floor: link.
 */
import { GuildError } from '../base/errors.ts'
import { earlier, type Millis } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import { ByteReader } from '../base/reader.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { CongestionName } from '../packets/congestion/index.ts'
import { type ConnectionIdPort, PacketConnection } from '../packets/connection.ts'
import { defaults as idleDefaults } from '../packets/idle.ts'
import type { MtuOptions } from '../packets/mtu.ts'
import { encodeClose } from '../wire/frames/admission.ts'
import { readControlFrame } from '../wire/frames/index.ts'
import { type CloseCode, closeCodes } from '../wire/registry.ts'
import { DatagramInitiator } from './datagram-initiator.ts'
import type { Newcomer } from './datagram-responder.ts'
import type { Proved } from './handshake.ts'
import { LinkCore } from './link-core.ts'
import type { Carried, LinkInput, LinkOptions } from './link-io.ts'

/** The node's door, as one link sees it. */
export interface LinkIds extends ConnectionIdPort {
  /** Responder units to this id are for this link, from now on or no longer. */
  expect(id: Uint8Array): void
  forget(id: Uint8Array): void
}

export interface PacketLinkOptions extends Pick<LinkOptions, 'self' | 'carry'> {
  readonly dial?: LinkOptions['dial'] & { readonly remote: Endpoint }
  /** On the side that was dialled. */
  readonly newcomer?: Newcomer
  readonly ids: LinkIds
  readonly mtu: MtuOptions
  readonly congestion?: CongestionName
  readonly send: (to: Endpoint, datagram: Uint8Array) => void
  /** A timer let something leave, and more would in another turn. */
  readonly onMore: () => void
  /** The frames of one packet, shared by all links of a node. */
  readonly plaintext: ByteWriter
}

/** Above this much control that waits, chat gives way. */
const CROWDED = 128 * 1024

export class PacketLink extends LinkCore {
  readonly #options: PacketLinkOptions
  #initiator: DatagramInitiator | undefined
  #packets: PacketConnection | undefined
  /** Packets that came before message 3; read once the peer is let in. */
  #early: Uint8Array[] = []
  /** The end of the carrier was told. */
  #gone = false

  constructor(options: PacketLinkOptions, now: Millis) {
    super(options, now)
    this.#options = options
    const { dial, newcomer, ids, self } = options
    if (newcomer !== undefined) {
      const { proved, localId, remoteId, from, held } = newcomer
      this.#begin(proved, localId, remoteId, from, undefined)
      this.state = 'proved'
      this.outputs.push({ kind: 'proved', proved })
      this.#early = [...held]
    } else {
      this.#initiator = new DatagramInitiator({ ...dial!, self, ids }, now)
      this.stage = 'message 1'
      this.#drainInitiator()
    }
  }

  /** Where the peer is now. */
  get remote(): Endpoint {
    return this.#packets?.departures.paths.current.remote ?? this.#options.dial!.remote
  }

  get packets(): PacketConnection | undefined {
    return this.#packets
  }

  override get rtt(): Millis | undefined {
    const rtt = this.#packets?.departures.rtt
    return rtt?.sampled ? rtt.smoothed : undefined
  }

  get controlWaits(): boolean {
    return this.#packets?.departures.control.waiting ?? false
  }

  get wantsFlush(): boolean {
    return this.#packets?.wants(this.now) ?? false
  }

  protected get crowded(): boolean {
    return (this.#packets?.departures.control.bytes ?? 0) > CROWDED
  }

  protected get dialling(): boolean {
    return this.#packets === undefined
  }

  protected get peerId(): string | undefined {
    return this.proven?.peerId ?? this.#initiator?.peerId
  }

  override streamsWaiting(): void {
    this.#packets?.departures.waiting()
  }

  override deadline(): Millis | undefined {
    const handshake = earlier(this.timeout, this.#initiator?.deadline())
    return earlier(handshake, this.#packets?.deadline())
  }

  protected take(input: LinkInput, now: Millis): void {
    switch (input.kind) {
      case 'datagram':
        this.#receive(input.bytes, input.from, now)
        break
      case 'unit':
        this.#initiator?.handle({ kind: 'unit', unit: input.unit }, now)
        this.#drainInitiator()
        break
      case 'flush':
        this.#packets?.flush(now, input.allowance)
        break
      case 'tick':
        this.#tick(now)
        break
      case 'admit': {
        this.command(input)
        const { from } = this.#options.newcomer!
        for (const datagram of this.#early.splice(0)) this.#receive(datagram, from, now)
        break
      }
      case 'reset':
        if (this.state === 'closing') this.#packets?.abandon()
        else this.#cut('the peer has forgotten the link')
        break
      case 'carrier-closed':
        this.#cut(input.error?.message)
        break
      default:
        this.command(input)
    }
    this.bytesOut = (this.#packets?.departures.bytesOut ?? 0) + this.#handshakeBytes
    this.#tellGone()
  }

  // Handshake

  #handshakeBytes = 0

  #drainInitiator(): void {
    const { ids, send, dial } = this.#options
    const initiator = this.#initiator!
    for (let output = initiator.poll(); output !== undefined; output = initiator.poll()) {
      switch (output.kind) {
        case 'send':
          this.#handshakeBytes += output.datagram.length
          send(dial!.remote, output.datagram)
          break
        case 'expect':
          ids.expect(output.id)
          break
        case 'forget':
          ids.forget(output.id)
          break
        case 'proved':
          this.#begin(output.proved, output.localId, output.remoteId, dial!.remote, output.rtt)
          this.state = 'awaiting'
          break
        case 'failed':
          if (this.ended) break
          this.stage = output.stage
          this.end('handshake', output.error, true)
      }
    }
    if (this.state === 'handshake') this.stage = initiator.stage
  }

  #begin(
    proved: Proved,
    localId: Uint8Array,
    remoteId: Uint8Array,
    remote: Endpoint,
    rtt: Millis | undefined,
  ): void {
    const { self, ids, mtu, congestion, send, plaintext } = this.#options
    const { suite, random } = self
    const keys = proved.packetKeys!
    ids.added(localId)
    this.proven = proved
    this.stage = 'message 3'
    this.#packets = new PacketConnection(
      {
        keys: {
          send: keys.send,
          receive: keys.receive,
          sendMask: suite.headerMask(keys.sendMask),
          receiveMask: suite.headerMask(keys.receiveMask),
        },
        ...{ random, remote, remoteId, localId, ids, mtu, rtt, send, plaintext },
        ...(congestion !== undefined && { congestion }),
        idle: { timeout: idleDefaults.timeout, peerTimeout: idleDefaults.timeout },
        link: this,
        onControl: frame => this.#control(frame),
        charge: (type, at) => this.charge(type, at),
      },
      this.now,
    )
  }

  // Packets

  #receive(datagram: Uint8Array, from: Endpoint, now: Millis): void {
    const packets = this.#packets
    if (packets === undefined) return
    const opened = packets.receive(datagram, from, now)
    this.bytesIn = packets.bytesIn
    if (!opened) return
    this.unitsIn = packets.packetsIn
    if (this.#initiator === undefined) return
    this.#initiator.handle({ kind: 'confirmed' }, now)
    this.#drainInitiator()
    this.#initiator = undefined
  }

  #control(frame: Uint8Array): void {
    if (this.state === 'closing' || this.state === 'closed') return
    this.charge(frame[0], this.now)
    readControlFrame(new ByteReader(frame), this.sink)
  }

  protected override opening({ streams }: Carried): void {
    this.#packets!.opened(streams)
  }

  #tick(now: Millis): void {
    const initiator = this.#initiator
    if (initiator !== undefined) {
      initiator.handle({ kind: 'tick' }, now)
      this.#drainInitiator()
    }
    if (this.#packets === undefined) return
    if (this.#packets.tick(now) === 'silent' && !this.ended)
      return this.end('silence', new GuildError('GH_LINK_SILENT'), true)
    if (this.#packets.flush(now)) this.#options.onMore()
  }

  #cut(detail: string | undefined): void {
    this.end(this.open ? 'transport' : 'handshake', new GuildError('GH_LINK_CLOSED', detail), true)
  }

  rekey(): never {
    throw new GuildError('GH_LINK_PROTOCOL', 'REKEY in a packet')
  }

  // Out

  protected enqueue(frame: Uint8Array): boolean {
    return this.#packets!.departures.control.push(frame)
  }

  protected sayClose(code: CloseCode): boolean {
    const packets = this.#packets
    if (packets === undefined || packets.state !== 'alive') return false
    packets.finish(w => encodeClose(w, code, ''), this.now)
    // A peer that broke the protocol is not waited for.
    if (code !== closeCodes.GOODBYE && code !== closeCodes.DISCONNECTED) packets.hurry(this.now)
    packets.flush(this.now)
    return true
  }

  protected endCarrier(abruptly: boolean): void {
    this.#initiator?.handle({ kind: 'abandon' }, this.now)
    if (this.#initiator !== undefined) this.#drainInitiator()
    this.#initiator = undefined
    if (abruptly) this.#packets?.abandon()
    else this.#packets?.drain(this.now)
    if (this.#packets === undefined || abruptly) this.#tellGone(true)
  }

  #tellGone(now = this.#packets?.state === 'gone'): void {
    if (!now || this.#gone) return
    this.#gone = true
    this.state = 'closed'
    this.outputs.push({ kind: 'end-carrier', abruptly: true })
  }
}
