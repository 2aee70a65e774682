/** Random input that a seed repeats: xorshift128, good enough for tests and for nothing else. */
export class Seeded {
  #state: Uint32Array

  constructor(seed: number) {
    this.#state = Uint32Array.of(2 * seed + 1, 0x9e3779b9, 0x243f6a88, 0xb7e15162)
    for (let i = 0; i < 20; i++) this.u32()
  }

  u32(): number {
    const s = this.#state
    let t = s[3]!
    t ^= t << 11
    t ^= t >>> 8
    s[3] = s[2]!
    s[2] = s[1]!
    s[1] = s[0]!
    s[0] = t ^ s[0]! ^ (s[0]! >>> 19)
    return s[0]!
  }

  /** In [0, 1). */
  fraction(): number {
    return this.u32() / 0x1_0000_0000
  }

  /** A whole number in 0 … n - 1. */
  below(n: number): number {
    return this.u32() % n
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32() >>> 24)
  }
}

/** The same bytes in pieces of up to 300, cut where the dice say. */
export function* pieces(dice: Seeded, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + dice.below(300)
    yield bytes.subarray(at, at + length)
    at += length
  }
}
