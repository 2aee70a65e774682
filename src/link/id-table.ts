/**
 * Whose connection id is this? Asked for every packet that comes, so nothing is made on the way.
 *
 *   id: 6 random bytes ‖ 6 of a MAC        first 6 as a number ─▶ entry, whose whole id must be equal
 *
 * A number finds its entry without a string or a view of its own. Two ids of ours that begin alike are the
 * same id, for the MAC follows from the random part; of tokens, hashed, it is as good as never so.
 *
 * Floor: link.
 */
import { equal } from '../base/bytes.ts'

export class IdTable<T> {
  readonly #entries = new Map<number, { readonly id: Uint8Array; readonly value: T }>()

  get size(): number {
    return this.#entries.size
  }

  /** The bytes of `id` are copied. */
  set(id: Uint8Array, value: T): void {
    this.#entries.set(numberAt(id, 0), { id: id.slice(), value })
  }

  get(id: Uint8Array): T | undefined {
    const entry = this.#entries.get(numberAt(id, 0))
    return entry !== undefined && equal(entry.id, id) ? entry.value : undefined
  }

  /** By the bytes of a datagram that begin at `offset`. */
  at(datagram: Uint8Array, offset: number): T | undefined {
    const entry = this.#entries.get(numberAt(datagram, offset))
    if (entry === undefined) return undefined
    const { id } = entry
    for (let i = 0; i < id.length; i++) if (id[i] !== datagram[offset + i]) return undefined
    return entry.value
  }

  delete(id: Uint8Array): void {
    if (this.get(id) !== undefined) this.#entries.delete(numberAt(id, 0))
  }
}

/** 48 bits. */
function numberAt(bytes: Uint8Array, offset: number): number {
  const high = (bytes[offset]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset + 2]!
  const low = (bytes[offset + 3]! << 16) | (bytes[offset + 4]! << 8) | bytes[offset + 5]!
  return high * 0x1_00_00_00 + low
}
