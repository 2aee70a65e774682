/**
 * The sending half of a stream: bytes in line, credit, and how it ends.
 *
 *   ready ──data──▶ send ──fin──▶ dataSent ──delivered──▶ done
 *     └──────reset────┴──reset────────┴──▶ resetSent ──delivered──▶ done     lost: any ─▶ done
 *
 * RFC 9000 §3.1, reduced. Over records `Outgoing` says `acked` in the call that filled a frame,
 * for a record is delivered or the link is over. A carrier that loses says it on the
 * acknowledgement; until then what `fill` took is kept, and what was lost leaves before new
 * bytes and without new credit. Delivered is a half when every byte and FIN are, or RESET_STREAM.
 * Nothing above `Outgoing` knows the difference.
 *
 * Once FIN was delivered, a reset says nothing any more: what was promised was sent (spec: FR-15).
 * Page: protocol/streams.md (spec: STREAM-8, STREAM-10, STREAM-13) · Floor: streams.
 */
import { GuildError } from '../base/errors.ts'
import { SendBuffer } from '../base/send-buffer.ts'
import { next, type StateOf } from '../base/states.ts'
import { varintLength, writeVarint } from '../base/varint.ts'
import type { ByteWriter } from '../base/writer.ts'
import { encodeStreamHead, streamOverhead } from '../wire/frames/stream.ts'

export const sending = {
  data: { ready: 'send', send: 'send' },
  fin: { ready: 'dataSent', send: 'dataSent' },
  reset: { ready: 'resetSent', send: 'resetSent', dataSent: 'resetSent' },
  delivered: { dataSent: 'done', resetSent: 'done' },
  lost: { ready: 'done', send: 'done', dataSent: 'done', resetSent: 'done', done: 'done' },
} as const

export type SendState = StateOf<typeof sending>

/** Reused: the buffer copies it at once. */
const messageHead = new Uint8Array(8)

export class SendHalf {
  readonly #id: number
  readonly #buffer = new SendBuffer()
  #state: SendState = 'ready'
  #maximum: number
  #ending = false
  #finAcked = false
  #finLost = false
  /** The high mark a writer was turned away at; 0 when nobody waits. */
  #mark = 0
  /** What the frame that `fill` wrote last carries. */
  filledFrom = 0
  filled = 0
  filledFin = false

  constructor(id: number, maximum: number) {
    this.#id = id
    this.#maximum = maximum
  }

  get state(): SendState {
    return this.#state
  }

  /** Bytes put into frames so far, each counted once. */
  get offset(): number {
    return this.#buffer.next
  }

  /** The peer's credit: how far `offset` may go. */
  get maximum(): number {
    return this.#maximum
  }

  /** Bytes in line, in no frame yet. */
  get buffered(): number {
    return this.#buffer.bytes
  }

  /** Bytes that were in frames and are kept for their acknowledgement. */
  get unacked(): number {
    return this.#buffer.unacked
  }

  /** Neither cut, nor over: bytes in line will be sent. */
  get live(): boolean {
    return this.#state === 'ready' || this.#state === 'send'
  }

  /** A reset still says something: not all has been delivered. */
  get open(): boolean {
    return this.live || this.#state === 'dataSent'
  }

  /** `end` was called. */
  get ending(): boolean {
    return this.#ending
  }

  /** Something could leave, as far as the stream's own credit goes. */
  get sendable(): boolean {
    if (this.again) return true
    if (!this.live) return false
    return this.#buffer.bytes > 0 ? this.offset < this.#maximum : this.#ending
  }

  /** Something that was lost is to be sent again, which needs no credit. */
  get again(): boolean {
    return this.#finLost || this.#buffer.lostFrom !== undefined
  }

  /** Only the end is left to say, which needs no credit. */
  get finOnly(): boolean {
    return this.#ending && this.#buffer.bytes === 0 && this.live
  }

  /** Puts a copy of the bytes in line, or themselves, where they are `lent`. */
  push(bytes: Uint8Array, lent = false): void {
    if (this.#ending) throw new GuildError('GH_STATE_EVENT', `write after end on stream ${this.#id}`)
    if (lent) this.#buffer.lend(bytes)
    else this.#buffer.append(bytes)
  }

  /** Takes a copy of a message, its length before it; how many bytes that makes. */
  pushMessage(message: Uint8Array): number {
    const width = varintLength(message.length)
    writeVarint(messageHead, 0, message.length)
    this.#buffer.append(messageHead, width)
    this.#buffer.append(message)
    return width + message.length
  }

  /** Is there room below `mark`? A false is made good by `takeWritable`. */
  below(mark: number): boolean {
    if (this.#buffer.bytes < mark) return true
    this.#mark = mark
    return false
  }

  end(): void {
    this.#ending = true
  }

  /** Gives up; how many bytes of the line were dropped. RESET_STREAM is then owed with `offset` as final size. */
  reset(): number {
    this.#state = next(sending, this.#state, 'reset')
    return this.#drop()
  }

  /** RESET_STREAM arrived. */
  delivered(): void {
    this.#state = next(sending, this.#state, 'delivered')
  }

  /** The link is over. */
  lost(): number {
    this.#state = next(sending, this.#state, 'lost')
    return this.#drop()
  }

  /** MAX_STREAM_DATA. One that grants less than before changes nothing (spec: FR-11). */
  credit(maximum: number): void {
    this.#maximum = Math.max(this.#maximum, maximum)
  }

  /** A frame arrived that carried these bytes. After a reset it says nothing. */
  acked(offset: number, length: number, fin: boolean): void {
    if (!this.open) return
    this.#buffer.acked(offset, length)
    if (fin) {
      this.#finAcked = true
      this.#finLost = false
    }
    if (this.#finAcked && this.#buffer.unacked === 0) this.#state = next(sending, this.#state, 'delivered')
  }

  /** A frame with these bytes did not arrive: they are to be sent again, unless they came another way. */
  bytesLost(offset: number, length: number, fin: boolean): void {
    if (!this.open) return
    this.#buffer.lost(offset, length)
    if (fin && !this.#finAcked) this.#finLost = true
  }

  /**
   * Writes one STREAM frame of at most `most` new bytes, or of lost ones whatever `most` is;
   * how many are new, or -1 when it does not fit. `filled…` then say what is in it.
   */
  fill(w: ByteWriter, most: number): number {
    const buffer = this.#buffer
    const lost = this.again
    const from = buffer.lostFrom ?? buffer.next
    const wanted = lost ? buffer.lostLength : Math.min(most, buffer.bytes, this.#maximum - from)
    const room = w.room - streamOverhead(this.#id, from, Math.min(wanted, w.room))
    if (room < 0 || (room === 0 && wanted > 0)) return -1
    const length = Math.min(wanted, room)
    const end = from + length
    const fin = this.#ending && end === buffer.next + buffer.bytes
    if (length === 0 && !fin) return -1
    encodeStreamHead(w, this.#id, from, length, fin)
    if (lost) {
      if (length > 0) buffer.takeLost(w, length)
      if (fin) this.#finLost = false
    } else buffer.takeNew(w, length)
    if (this.live) {
      if (fin) this.#state = next(sending, this.#state, 'fin')
      else if (this.#state === 'ready') this.#state = next(sending, this.#state, 'data')
    }
    this.filledFrom = from
    this.filled = length
    this.filledFin = fin
    return lost ? 0 : length
  }

  /** True once after a writer was turned away and the line fell to half the mark. */
  takeWritable(): boolean {
    if (this.#mark === 0 || this.#buffer.bytes > this.#mark / 2) return false
    this.#mark = 0
    return this.live && !this.#ending
  }

  #drop(): number {
    this.#finLost = false
    return this.#buffer.clear()
  }
}
