/** Seeded dice for tests: the same seed, the same bytes. */
export function seededFraction(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function seededBytes(seed: number): (length: number) => Uint8Array {
  const fraction = seededFraction(seed)
  return length => {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = Math.floor(fraction() * 256)
    return out
  }
}
