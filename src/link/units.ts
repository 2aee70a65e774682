/**
 * Cuts ordered bytes into length-prefixed units: handshake messages and sealed records.
 *
 *   +------------------+--------------------+
 *   | length, u16 BE   | that many bytes    |   again and again
 *   +------------------+--------------------+
 *
 * A unit that lies whole in the chunk is handed on as a view, without a copy; one that
 * spans chunks is put together in a buffer that grows with what has arrived, never with
 * what was claimed (FR-02), and is used for the next such unit too. Length 0, or above the maximum in force, is refused before
 * anything of the body is kept (HS-05).
 *
 * Page: protocol/framing.md (spec: FRAME-1, FRAME-2, NUM-4) · Floor: link.
 */
import { copy } from '../base/bytes.ts'
import { WireError, withoutStack } from '../base/errors.ts'

const nothing = new Uint8Array(0)

export class UnitReader {
  /** The longest unit taken now; the handshake takes shorter ones than the records. */
  maximum: number
  #partial: Uint8Array = nothing
  #have = 0
  #chunk: Uint8Array = nothing
  #at = 0
  /** The chunk is its owner's, who takes it back. */
  #lent = false

  constructor(maximum: number) {
    this.maximum = maximum
  }

  /** Bytes that `next` has not looked at. */
  get left(): number {
    return this.#chunk.length - this.#at
  }

  /** Gives the next chunk. Call `next` until it is empty before giving another. */
  give(chunk: Uint8Array): void {
    this.#lent = this.left === 0
    if (this.left > 0) {
      // Reading was paused with bytes left over (a handshake that awaits its verdict).
      const rest = this.#chunk.subarray(this.#at)
      const joined = new Uint8Array(rest.length + chunk.length)
      joined.set(rest)
      joined.set(chunk, rest.length)
      this.#chunk = joined
    } else this.#chunk = chunk
    this.#at = 0
  }

  /** Keeps what is left of the chunk, when its owner takes the memory back. */
  settle(): void {
    if (this.left > 0 && !this.#lent) return
    this.#chunk = this.left > 0 ? copy(this.#chunk.subarray(this.#at)) : nothing
    this.#at = 0
    this.#lent = false
  }

  /** The next whole unit, valid until the following call; undefined when more bytes are needed. */
  next(): Uint8Array | undefined {
    const chunk = this.#chunk
    if (this.#have === 0) {
      const available = chunk.length - this.#at
      if (available >= 2) {
        const length = this.#check((chunk[this.#at]! << 8) | chunk[this.#at + 1]!)
        if (available >= 2 + length) {
          const start = this.#at + 2
          this.#at = start + length
          return chunk.subarray(start, start + length)
        }
      }
      if (available === 0) return undefined
    }
    return this.#assemble()
  }

  #assemble(): Uint8Array | undefined {
    while (this.#at < this.#chunk.length) {
      const wanted = this.#have < 2 ? 2 : 2 + this.#check((this.#partial[0]! << 8) | this.#partial[1]!)
      const take = Math.min(wanted - this.#have, this.#chunk.length - this.#at)
      this.#reserve(this.#have + take, wanted)
      this.#partial.set(this.#chunk.subarray(this.#at, this.#at + take), this.#have)
      this.#have += take
      this.#at += take
      if (this.#have === wanted && wanted > 2) {
        this.#have = 0
        return this.#partial.subarray(2, wanted)
      }
      if (this.#have === 2) this.#check((this.#partial[0]! << 8) | this.#partial[1]!)
    }
    return undefined
  }

  #reserve(size: number, wanted: number): void {
    if (this.#partial.length >= size) return
    const larger = new Uint8Array(Math.min(Math.max(wanted, 2), Math.max(2 * size, 64)))
    larger.set(this.#partial.subarray(0, this.#have))
    this.#partial = larger
  }

  #check(length: number): number {
    if (length > 0 && length <= this.maximum) return length
    const detail = length === 0 ? 'zero' : `${length}, at most ${this.maximum}`
    throw withoutStack(() => new WireError('GH_WIRE_LENGTH', 'unit length', 0, detail))
  }
}

/** A unit ready to send: its length, then its bytes. */
export function frameUnit(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(2 + length)
  out[0] = length >>> 8
  out[1] = length
  let at = 2
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
