/**
 * What leaves, and what becomes of it: the sending side of a connection.
 *
 *   an answer on a path ─┐
 *   a probe (PTO)       ─┤                                       ┌─ acked ─▶ its frames
 *   a path-MTU probe    ─┼─▶ frames ─▶ protection ─▶ send ─▶ out ┤
 *   data: window, pacer ─┤                                       └─ lost ──▶ its frames, which come again
 *   an ACK that is due  ─┘
 *
 * The urgent leaves first. Data waits for the congestion window, for the pacer and for the address to
 * be proved; an acknowledgement waits for nothing and is counted by nobody. Congestion control hears
 * of a loss before the frames do, for what they do then is to send again. A second probe that has nothing
 * to say repeats the first: where many are lost, one may get through.
 * Sources: RFC 9000 sections 8.1, 9.4, 13; RFC 9002. Page: protocol/packets.md (spec: PKT-9) · Floor: packets.
 */
import { earlier, type Millis } from '../base/machine.ts'
import type { Endpoint, Random } from '../base/ports.ts'
import type { ByteWriter } from '../base/writer.ts'
import { type AckFrame, encodeProbe } from '../wire/frames/ack.ts'
import { encodePadding } from '../wire/frames/padding.ts'
import { encodePathChallenge, encodePathResponse } from '../wire/frames/path.ts'
import type { FrameSource, InFlight } from '../wire/frames/sinks.ts'
import { limits } from '../wire/limits.ts'
import { type Congestion, type CongestionName, createCongestion } from './congestion/index.ts'
import { ControlOut } from './control-stream.ts'
import { DatagramsOut } from './datagrams.ts'
import { LeftOut } from './left-out.ts'
import type { LocalIds } from './local-ids.ts'
import { type MtuOptions, MtuSearch } from './mtu.ts'
import type { PacketObserver } from './observer.ts'
import { Pacer, paceOf } from './pacer.ts'
import { type Path, Paths } from './paths.ts'
import { Protection, type ProtectionOptions } from './protection.ts'
import { Received } from './received.ts'
import { Recovery } from './recovery.ts'
import { RemoteIds, type TokenWatch } from './remote-ids.ts'
import { type FirstTrip, Rtt } from './rtt.ts'
import { type SentPacket, sentPacket } from './sent.ts'
import { Slab } from './slab.ts'

export interface DeparturesOptions extends FirstTrip {
  readonly keys: Pick<ProtectionOptions, 'send' | 'receive' | 'sendMask' | 'receiveMask' | 'phaseLimits'>
  readonly random: Random
  readonly congestion?: CongestionName
  readonly remote: Endpoint
  readonly remoteId: Uint8Array
  /** Hears of the peer's reset tokens. */
  readonly tokens: TokenWatch
  readonly localIds: LocalIds
  readonly mtu: MtuOptions
  /** Frames of streams; set once the link is open. */
  readonly source?: FrameSource | undefined
  readonly observer?: PacketObserver | undefined
  /** True: the bytes may be used again. */
  readonly send: (to: Endpoint, datagram: Uint8Array) => boolean
  /** The frames of one packet, shared by all of a node: sealing is never interrupted. At least 65,535 bytes. */
  readonly plaintext: ByteWriter
  /** For datagrams, shared like it. Default: one of its own. */
  readonly slab?: Slab | undefined
}

/** Packets of one turn: between two turns acknowledgements are read. */
const BURST = 64
/** A packet with less room than this is not begun for data. */
const LEAST_ROOM = 64
/** What a seal adds at most: head, tag, and the PADDING of a packet that has next to nothing in it. */
const SEAL_MOST = 64
/** Of so many acknowledgements that nobody answers one asks for an answer (RFC 9000 section 13.2.4). */
const UNANSWERED = 16

export class Departures {
  readonly rtt = new Rtt()
  readonly received: Received
  readonly recovery: Recovery
  readonly paths: Paths
  readonly protection: Protection
  readonly remoteIds: RemoteIds
  readonly control = new ControlOut()
  readonly datagrams = new DatagramsOut()
  mtu: MtuSearch
  bytesOut = 0
  packetsOut = 0
  packetsLost = 0
  /** When something left last that asks for an answer. */
  askedAt: Millis | undefined
  source: FrameSource | undefined
  observer: PacketObserver | undefined
  /** A path may have something to say. */
  pathWork = false
  #asks = false
  readonly #options: DeparturesOptions
  readonly #localIds: LocalIds
  readonly #pacer: Pacer
  congestion: Congestion
  #frames: InFlight[] = []
  readonly #manifest = { add: (frame: InFlight): void => void this.#frames.push(frame) }
  readonly #slab: Slab
  #number = 0
  readonly #leftOut: LeftOut
  /** Packets that must leave whatever the window says. */
  #probes = 0
  /** The source has more than it wrote. */
  #more = false
  #blocked: 'window' | 'pacer' | undefined
  #size: number
  /** Acknowledgements since something left that is acknowledged itself. */
  #unanswered = 0

  constructor(options: DeparturesOptions, now: Millis) {
    const { keys, random, remote, remoteId, tokens, localIds, mtu, source } = options
    this.#options = options
    this.#slab = options.slab ?? new Slab()
    this.#localIds = localIds
    this.#leftOut = new LeftOut(random)
    this.source = source
    this.observer = options.observer
    this.rtt.begin(options)
    const pto = (): Millis => this.pto
    this.received = new Received(this.rtt)
    this.recovery = new Recovery(this.rtt, { maxAckDelay: limits.ackDelay })
    this.paths = new Paths({ remote, random, pto }, now)
    this.protection = new Protection({ ...keys, now, pto })
    this.remoteIds = new RemoteIds(remoteId, tokens)
    this.mtu = new MtuSearch(mtu)
    this.#size = this.mtu.size
    this.#pacer = new Pacer(this.#size, now)
    this.congestion = this.#newCongestion(now)
  }

  /** The probe timeout with the longest wait for an acknowledgement in it. */
  get pto(): Millis {
    return this.rtt.pto + limits.ackDelay
  }

  /** The source has frames. */
  waiting(): void {
    this.#more = true
  }

  /** Something that asks for an answer leaves next; `atOnce`: for one without delay. */
  probe(atOnce = false): void {
    this.#asks ||= atOnce
    this.#probes = Math.max(this.#probes, 1)
  }

  wants(now: Millis): boolean {
    if (this.#probes > 0 || this.pathWork || this.received.ackDue(now)) return true
    return this.#blocked === undefined && this.#hasData
  }

  deadline(now: Millis): Millis | undefined {
    const paced = this.#blocked === 'pacer' ? this.#pacer.next(now) : undefined
    const answers = earlier(this.received.ackDeadline, this.paths.deadline())
    return earlier(earlier(paced, answers), this.recovery.deadline(this.#mayProbe))
  }

  tick(now: Millis): void {
    this.paths.expire(now)
    this.pathWork = true
    if (this.#blocked === 'pacer') this.#blocked = undefined
    const due = this.recovery.deadline(this.#mayProbe)
    if (due === undefined || due > now) return
    const { lost, lostAside, persistent, probes } = this.recovery.onTimer(now)
    this.#probes = Math.max(this.#probes, probes)
    this.#onLost(lost, lostAside, now)
    if (persistent) this.congestion.onPersistent(now)
    if (probes > 0) for (const frame of this.recovery.reclaim(probes)) frame.lost()
    this.#blocked = undefined
    this.observer?.measured(now)
  }

  /** False when it told nothing new. */
  onAck(ack: AckFrame, now: Millis): boolean {
    const told = this.recovery.onAck(ack, now)
    const { acked, ackedAside, lost, lostAside, spurious, newestAcked, priorInFlight, persistent } = told
    this.protection.acked(ack.largest, now)
    for (const packet of spurious) this.congestion.onSpurious(packet, now)
    this.#onLost(lost, lostAside, now)
    if (newestAcked !== undefined) {
      const inFlight = this.recovery.bytesInFlight
      this.congestion.onAck({ now, acked, newest: newestAcked, inFlight, priorInFlight, rtt: this.rtt, lost })
    }
    // Behind it: what arrived before the path broke makes no window for what comes after.
    if (persistent) this.congestion.onPersistent(now)
    let largest = 0
    for (const packet of acked) {
      if (packet.mtuProbe) this.mtu.acked(packet.size)
      else if (packet.size > largest) largest = packet.size
      for (const frame of packet.frames) frame.acked()
    }
    for (const packet of ackedAside) for (const frame of packet.frames) frame.acked()
    if (largest > 0) this.mtu.delivered(largest)
    this.#resize()
    this.#pacer.setRate(paceOf(this.congestion, this.rtt))
    this.#blocked = undefined
    this.observer?.measured(now)
    return acked.length + ackedAside.length + spurious.length > 0
  }

  /** Sends what may leave now; at most so many bytes of data. True: more would leave in another turn. */
  flush(now: Millis, allowance: number): boolean {
    if (this.pathWork) this.#answerPaths(now)
    let left = allowance
    for (let packets = 0; packets < BURST; packets++) {
      if (this.#probes > 0) {
        this.#probes--
        const said = this.#frames
        this.#sendData(now, true, left > 0)
        if (this.#probes > 0 && !this.#hasData) for (const frame of said) frame.lost()
        continue
      }
      if (!this.#mayLeave(now) || (left <= 0 && !this.#hasWords)) {
        if (this.received.ackDue(now)) this.#sendAck(now)
        return false
      }
      const probe = this.mtu.probe(now)
      if (probe !== undefined) this.#sendMtuProbe(probe, now)
      else left -= this.#sendData(now, false, left > 0)
    }
    return true
  }

  sendClose(close: (w: ByteWriter) => void, now: Millis): void {
    const w = this.#begin(this.#size)
    this.received.writeAck(w, now, undefined)
    close(w)
    this.#depart(this.paths.current, false, false, now)
  }

  // What may leave

  /** At the amplification limit there is no point in asking (RFC 9002 section 6.2.2.1). */
  get #mayProbe(): boolean {
    return this.paths.room(this.paths.current) >= LEAST_ROOM
  }

  get #hasData(): boolean {
    return this.#more || this.#hasWords || this.datagrams.waiting
  }

  /** Of control and of connection ids: what never waits for the rate of the streams. */
  get #hasWords(): boolean {
    return this.control.waiting || this.#localIds.waiting || this.remoteIds.waiting
  }

  #mayLeave(now: Millis): boolean {
    if (!this.#hasData) {
      if (this.#blocked === undefined) this.congestion.appLimited(this.recovery.bytesInFlight)
      return false
    }
    if (this.recovery.full || this.recovery.bytesInFlight + this.#size > this.congestion.window) {
      this.#blocked = 'window'
      return false
    }
    if (!this.#pacer.canSend(now)) {
      this.#blocked = 'pacer'
      return false
    }
    return this.paths.room(this.paths.current) >= this.#size
  }

  /** One packet as full as it gets; how many bytes. `forced`: with PROBE, if there is nothing to say. */
  #sendData(now: Millis, forced: boolean, withStreams: boolean): number {
    const w = this.#begin(this.#size)
    if (this.received.hasNews) this.#writeAck(w, now)
    const ackOnly = w.length
    this.#localIds.fill(w, this.#manifest)
    this.remoteIds.fill(w, this.#manifest)
    this.control.fill(w, this.#manifest)
    if (withStreams) this.datagrams.fill(w)
    if (this.source === undefined) this.#more = false
    else if (withStreams && this.#more && w.room >= LEAST_ROOM)
      this.#more = this.source.fill(w, this.#manifest)
    if (this.#asks && w.room > 0) encodeProbe(w)
    this.#asks = false
    if (w.length === ackOnly) {
      if (!forced) return w.length === 0 ? 0 : this.#depart(this.paths.current, false, false, now)
      encodeProbe(w)
    }
    return this.#depart(this.paths.current, true, false, now)
  }

  #sendAck(now: Millis): void {
    const w = this.#begin(this.#size)
    if (!this.#writeAck(w, now)) return
    const asks = ++this.#unanswered >= UNANSWERED && w.room > 0
    if (asks) encodeProbe(w)
    this.#depart(this.paths.current, asks, false, now)
  }

  #writeAck(w: ByteWriter, now: Millis): boolean {
    if (!this.received.writeAck(w, now, this.#manifest)) return false
    this.protection.acknowledged(this.received.largest)
    return true
  }

  #sendMtuProbe(size: number, now: Millis): void {
    const w = this.#begin(size)
    encodeProbe(w)
    encodePadding(w)
    this.#depart(this.paths.current, true, true, now)
  }

  #answerPaths(now: Millis): void {
    this.pathWork = false
    for (let said = this.paths.poll(now); said !== undefined; said = this.paths.poll(now)) {
      if (said.kind === 'moved') {
        this.#moved(said.reset, now)
        this.observer?.moved(said.from, said.to, now)
        continue
      }
      const w = this.#begin(Math.max(said.padTo, Math.min(said.most, this.#size)))
      if (said.challenge !== undefined) encodePathChallenge(w, said.challenge)
      if (said.response !== undefined) encodePathResponse(w, said.response)
      if (said.probe) encodeProbe(w)
      if (said.padTo > 0) encodePadding(w)
      this.#depart(said.path, true, false, now)
    }
  }

  /** The peer is elsewhere (RFC 9000 section 9.4). */
  #moved(reset: boolean, now: Millis): void {
    this.remoteIds.rotate()
    this.mtu = new MtuSearch(this.#options.mtu)
    this.#resize()
    if (!reset) return
    this.recovery.discardPath(this.paths.current.id - 1)
    this.rtt.reset()
    this.congestion = this.#newCongestion(now)
    this.#blocked = undefined
  }

  /** An empty writer with room for the frames of a datagram of this size. */
  #begin(size: number): ByteWriter {
    const w = this.#options.plaintext.reset()
    w.limit = size - Protection.overhead(this.#number, this.recovery.largestAcked)
    return w
  }

  #depart(to: Path, eliciting: boolean, mtuProbe: boolean, now: Millis): number {
    const number = this.#number
    this.#number = this.#leftOut.after(number)
    const { protection, recovery, remoteIds } = this
    const plaintext = Protection.padded(this.#options.plaintext.view(), number, recovery.largestAcked)
    const room = this.#slab.room(plaintext.length + SEAL_MOST)
    const datagram = protection.sealed(remoteIds.current, number, recovery.largestAcked, plaintext, now, room)
    const size = datagram.length
    const packet = sentPacket(number, now, size, eliciting, mtuProbe, to.id, this.#frames)
    this.#frames = []
    recovery.onSent(packet)
    if (eliciting) {
      this.#unanswered = 0
      this.congestion.onSent(packet, recovery.bytesInFlight, now)
      this.#pacer.spend(size, now)
      this.askedAt = now
    }
    this.paths.sent(to, size)
    this.bytesOut += size
    this.packetsOut++
    this.observer?.sent(packet, plaintext, protection.sendPhase, to.remote)
    if (!this.#options.send(to.remote, datagram)) this.#slab.keep(size)
    return size
  }

  #onLost(lost: readonly SentPacket[], aside: readonly SentPacket[], now: Millis): void {
    if (lost.length > 0) {
      const largestSent = this.#number - 1
      this.packetsLost += lost.length
      this.congestion.onLost({ now, lost, inFlight: this.recovery.bytesInFlight, largestSent })
      let largest = 0
      for (const packet of lost) {
        largest = Math.max(largest, packet.size)
        this.observer?.lost(packet, this.recovery.whyLost(packet), now)
        for (const frame of packet.frames) frame.lost()
      }
      this.mtu.dropped(largest)
    }
    for (const packet of aside) {
      this.observer?.lost(packet, this.recovery.whyLost(packet), now)
      if (packet.mtuProbe) this.mtu.lost(packet.size, now)
      for (const frame of packet.frames) frame.lost()
    }
    if (lost.length > 0) this.#resize()
  }

  #resize(): void {
    const { size } = this.mtu
    if (size === this.#size) return
    this.#size = size
    this.congestion.onMtu(size)
    this.#pacer.setMtu(size)
  }

  #newCongestion(now: Millis): Congestion {
    const { congestion = 'bbr', random } = this.#options
    const rtt = this.rtt.sampled ? this.rtt.smoothed : undefined
    return createCongestion(congestion, { mss: this.#size, now, random: () => random.fraction(), rtt })
  }
}
