/**
 * One carrier with the link, the streams and the mesh frames that live on it.
 *
 *   carrier ─ bytes ─▶ link ─ frames ─▶ streams, mesh
 *   carrier ◀─ sealed ─ link ◀─ fill ── streams           behind a read, once a turn, and when the carrier drained
 *
 * What a read made us say leaves with it: a question is answered without another round of the
 * event loop, and a hundred answered in one read still share a record.
 *
 * Composition only: every rule is in the cores.
 * Floor: node.
 */
import { compare } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { Proved } from '../link/handshake.ts'
import type { LinkCore } from '../link/link-core.ts'
import type { LinkEnd } from '../link/link-end.ts'
import type { LinkInput, LinkOutput } from '../link/link-io.ts'
import type { Self } from '../link/self.ts'
import type { MembershipOutput } from '../membership/messages.ts'
import type { Drive, Driven } from '../runtime/drive.ts'
import { grantsOf } from '../streams/grants.ts'
import type { Stream } from '../streams/stream.ts'
import { Streams } from '../streams/streams.ts'
import type { Address } from '../wire/address.ts'
import type { MeshFrames } from '../wire/frames/index.ts'
import { encodeMesh, encodePeers, encodeRequestPeers, type PeerEntry } from '../wire/frames/peers.ts'
import { encodePing } from '../wire/frames/ping.ts'
import type { Refusal } from '../wire/registry.ts'
import type { Attempt } from './attempts.ts'
import type { Carrier, MakeCarrier } from './carrier.ts'
import { Intake, type Pace } from './pace.ts'
import { observedAddress } from './proof.ts'

/** What membership may want of one link. */
export type LinkOrder = Exclude<MembershipOutput, { kind: 'dial' | 'event' }>

/** What happens on a connection that concerns the whole node. */
export interface ConnectionEvents {
  proved(connection: Connection, proved: Proved): void
  accepted(connection: Connection, proved: Proved, observed: Uint8Array): void
  refused(connection: Connection, peerId: string, reason: Refusal, entries: readonly PeerEntry[]): void
  pong(connection: Connection, nonce: Uint8Array): void
  /** The peer sent DRAIN: this link lost the tie-break. */
  drain(connection: Connection): void
  /** The peer had it drained, and no stream is left on it: told once. */
  idle(connection: Connection): void
  /** A record opened: the peer lives. */
  heard(connection: Connection): void
  /** Somebody else has come to where its peer was, which has not been heard since. */
  displaced(connection: Connection): boolean
  stream(connection: Connection, stream: Stream): void
  ended(connection: Connection, end: LinkEnd, stranger: boolean): void
  /** The round trip to the peer, once measured. */
  rtt(connection: Connection): number | undefined
  /** Code above a stream threw. */
  fault(error: GuildError): void
  mesh(connection: Connection): MeshFrames
}

export interface ConnectionOptions {
  readonly key: number
  readonly carrier: MakeCarrier
  readonly self: Self
  readonly drive: Drive
  readonly events: ConnectionEvents
  readonly pace: Pace
  /** The carrier is gone: the last call. */
  readonly onGone: () => void
  /** On the dialling side: whom we called. */
  readonly attempt: Attempt | undefined
}

export class Connection {
  readonly key: number
  readonly carrier: Carrier
  readonly attempt: Attempt | undefined
  readonly link: LinkCore
  proved: Proved | undefined
  streams: Streams | undefined
  readonly #options: ConnectionOptions
  readonly #driven: Driven<LinkInput>
  readonly #flush = (): void => {
    const { pace, drive } = this.#options
    const now = drive.now()
    const before = this.link.bytesOut
    this.#driven.feed({ kind: 'flush', buffered: this.carrier.buffered, allowance: pace.out?.allowance(now) })
    pace.out?.spend(this.link.bytesOut - before, now)
    this.#tellIdle()
    if (this.#waiting || !this.link.wantsFlush) return
    if (pace.out === undefined) return this.flushSoon()
    this.#waiting = true
    drive.after(Math.max(1, pace.out.wait(now)), () => {
      this.#waiting = false
      this.flushSoon()
    })
  }
  /** A slice of what was held; true when more is left. */
  readonly #more = (): boolean => {
    this.#read({ kind: 'more' })
    if (!this.link.held && !this.#gone) this.carrier.hold(false)
    return this.link.held && !this.#gone
  }
  #records = 0
  /** The rate lets no stream pass for a moment. */
  #waiting = false
  #intake: Intake | undefined
  /** Bytes are being handed in. */
  #reading = false
  #draining = false
  #gone = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.key = options.key
    this.attempt = options.attempt
    this.carrier = options.carrier({
      read: input => this.#read(input),
      feed: input => this.feed(input),
      flushSoon: () => this.flushSoon(),
      paced: options.pace.out !== undefined,
      carry: (proved, observed) => this.#carry(proved, observed),
      displaced: () => options.events.displaced(this),
      gone: () => {
        this.#gone = true
        this.#intake?.stop()
        options.pace.turn.drop(this.#more)
        this.#driven.stop()
        options.onGone()
      },
    })
    this.link = this.carrier.link
    this.#driven = options.drive.run(this.link, output => this.#output(output))
    if (options.attempt !== undefined) this.#driven.feed({ kind: 'flush', buffered: 0 })
  }

  get dialled(): Address | undefined {
    return this.attempt?.address
  }

  feed(input: LinkInput): void {
    this.#driven.feed(input)
    this.flushSoon()
    if (this.link.held) this.#wait()
  }

  #read(input: LinkInput): void {
    const idle = this.#lineEmpty
    this.#reading = true
    try {
      this.#driven.feed(input)
    } finally {
      this.#reading = false
    }
    if (this.link.unitsIn !== this.#records) {
      this.#records = this.link.unitsIn
      if (this.link.open) this.#options.events.heard(this)
      this.#tellIdle()
    }
    // Credit, and bulk that credit lets go on, fill records better at the turn's end.
    if (idle && !this.#lineEmpty && this.#mayFlush) this.#flush()
    else this.flushSoon()
    if (this.link.held) this.#wait()
  }

  /** The turn has read its share: the rest is read in line with others (P15). */
  #wait(): void {
    this.carrier.hold(true)
    this.#options.pace.turn.hold(this.#more)
  }

  /** Does what membership wants of this link. */
  obey(order: LinkOrder): void {
    switch (order.kind) {
      case 'admit':
        return this.feed({ kind: 'admit', observed: observedAddress(this.carrier) })
      case 'refuse':
        return this.feed(order)
      case 'ping':
        return this.send(w => encodePing(w, order.nonce))
      case 'requestPeers':
        return this.send(encodeRequestPeers)
      case 'peers':
        return this.send(w => encodePeers(w, order.entries))
      case 'mesh':
        return this.send(w => encodeMesh(w, order.linked, order.known))
      case 'drain':
        return this.feed({ kind: 'drain' })
      case 'close':
        return this.feed({
          kind: 'close',
          code: order.code,
          error: new GuildError('GH_LINK_CLOSED', order.detail),
        })
    }
  }

  /** Queues a control frame. */
  send(encode: (w: ByteWriter) => void, droppable = false): void {
    this.link.send(encode, droppable)
    this.flushSoon()
  }

  /** Everything queued in this turn leaves together at its end; what a read made us say, with that read. */
  flushSoon(): void {
    if (!this.#reading && this.#mayFlush) this.#options.drive.defer(this.#flush)
  }

  /** No stream has bytes in line. */
  get #lineEmpty(): boolean {
    return this.streams === undefined || this.streams.buffered === 0
  }

  get #mayFlush(): boolean {
    if (this.#gone || this.carrier.blocked || !this.link.wantsFlush) return false
    return !this.#waiting || this.link.controlWaits
  }

  #tellIdle(): void {
    if (!this.#draining || this.streams!.size > 0) return
    this.#draining = false
    this.#options.events.idle(this)
  }

  #carry(proved: Proved, observed: Uint8Array | undefined): { streams: Streams; mesh: MeshFrames } {
    const { self, drive, events, pace } = this.#options
    this.proved = proved
    this.streams = new Streams({
      lower: compare(self.identity.publicKey, proved.hello.identityKey) < 0,
      remote: grantsOf(proved.hello.parameters),
      local: pace.grants,
      onHeld: pace.in && (() => this.#intake?.pull()),
      packets: this.carrier.transport === 'udp',
      now: () => drive.now(),
      rtt: () => this.link.rtt ?? events.rtt(this),
      onStream: stream => events.stream(this, stream),
      onFault: error => events.fault(error),
      wake: () => {
        this.link.streamsWaiting()
        this.flushSoon()
      },
    })
    if (pace.in !== undefined) this.#intake = new Intake(pace.in, drive, this.streams)
    if (observed !== undefined) events.accepted(this, proved, observed)
    return { streams: this.streams, mesh: events.mesh(this) }
  }

  #output(output: LinkOutput): void {
    const { events } = this.#options
    switch (output.kind) {
      case 'write':
      case 'end-carrier':
        return this.carrier.output(output)
      case 'proved':
        this.proved = output.proved
        return events.proved(this, output.proved)
      case 'refused':
        return events.refused(this, output.peerId, output.reason, output.entries)
      case 'pong':
        return events.pong(this, output.nonce)
      case 'drain':
        this.#draining = true
        return events.drain(this)
      case 'ended':
        this.streams?.close(output.end.error)
        return events.ended(this, output.end, output.stranger)
    }
  }
}
