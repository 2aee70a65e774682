/**
 * The two families of variable-length integers we speak.
 *
 * QUIC (RFC 9000 §16), for every number of ours: the top two bits of the first
 * byte say how many bytes follow, big-endian.
 *
 *   00xxxxxx                         0 .. 63
 *   01xxxxxx x8                      .. 16,383
 *   10xxxxxx x8 x8 x8                .. 1,073,741,823
 *   11xxxxxx x8 x8 x8 x8 x8 x8 x8    .. 2^62 - 1, of which we take 2^53 - 1
 *
 * Unsigned LEB128 (multiformats), only inside CIDs and multiaddrs: seven bits a
 * byte, lowest first, at most nine bytes.
 *
 * RFC 9000 lets a QUIC integer be longer than it need be. We refuse that
 * (spec: NUM-1, NUM-2), so that whatever decodes also encodes to the same bytes.
 *
 * Page: protocol/numbers.md · Vectors: RFC 9000 A.1, multiformats/unsigned-varint.
 * Floor: base.
 */
import { WireError } from './errors.ts'

export const MAX_NUMBER: number = Number.MAX_SAFE_INTEGER // 2^53 - 1

export function varintLength(value: number): 1 | 2 | 4 | 8 {
  if (value < 0x40) return 1
  if (value < 0x4000) return 2
  if (value < 0x4000_0000) return 4
  return 8
}

/** Writes `value` and returns how many bytes it took. The caller has made room. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  if (value < 0x40) {
    out[at] = value
    return 1
  }
  if (value < 0x4000) {
    out[at] = 0x40 | (value >>> 8)
    out[at + 1] = value
    return 2
  }
  if (value < 0x4000_0000) {
    out[at] = 0x80 | (value >>> 24)
    out[at + 1] = value >>> 16
    out[at + 2] = value >>> 8
    out[at + 3] = value
    return 4
  }
  if (!(value <= MAX_NUMBER))
    // spec: NUM-3
    throw new WireError('GH_WIRE_VARINT', 'number', at, `${value} is above 2^53 - 1`)
  const high = Math.floor(value / 0x1_0000_0000)
  out[at] = 0xc0 | (high >>> 24)
  out[at + 1] = high >>> 16
  out[at + 2] = high >>> 8
  out[at + 3] = high
  out[at + 4] = value >>> 24
  out[at + 5] = value >>> 16
  out[at + 6] = value >>> 8
  out[at + 7] = value
  return 8
}

/** How many bytes the integer takes that begins with this byte. */
export function varintWidth(first: number): 1 | 2 | 4 | 8 {
  return (1 << (first >> 6)) as 1 | 2 | 4 | 8
}

/**
 * Reads one QUIC integer. `strict` refuses an encoding longer than it need be.
 * The caller checks that `varintWidth` bytes are there.
 */
export function readVarint(bytes: Uint8Array, at: number, field: string, strict = true): number {
  const first = bytes[at]!
  const width = varintWidth(first)
  if (width === 1) return first
  let value = first & 0x3f
  if (width === 8) {
    value = value * 0x1_00_00_00 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
    if (value >= 0x20_0000) throw new WireError('GH_WIRE_VARINT', field, at, 'above 2^53 - 1')
    const low =
      bytes[at + 4]! * 0x100_0000 + ((bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!)
    value = value * 0x1_0000_0000 + low
  } else {
    for (let i = 1; i < width; i++) value = value * 256 + bytes[at + i]!
  }
  if (strict && varintLength(value) !== width)
    throw new WireError('GH_WIRE_VARINT', field, at, 'longer than it need be')
  return value
}

export function leb128Length(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}

export function writeLeb128(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let i = at
  for (; rest >= 0x80; i++) {
    out[i] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[i] = rest
  return i - at + 1
}

/** Reads one LEB128 integer: minimal, at most nine bytes, at most 2^53 - 1. */
export function readLeb128(bytes: Uint8Array, at: number, field: string): { value: number; length: number } {
  let value = 0
  let scale = 1
  for (let i = 0; i < 9; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) throw new WireError('GH_WIRE_SHORT', field, at)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (byte === 0 && i > 0) throw new WireError('GH_WIRE_VARINT', field, at, 'longer than it need be')
      if (value > MAX_NUMBER) throw new WireError('GH_WIRE_VARINT', field, at, 'above 2^53 - 1')
      return { value, length: i + 1 }
    }
    scale *= 0x80
  }
  throw new WireError('GH_WIRE_VARINT', field, at, 'more than nine bytes')
}
