/**
 * One authenticated connection to one peer over ordered bytes.
 *
 *   bytes ─▶ units ─▶ handshake, then records ─▶ frames ─▶ link core, streams, mesh
 *   write ◀─ records ◀─ control frames, then streams ◀─ flush
 *
 * What is to be sent is written at `flush`, once a turn of the event loop, so that all frames of the
 * turn share a record and a system call. At most `unsent` bytes are sealed ahead of the socket, so
 * that a PING never waits behind bulk. Control frames go first.
 *
 * Page: protocol/framing.md, protocol/handshake.md · Floor: link.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { BoundedQueue } from '../base/queue.ts'
import { ByteReader } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { encodeClose } from '../wire/frames/admission.ts'
import { encodeDatagram } from '../wire/frames/datagram.ts'
import { readFrame } from '../wire/frames/index.ts'
import { limits } from '../wire/limits.ts'
import type { CloseCode } from '../wire/registry.ts'
import type { Proved } from './handshake.ts'
import { Initiator } from './initiator.ts'
import { LinkCore } from './link-core.ts'
import { errorOfCarrier } from './link-end.ts'
import { defaults, type LinkInput, type LinkOptions } from './link-io.ts'
import { misplacedRekey, RecordReceiver, RecordSender } from './records.ts'
import { Responder } from './responder.ts'
import { frameUnit, UnitReader } from './units.ts'

export class Link extends LinkCore {
  #handshake: Initiator | Responder | undefined // gone, with its keys, once it gave those of the link
  readonly #units = new UnitReader(limits.handshakeMessage)
  readonly #control = new BoundedQueue<Uint8Array>(defaults.controlFrames, 'refuse')
  readonly #startedAt: Millis
  readonly #plaintext: ByteWriter
  #sender: RecordSender | undefined
  #receiver: RecordReceiver | undefined
  #rekeySeen = false
  /** The record whose frames are being read, as far as they are. */
  #record: ByteReader | undefined

  constructor(options: LinkOptions, now: Millis) {
    super(options, now)
    this.#plaintext = options.plaintext ?? new ByteWriter(new Uint8Array(limits.recordPlaintext))
    this.#startedAt = now
    if (options.dial === undefined) {
      this.#handshake = new Responder(options.self)
      this.timeout = now + defaults.message1Timeout
    } else {
      const initiator = new Initiator({ self: options.self, ...options.dial })
      this.#handshake = initiator
      this.timeout = now + (options.dial.timeout ?? defaults.handshakeTimeout)
      this.#write([frameUnit(initiator.begin(now))])
      this.stage = initiator.stage
    }
  }

  get controlWaits(): boolean {
    return this.#sender !== undefined && this.#control.length > 0
  }

  get wantsFlush(): boolean {
    return this.#sender !== undefined && (this.#control.length > 0 || this.moreToSend)
  }

  protected get crowded(): boolean {
    return this.#control.length >= defaults.droppableFrames
  }

  protected get peerId(): string | undefined {
    return this.#handshake instanceof Initiator ? this.#handshake.peerId : this.proven?.peerId
  }

  protected take(input: LinkInput, now: Millis): void {
    switch (input.kind) {
      case 'bytes':
        this.bytesIn += input.bytes.length
        if (this.state === 'closing') return
        this.#units.give(input.bytes)
        return this.#readUnits(now)
      case 'more':
        if (this.held) this.#readUnits(now)
        return
      case 'flush':
        return this.#flush(input.buffered, now, input.allowance)
      case 'tick':
        if (this.timeout !== undefined && now >= this.timeout) this.#expire()
        return
      case 'carrier-closed':
        return this.#carrierClosed(input.error)
      case 'admit':
        this.command(input)
        return this.#readUnits(now)
      default:
        this.command(input)
    }
  }

  // Units in

  #readUnits(now: Millis): void {
    this.held = false
    if (this.#record !== undefined) this.#readFrames(this.#record, now)
    while (!this.held && this.state !== 'proved' && !this.#over) {
      const most = this.#receiver === undefined ? defaults.heldUnproved : Number.POSITIVE_INFINITY
      this.held = this.#units.left > 0 && this.#units.left <= most && this.#enough
      const unit = this.held ? undefined : this.#units.next()
      if (unit === undefined) break
      if (this.#receiver === undefined) this.#handshakeUnit(unit, now)
      else {
        const frames = this.#receiver.open(unit) // or throws, and no frame of it is read (spec: FRAME-5)
        this.unitsIn++
        this.#readFrames(new ByteReader(frames), now)
      }
    }
    this.#units.settle()
  }

  get #over(): boolean {
    return this.state === 'closing' || this.state === 'closed'
  }

  get #enough(): boolean {
    return this.options.enough?.() === true
  }

  #handshakeUnit(unit: Uint8Array, now: Millis): void {
    const handshake = this.#handshake
    if (handshake instanceof Initiator) {
      const { send, proved } = handshake.unit(unit, now)
      this.#write([frameUnit(send)])
      this.stage = handshake.stage
      if (proved === undefined) return
      this.#keys(proved, now)
      this.state = 'awaiting'
      return
    }
    const { send, proved, end } = handshake!.unit(unit, now)
    if (send !== undefined) this.#write([frameUnit(send)])
    if (end !== undefined) return this.end('handshake', end)
    this.timeout = this.#startedAt + defaults.handshakeTimeout
    this.stage = 'message 2'
    if (proved === undefined) return
    this.stage = 'message 3'
    this.#keys(proved, now)
    this.state = 'proved'
    this.outputs.push({ kind: 'proved', proved })
  }

  #keys(proved: Proved, now: Millis): void {
    this.#handshake = undefined
    this.proven = proved
    this.#sender = new RecordSender(proved.send, now)
    this.#receiver = new RecordReceiver(proved.receive)
    this.#units.maximum = limits.record
  }

  #readFrames(r: ByteReader, now: Millis): void {
    this.#record = r
    for (let frames = 1; r.remaining > 0; frames++) {
      if (this.#rekeySeen) throw misplacedRekey()
      this.charge(r.bytes[r.offset], now)
      readFrame(r, this.sink)
      if (this.#over) return
      this.held = frames % defaults.framesAtOnce === 0 && r.remaining > 0 && this.#enough
      if (this.held) return
    }
    this.#record = undefined
    if (this.#rekeySeen) this.#receiver!.rekey()
    this.#rekeySeen = false
  }

  rekey(): void {
    this.#rekeySeen = true
  }

  // Records out

  protected enqueue(frame: Uint8Array): boolean {
    return this.#control.push(frame)
  }

  protected putDatagram(bytes: Uint8Array): void {
    this.send(w => encodeDatagram(w, bytes), true)
  }

  #flush(buffered: number, now: Millis, allowance: number = Number.POSITIVE_INFINITY): void {
    const sender = this.#sender
    if (sender === undefined || this.state === 'closed') return
    const room = RecordSender.room(this.proven!.maxRecord) // spec: FRAME-8
    const chunks: Uint8Array[] = []
    let unsent = buffered
    let left = allowance
    while (unsent < defaults.unsent && this.wantsFlush) {
      const w = this.#plaintext.reset()
      w.limit = room
      while (this.#control.length > 0 && this.#control.peek()!.length <= w.room) w.raw(this.#control.shift()!)
      if (this.carried === undefined || this.state !== 'open') this.moreToSend = false
      else if (left > 0) {
        w.limit = Math.min(room, w.length + Math.max(left, defaults.leastShaped))
        this.moreToSend = this.carried.streams.fill(w)
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
    this.outputs.push({ kind: 'write', chunks })
  }

  // Ends

  #expire(): void {
    if (this.state === 'closing') return this.end('local', new GuildError('GH_LINK_CLOSED'), true)
    this.fail(new GuildError('GH_HANDSHAKE_TIMEOUT', `after ${this.stage}`))
  }

  #carrierClosed(error: Error | undefined): void {
    if (this.state === 'closing') return // until it has closed, or the deadline cuts it
    const by = this.state === 'open' ? 'transport' : 'handshake'
    this.end(by, errorOfCarrier(this.stage, this.#handshake instanceof Initiator, error))
  }

  protected sayClose(code: CloseCode): boolean {
    if (this.#sender === undefined) return false
    this.queue(w => encodeClose(w, code, '')) // spec: CLOSE-1
    this.state = 'closing'
    this.#flush(0, this.now)
    return true
  }

  protected endCarrier(abruptly: boolean, latest: Millis): void {
    this.outputs.push({ kind: 'end-carrier', abruptly })
    if (!abruptly) this.timeout = Math.min(latest, this.now + defaults.closeLinger)
  }
}
