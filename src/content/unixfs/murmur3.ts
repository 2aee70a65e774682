/**
 * MurmurHash3, x64, 128 bits, seed 0: where a name stands in a sharded directory.
 *
 * Not a hash to trust: anybody finds two names that agree. UnixFS uses its first 64 bits to spread
 * names over shards, eight bits a level, and nothing else hangs on it.
 *
 * Page: protocol/block.md · Vectors: unixfs/expected-cids.json (the HAMT cases) · Floor: content.
 */
const mask = 0xffff_ffff_ffff_ffffn
const C1 = 0x87c3_7b91_1142_53d5n
const C2 = 0x4cf5_ad43_2745_937fn

const multiply = (a: bigint, b: bigint): bigint => (a * b) & mask
const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & mask

function mix(value: bigint): bigint {
  let h = value
  h = multiply(h ^ (h >> 33n), 0xff51_afd7_ed55_8ccdn)
  h = multiply(h ^ (h >> 33n), 0xc4ce_b9fe_1a85_ec53n)
  return h ^ (h >> 33n)
}

const mixK1 = (k: bigint): bigint => multiply(rotate(multiply(k, C1), 31n), C2)
const mixK2 = (k: bigint): bigint => multiply(rotate(multiply(k, C2), 33n), C1)

/** The first 64 bits, most significant byte first: byte `i` is the place at depth `i`. */
export function murmur3(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  const padded = new DataView(new ArrayBuffer(Math.ceil(length / 16) * 16))
  new Uint8Array(padded.buffer).set(bytes)
  const whole = length - (length % 16)
  let [h1, h2] = [0n, 0n]
  for (let at = 0; at < whole; at += 16) {
    h1 ^= mixK1(padded.getBigUint64(at, true))
    h1 = (rotate(h1, 27n) + h2) & mask
    h1 = (h1 * 5n + 0x52dc_e729n) & mask
    h2 ^= mixK2(padded.getBigUint64(at + 8, true))
    h2 = (rotate(h2, 31n) + h1) & mask
    h2 = (h2 * 5n + 0x3849_5ab5n) & mask
  }
  if (whole < length) {
    if (length - whole > 8) h2 ^= mixK2(padded.getBigUint64(whole + 8, true))
    h1 ^= mixK1(padded.getBigUint64(whole, true))
  }
  const total = BigInt(length)
  h1 ^= total
  h2 ^= total
  h1 = (h1 + h2) & mask
  h2 = (h2 + h1) & mask
  h1 = mix(h1)
  h2 = mix(h2)
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, (h1 + h2) & mask)
  return out
}
