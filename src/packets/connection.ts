/**
 * One peer over datagrams: the thin coordinator over the machines of this folder.
 *
 *   datagram ─▶ protection ─▶ received ─▶ frames ─┬─▶ ack ─▶ departures: recovery, congestion
 *                                                 ├─▶ control ─▶ link
 *                                                 └─▶ streams, paths, ids
 *
 *   alive ──finish──▶ finishing ──all acknowledged, or 3 PTO: said──▶ closing ──3 PTO──▶ gone
 *     └──peer's CLOSE──▶ draining ──3 PTO──▶ gone     both said CLOSE, silence, reset ──▶ gone
 *
 * It holds no rule of its own but the order of things: a packet is opened, its frames are read, and
 * only then is it noted as received, so that what we could not use is never acknowledged.
 *
 * Refuses: what its machines refuse; frames of streams before the link is open are left for the
 * peer to send again (the packet with ACCEPTED was overtaken).
 * Sources: RFC 9000 sections 9, 10, 12 and 13. Page: protocol/packets.md (spec: PKT-7, PKT-8, PKT-10, PKT-11, PKT-12), states/packet-connection.mmd · Floor: packets.
 */
import { WireError } from '../base/errors.ts'
import { earlier, type Millis } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import { ByteReader } from '../base/reader.ts'
import { next, type StateOf } from '../base/states.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { AckFrame } from '../wire/frames/ack.ts'
import { encodeClose } from '../wire/frames/admission.ts'
import { isEliciting, isProbing, readPacketFrame } from '../wire/frames/index.ts'
import type { LinkFrames, PacketFrames, PacketSink, StreamFrames } from '../wire/frames/sinks.ts'
import { closeCodes, frameTypes } from '../wire/registry.ts'
import { ControlIn } from './control-stream.ts'
import { Departures, type DeparturesOptions } from './departures.ts'
import { Idle, type IdleOptions } from './idle.ts'
import { saysClose } from './last-words.ts'
import { LocalIds } from './local-ids.ts'
import { Lull } from './lull.ts'
import type { PacketObserver } from './observer.ts'
import type { Path } from './paths.ts'
import type { TokenWatch } from './remote-ids.ts'

export interface ConnectionIdPort extends TokenWatch {
  mint(): Uint8Array
  token(id: Uint8Array): Uint8Array
  /** Packets to this id are for this connection, from now on or no longer. */
  added(id: Uint8Array): void
  removed(id: Uint8Array): void
}

export interface PacketConnectionOptions extends Omit<DeparturesOptions, 'localIds' | 'tokens'> {
  readonly localId: Uint8Array
  readonly ids: ConnectionIdPort
  readonly idle: Omit<IdleOptions, 'pto' | 'shortest'>
  /** Hears PADDING, CLOSE and ignorable frames. */
  readonly link: LinkFrames
  /** One whole frame of control, valid during the call. */
  readonly onControl: (frame: Uint8Array) => void
  /** What a frame costs its sender, before it is read. */
  readonly charge: (type: number, now: Millis) => void
  /** What was asked is not answered: it is worth finding out why. Told every second and a half. */
  readonly unanswered?: (() => void) | undefined
}

export const packetConnection = {
  finish: { alive: 'finishing' },
  said: { finishing: 'closing' },
  drain: { alive: 'draining' },
  heard: { finishing: 'gone', closing: 'gone' },
  forget: { alive: 'gone', finishing: 'gone', closing: 'gone', draining: 'gone' },
} as const

export type PacketState = StateOf<typeof packetConnection>

/** PTOs until a closed connection is forgotten (RFC 9000 section 10.2). */
const LINGER = 3
/** And never longer, on each way to the end: a peer that takes its time with message 3 decides what we take for a round trip. */
const LONGEST_LINGER: Millis = 5_000

export class PacketConnection implements PacketFrames {
  bytesIn = 0
  /** Packets that opened and were new. */
  packetsIn = 0
  state: PacketState = 'alive'
  readonly departures: Departures
  readonly #options: PacketConnectionOptions
  readonly #localIds: LocalIds
  readonly #control = new ControlIn()
  readonly #idle: Idle
  readonly #lull = new Lull(() => this.departures.pto)
  readonly #sink: { link: LinkFrames; streams: StreamFrames; packets: PacketFrames }
  #streams: StreamFrames | undefined
  /** Of the packet being read. */
  #at: Path
  #destination: Uint8Array = new Uint8Array(0)
  #now: Millis
  /** When the state ends by itself. */
  #until: Millis | undefined
  #close: ((w: ByteWriter) => void) | undefined
  #closesHeard = 0

  constructor(options: PacketConnectionOptions, now: Millis) {
    this.#options = options
    this.#now = now
    const { ids, localId } = options
    this.#localIds = new LocalIds({
      first: localId,
      mint: () => ids.mint(),
      token: id => ids.token(id),
      onAdded: id => ids.added(id),
      onRemoved: id => ids.removed(id),
    })
    this.departures = new Departures({ ...options, localIds: this.#localIds, tokens: ids }, now)
    this.#at = this.departures.paths.current
    this.#idle = new Idle(
      { ...options.idle, pto: () => this.departures.pto, shortest: () => this.departures.rtt.least },
      now,
    )
    this.#sink = { link: options.link, streams: early, packets: this }
  }

  get observer(): PacketObserver | undefined {
    return this.departures.observer
  }

  /** The link is open: frames of streams are read from now on. */
  opened(streams: StreamFrames & DeparturesOptions['source']): void {
    this.#streams = streams
    this.#sink.streams = streams
    this.departures.source = streams
  }

  /** A datagram for this connection. False: it is none of its packets, or came before. */
  receive(datagram: Uint8Array, from: Endpoint, now: Millis): boolean {
    if (this.state === 'gone') return false
    this.#now = now
    this.bytesIn += datagram.length
    const { protection, received, paths } = this.departures
    const opened = protection.open(datagram, received.largest, received, now)
    if (opened === undefined) {
      this.observer?.dropped(datagram.length, protection.refusal, now)
      return false
    }
    this.observer?.received(opened, datagram.length, from, now)
    if (this.state === 'closing') {
      if (saysClose(opened.plaintext)) this.#forget('heard')
      else this.#closeAgain()
    }
    if (this.#isOver) return true
    if (opened.plaintext.length === 0) throw new WireError('GH_WIRE_LENGTH', 'packet', 0, 'no frames') // spec: PKT-7
    const newest = opened.number > received.largest
    this.#at = paths.heard(from, datagram.length, now)
    this.#destination = datagram.subarray(1, 13)
    const seen = this.#readFrames(opened.plaintext, now)
    if (seen === undefined) this.observer?.dropped(datagram.length, 'too early', now)
    if (seen === undefined || this.#isOver) return true
    this.packetsIn++
    received.note(opened.number, seen.eliciting, now, seen.asked)
    this.#idle.heard(now)
    if (seen.eliciting) this.#lull.heard(now)
    if (!seen.trial) {
      if (newest) paths.arrived(this.#at, now)
      else if (this.#at !== paths.current) paths.strayed(this.#at, now)
    }
    this.departures.pathWork = true
    return true
  }

  /** Sends what may leave now. True: more would, in another turn. */
  flush(now: Millis, allowance: number = Number.POSITIVE_INFINITY): boolean {
    this.#now = now
    if (this.state === 'finishing' && (this.departures.control.settled || now >= this.#until!))
      this.#closeNow(now)
    if (this.state !== 'alive' && this.state !== 'finishing') return false
    const before = this.departures.askedAt
    const more = this.departures.flush(now, allowance)
    if (this.departures.askedAt !== before) {
      this.#idle.asked(now)
      this.#lull.asked()
    }
    return more
  }

  /** Would `flush` send anything? */
  wants(now: Millis): boolean {
    if (this.state === 'finishing' && this.departures.control.settled) return true
    return (this.state === 'alive' || this.state === 'finishing') && this.departures.wants(now)
  }

  /** CLOSE is the last word, once everything of control has arrived, or has had its time. */
  finish(close: (w: ByteWriter) => void, now: Millis): void {
    if (this.state !== 'alive') return
    this.state = next(packetConnection, this.state, 'finish')
    this.departures.source = undefined
    this.#close = close
    this.#until = now + this.#linger
    if (!this.departures.control.settled) this.departures.probe(true) // so that it takes a round trip and no more
  }

  /** What is not acknowledged is not waited for. */
  hurry(now: Millis): void {
    if (this.state === 'finishing') this.#until = now
  }

  /** The peer said CLOSE, or says nothing we can use. It is told so once. Not where we are saying CLOSE ourselves. */
  drain(now: Millis): void {
    if (this.state !== 'alive') return
    this.departures.sendClose(goodbye, now)
    this.state = next(packetConnection, this.state, 'drain')
    this.#until = now + this.#linger
  }

  /** Forgets everything at once. */
  abandon(): void {
    if (this.state !== 'gone') this.#forget('forget')
  }

  #forget(why: 'heard' | 'forget'): void {
    this.state = next(packetConnection, this.state, why)
    this.#until = undefined
    this.#localIds.close()
    this.departures.remoteIds.close()
  }

  deadline(): Millis | undefined {
    if (this.state === 'gone') return undefined
    if (this.#isOver) return this.#until
    const silence = earlier(this.#idle.deadline(), this.#lull.deadline())
    const own = earlier(earlier(this.#until, silence), this.#localIds.deadline())
    return earlier(own, this.departures.deadline(this.#now))
  }

  /** Time has passed. 'silent': the peer was not heard of for too long, and the connection is gone. */
  tick(now: Millis): 'silent' | undefined {
    this.#now = now
    if (this.#until !== undefined && now >= this.#until) {
      if (this.state === 'finishing') this.#closeNow(now)
      else this.abandon()
    }
    if (this.#isOver) return undefined
    this.#localIds.expire(now)
    const idle = this.#idle.due(now)
    if (idle === 'gone') {
      this.abandon()
      return 'silent'
    }
    if (idle === 'keepalive' || this.#lull.due(now)) this.departures.probe()
    if (idle === 'doubt') this.#options.unanswered?.()
    this.departures.tick(now)
    return undefined
  }

  /** The peer's system says that nobody listens there: `tick` gives it up soon, unless it is heard. */
  refused(now: Millis): void {
    this.#idle.refused(now)
  }

  get #linger(): Millis {
    return Math.min(LINGER * this.departures.pto, LONGEST_LINGER)
  }

  get #isOver(): boolean {
    return this.state === 'closing' || this.state === 'draining' || this.state === 'gone'
  }

  #closeNow(now: Millis): void {
    this.state = next(packetConnection, this.state, 'said')
    this.#until = now + this.#linger
    this.departures.sendClose(this.#close!, now)
  }

  /** The peer said CLOSE before ours left: both know now (RFC 9000 section 10.2.2). */
  #bothClose(now: Millis): void {
    this.departures.sendClose(this.#close!, now)
    this.#forget('heard')
  }

  /** The peer did not hear it: once more, ever more rarely (RFC 9000 section 10.2.1). */
  #closeAgain(): void {
    const heard = ++this.#closesHeard
    if ((heard & (heard - 1)) === 0) this.departures.sendClose(this.#close!, this.#now)
  }

  // Frames in

  /** What the packet held; undefined when it came too early to be used. */
  #readFrames(
    frames: Uint8Array,
    now: Millis,
  ): { eliciting: boolean; trial: boolean; asked: boolean } | undefined {
    const r = new ByteReader(frames)
    const sink: PacketSink = this.#sink
    const seen = { eliciting: false, trial: true, asked: false, free: false }
    while (r.remaining > 0) {
      const type = frames[r.offset]!
      if (type !== frameTypes.PADDING.type) {
        if (isEliciting(type)) seen.eliciting = true
        if (!isProbing(type)) seen.trial = false
        if (type === frameTypes.PROBE.type) seen.asked = true
        if (this.#streams === undefined && ofStreams.has(type)) return undefined
        // What acknowledges our packets is paid for by them, and one DATAGRAM by its packet (spec: TYPE-5).
        const free = type === frameTypes.ACK.type || (type === frameTypes.DATAGRAM.type && !seen.free)
        if (!free) this.#options.charge(type, now)
        else if (type === frameTypes.DATAGRAM.type) seen.free = true
      }
      readPacketFrame(r, sink)
      if (type === frameTypes.CLOSE.type && this.state === 'finishing') this.#bothClose(now)
      if (this.#isOver) return seen
    }
    return seen
  }

  ack(ack: AckFrame): void {
    if (!this.departures.onAck(ack, this.#now)) this.#options.charge(frameTypes.ACK.type, this.#now)
  }

  control(offset: number, bytes: Uint8Array): void {
    this.#control.take(offset, bytes, this.#options.onControl)
  }

  probe(): void {}

  pathChallenge(data: Uint8Array): void {
    this.departures.paths.challenged(this.#at, data)
  }

  pathResponse(data: Uint8Array): void {
    this.departures.paths.answered(data, this.#now)
  }

  newConnectionId(sequence: number, retirePriorTo: number, id: Uint8Array, token: Uint8Array): void {
    this.departures.remoteIds.add(sequence, retirePriorTo, id, token)
  }

  retireConnectionId(sequence: number): void {
    this.#localIds.retire(sequence, this.#destination, this.departures.pto, this.#now)
  }

  datagram(bytes: Uint8Array): void {
    this.#options.link.datagram(bytes)
  }
}

const goodbye = (w: ByteWriter): void => encodeClose(w, closeCodes.GOODBYE, '')

const ofStreams: ReadonlySet<number> = new Set([
  frameTypes.STREAM.type,
  frameTypes.STREAM_FIN.type,
  frameTypes.RESET_STREAM.type,
  frameTypes.STOP_SENDING.type,
  frameTypes.MAX_DATA.type,
  frameTypes.MAX_STREAM_DATA.type,
  frameTypes.MAX_STREAMS.type,
  frameTypes.DATAGRAM.type,
])

const nothing = (): void => {}
/** Never called: such a packet is left before. */
const early: StreamFrames = {
  stream: nothing,
  resetStream: nothing,
  stopSending: nothing,
  maxData: nothing,
  maxStreamData: nothing,
  maxStreams: nothing,
}
