/**
 * Bytes waiting in line, in chunks: large ones as they are, small ones packed together.
 *
 *   [ chunk ][ chunk ][ chunk ]   [ block: ░░ packed bytes ░░ | free ]
 *    ^ take                                                     ^ append
 *
 * A chunk costs about 200 bytes whatever it holds, so a queue of one-byte chunks would be
 * two hundred times what it carries (spec: FR-13). `append` copies into a block that grows
 * from 1 KiB to a size given; `push` keeps the chunk it is handed. Slots are used again:
 * a queue that is filled and emptied all the time allocates nothing.
 *
 * It has no bound of its own: credit bounds one half of a stream, the high mark the other.
 * Floor: streams.
 */
import { empty } from '../base/bytes.ts'

const firstBlock = 1024

export class ChunkQueue {
  readonly #slots: (Uint8Array | undefined)[] = []
  #head = 0
  #tail = 0
  /** The open block; its bytes from `#from` to `#to` come behind all slots. */
  #block: Uint8Array = empty
  #from = 0
  #to = 0
  readonly #largestBlock: number
  /** How many bytes wait. */
  bytes = 0

  constructor(largestBlock: number) {
    this.#largestBlock = largestBlock
  }

  /** Adds a chunk without a copy. It must not be empty nor be changed afterwards. */
  push(chunk: Uint8Array): void {
    if (this.#to > this.#from) this.#closeBlock()
    this.#slots[this.#tail++] = chunk
    this.bytes += chunk.length
  }

  /** Adds a copy, packed behind what was appended before. */
  append(bytes: Uint8Array): void {
    this.bytes += bytes.length
    let at = 0
    while (at < bytes.length) {
      const room = this.#block.length - this.#to
      if (room === 0) {
        this.#nextBlock(bytes.length - at)
        continue
      }
      const length = Math.min(room, bytes.length - at)
      this.#block.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), this.#to)
      this.#to += length
      at += length
    }
  }

  /**
   * Takes the next piece in one stretch, at most `most` bytes; undefined when nothing waits.
   * What a view shows never changes.
   */
  take(most: number): Uint8Array | undefined {
    const chunk = this.#slots[this.#head]
    if (this.#head === this.#tail || chunk === undefined) return this.#takePacked(most)
    if (chunk.length > most) {
      this.#slots[this.#head] = chunk.subarray(most)
      this.bytes -= most
      return chunk.subarray(0, most)
    }
    this.#slots[this.#head++] = undefined
    this.bytes -= chunk.length
    if (this.#head === this.#tail) {
      this.#head = 0
      this.#tail = 0
    } else if (this.#head > 64 && this.#head * 2 > this.#tail) this.#compact()
    return chunk
  }

  /** Drops everything, and says how many bytes that were. */
  clear(): number {
    const dropped = this.bytes
    this.#slots.length = 0
    this.#head = 0
    this.#tail = 0
    this.#block = empty
    this.#from = 0
    this.#to = 0
    this.bytes = 0
    return dropped
  }

  #takePacked(most: number): Uint8Array | undefined {
    const length = Math.min(this.#to - this.#from, most)
    if (length === 0) return undefined
    const view = this.#block.subarray(this.#from, this.#from + length)
    this.#from += length
    this.bytes -= length
    if (this.#from === this.#to && this.#to === this.#block.length) this.#dropBlock()
    return view
  }

  /** Makes a slot of what the block holds; what is free behind it stays in use. */
  #closeBlock(): void {
    this.#slots[this.#tail++] = this.#block.subarray(this.#from, this.#to)
    this.#from = this.#to
  }

  #nextBlock(wanted: number): void {
    const size = Math.min(this.#largestBlock, Math.max(firstBlock, 2 * this.#block.length, wanted))
    if (this.#to > this.#from) this.#closeBlock()
    this.#block = new Uint8Array(size)
    this.#from = 0
    this.#to = 0
  }

  #dropBlock(): void {
    this.#block = empty
    this.#from = 0
    this.#to = 0
  }

  #compact(): void {
    const count = this.#tail - this.#head
    for (let i = 0; i < count; i++) this.#slots[i] = this.#slots[this.#head + i]
    this.#slots.length = count
    this.#head = 0
    this.#tail = count
  }
}
