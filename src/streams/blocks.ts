/**
 * Bytes waiting to be sent, copied one behind the other into blocks that are used again.
 *
 *   [ ░░░░░░░░ ][ ░░░░░░░░ ][ ░░░░ | free ]
 *      ^ take                      ^ append
 *
 * Whoever wrote may change its buffer at once, and a block comes warm out of the cache: that
 * copy costs a fifth of one into fresh memory. Blocks grow from 1 KiB, so that a stream which
 * says little holds little; the largest ones go back to a pool that all streams share.
 *
 * It has no bound of its own: the high mark of a stream is its bound.
 * Floor: streams.
 */
const firstBlock = 1024
/** About a record's worth. */
const largestBlock = 64 * 1024
/** An empty queue keeps a block up to this size. */
const kept = 4096
/** 1 MiB in all, whatever the number of streams. */
const mostSpare = 16
const spare: Uint8Array[] = []

export class BlockQueue {
  /** The last one is being filled. */
  readonly #blocks: Uint8Array[] = []
  /** Where to take from in the first block, and to append in the last. */
  #from = 0
  #to = 0
  /** How many bytes wait. */
  bytes = 0

  /** Adds a copy of the first `count` bytes. */
  append(bytes: Uint8Array, count: number = bytes.length): void {
    this.bytes += count
    let last = this.#blocks[this.#blocks.length - 1]
    for (let at = 0; at < count; ) {
      if (last === undefined || this.#to === last.length) last = this.#extend(last, count - at)
      const length = Math.min(last.length - this.#to, count - at)
      last.set(length === bytes.length ? bytes : bytes.subarray(at, at + length), this.#to)
      this.#to += length
      at += length
    }
  }

  /**
   * Takes the next piece in one stretch, at most `most` bytes; undefined when nothing waits.
   * The view is valid until something is appended, to whatever queue.
   */
  take(most: number): Uint8Array | undefined {
    const first = this.#blocks[0]
    if (first === undefined || this.bytes === 0) return undefined
    const end = this.#blocks.length === 1 ? this.#to : first.length
    const from = this.#from
    const length = Math.min(end - from, most)
    this.#from += length
    this.bytes -= length
    if (this.#from === end) this.#leave(first)
    return first.subarray(from, from + length)
  }

  /** Drops everything, and says how many bytes that were. */
  clear(): number {
    const dropped = this.bytes
    for (const block of this.#blocks) release(block)
    this.#blocks.length = 0
    this.#from = 0
    this.#to = 0
    this.bytes = 0
    return dropped
  }

  #extend(last: Uint8Array | undefined, wanted: number): Uint8Array {
    const size = Math.min(largestBlock, Math.max(firstBlock, 2 * (last?.length ?? 0), wanted))
    const block = (size === largestBlock ? spare.pop() : undefined) ?? new Uint8Array(size)
    this.#blocks.push(block)
    this.#to = 0
    return block
  }

  /** The first block is taken whole. */
  #leave(first: Uint8Array): void {
    this.#from = 0
    if (this.#blocks.length > 1 || first.length > kept) {
      this.#blocks.shift()
      release(first)
    }
    if (this.bytes === 0) this.#to = 0
  }
}

function release(block: Uint8Array): void {
  if (block.length === largestBlock && spare.length < mostSpare) spare.push(block)
}
