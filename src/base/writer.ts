/**
 * Writes fields into bytes: the mirror of the reader.
 *
 * A growing writer makes a message; a fixed one fills a buffer that is used
 * again and again (a record's plaintext). Writing past a fixed buffer is a fault
 * of ours, never of a peer: ask `room` first.
 *
 * Floor: base.
 */
import { utf8, utf8Length } from './bytes.ts'
import { GuildError } from './errors.ts'
import { varintLength, writeVarint } from './varint.ts'

export class ByteWriter {
  #bytes: Uint8Array
  readonly #fixed: boolean
  length = 0
  /** Of a fixed buffer, how much may be used; the whole by default. */
  limit: number

  /** A buffer to fill, or the first capacity of one that grows. */
  constructor(target: Uint8Array | number = 128) {
    this.#fixed = typeof target !== 'number'
    this.#bytes = typeof target === 'number' ? new Uint8Array(target) : target
    this.limit = this.#bytes.length
  }

  /** Bytes that still fit; only of interest for a fixed buffer. */
  get room(): number {
    return this.limit - this.length
  }

  u8(value: number): this {
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#grow(2)
    this.#bytes[at] = value >>> 8
    this.#bytes[at + 1] = value
    return this
  }

  u32(value: number): this {
    return this.uint(value, 4)
  }

  /** The low bytes of a whole number, big-endian; at most four. */
  uint(value: number, width: number): this {
    const at = this.#grow(width)
    for (let i = 0; i < width; i++) this.#bytes[at + i] = value >>> (8 * (width - 1 - i))
    return this
  }

  varint(value: number): this {
    const at = this.#grow(varintLength(value))
    writeVarint(this.#bytes, at, value)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  prefixed(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes)
  }

  text(value: string): this {
    const length = utf8Length(value)
    if (length !== value.length) return this.prefixed(utf8(value))
    return this.varint(length).ascii(value)
  }

  /** Text that is known to be ASCII, without a length. */
  ascii(value: string): this {
    const at = this.#grow(value.length)
    const bytes = this.#bytes
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i)
    return this
  }

  /** What was written, as a view. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }

  /** What was written, in memory of its own. Of a few bytes a view costs more: V8 has to move what it shows out of its heap. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }

  /** Begins again in the same buffer. */
  reset(): this {
    this.length = 0
    this.limit = this.#bytes.length
    return this
  }

  #grow(by: number): number {
    const at = this.length
    if (at + by > this.#bytes.length) {
      if (this.#fixed)
        throw new GuildError('GH_INTERNAL', `a fixed writer of ${this.#bytes.length} bytes is full`)
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, at + by))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
    }
    this.length = at + by
    return at
  }
}
