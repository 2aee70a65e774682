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
import { type Figures, figuresOf } from '../packets/figures.ts'
import { defaults as idleDefaults } from '../packets/idle.ts'
import type { MtuOptions } from '../packets/mtu.ts'
import type { PacketObserver } from '../packets/observer.ts'
import type { FirstTrip } from '../packets/rtt.ts'
import type { Slab } from '../packets/slab.ts'
import { encodeClose } from '../wire/frames/admission.ts'
import { readControlFrame } from '../wire/frames/index.ts'
import { type CloseCode, closeCodes } from '../wire/registry.ts'
import { DatagramInitiator } from './datagram-initiator.ts'
import type { Newcomer } from './datagram-responder.ts'
import type { Proved } from './handshake.ts'
import { LinkCore } from './link-core.ts'
import type { LinkEnd } from './link-end.ts'
import type { Carried, LinkInput, LinkOptions } from './link-io.ts'

/** The node's door, as one link sees it. */
export interface LinkIds extends ConnectionIdPort {
  /** Responder units to this id are for this link, from now on or no longer. */
  expect(id: Uint8Array): void
  forget(id: Uint8Array): void
}

/** Who watches a link, from its first datagram to its last. */
export interface LinkObserver extends PacketObserver {
  /** A datagram of the handshake, ours or the peer's, of so many bytes. */
  handshake(direction: 'sent' | 'received', size: number, now: Millis): void
  /** The peer has shown who it is; packets go from now on. */
  proved(peerId: string, packets: PacketConnection, now: Millis): void
  /** It begins to watch a link that is proved already. */
  joined(peerId: string, packets: PacketConnection): void
  ended(end: LinkEnd, now: Millis): void
  /** The last call. */
  gone(now: Millis): void
}

export interface PacketLinkOptions extends Pick<LinkOptions, 'self' | 'carry'> {
  readonly dial?: LinkOptions['dial'] & { readonly remote: Endpoint }
  /** On the side that was dialled. */
  readonly newcomer?: Newcomer
  readonly ids: LinkIds
  readonly mtu: MtuOptions
  readonly congestion?: CongestionName
  readonly observer?: LinkObserver | undefined
  /** As of `DatagramSocket`: true where the bytes may be used again. */
  readonly send: (to: Endpoint, datagram: Uint8Array) => boolean
  /** A timer let something leave, and more would in another turn. */
  readonly onMore: () => void
  /** A rate is set: what a timer lets leave waits for it as well. */
  readonly paced?: boolean
  /** What was asked is not answered for a while. */
  readonly unanswered?: () => void
  /** The frames of one packet, shared by all links of a node. */
  readonly plaintext: ByteWriter
  readonly slab?: Slab
}

/** Ends at which what was said before is still to arrive. */
const polite: ReadonlySet<CloseCode> = new Set([
  closeCodes.GOODBYE,
  closeCodes.DISCONNECTED,
  closeCodes.REPLACED,
])
/** Above this much control that waits, chat gives way. */
const CROWDED = 128 * 1024

export class PacketLink extends LinkCore {
  readonly #options: PacketLinkOptions
  #initiator: DatagramInitiator | undefined
  #packets: PacketConnection | undefined
  #observer: LinkObserver | undefined
  /** Packets that came before message 3; read once the peer is let in. */
  #early: Uint8Array[] = []
  /** The end of the carrier was told. */
  #gone = false

  constructor(options: PacketLinkOptions, now: Millis) {
    super(options, now)
    this.#options = options
    this.#observer = options.observer
    const { dial, newcomer, ids, self } = options
    if (newcomer !== undefined) {
      const { proved, localId, remoteId, from, held } = newcomer
      this.#begin(proved, localId, remoteId, from, newcomer)
      this.state = 'proved'
      this.outputs.push({ kind: 'proved', proved })
      this.#early = [...held]
    } else {
      this.#initiator = new DatagramInitiator({ ...dial!, self, ids }, now)
      this.stage = 'message 1'
      this.#drainInitiator()
    }
  }

  /** Somebody watches from now on. */
  observe(observer: LinkObserver): void {
    this.#observer = observer
    if (this.#packets === undefined) return
    this.#packets.departures.observer = observer
    observer.joined(this.proven!.peerId, this.#packets)
  }

  /** What sends and receives, once the peer is proved: for who looks closer. */
  get packets(): PacketConnection | undefined {
    return this.#packets
  }

  /** Where the peer is now. */
  get remote(): Endpoint {
    return this.#packets?.departures.paths.current.remote ?? this.#options.dial!.remote
  }

  override get figures(): Figures | undefined {
    const packets = this.#packets
    return packets && figuresOf(packets.departures, packets.packetsIn)
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
        this.#observer?.handshake('received', input.size, now)
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
        else this.#broken('transport', new GuildError('GH_LINK_CLOSED', 'the peer has forgotten the link'))
        break
      case 'refused':
        this.#packets?.refused(now)
        break
      case 'close':
        // Whoever has heard the last word need not stay for it to be said again.
        if (this.#packets?.state === 'draining') this.#packets.abandon()
        else this.command(input)
        break
      case 'carrier-closed':
        // Nothing more is waited for, and the peer is still to hear that we go.
        if (this.#packets?.state === 'finishing') {
          this.#packets.hurry(now)
          this.#packets.flush(now)
        }
        this.#broken('transport', new GuildError('GH_LINK_CLOSED', input.error?.message))
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
          this.#observer?.handshake('sent', output.datagram.length, this.now)
          send(dial!.remote, output.datagram)
          break
        case 'expect':
          ids.expect(output.id)
          break
        case 'forget':
          ids.forget(output.id)
          break
        case 'proved':
          this.#begin(output.proved, output.localId, output.remoteId, dial!.remote, output)
          this.state = 'awaiting'
          this.timeout = initiator.endsAt
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
    { rtt, shortest }: FirstTrip,
  ): void {
    const { self, ids, mtu, congestion, send, plaintext, slab } = this.#options
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
        ...{ random, remote, remoteId, localId, ids, mtu, rtt, shortest, send, plaintext, slab },
        ...(congestion !== undefined && { congestion }),
        observer: this.#observer,
        idle: { timeout: idleDefaults.timeout, peerTimeout: idleDefaults.timeout },
        link: this,
        onControl: frame => this.#control(frame),
        charge: (type, at) => this.charge(type, at),
        unanswered: this.#options.unanswered,
      },
      this.now,
    )
    this.#observer?.proved(proved.peerId, this.#packets, this.now)
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

  protected putDatagram(bytes: Uint8Array): void {
    this.#packets!.departures.datagrams.push(bytes)
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
      return this.#broken('silence', new GuildError('GH_LINK_SILENT'))
    if (this.timeout !== undefined && now >= this.timeout) {
      // The peer may have let us in: it is told that we did not hear of it.
      const error = new GuildError('GH_HANDSHAKE_TIMEOUT', `after ${this.stage}`)
      return this.closing(closeCodes.DISCONNECTED, error, 'handshake')
    }
    const { paced, onMore } = this.#options
    if (this.#packets.flush(now, paced ? 0 : undefined) || paced) onMore()
  }

  /** Ends without a word; a dial that was not accepted comes to nothing by that. */
  #broken(by: LinkEnd['by'], error: GuildError): void {
    this.end(this.open ? by : 'handshake', error, true)
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
    if (!polite.has(code)) packets.hurry(this.now)
    packets.flush(this.now)
    return true
  }

  protected endCarrier(abruptly: boolean): void {
    this.#initiator?.handle({ kind: 'abandon' }, this.now)
    if (this.#initiator !== undefined) this.#drainInitiator()
    this.#initiator = undefined
    if (abruptly) this.#packets?.abandon()
    // What we say last is said until it has arrived; what the peer says last ends it here.
    else if (this.ended || this.#packets?.state === 'alive') this.#packets?.drain(this.now)
  }

  /** Why it ended is said before its carrier goes: whoever dialled waits for that. */
  protected override end(by: LinkEnd['by'], error: GuildError, abruptly = false, stranger = false): void {
    super.end(by, error, abruptly, stranger)
    this.#tellGone(abruptly || this.#packets === undefined)
  }

  protected override over(end: LinkEnd): void {
    this.#observer?.ended(end, this.now)
  }

  #tellGone(now = this.#packets?.state === 'gone'): void {
    if (!now || this.#gone) return
    this.#gone = true
    this.state = 'closed'
    this.#observer?.gone(this.now)
    this.outputs.push({ kind: 'end-carrier', abruptly: true })
  }
}
