/**
 * Reads fields off bytes, each by name.
 *
 * The name gives an error its place, and lets the very same decoder write an
 * annotated dump: hand the reader a notebook and it notes each field it reads.
 * Bytes come back as views of the input, never as copies.
 *
 * Refuses: reading past the end, lengths above their maximum, non-minimal
 * integers, broken UTF-8; always with a WireError that names field and offset.
 * Floor: base. Page: protocol/numbers.md · Faults: FR-01, FR-05.
 */
import { fromUtf8 } from './bytes.ts'
import { WireError } from './errors.ts'
import { visible } from './text.ts'
import { readLeb128, readVarint, varintWidth } from './varint.ts'

export interface Note {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly field: string
  readonly value: string
}

export class ByteReader {
  readonly bytes: Uint8Array
  offset = 0
  readonly #notes: Note[] | undefined

  constructor(bytes: Uint8Array, notes?: Note[]) {
    this.bytes = bytes
    this.#notes = notes
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  u8(field: string): number {
    return this.uint(1, field)
  }

  u16(field: string): number {
    return this.uint(2, field)
  }

  u32(field: string): number {
    return this.uint(4, field)
  }

  /** A whole number of `width` bytes, big-endian. */
  uint(width: number, field: string): number {
    const at = this.offset
    if (at + width > this.bytes.length) throw new WireError('GH_WIRE_SHORT', field, at)
    let value = 0
    for (let i = 0; i < width; i++) value = value * 256 + this.bytes[at + i]!
    this.offset = at + width
    if (this.#notes !== undefined) this.#note(at, field, String(value))
    return value
  }

  /** A byte that is zero today, so that it can mean something tomorrow. */
  reserved(field: string): void {
    const at = this.offset
    if (this.u8(field) !== 0) throw new WireError('GH_WIRE_RESERVED', field, at)
  }

  /** A QUIC integer, at most `max`. */
  varint(field: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const at = this.offset
    const first = this.bytes[at]
    if (first === undefined) throw new WireError('GH_WIRE_SHORT', field, at)
    const width = varintWidth(first)
    if (at + width > this.bytes.length) throw new WireError('GH_WIRE_SHORT', field, at) // spec: NUM-5
    const value = width === 1 ? first : readVarint(this.bytes, at, field)
    // spec: LIM-1: by its claim, before anything is taken
    if (value > max) throw new WireError('GH_WIRE_LENGTH', field, at, `${value}, at most ${max}`)
    this.offset = at + width
    if (this.#notes !== undefined) this.#note(at, field, String(value))
    return value
  }

  /** An unsigned LEB128 integer, as CIDs and multiaddrs have them. */
  leb128(field: string): number {
    const at = this.offset
    const { value, length } = readLeb128(this.bytes, at, field)
    this.offset = at + length
    if (this.#notes !== undefined) this.#note(at, field, String(value))
    return value
  }

  /** Exactly `length` bytes, as a view. */
  take(length: number, field: string): Uint8Array {
    const at = this.offset
    if (length > this.bytes.length - at) throw new WireError('GH_WIRE_SHORT', field, at)
    this.offset = at + length
    if (this.#notes !== undefined) this.#note(at, field, `${length} bytes`)
    return this.bytes.subarray(at, at + length)
  }

  /** The same where only the place behind them matters: no view is made. */
  pass(length: number, field: string): void {
    const at = this.offset
    if (length > this.bytes.length - at) throw new WireError('GH_WIRE_SHORT', field, at)
    this.offset = at + length
    if (this.#notes !== undefined) this.#note(at, field, `${length} bytes`)
  }

  /** A length as a QUIC integer, then that many bytes, as a view. */
  prefixed(max: number, field: string): Uint8Array {
    return this.take(this.varint(`${field} length`, max), field)
  }

  /** A length in bytes, then UTF-8 text. */
  text(max: number, field: string): string {
    const at = this.offset
    const bytes = this.prefixed(max, field)
    let text: string
    try {
      text = fromUtf8(bytes)
    } catch {
      throw new WireError('GH_WIRE_TEXT', field, at)
    }
    if (this.#notes !== undefined) {
      this.#notes.pop() // the bytes, which the text says better
      this.#note(this.offset - bytes.length, field, `"${visible(text, 64)}"`)
    }
    return text
  }

  /** Everything that is left, as a view. */
  rest(field: string): Uint8Array {
    return this.take(this.remaining, field)
  }

  /** Nothing may follow. */
  end(field: string): void {
    if (this.remaining > 0)
      throw new WireError('GH_WIRE_LONG', field, this.offset, `${this.remaining} bytes too many`)
  }

  #note(at: number, field: string, value: string): void {
    this.#notes!.push({ offset: at, bytes: this.bytes.subarray(at, this.offset), field, value })
  }
}
