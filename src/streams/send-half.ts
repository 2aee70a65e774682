/**
 * The sending half of a stream: bytes in line, credit, and how it ends.
 *
 *   ready ──data──▶ send ──fin──▶ dataSent ──delivered──▶ done
 *     └──────reset────┴────▶ resetSent ──delivered──▶ done        lost: any ─▶ done
 *
 * RFC 9000 §3.1, reduced. A record is delivered or the link is over, so `Streams` calls
 * `delivered` as soon as FIN or RESET_STREAM stands in a record. A carrier that loses calls
 * it on the acknowledgement; it then keeps what `fill` took until acknowledged (a range set
 * of lost offsets, filled from before new data) and lets `dataSent` be reset too. Nothing
 * above this file knows the difference.
 *
 * Once FIN has left, a reset says nothing any more: what was promised was sent (spec: FR-15).
 * Page: protocol/streams.md (spec: STREAM-8, STREAM-10) · Floor: streams.
 */
import { GuildError } from '../base/errors.ts'
import { next, type StateOf } from '../base/states.ts'
import { varintLength, writeVarint } from '../base/varint.ts'
import type { ByteWriter } from '../base/writer.ts'
import { encodeStreamHead, streamOverhead } from '../wire/frames/stream.ts'
import { BlockQueue } from './blocks.ts'

export const sending = {
  data: { ready: 'send', send: 'send' },
  fin: { ready: 'dataSent', send: 'dataSent' },
  reset: { ready: 'resetSent', send: 'resetSent' },
  delivered: { dataSent: 'done', resetSent: 'done' },
  lost: { ready: 'done', send: 'done', dataSent: 'done', resetSent: 'done', done: 'done' },
} as const

export type SendState = StateOf<typeof sending>

/** Reused: the queue copies it at once. */
const messageHead = new Uint8Array(8)

export class SendHalf {
  readonly #id: number
  readonly #queue = new BlockQueue()
  #state: SendState = 'ready'
  /** Bytes put into frames so far. */
  #offset = 0
  #maximum: number
  #ending = false
  /** The high mark a writer was turned away at; 0 when nobody waits. */
  #mark = 0

  constructor(id: number, maximum: number) {
    this.#id = id
    this.#maximum = maximum
  }

  get state(): SendState {
    return this.#state
  }

  get offset(): number {
    return this.#offset
  }

  /** The peer's credit: how far `offset` may go. */
  get maximum(): number {
    return this.#maximum
  }

  get buffered(): number {
    return this.#queue.bytes
  }

  /** Neither cut, nor over: bytes in line will be sent. */
  get live(): boolean {
    return this.#state === 'ready' || this.#state === 'send'
  }

  /** `end` was called. */
  get ending(): boolean {
    return this.#ending
  }

  /** Something could leave, as far as the stream's own credit goes. */
  get sendable(): boolean {
    if (!this.live) return false
    return this.#queue.bytes > 0 ? this.#offset < this.#maximum : this.#ending
  }

  /** Only the end is left to say, which needs no credit. */
  get finOnly(): boolean {
    return this.#ending && this.#queue.bytes === 0 && this.live
  }

  /** Puts a copy of the bytes in line. */
  push(bytes: Uint8Array): void {
    if (this.#ending) throw new GuildError('GH_STATE_EVENT', `write after end on stream ${this.#id}`)
    this.#queue.append(bytes)
  }

  /** Takes a copy of a message, its length before it; how many bytes that makes. */
  pushMessage(message: Uint8Array): number {
    const width = varintLength(message.length)
    writeVarint(messageHead, 0, message.length)
    this.#queue.append(messageHead, width)
    this.#queue.append(message)
    return width + message.length
  }

  /** Is there room below `mark`? A false is made good by `takeWritable`. */
  below(mark: number): boolean {
    if (this.#queue.bytes < mark) return true
    this.#mark = mark
    return false
  }

  end(): void {
    this.#ending = true
  }

  /** Gives up; how many bytes were dropped. RESET_STREAM is then owed with `offset` as final size. */
  reset(): number {
    this.#state = next(sending, this.#state, 'reset')
    return this.#queue.clear()
  }

  delivered(): void {
    this.#state = next(sending, this.#state, 'delivered')
  }

  /** The link is over. */
  lost(): number {
    this.#state = next(sending, this.#state, 'lost')
    return this.#queue.clear()
  }

  /** MAX_STREAM_DATA. One that grants less than before changes nothing (spec: FR-11). */
  credit(maximum: number): void {
    this.#maximum = Math.max(this.#maximum, maximum)
  }

  /** Writes one STREAM frame of at most `most` bytes; how many, or -1 when it does not fit. */
  fill(w: ByteWriter, most: number): number {
    const wanted = Math.min(most, this.#queue.bytes, this.#maximum - this.#offset)
    const room = w.room - streamOverhead(this.#id, this.#offset, Math.min(wanted, w.room))
    if (room < 0 || (room === 0 && wanted > 0)) return -1
    const length = Math.min(wanted, room)
    const fin = this.#ending && length === this.#queue.bytes
    if (length === 0 && !fin) return -1
    encodeStreamHead(w, this.#id, this.#offset, length, fin)
    for (let left = length; left > 0; ) {
      const piece = this.#queue.take(left)!
      w.raw(piece)
      left -= piece.length
    }
    this.#offset += length
    if (fin) this.#state = next(sending, this.#state, 'fin')
    else if (this.#state === 'ready') this.#state = next(sending, this.#state, 'data')
    return length
  }

  /** True once after a writer was turned away and the line fell to half the mark. */
  takeWritable(): boolean {
    if (this.#mark === 0 || this.#queue.bytes > this.#mark / 2) return false
    this.#mark = 0
    return this.live && !this.#ending
  }
}
