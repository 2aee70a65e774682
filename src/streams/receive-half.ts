/**
 * The receiving half of a stream: order, credit, and the one final size.
 *
 *   recv ──fin──▶ sizeKnown ──all──▶ dataReceived ──read──▶ dataRead
 *    └───reset───────┴──▶ resetRead             (stopped: sizeKnown ─▶ dataRead at once)
 *
 *   offset  0          consumed        contiguous          highest        granted
 *           |── read ──|── in line ────|── pieces, gaps ───|── credit ────|
 *
 * `check` judges a frame and changes nothing; `accept` then takes it. Records arrive in
 * order and take the short way into the line. What packets bring early, twice or overlapping
 * goes through a `Reassembly`. A reset drops what nobody has read yet; after all data has come
 * it says nothing any more (spec: FR-15).
 *
 * The window doubles when a reader empties one within two round trips: half of one, after
 * which credit is sent, within one. A tiny round trip is taken as 5 ms, since the
 * event loops at both ends are part of it. It doubles as well when half of it stood behind a gap: on a path
 * that loses much a piece may be on its way three times, and the sender goes on meanwhile.
 *
 * Refuses: bytes past the credit, past the end, two ends, too many gaps (spec: STREAM-6,
 * STREAM-7; faults FR-09, FR-10).
 * Page: protocol/streams.md · Floor: streams.
 */
import { copy } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { pageSize, Reassembly } from '../base/reassembly.ts'
import { next, type StateOf } from '../base/states.ts'
import { limits } from '../wire/limits.ts'
import { ChunkQueue } from './chunks.ts'

export const receiving = {
  fin: { recv: 'sizeKnown' },
  all: { sizeKnown: 'dataReceived' },
  read: { dataReceived: 'dataRead' },
  stopped: { sizeKnown: 'dataRead', dataReceived: 'dataRead' },
  reset: { recv: 'resetRead', sizeKnown: 'resetRead' },
} as const

export type ReceiveState = StateOf<typeof receiving>

/** Every second packet of the largest window missing: 16 MiB / 1,024 / 2. */
const mostRanges = 8192
const leastRoundTrip: Millis = 5

export class ReceiveHalf {
  #state: ReceiveState = 'recv'
  readonly #line = new ChunkQueue(pageSize)
  readonly #pieces = new Reassembly()
  #consumed = 0
  #highest = 0
  #granted: number
  #window: number
  /** The most that stood behind a gap since credit was granted. */
  #ahead = 0
  /** When the window in use was granted. */
  #grantedAt: Millis
  #finalSize: number | undefined
  #stopped = false

  constructor(window: number, now: Millis) {
    this.#window = window
    this.#granted = window
    this.#grantedAt = now
  }

  get state(): ReceiveState {
    return this.#state
  }

  /** Nothing more can come, and nothing is left to read. */
  get finished(): boolean {
    return this.#state === 'dataRead' || this.#state === 'resetRead'
  }

  /** Every byte up to the end is here, read or not. */
  get complete(): boolean {
    return this.#state === 'dataReceived' || this.#state === 'dataRead'
  }

  /** Is the end known? */
  get sizeKnown(): boolean {
    return this.#finalSize !== undefined
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Bytes that can be read now. */
  get unread(): number {
    return this.#line.bytes
  }

  /** Bytes that were read or thrown away: what link credit is given back for. */
  get consumed(): number {
    return this.#consumed
  }

  get contiguous(): number {
    return this.#pieces.contiguous
  }

  /** The maximum of the newest MAX_STREAM_DATA. */
  get granted(): number {
    return this.#granted
  }

  get window(): number {
    return this.#window
  }

  /** Judges a STREAM frame; by how much it raises the highest offset seen. */
  check(offset: number, length: number, fin: boolean): number {
    const end = offset + length
    const final = this.#finalSize
    if (final !== undefined && (end > final || (fin && end !== final)))
      throw new GuildError('GH_LINK_FINAL_SIZE', `${end} against ${final}`)
    if (fin && end < this.#highest)
      throw new GuildError('GH_LINK_FINAL_SIZE', `an end at ${end} after byte ${this.#highest}`)
    if (end > this.#granted) throw new GuildError('GH_LINK_FLOW', `stream byte ${end} of ${this.#granted}`)
    if (offset > this.contiguous) this.#checkGaps(offset, end)
    return Math.max(0, end - this.#highest)
  }

  /** Takes a frame that `check` passed. True when there is more to read than before. */
  accept(offset: number, data: Uint8Array, fin: boolean): boolean {
    const end = offset + data.length
    const before = this.contiguous
    if (fin && this.#state === 'recv') {
      this.#finalSize = end
      this.#state = next(receiving, this.#state, 'fin')
    }
    this.#highest = Math.max(this.#highest, end)
    if (this.#stopped) {
      this.#throwAway()
      return false
    }
    if (end > before && !this.finished) {
      if (offset <= before && this.#pieces.gaps === 0) {
        this.#enqueue(offset === before ? data : data.subarray(before - offset))
        this.#pieces.advance(end)
      } else {
        this.#pieces.add(offset, data, this.#line)
        this.#ahead = Math.max(this.#ahead, this.#highest - this.contiguous)
      }
    }
    if (this.#state === 'sizeKnown' && this.contiguous === this.#finalSize) {
      this.#state = next(receiving, this.#state, 'all')
      this.#finishRead()
    }
    return this.contiguous > before
  }

  /** Judges a RESET_STREAM, as `check` does. */
  checkReset(finalSize: number): number {
    if (finalSize < this.#highest || (this.#finalSize !== undefined && finalSize !== this.#finalSize))
      throw new GuildError('GH_LINK_FINAL_SIZE', `${finalSize} against ${this.#finalSize ?? this.#highest}`)
    if (finalSize > this.#granted)
      throw new GuildError('GH_LINK_FLOW', `stream byte ${finalSize} of ${this.#granted}`)
    return finalSize - this.#highest
  }

  /** Takes a RESET_STREAM that `checkReset` passed. False when everything had come before. */
  reset(finalSize: number): boolean {
    if (this.complete || this.finished) return false
    this.#state = next(receiving, this.#state, 'reset')
    this.#finalSize = finalSize
    this.#highest = finalSize
    this.#drop()
    return true
  }

  /** The next bytes in order, at most `most`; undefined when none are here. */
  read(most: number): Uint8Array | undefined {
    const piece = this.#line.take(most)
    if (piece === undefined) return undefined
    this.#consumed += piece.length
    if (this.#state === 'dataReceived') this.#finishRead()
    return piece
  }

  /** The reader gives up: what is here and what comes is thrown away. */
  stop(): void {
    this.#stopped = true
    this.#throwAway()
  }

  /** Half the window is used up, and more can come. */
  get creditDue(): boolean {
    return this.#state === 'recv' && !this.#stopped && this.#granted - this.#consumed <= this.#window / 2
  }

  /** Called when credit is due: a reader this fast gets a larger window, and one that waited for a lost piece with half of it here. */
  grow(now: Millis, rtt: Millis): void {
    if (now - this.#grantedAt <= Math.max(rtt, leastRoundTrip) || 2 * this.#ahead >= this.#window)
      this.#window = Math.max(this.#window, Math.min(2 * this.#window, limits.streamWindowMax))
    this.#grantedAt = now
    this.#ahead = 0
  }

  /** Grants a whole window from here on; the new maximum. Never lower than before. */
  grant(): number {
    this.#granted = Math.max(this.#granted, this.#consumed + this.#window)
    return this.#granted
  }

  #checkGaps(start: number, end: number): void {
    if (this.#pieces.gaps >= mostRanges && !this.#pieces.touches(start, end))
      throw new GuildError('GH_LINK_BUDGET', `${mostRanges} gaps in one stream`)
  }

  /**
   * A piece stays as it is when that costs little beside its bytes: 300 for a chunk of its own, and
   * the rest of the record that it came in. Else a peer that picks its sizes makes us hold twice the
   * credit it has (spec: P13).
   */
  #enqueue(piece: Uint8Array): void {
    const alone = 11 * piece.length >= 10 * piece.buffer.byteLength
    if (alone && (piece.length >= pageSize || this.#line.bytes === 0)) this.#line.push(piece)
    else if (piece.length >= pageSize) this.#line.push(copy(piece))
    else this.#line.append(piece)
  }

  #finishRead(): void {
    if (this.#line.bytes === 0) this.#state = next(receiving, this.#state, 'read')
  }

  #throwAway(): void {
    this.#drop()
    if (this.#state === 'sizeKnown' || this.#state === 'dataReceived')
      this.#state = next(receiving, this.#state, 'stopped')
  }

  #drop(): void {
    this.#line.clear()
    this.#pieces.clear()
    this.#consumed = this.#highest
  }
}
