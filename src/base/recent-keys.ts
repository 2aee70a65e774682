/**
 * A bounded memory of random keys seen lately, as `RecentSet` is of words: a third of the memory for each.
 *
 *   slots, in the order they came   │ oldest … newest │   a ring: four words of a key, and its time
 *   index                           place of a key ─▶ its slot, by open addressing
 *
 * Of a key its first 16 bytes count. It is for keys that are random where they are honest: whoever
 * makes one up to look like another's has seen the other's, and could have repeated it whole. Where
 * a key stands is salted, so that nobody can choose keys that all stand in one place.
 *
 * Insertion order is age, so forgetting is a walk from the front. When full the oldest goes, and `full`
 * tells a caller for whom forgetting early would be unsafe. Naive twin: test/twins/recent.ts. Floor: base.
 */
import type { Millis } from './machine.ts'
import type { Random } from './ports.ts'

/** Bytes of a key that count. */
const KEY = 16
const LEAST = 16

export class RecentKeys {
  readonly #limit: number
  readonly #lifetime: Millis
  /** Odd, as multipliers have to be. */
  readonly #salt: Uint32Array
  #words!: Uint32Array
  #times!: Float64Array
  /** Slot + 1; 0 where none is. Twice as many places as slots, a power of two. */
  #index!: Uint32Array
  #first = 0
  #size = 0
  /** Of the key asked about last. */
  readonly #key = new Uint32Array(KEY / 4)

  constructor(limit: number, lifetime: Millis, random: Pick<Random, 'fraction'>) {
    this.#limit = limit
    this.#lifetime = lifetime
    this.#salt = Uint32Array.from({ length: KEY / 4 }, () => (random.fraction() * 2 ** 32) | 1)
    this.#empty(LEAST)
  }

  get size(): number {
    return this.#size
  }

  has(key: Uint8Array, now: Millis): boolean {
    const slot = this.#index[this.#place(key)]!
    return slot !== 0 && now - this.#times[slot - 1]! < this.#lifetime
  }

  /** True when the key was not known. A key seen again keeps its first time. */
  add(key: Uint8Array, now: Millis): boolean {
    this.#forget(now)
    if (this.#index[this.#place(key)] !== 0) return false
    if (this.#size >= this.#limit) this.#drop()
    if (this.#size === this.#times.length) this.#grow()
    const slot = (this.#first + this.#size++) & (this.#times.length - 1)
    this.#words.set(this.#key, slot * 4)
    this.#times[slot] = now
    this.#index[this.#placeOf(this.#key, 0)] = slot + 1
    return true
  }

  /** Would adding one more forget something that is still of interest? */
  full(now: Millis): boolean {
    this.#forget(now)
    return this.#size >= this.#limit
  }

  #forget(now: Millis): void {
    while (this.#size > 0 && now - this.#times[this.#first]! >= this.#lifetime) this.#drop()
    if (this.#size === 0 && this.#times.length > LEAST) this.#empty(LEAST)
  }

  /** The oldest goes. */
  #drop(): void {
    const index = this.#index
    const mask = index.length - 1
    let hole = this.#placeOf(this.#words, this.#first * 4)
    // Those behind it that would have stood here move up, so that no search ends too early.
    for (let at = (hole + 1) & mask; index[at] !== 0; at = (at + 1) & mask) {
      const home = this.#home(this.#words, (index[at]! - 1) * 4)
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      index[hole] = index[at]!
      hole = at
    }
    index[hole] = 0
    this.#first = (this.#first + 1) & (this.#times.length - 1)
    this.#size--
  }

  #grow(): void {
    const [words, times, first, size] = [this.#words, this.#times, this.#first, this.#size]
    this.#empty(2 * times.length)
    for (let i = 0; i < size; i++) {
      const slot = (first + i) & (times.length - 1)
      this.#words.set(words.subarray(slot * 4, slot * 4 + 4), i * 4)
      this.#times[i] = times[slot]!
      this.#index[this.#placeOf(this.#words, i * 4)] = i + 1
    }
    this.#size = size
  }

  #empty(slots: number): void {
    this.#words = new Uint32Array(slots * 4)
    this.#times = new Float64Array(slots)
    this.#index = new Uint32Array(slots * 2)
    this.#first = 0
    this.#size = 0
  }

  /** Where a key stands, or would: its words are left in `#key`. */
  #place(key: Uint8Array): number {
    const words = this.#key
    for (let i = 0, at = 0; i < words.length; i++, at += 4)
      words[i] = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24)
    return this.#placeOf(words, 0)
  }

  #placeOf(words: Uint32Array, at: number): number {
    const index = this.#index
    const mask = index.length - 1
    let place = this.#home(words, at)
    for (let slot = index[place]!; slot !== 0; slot = index[place]!) {
      if (this.#same(words, at, (slot - 1) * 4)) break
      place = (place + 1) & mask
    }
    return place
  }

  #same(words: Uint32Array, at: number, slot: number): boolean {
    const kept = this.#words
    for (let i = 0; i < 4; i++) if (words[at + i] !== kept[slot + i]) return false
    return true
  }

  /** The upper bits of a sum of products: for keys chosen without the salt as good as random. */
  #home(words: Uint32Array, at: number): number {
    let sum = 0
    for (let i = 0; i < 4; i++) sum = (sum + Math.imul(words[at + i]!, this.#salt[i]!)) | 0
    return sum >>> (Math.clz32(this.#index.length) + 1)
  }
}
