/**
 * Which CIDs a walk has seen: 16 bytes each, of up to two free places for one that is taken.
 *
 * The first 16 bytes of a digest, with codec and hash mixed in. Two blocks that agree in so much of
 * a strong hash would have to be made for it, at a cost of 2^64, and hide nothing but each other.
 * A million CIDs take 32 MiB at most, where a Set of their text would take 200.
 *
 * Floor: content.
 */
import type { CID } from 'multiformats/cid'

const WORDS = 4
const FIRST = 1_024

export class Visited {
  #keys = new Uint32Array(WORDS * FIRST)
  #places = FIRST
  #count = 0
  readonly #key = new Uint32Array(WORDS)

  get size(): number {
    return this.#count
  }

  /** True if it was not there. The digest has 16 bytes at least: no identity CID. */
  add(cid: CID): boolean {
    this.#keyOf(cid)
    const place = this.#find(this.#keys, this.#places, this.#key, 0)
    if (this.#keys[place] !== 0) return false
    this.#keys.set(this.#key, place)
    this.#count++
    if (this.#count * 2 > this.#places) this.#grow()
    return true
  }

  has(cid: CID): boolean {
    this.#keyOf(cid)
    return this.#keys[this.#find(this.#keys, this.#places, this.#key, 0)] !== 0
  }

  #keyOf({ code, multihash }: CID): void {
    const { digest } = multihash
    for (let i = 0; i < WORDS; i++)
      this.#key[i] =
        digest[4 * i]! | (digest[4 * i + 1]! << 8) | (digest[4 * i + 2]! << 16) | (digest[4 * i + 3]! << 24)
    this.#key[1]! ^= code
    this.#key[2]! ^= multihash.code
    if (this.#key[0] === 0) this.#key[0] = 1 // a zero says that a place is free
  }

  /** Where the key is, or the free place where it belongs. */
  #find(keys: Uint32Array, places: number, key: Uint32Array, from: number): number {
    for (let place = key[from]! % places; ; place = (place + 1) % places) {
      const at = WORDS * place
      if (keys[at] === 0) return at
      let i = 0
      while (i < WORDS && keys[at + i] === key[from + i]) i++
      if (i === WORDS) return at
    }
  }

  #grow(): void {
    const places = this.#places * 2
    const keys = new Uint32Array(WORDS * places)
    for (let at = 0; at < this.#keys.length; at += WORDS)
      if (this.#keys[at] !== 0)
        keys.set(this.#keys.subarray(at, at + WORDS), this.#find(keys, places, this.#keys, at))
    this.#keys = keys
    this.#places = places
  }
}
