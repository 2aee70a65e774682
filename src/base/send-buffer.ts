/**
 * Bytes to send: in line, on their way, lost on the way, until all of them are acknowledged.
 *
 *   [ ░░░░░░░░ ][ ▓▓▓░▓▓▓▓ ][ ▓▓▓▓▓▒▒▒ ][ ▒▒▒▒ | free ]
 *    given back  ^ front         ^ next       ^ end         ░ acknowledged  ▓ taken  ▒ in line
 *
 * Every byte has an offset and is copied in once, so whoever wrote may change its buffer at once; what
 * is lent lies where it is, and its owner leaves it as it is. What was taken stays until it is acknowledged; what is lost can be taken again, before anything
 * new. A carrier that loses nothing acknowledges in the very call, and the bytes go as they are taken.
 *
 * Blocks come warm out of the cache, at a fifth of the cost of fresh memory. They grow from
 * 1 KiB, so that a stream which says little holds little; the largest ones go back to a pool
 * that all buffers share.
 *
 * It has no bound of its own: the high mark of a stream bounds what waits, its credit what is
 * on its way. Acknowledgements may come in any order, and for bytes twice.
 * Floor: base. Naive twin: test/twins/send-buffer.ts.
 */
import { empty } from './bytes.ts'
import { RangeSet } from './ranges.ts'
import type { ByteWriter } from './writer.ts'

const firstBlock = 1024
/** About a record's worth. */
const largestBlock = 64 * 1024
/** An empty buffer keeps a block up to this size. */
const kept = 4096
/** 1 MiB in all, whatever the number of streams. */
const mostSpare = 16
const spare: Uint8Array[] = []

export class SendBuffer {
  /** The last one is being filled; each begins where the one before it ends. */
  readonly #blocks: Uint8Array[] = []
  /** Offset of the first byte of each block. */
  readonly #starts: number[] = []
  /** Those that are not ours to use again; made on first need. */
  #lent: Set<Uint8Array> | undefined
  /** The last of them, and how far it is filled. */
  #last: Uint8Array = empty
  #filled = 0
  /** Every byte before it is acknowledged. */
  #front = 0
  #next = 0
  #end = 0
  /** Acknowledged behind `#front`; made on first need, for records never need it. */
  #acked: RangeSet | undefined
  #lost: RangeSet | undefined

  /** How many bytes wait, never taken yet. */
  get bytes(): number {
    return this.#end - this.#next
  }

  /** Bytes kept although they were taken: up to the first that is not acknowledged. */
  get unacked(): number {
    return this.#next - this.#front
  }

  /** Offset of the next byte that was never taken. */
  get next(): number {
    return this.#next
  }

  /** Offset of the first byte to send again; undefined when none is. */
  get lostFrom(): number | undefined {
    return this.#lost?.start(0)
  }

  /** How many bytes in one stretch are to be sent again from there. */
  get lostLength(): number {
    const from = this.lostFrom
    return from === undefined ? 0 : this.#lost!.end(0)! - from
  }

  /** Adds a copy of the first `count` bytes. */
  append(bytes: Uint8Array, count: number = bytes.length): void {
    this.#end += count
    for (let at = 0; at < count; ) {
      let last = this.#last
      if (this.#filled === last.length) last = this.#extend(count - at)
      const length = Math.min(last.length - this.#filled, count - at)
      // A length before a message: cheaper byte by byte than by a view of it.
      if (length <= 8) for (let i = 0; i < length; i++) last[this.#filled + i] = bytes[at + i]!
      else last.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), this.#filled)
      this.#filled += length
      at += length
    }
  }

  /** Adds these bytes as they lie: they must not change until they are acknowledged. Few are copied, which is cheaper. */
  lend(bytes: Uint8Array): void {
    if (bytes.length < kept) {
      this.append(bytes)
      return
    }
    // A view of its own: the same bytes may be in line twice.
    const block = bytes.subarray()
    this.#lent ??= new Set()
    this.#lent.add(block)
    this.#blocks.push(block)
    this.#starts.push(this.#end)
    this.#end += bytes.length
    this.#last = empty
    this.#filled = 0
  }

  /** Writes the next `length` bytes, of those that wait. */
  takeNew(w: ByteWriter, length: number): void {
    this.#write(w, this.#next, length)
    this.#next += length
  }

  /** Writes `length` bytes from `lostFrom` on, at most `lostLength`. They are on their way again. */
  takeLost(w: ByteWriter, length: number): void {
    const from = this.lostFrom!
    this.#write(w, from, length)
    this.#lost!.remove(from, from + length)
  }

  /** These bytes arrived. Of those before which all have, the memory is given back. */
  acked(offset: number, length: number): void {
    const end = offset + length
    if (end <= this.#front) return
    this.#lost?.remove(offset, end)
    if (offset > this.#front) {
      this.#acked ??= new RangeSet()
      this.#acked.add(offset, end)
      return
    }
    this.#front = end
    if (this.#acked !== undefined && this.#acked.size > 0) {
      this.#front = this.#acked.firstMissing(end)
      this.#acked.remove(0, this.#front)
    }
    this.#giveBack()
  }

  /** These bytes did not arrive. What another packet brought there is not sent again. */
  lost(offset: number, length: number): void {
    const end = offset + length
    let at = Math.max(offset, this.#front)
    if (at >= end) return
    this.#lost ??= new RangeSet()
    if (this.#acked === undefined) this.#lost.add(at, end)
    else
      while (at < end) {
        const from = this.#acked.firstMissing(at)
        at = Math.min(end, this.#acked.firstPresent(from))
        this.#lost.add(from, at)
      }
  }

  /** Drops everything, and says how many bytes waited. Nothing is on its way any more. */
  clear(): number {
    const dropped = this.bytes
    for (const block of this.#blocks) this.#release(block)
    this.#blocks.length = 0
    this.#starts.length = 0
    this.#last = empty
    this.#filled = 0
    this.#front = this.#next
    this.#end = this.#next
    this.#acked = undefined
    this.#lost = undefined
    return dropped
  }

  #write(w: ByteWriter, offset: number, length: number): void {
    let index = this.#blockAt(offset)
    for (let left = length; left > 0; index++) {
      const block = this.#blocks[index]!
      const from = offset + length - left - this.#starts[index]!
      // One before lent bytes may not be full.
      const end = (this.#starts[index + 1] ?? this.#end) - this.#starts[index]!
      const count = Math.min(end - from, left)
      w.raw(count === block.length ? block : block.subarray(from, from + count))
      left -= count
    }
  }

  #blockAt(offset: number): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  /** A new last block; the bytes that go there, `wanted` of them, are counted already. */
  #extend(wanted: number): Uint8Array {
    const size = Math.min(largestBlock, Math.max(firstBlock, 2 * this.#last.length, wanted))
    const block = (size === largestBlock ? spare.pop() : undefined) ?? new Uint8Array(size)
    this.#blocks.push(block)
    this.#starts.push(this.#end - wanted)
    this.#last = block
    this.#filled = 0
    return block
  }

  #giveBack(): void {
    const blocks = this.#blocks
    while (blocks.length > 1 && this.#starts[1]! <= this.#front) this.#dropFirst()
    if (blocks.length !== 1 || this.#front !== this.#end) return
    this.#filled = 0
    if (this.#last === empty || blocks[0]!.length > kept) {
      this.#dropFirst()
      this.#last = empty
    } else this.#starts[0] = this.#end
  }

  #dropFirst(): void {
    this.#release(this.#blocks.shift()!)
    this.#starts.shift()
  }

  #release(block: Uint8Array): void {
    if (this.#lent?.delete(block) === true) return
    if (block.length === largestBlock && spare.length < mostSpare) spare.push(block)
  }
}
