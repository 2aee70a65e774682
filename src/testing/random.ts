/**
 * Seeded dice: xoshiro128** with a 64-bit seed, split by name.
 *
 *   seed ──split('path alice>bob')──▶ seed' ──split('loss')──▶ seed''
 *
 * A child depends on the parent's seed and the child's name only, never on how much was
 * drawn before: adding a node, or turning on loss, does not reshuffle anybody else's dice.
 * Fast, even and repeatable; worth nothing against an attacker, so only for simulation.
 *
 * Source: Blackman and Vigna, xoshiro128** 1.1; seeded through splitmix64.
 * Floor: testing.
 */
import { utf8 } from '../base/bytes.ts'
import type { Random } from '../base/ports.ts'

/** A 64-bit seed: a bigint, a number, or its decimal or 0x… text. */
export type Seed = bigint | number | string

export function seedOf(seed: Seed): bigint {
  return BigInt.asUintN(64, BigInt(seed))
}

/** As a replay command wants it: `0x` and sixteen digits. */
export function seedText(seed: bigint): string {
  return `0x${seed.toString(16).padStart(16, '0')}`
}

export class SeededRandom implements Random {
  readonly seed: bigint
  readonly #s = new Uint32Array(4)

  constructor(seed: Seed) {
    this.seed = seedOf(seed)
    for (let i = 0; i < 2; i++) {
      const word = scramble(this.seed + BigInt(i + 1) * golden)
      this.#s[2 * i] = Number(word & 0xffff_ffffn)
      this.#s[2 * i + 1] = Number(word >> 32n)
    }
    // All zeros is the one state it never leaves.
    if (this.#s.every(word => word === 0)) this.#s[0] = 1
  }

  /** Dice of their own for one concern. The same name gives the same dice. */
  split(name: string): SeededRandom {
    let hash = 0xcbf2_9ce4_8422_2325n // FNV-1a
    for (const byte of utf8(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100_0000_01b3n)
    return new SeededRandom(scramble(scramble(this.seed) ^ hash))
  }

  /** The four words it stands at. */
  state(): readonly number[] {
    return [...this.#s]
  }

  /** The next 32 bits. */
  next(): number {
    const s = this.#s
    const out = Math.imul(rotate(Math.imul(s[1]!, 5), 7), 9) >>> 0
    const t = s[1]! << 9
    s[2]! ^= s[0]!
    s[3]! ^= s[1]!
    s[1]! ^= s[2]!
    s[0]! ^= s[3]!
    s[2]! ^= t
    s[3] = rotate(s[3]!, 11)
    return out
  }

  fraction(): number {
    return ((this.next() >>> 5) * 0x400_0000 + (this.next() >>> 6)) / 0x20_0000_0000_0000
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      const word = this.next()
      for (let j = i; j < Math.min(i + 4, length); j++) out[j] = word >>> (8 * (j - i))
    }
    return out
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True with this probability. Always draws, so that the draws after it stay the same. */
  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** A copy in random order. */
  shuffle<T>(list: readonly T[]): T[] {
    const out = [...list]
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const moved = out[i]!
      out[i] = out[j]!
      out[j] = moved
    }
    return out
  }
}

const golden = 0x9e37_79b9_7f4a_7c15n

/** The output function of splitmix64: every bit of the input reaches every bit of the output. */
function scramble(value: bigint): bigint {
  let z = BigInt.asUintN(64, value)
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn)
  return z ^ (z >> 31n)
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
