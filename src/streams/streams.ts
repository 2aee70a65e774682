/**
 * All streams of one link: frames in, frames out, credit, turns.
 *
 *              StreamFrames                       FrameSource
 *   record ──▶ stream, resetStream … ─▶ halves ─▶ fill ──▶ record
 *                       │                  ▲
 *                handler.readable …   write, end, reset
 *
 * No machine with a queue of outputs: stream bytes go by direct call (see `base/machine.ts`),
 * and what is owed to the peer waits in the streams themselves until `fill` asks. `wake` is
 * called once when there is something to send; `fill` must then be called until it answers
 * false (see `outgoing.ts`).
 *
 * The lower PeerId opens even ids, each once and in their order (spec: STREAM-1, STREAM-2). Opening past the peer's MAX_STREAMS makes a stream that
 * waits, at most 1,024 of them. A stream leaves the table once both halves are done and
 * nothing is owed; a frame that comes later is ignored, and costs (spec: STREAM-9, FR-06). All refusals
 * that end the link are thrown as GuildErrors, before anything has changed.
 *
 * Page: protocol/streams.md · Floor: streams.
 */
import { concat, empty } from '../base/bytes.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { ByteReader } from '../base/reader.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { FrameSource, Manifest, StreamFrames } from '../wire/frames/index.ts'
import { streamCodes } from '../wire/registry.ts'
import { decodeStreamHeader, encodeStreamHeader, streamHeaderLength } from '../wire/stream-header.ts'
import { Budgets, budgets, hasHeader } from './budgets.ts'
import { defaultGrants, type Grants } from './grants.ts'
import { LinkCredit } from './link-credit.ts'
import { Outgoing } from './outgoing.ts'
import { PeerIds } from './peer-ids.ts'
import { marks, owed, Stream, type StreamHost } from './stream.ts'

export interface StreamsOptions {
  /** We hold the lower PeerId, and open even ids. */
  readonly lower: boolean
  /** What we granted in our HELLO; default: `wire/limits.ts`. */
  readonly local?: Partial<Grants>
  /** What the peer granted in its HELLO. */
  readonly remote?: Partial<Grants>
  /** Frames come in packets: in any order, and more than once. */
  readonly packets?: boolean
  /** Incoming bytes come at a rate: credit for the link waits for `allow`, and this tells that some does. */
  readonly onHeld?: (() => void) | undefined
  /** High mark of one stream's line, in bytes: from here on `write` answers false. */
  readonly highMark?: number
  /** A stream of the peer, its protocol known. */
  readonly onStream: (stream: Stream) => void
  /** Something waits to be sent: call `fill` soon, and until it answers false. */
  readonly wake: () => void
  readonly now: () => Millis
  /** The link's smoothed round trip; undefined before the first measure. */
  readonly rtt?: () => Millis | undefined
  /** A stream's handler threw. Its stream is reset already, and it is told nothing more. */
  readonly onFault?: (error: GuildError, stream: Stream) => void
}

export const defaults = {
  /** Streams opened past the peer's limit. */
  waiting: 1024,
  /** Until the first measure. A window that grows too early costs memory for active readers only. */
  rtt: 100,
  ...budgets,
} as const

export class Streams implements StreamFrames, FrameSource {
  readonly #options: StreamsOptions
  readonly #local: Grants
  readonly #remote: Grants
  readonly #host: StreamHost
  readonly #table = new Map<number, Stream>()
  readonly #credit: LinkCredit
  readonly #peer: PeerIds
  readonly #out: Outgoing
  readonly #budgets: Budgets
  /** Streams we opened, and how many we may. */
  #opened = 0
  #allowed: number
  #closed: GuildError | undefined

  constructor(options: StreamsOptions) {
    this.#options = options
    this.#local = { ...defaultGrants, ...options.local }
    this.#remote = { ...defaultGrants, ...options.remote }
    this.#credit = new LinkCredit(
      this.#local.linkWindow,
      this.#remote.linkWindow,
      options.onHeld !== undefined,
    )
    this.#peer = new PeerIds(this.#local.streams)
    this.#allowed = this.#remote.streams
    this.#budgets = new Budgets(this.#local.streams + defaults.waiting, options.now)
    this.#host = {
      buffered: 0,
      unacked: 0,
      sendable: stream => this.#out.sendable(stream),
      owes: stream => this.#out.owes(stream),
      consumed: (stream, bytes) => this.#consumed(stream, bytes),
      settle: stream => this.#settle(stream),
    }
    this.#out = new Outgoing({
      credit: this.#credit,
      peer: this.#peer,
      host: this.#host,
      wake: options.wake,
      writable: stream => this.#tell(stream, () => stream.handler?.writable()),
    })
  }

  /** Streams in the table: open, waiting, or with something left to say. */
  get size(): number {
    return this.#table.size
  }

  /** Bytes written and not yet in a frame, over all streams. */
  get buffered(): number {
    return this.#host.buffered
  }

  /** Bytes that were in packets and wait for their acknowledgement, over all streams; records have none. */
  get unacked(): number {
    return this.#host.unacked
  }

  /** Credit that waits for `allow`, in bytes; always 0 without `onHeld`. */
  get held(): number {
    return this.#credit.held
  }

  /** The rate lets so many more bytes come in. */
  allow(bytes: number): void {
    this.#credit.allow(bytes)
    if (this.#credit.due) this.#out.wake()
  }

  /** Bytes that arrived and wait for a reader, over all streams. */
  get unread(): number {
    return this.#credit.unread
  }

  /** A stream of ours. Its header leaves with its first data, or alone. */
  open(protocol: string): Stream {
    if (this.#closed !== undefined) throw this.#closed
    if (this.#opened >= this.#allowed + defaults.waiting)
      throw new GuildError('GH_STREAM_LIMIT', `${defaults.waiting} streams wait for the peer's leave`)
    const header = encodeStreamHeader(protocol)
    const stream = this.#make(2 * this.#opened + (this.#options.lower ? 0 : 1))
    stream.protocol = protocol
    stream.waiting = this.#opened >= this.#allowed
    this.#opened++
    this.#table.set(stream.id, stream)
    stream.write(header)
    return stream
  }

  /** The link is over: every stream in the table is told, in the order of opening. */
  close(error: GuildError = new GuildError('GH_LINK_CLOSED')): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    const streams = [...this.#table.values()]
    this.#table.clear()
    this.#out.close()
    this.#host.unacked = 0
    for (const stream of streams) {
      this.#out.drop(stream)
      this.#host.buffered -= stream.sending.lost()
    }
    for (const stream of streams) this.#tell(stream, () => stream.handler?.closed?.(error))
  }

  // Frames in. Each checks first and changes state last.

  stream(id: number, offset: number, data: Uint8Array, fin: boolean): void {
    if (this.#closed !== undefined) return
    const known = this.#table.get(id)
    const stream = known ?? this.#unknown(id)
    if (stream === undefined) {
      if (!this.#options.packets || data.length < defaults.paid)
        this.#budgets.cheap(`STREAM ${id} has finished`)
      return
    }
    const half = stream.receiving
    const fresh = half.check(offset, data.length, fin)
    this.#credit.check(fresh)
    if (data.length === 0 && (!fin || half.sizeKnown)) this.#budgets.cheap(`empty STREAM ${id}`)
    if (known === undefined) this.#admit(stream, !this.#options.packets && (offset > 0 || !hasHeader(data)))
    const before = half.consumed
    const more = half.accept(offset, data, fin)
    this.#credit.receive(fresh)
    this.#credit.consume(half.consumed - before)
    this.#credited()
    if (stream.protocol !== undefined) this.#tellReadable(stream, more)
    else if (!half.stopped) this.#readHeader(stream)
    this.#settle(stream)
  }

  resetStream(id: number, code: number, finalSize: number): void {
    if (this.#closed !== undefined) return
    const known = this.#table.get(id)
    const stream = known ?? this.#unknown(id)
    if (stream === undefined) return this.#budgets.cheap(`RESET_STREAM ${id} has finished`)
    const half = stream.receiving
    const fresh = half.checkReset(finalSize)
    this.#credit.check(fresh)
    if (half.finished || half.complete) return this.#budgets.cheap(`RESET_STREAM ${id} repeated`)
    if (known === undefined) this.#admit(stream, true)
    else if (!half.stopped) this.#chargeAbort(stream)
    const before = half.consumed
    half.reset(finalSize)
    this.#credit.receive(fresh)
    this.#credit.consume(half.consumed - before)
    this.#credited()
    // Without a header nobody here will ever answer on it, so our half ends too.
    if (stream.protocol === undefined) stream.reset(streamCodes.CANCELLED)
    else if (!half.stopped) this.#tell(stream, () => stream.handler?.reset(code))
    this.#settle(stream)
  }

  stopSending(id: number, code: number): void {
    if (this.#closed !== undefined) return
    const known = this.#table.get(id)
    const stream = known ?? this.#unknown(id)
    if (stream === undefined || !stream.sending.open)
      return this.#budgets.cheap(`STOP_SENDING ${id} came late`)
    if (known === undefined) this.#admit(stream, true)
    else this.#chargeAbort(stream)
    // After the end has left nobody here waits: what is on its way is just not sent again (spec: STREAM-15).
    const heard = stream.sending.live
    if (heard) stream.stoppedCode = code
    stream.reset(code)
    if (heard) this.#tell(stream, () => stream.handler?.stopped(code))
  }

  maxStreamData(id: number, maximum: number): void {
    if (this.#closed !== undefined) return
    const known = this.#table.get(id)
    const stream = known ?? this.#unknown(id)
    if (stream === undefined || maximum <= stream.sending.maximum)
      return this.#budgets.cheap(`MAX_STREAM_DATA ${id} grants nothing`)
    if (known === undefined) this.#admit(stream, true)
    stream.sending.credit(maximum)
    this.#out.sendable(stream)
  }

  maxData(maximum: number): void {
    if (this.#closed !== undefined) return
    if (!this.#credit.raise(maximum)) return this.#budgets.cheap('MAX_DATA grants nothing')
    this.#out.wake()
  }

  maxStreams(count: number): void {
    if (this.#closed !== undefined) return
    if (count <= this.#allowed) return this.#budgets.cheap('MAX_STREAMS grants nothing')
    const before = this.#allowed
    this.#allowed = count
    for (let number = before; number < Math.min(count, this.#opened); number++) {
      const stream = this.#table.get(2 * number + (this.#options.lower ? 0 : 1))!
      stream.waiting = false
      if (stream.owed !== 0) this.#out.owes(stream)
      this.#out.sendable(stream)
    }
  }

  /** Writes what fits. True when more is waiting and may be sent. */
  fill(w: ByteWriter, manifest?: Manifest): boolean {
    return this.#out.fill(w, manifest)
  }

  // What streams ask for.

  #consumed(stream: Stream, bytes: number): void {
    if (this.#closed !== undefined) return
    this.#credit.consume(bytes)
    const half = stream.receiving
    if (half.creditDue && (stream.owed & owed.CREDIT) === 0) {
      half.grow(this.#options.now(), this.#options.rtt?.() ?? defaults.rtt)
      this.#credit.grow(half.window)
      stream.owed |= owed.CREDIT
      this.#out.owes(stream)
    }
    this.#credited()
  }

  /** Bytes came or were read: credit may be due, or held back by a rate. */
  #credited(): void {
    if (this.#credit.due) this.#out.wake()
    if (this.#credit.held > 0) this.#options.onHeld?.()
  }

  #settle(stream: Stream): void {
    if (!stream.finished || !this.#table.delete(stream.id)) return
    this.#out.drop(stream)
    if (this.#ours(stream.id)) return
    this.#peer.finish()
    if (this.#peer.due) this.#out.wake()
  }

  // Streams of the peer.

  #ours(id: number): boolean {
    return (id % 2 === 0) === this.#options.lower
  }

  #make(id: number): Stream {
    const credit = {
      send: this.#remote.streamWindow,
      receive: this.#local.streamWindow,
      now: this.#options.now(),
    }
    return new Stream(id, this.#host, credit, this.#options.highMark ?? marks.stream)
  }

  /** A stream for an id outside the table, itself not yet in it; undefined when it has finished. */
  #unknown(id: number): Stream | undefined {
    const number = Math.floor(id / 2)
    if (this.#ours(id)) {
      if (number >= this.#opened) throw new GuildError('GH_LINK_PROTOCOL', `stream ${id} was never opened`)
      return undefined
    }
    return this.#peer.check(number) ? undefined : this.#make(id)
  }

  /** The last check and the first change: an honest opener sends its header in one piece. */
  #admit(stream: Stream, headless: boolean): void {
    if (headless) this.#chargeAbort(stream)
    this.#table.set(stream.id, stream)
    this.#peer.open(Math.floor(stream.id / 2))
  }

  #readHeader(stream: Stream): void {
    let header = stream.header ?? empty
    try {
      for (;;) {
        const length = streamHeaderLength(header) ?? header.length + 1
        if (header.length === length) break
        const piece = stream.read(length - header.length)
        if (piece === undefined) {
          stream.header = header
          if (stream.receiving.finished) this.#headless(stream)
          return
        }
        header = concat(header, piece)
      }
      stream.protocol = decodeStreamHeader(new ByteReader(header))
    } catch {
      return this.#headless(stream)
    }
    stream.header = undefined
    this.#tell(stream, () => this.#options.onStream(stream))
    if (stream.stoppedCode !== undefined)
      this.#tell(stream, () => stream.handler?.stopped(stream.stoppedCode!))
    this.#tellReadable(stream, stream.unread > 0)
  }

  #headless(stream: Stream): void {
    this.#chargeAbort(stream)
    stream.abort(streamCodes.PROTOCOL)
  }

  // Budgets, and what people's code may do wrong.

  #chargeAbort(stream: Stream): void {
    if (!this.#ours(stream.id)) this.#budgets.abort(stream)
  }

  #tellReadable(stream: Stream, more: boolean): void {
    if (stream.handler === undefined) return
    try {
      if (more) stream.handler.readable()
      stream.tellEnd()
    } catch (error) {
      this.#fault(stream, error)
    }
  }

  #tell(stream: Stream, what: () => void): void {
    try {
      what()
    } catch (error) {
      this.#fault(stream, error)
    }
  }

  #fault(stream: Stream, error: unknown): void {
    stream.handler = undefined
    stream.abort(streamCodes.INTERNAL)
    this.#options.onFault?.(asGuildError(error), stream)
  }
}
