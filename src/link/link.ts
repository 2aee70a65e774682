/**
 * One authenticated connection to one peer over ordered bytes.
 *
 *   handshake ─▶ proved ─▶ open ─▶ closing ─▶ closed        the responder
 *   handshake ─▶ awaiting ─▶ open ─▶ …                      the initiator, until ACCEPTED
 *
 * Bytes come in by `handle`, whole frames go out by direct call to the layers above;
 * what is to be sent is written at `flush`, once a turn of the event loop, so that all
 * frames of the turn share a record and a system call. At most `unsent` bytes are sealed
 * ahead of the socket, so that a PING never waits behind bulk. Control frames go first.
 *
 * Refuses: any frame before ACCEPTED or REFUSED (initiator), cheap frames beyond a
 * budget (FR-04), a peer that does not read what it asked for.
 *
 * Page: protocol/framing.md, protocol/handshake.md · Floor: link.
 */
import { Budget } from '../base/budget.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Machine, Millis } from '../base/machine.ts'
import { BoundedQueue } from '../base/queue.ts'
import { ByteReader } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { encodeAccepted, encodeClose, encodeDrain, encodeRefused } from '../wire/frames/admission.ts'
import { type FrameSink, type LinkFrames, readFrame } from '../wire/frames/index.ts'
import { encodePeers, type PeerEntry } from '../wire/frames/peers.ts'
import { encodePong } from '../wire/frames/ping.ts'
import { limits } from '../wire/limits.ts'
import { type CloseCode, closeCodes, frameTypes, type Refusal } from '../wire/registry.ts'
import { beforeOpen } from './before-open.ts'
import type { Proved, Stage } from './handshake.ts'
import { Initiator, notOurs } from './initiator.ts'
import { closeCodeOf, errorOfCarrier, errorOfCloseCode, errorOfRefusal, type LinkEnd } from './link-end.ts'
import { type Carried, defaults, type LinkInput, type LinkOptions, type LinkOutput } from './link-io.ts'
import { misplacedRekey, RecordReceiver, RecordSender } from './records.ts'
import { Responder } from './responder.ts'
import { frameUnit, UnitReader } from './units.ts'

type State = 'handshake' | 'proved' | 'awaiting' | 'refused' | 'open' | 'closing' | 'closed'

export class Link implements Machine<LinkInput, LinkOutput>, LinkFrames {
  bytesIn = 0
  /** Records that opened. */
  recordsIn = 0
  bytesOut = 0
  /** Chat frames this peer was too slow for. */
  dropped = 0
  /** Its end was told. */
  ended = false
  /** Bytes wait for `more`: give no others before. */
  held = false
  readonly #options: LinkOptions
  #handshake: Initiator | Responder | undefined // gone, with its keys, once it gave those of the link
  readonly #units = new UnitReader(limits.handshakeMessage)
  readonly #control = new BoundedQueue<Uint8Array>(defaults.controlFrames, 'refuse')
  readonly #outputs: LinkOutput[] = []
  readonly #startedAt: Millis
  readonly #cheap: Budget
  readonly #plaintext: ByteWriter
  #state: State = 'handshake'
  #stage: Stage = 'connected'
  #deadline: Millis | undefined
  #proved: Proved | undefined
  #sender: RecordSender | undefined
  #receiver: RecordReceiver | undefined
  #sink: FrameSink
  #carried: Carried | undefined
  #refusal: { reason: Refusal; detail: string; entries: readonly PeerEntry[] } | undefined
  #closeCode: number | undefined
  #rekeySeen = false
  /** The record whose frames are being read, as far as they are. */
  #record: ByteReader | undefined
  #moreToSend = false
  #now: Millis

  constructor(options: LinkOptions, now: Millis) {
    this.#options = options
    this.#plaintext = options.plaintext ?? new ByteWriter(new Uint8Array(limits.recordPlaintext))
    this.#startedAt = now
    this.#now = now
    this.#sink = beforeOpen(this, entries => {
      if (this.#refusal === undefined) throw new GuildError('GH_LINK_PROTOCOL', 'PEERS came before ACCEPTED')
      this.#refusal.entries = entries
    })
    this.#cheap = new Budget(defaults.cheapPerSecond, defaults.cheapBurst, now)
    if (options.dial === undefined) {
      this.#handshake = new Responder(options.self)
      this.#deadline = now + defaults.message1Timeout
    } else {
      const initiator = new Initiator({ self: options.self, ...options.dial })
      this.#handshake = initiator
      this.#deadline = now + (options.dial.timeout ?? defaults.handshakeTimeout)
      this.#write([frameUnit(initiator.begin(now))])
      this.#stage = initiator.stage
    }
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  /** Control frames wait: they leave whatever the rate of the streams. */
  get controlWaits(): boolean {
    return this.#sender !== undefined && this.#control.length > 0
  }

  /** Is there anything a `flush` would send? */
  get wantsFlush(): boolean {
    return this.#sender !== undefined && (this.#control.length > 0 || this.#moreToSend)
  }

  /** The layer above has frames for `fill`. */
  streamsWaiting(): void {
    this.#moreToSend = true
  }

  /** Queues one control frame. A droppable one (chat) gives way when the peer reads slowly. */
  send(encode: (w: ByteWriter) => void, droppable = false): void {
    if (this.#state !== 'open') return
    if (droppable && this.#control.length >= defaults.droppableFrames) {
      this.dropped++
      return
    }
    this.#queue(encode)
  }

  handle(input: LinkInput, now: Millis): void {
    if (this.#state === 'closed') return
    this.#now = now
    try {
      this.#take(input, now)
    } catch (error) {
      this.#fail(asGuildError(error))
    }
  }

  poll(): LinkOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.#deadline
  }

  #take(input: LinkInput, now: Millis): void {
    switch (input.kind) {
      case 'bytes':
        this.bytesIn += input.bytes.length
        if (this.#state === 'closing') return
        this.#units.give(input.bytes)
        return this.#readUnits(now)
      case 'more':
        if (this.held) this.#readUnits(now)
        return
      case 'flush':
        return this.#flush(input.buffered, now, input.allowance)
      case 'tick':
        if (this.#deadline !== undefined && now >= this.#deadline) this.#expire()
        return
      case 'carrier-closed':
        return this.#carrierClosed(input.error)
      case 'admit':
        if (this.#state !== 'proved') return
        this.#enterOpen()
        this.#queue(w => encodeAccepted(w, input.observed))
        return this.#readUnits(now)
      case 'refuse':
        if (this.#state !== 'proved') return
        this.#queue(w => encodeRefused(w, input.reason, input.detail))
        this.#queue(w => encodePeers(w, input.entries))
        return this.#close(closeCodes.DISCONNECTED, errorOfRefusal(input.reason, input.detail), 'local')
      case 'drain':
        return this.send(encodeDrain)
      case 'close':
        if (this.#state === 'closing') return
        return this.#close(input.code, input.error, 'local')
    }
  }

  // Handshake

  #readUnits(now: Millis): void {
    this.held = false
    if (this.#record !== undefined) this.#readFrames(this.#record, now)
    while (!this.held && this.#state !== 'proved' && this.#state !== 'closing' && this.#state !== 'closed') {
      const most = this.#receiver === undefined ? defaults.heldUnproved : Number.POSITIVE_INFINITY
      this.held = this.#units.left > 0 && this.#units.left <= most && this.#options.enough?.() === true
      const unit = this.held ? undefined : this.#units.next()
      if (unit === undefined) break
      if (this.#receiver === undefined) this.#handshakeUnit(unit, now)
      else {
        const frames = this.#receiver.open(unit) // or throws, and no frame of it is read (spec: FRAME-5)
        this.recordsIn++
        this.#readFrames(new ByteReader(frames), now)
      }
    }
    this.#units.settle()
  }

  #handshakeUnit(unit: Uint8Array, now: Millis): void {
    const handshake = this.#handshake
    if (handshake instanceof Initiator) {
      const { send, proved } = handshake.unit(unit, now)
      this.#write([frameUnit(send)])
      this.#stage = handshake.stage
      if (proved === undefined) return
      this.#keys(proved, now)
      this.#state = 'awaiting'
      return
    }
    const { send, proved, end } = handshake!.unit(unit, now)
    if (send !== undefined) this.#write([frameUnit(send)])
    if (end !== undefined) return this.#end('handshake', end)
    this.#deadline = this.#startedAt + defaults.handshakeTimeout
    this.#stage = 'message 2'
    if (proved === undefined) return
    this.#stage = 'message 3'
    this.#keys(proved, now)
    this.#state = 'proved'
    this.#outputs.push({ kind: 'proved', proved })
  }

  #keys(proved: Proved, now: Millis): void {
    this.#handshake = undefined
    this.#proved = proved
    this.#sender = new RecordSender(proved.send, now)
    this.#receiver = new RecordReceiver(proved.receive)
    this.#units.maximum = limits.record
  }

  #enterOpen(observed?: Uint8Array): void {
    this.#state = 'open'
    this.#stage = 'open'
    this.#deadline = undefined
    const carried = this.#options.carry(this.#proved!, observed)
    this.#carried = carried
    this.#sink = { link: this, streams: carried.streams, mesh: carried.mesh }
  }

  // Frames in

  #readFrames(r: ByteReader, now: Millis): void {
    this.#record = r
    for (let frames = 1; r.remaining > 0; frames++) {
      if (this.#rekeySeen) throw misplacedRekey()
      const type = r.bytes[r.offset]
      // Data pays with flow control; every other frame is cheap to send and pays here (spec: TYPE-5).
      const data = type === frameTypes.STREAM.type || type === frameTypes.STREAM_FIN.type
      if (!data && !this.#cheap.spend(1, now)) throw new GuildError('GH_LINK_BUDGET')
      readFrame(r, this.#sink)
      if (this.#state === 'closing' || this.#state === 'closed') return
      const look = frames % defaults.framesAtOnce === 0 && r.remaining > 0
      this.held = look && this.#options.enough?.() === true
      if (this.held) return
    }
    this.#record = undefined
    if (this.#rekeySeen) this.#receiver!.rekey()
    this.#rekeySeen = false
  }

  padding(): void {}
  ignored(_type: number, _length: number): void {}

  ping(nonce: Uint8Array): void {
    const echo = nonce.slice()
    this.#queue(w => encodePong(w, echo)) // spec: PING-1
  }

  pong(nonce: Uint8Array): void {
    this.#outputs.push({ kind: 'pong', nonce: nonce.slice() })
  }

  accepted(observed: Uint8Array): void {
    if (this.#state !== 'awaiting') throw new GuildError('GH_LINK_PROTOCOL', 'ACCEPTED in an open link')
    this.#enterOpen(observed.slice())
  }

  refused(reason: Refusal, detail: string): void {
    if (this.#state !== 'awaiting') throw new GuildError('GH_LINK_PROTOCOL', 'REFUSED in an open link')
    this.#state = 'refused'
    this.#refusal = { reason, detail, entries: [] }
  }

  drain(): void {
    this.#outputs.push({ kind: 'drain' })
  }

  close(code: number, detail: string): void {
    const refusal = this.#refusal
    if (refusal !== undefined) {
      this.#outputs.push({
        kind: 'refused',
        peerId: this.#proved!.peerId,
        reason: refusal.reason,
        entries: refusal.entries,
      })
      return this.#end('remote', errorOfRefusal(refusal.reason, refusal.detail))
    }
    this.#closeCode = code
    this.#end('remote', errorOfCloseCode(code, detail))
  }

  rekey(): void {
    this.#rekeySeen = true
  }

  datagram(bytes: Uint8Array): void {
    this.#carried!.datagram?.(bytes)
  }

  // Frames out

  #queue(encode: (w: ByteWriter) => void): void {
    const w = new ByteWriter(64)
    encode(w)
    if (w.length > RecordSender.room(limits.recordLeast))
      throw new GuildError('GH_INTERNAL', `a control frame of ${w.length} bytes`)
    if (!this.#control.push(w.view()))
      throw new GuildError('GH_LINK_BUDGET', 'the peer does not read its answers')
  }

  #flush(buffered: number, now: Millis, allowance: number = Number.POSITIVE_INFINITY): void {
    const sender = this.#sender
    if (sender === undefined || this.#state === 'closed') return
    const room = RecordSender.room(this.#proved!.maxRecord) // spec: FRAME-8
    const chunks: Uint8Array[] = []
    let unsent = buffered
    let left = allowance
    while (unsent < defaults.unsent && this.wantsFlush) {
      const w = this.#plaintext.reset()
      w.limit = room
      while (this.#control.length > 0 && this.#control.peek()!.length <= w.room) w.raw(this.#control.shift()!)
      if (this.#carried === undefined || this.#state !== 'open') this.#moreToSend = false
      else if (left > 0) {
        w.limit = Math.min(room, w.length + Math.max(left, defaults.leastShaped))
        this.#moreToSend = this.#carried.streams.fill(w)
      }
      if (w.length === 0) break
      const size = sender.seal(w, chunks, now)
      unsent += size
      left -= size
    }
    if (chunks.length > 0) this.#write(chunks)
  }

  #write(chunks: readonly Uint8Array[]): void {
    for (const chunk of chunks) this.bytesOut += chunk.length
    this.#outputs.push({ kind: 'write', chunks })
  }

  // Ends

  #expire(): void {
    if (this.#state === 'closing') return this.#end('local', new GuildError('GH_LINK_CLOSED'), true)
    this.#fail(new GuildError('GH_HANDSHAKE_TIMEOUT', `after ${this.#stage}`))
  }

  #carrierClosed(error: Error | undefined): void {
    if (this.#state === 'closing') return // until it has closed, or the deadline cuts it
    const dialled = this.#handshake instanceof Initiator
    this.#end(this.#state === 'open' ? 'transport' : 'handshake', errorOfCarrier(this.#stage, dialled, error))
  }

  /** The peer made a mistake, or we did. Once open it is told the kind, never the details. */
  #fail(error: GuildError): void {
    if (this.#state === 'open' || this.#state === 'proved') {
      return this.#close(closeCodeOf(error), error, error.code === 'GH_INTERNAL' ? 'local' : 'protocol')
    }
    // Before message 2 nothing is proved: whoever it is gets no byte, and is counted.
    const stranger = this.#handshake instanceof Responder && this.#stage === 'connected'
    const noise = error.code === 'GH_WIRE_LENGTH' && this.#stage === 'message 1'
    this.#end('handshake', noise ? notOurs(error.message) : error, stranger, stranger)
  }

  #close(code: CloseCode, error: GuildError, by: LinkEnd['by']): void {
    if (this.#sender === undefined) return this.#end(by, error, true, false)
    this.#closeCode = code
    try {
      this.#queue(w => encodeClose(w, code, '')) // spec: CLOSE-1
      this.#state = 'closing'
      this.#flush(0, this.#now)
    } catch {
      return this.#end(by, error, true, false)
    }
    this.#end(by, error)
  }

  #end(by: LinkEnd['by'], error: GuildError, abruptly = false, stranger = false): void {
    this.held = false // and what was, is not read any more
    this.#outputs.push({ kind: 'end-carrier', abruptly })
    if (!this.ended) {
      this.ended = true
      const peerId = this.#handshake instanceof Initiator ? this.#handshake.peerId : this.#proved?.peerId
      const [stage, closeCode] = [this.#stage, this.#closeCode]
      this.#outputs.push({ kind: 'ended', end: { by, error, stage, closeCode, peerId }, stranger })
    }
    this.#state = abruptly ? 'closed' : 'closing'
    // A handshake that failed has no longer to close than it had to succeed (P3).
    const latest = (by === 'handshake' && this.#deadline) || Number.POSITIVE_INFINITY
    this.#deadline = abruptly ? undefined : Math.min(latest, this.#now + defaults.closeLinger)
  }
}
