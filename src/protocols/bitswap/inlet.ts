/**
 * Cuts a peer's stream into messages: heads whole, bytes of blocks as they come.
 *
 *   | length | head ……… | block bytes ………… | block bytes … | length | head …
 *             └▶ head()   └▶ block() ─▶ bytes() … ─▶ end()
 *
 * A head is put together in a buffer that grows with what has come; bytes of blocks are handed
 * on as views of the chunk they came in, and never gathered here. Whoever says no to a block has
 * its bytes counted off and thrown away.
 *
 * Refuses with a WireError: heads above their limit by their claim, and all that the head's own
 * decoder refuses (spec: BITSWAP-1, BITSWAP-4). Call it no more after that.
 * Page: protocol/bitswap.md · Floor: protocols.
 */
import { empty } from '../../base/bytes.ts'
import { WireError } from '../../base/errors.ts'
import { readVarint, varintWidth } from '../../base/varint.ts'
import { type BitswapHead, type BlockHead, decodeBitswapHead } from '../../wire/bitswap.ts'
import { limits } from '../../wire/limits.ts'

export interface InletSink {
  head(head: BitswapHead): void
  /** Its bytes are next. False: they are not wanted, and nothing more is said of it. */
  block(block: BlockHead): boolean
  /** A view of the chunk: copy what you keep. */
  bytes(piece: Uint8Array): void
  /** The block is whole. */
  end(): void
}

const FIRST_BUFFER = 4_096

export class Inlet {
  readonly #sink: InletSink
  /** What has come of a head and its length. */
  #buffer: Uint8Array = empty
  #filled = 0
  /** Blocks whose bytes are still to come, the first of them begun. */
  #blocks: readonly BlockHead[] = []
  #next = 0
  #left = 0
  #taken = false

  constructor(sink: InletSink) {
    this.#sink = sink
  }

  /** Something has begun and is not whole: at the end of a stream, an error. */
  get partial(): boolean {
    return this.#filled > 0 || this.#left > 0 || this.#next < this.#blocks.length
  }

  /** The next bytes of the stream, at most a few hundred KiB: all of them are worked through now. */
  feed(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) at += this.#left > 0 ? this.#body(chunk, at) : this.#head(chunk, at)
  }

  #body(chunk: Uint8Array, at: number): number {
    const count = Math.min(this.#left, chunk.length - at)
    if (this.#taken) this.#sink.bytes(count === chunk.length ? chunk : chunk.subarray(at, at + count))
    this.#left -= count
    if (this.#left === 0) {
      if (this.#taken) this.#sink.end()
      this.#begin()
    }
    return count
  }

  /** Goes to the next block that has bytes. */
  #begin(): void {
    while (this.#next < this.#blocks.length) {
      const block = this.#blocks[this.#next++]!
      this.#taken = this.#sink.block(block)
      this.#left = block.length
      if (block.length > 0) return
      if (this.#taken) this.#sink.end()
    }
  }

  #head(chunk: Uint8Array, at: number): number {
    const before = this.#filled
    const whole = before === 0 ? headEnd(chunk, at) : undefined
    if (whole !== undefined && whole.end <= chunk.length) {
      this.#take(chunk.subarray(whole.start, whole.end))
      return whole.end - at
    }
    // It spans chunks: as much of it as has come, and never more than is its own.
    const known = before === 0 ? undefined : headEnd(this.#buffer.subarray(0, before), 0)
    const wanted = known === undefined ? 1 : known.end - before
    const count = Math.min(wanted, chunk.length - at)
    this.#append(chunk.subarray(at, at + count))
    const now = headEnd(this.#buffer.subarray(0, this.#filled), 0)
    if (now !== undefined && now.end === this.#filled) {
      const head = this.#buffer.subarray(now.start, now.end)
      this.#filled = 0
      this.#buffer = empty
      this.#take(head)
    }
    return count
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.length
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(FIRST_BUFFER, 2 * this.#buffer.length, needed))
      larger.set(this.#buffer.subarray(0, this.#filled))
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled = needed
  }

  #take(bytes: Uint8Array): void {
    const head = decodeBitswapHead(bytes)
    this.#blocks = head.blocks
    this.#next = 0
    this.#sink.head(head)
    this.#begin()
  }
}

/** Where the head begins and ends, once its length is whole. */
function headEnd(bytes: Uint8Array, at: number): { start: number; end: number } | undefined {
  const first = bytes[at]
  if (first === undefined || at + varintWidth(first) > bytes.length) return undefined
  const length = readVarint(bytes, at, 'head length')
  if (length > limits.bitswapHead)
    throw new WireError('GH_WIRE_LENGTH', 'head length', at, `${length}, at most ${limits.bitswapHead}`)
  const start = at + varintWidth(first)
  return { start, end: start + length }
}
