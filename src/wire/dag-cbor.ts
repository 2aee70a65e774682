/**
 * dag-cbor, strict: each value has one form, and no other is read.
 *
 *   +--------------------+------------------------------+---------------------+
 *   | kind, 3 bits       | 0 to 23: the number itself   | 0, 1, 2, 4, 8 bytes |
 *   |                    | 24, 25, 26, 27: what follows | of the number       |
 *   +--------------------+------------------------------+---------------------+
 *    0 whole number   2 bytes   4 list   6 link: tag 42 over bytes, 0x00 before a CID
 *    1 -1 - number    3 text    5 map    7 false, true, null (20, 21, 22), or 27: a float of 8 bytes
 *
 * Numbers are written as short as they go, keys are text and ascend, the shorter first. So two
 * nodes that know the same value hash the same bytes. The bytes are walked where they lie, and
 * made into values only for whoever asks.
 *
 * Refuses what RFC 8949 has beside that: other tags, lengths left open, undefined, short
 * floats, NaN and the infinities, keys that are no text, come twice or in another order, and
 * more than 64 levels (spec: CBOR-1, CBOR-2).
 *
 * Source: ipld.io/specs/codecs/dag-cbor. Page: protocol/sync.md
 * Vectors: ipld/dag-cbor-strict-written-here.json, ipld/cbor-rfc8949-appendix_a.json · Floor: wire.
 */
import { compare, copy, fromUtf8 } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { ByteReader } from '../base/reader.ts'
import { type CID, decodeCid } from './cid.ts'
import { limits } from './limits.ts'

/** What JSON knows, and bytes and links. Whole numbers beyond 2^53 are bigints. */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CID
  | readonly CborValue[]
  | { readonly [key: string]: CborValue }

export const cborKinds = {
  UINT: 0,
  NEGATIVE: 1,
  BYTES: 2,
  TEXT: 3,
  LIST: 4,
  MAP: 5,
  LINK: 6,
  SIMPLE: 7,
} as const

export const LINK_TAG = 42
export const FALSE = 20
export const TRUE = 21
export const NULL = 22
export const FLOAT = 27

/** The first byte and the number behind it, of whatever comes next. */
export interface CborHead {
  readonly kind: number
  /** Of the low five bits where they are no number: kind 7. */
  readonly info: number
  readonly value: number
  /** Set where `value` is above 2^53 - 1. */
  readonly big: bigint | undefined
}

export function readHead(r: ByteReader, field: string): CborHead {
  const at = r.offset
  const first = r.u8(field)
  const kind = first >>> 5
  const info = first & 0x1f
  if (kind === cborKinds.SIMPLE) return { kind, info, value: 0, big: undefined }
  if (info < 24) return { kind, info, value: info, big: undefined }
  if (info > 27) throw new WireError('GH_WIRE_VALUE', field, at, `additional information ${info}`)
  const width = 1 << (info - 24)
  let value: number
  let big: bigint | undefined
  if (width < 8) value = r.uint(width, field)
  else {
    const high = r.uint(4, field)
    const low = r.uint(4, field)
    value = high * 2 ** 32 + low
    if (value > Number.MAX_SAFE_INTEGER) big = (BigInt(high) << 32n) | BigInt(low)
  }
  const least = width === 1 ? 24 : 2 ** (4 * width)
  // spec: CBOR-1
  if (value < least) throw new WireError('GH_WIRE_VALUE', field, at, `${value} in ${width} bytes`)
  return { kind, info, value, big }
}

/** The number in the head of one kind: a whole number, or the length of bytes, text, a list or a map. */
export function readOf(r: ByteReader, kind: number, field: string, most: number): number {
  const at = r.offset
  const head = readHead(r, field)
  if (head.kind !== kind) throw new WireError('GH_WIRE_VALUE', field, at, `kind ${head.kind}, not ${kind}`)
  if (head.value > most) throw new WireError('GH_WIRE_LENGTH', field, at, `${head.value}, at most ${most}`)
  return head.value
}

export function readUint(r: ByteReader, field: string, most: number = Number.MAX_SAFE_INTEGER): number {
  return readOf(r, cborKinds.UINT, field, most)
}

/** A view. */
export function readBytes(r: ByteReader, field: string, most: number): Uint8Array {
  return r.take(readOf(r, cborKinds.BYTES, field, most), field)
}

export function readText(r: ByteReader, field: string, most: number): string {
  const length = readOf(r, cborKinds.TEXT, field, most)
  const at = r.offset
  const bytes = r.take(length, field)
  return textOf(bytes, field, at)
}

export function readTruth(r: ByteReader, field: string): boolean {
  const at = r.offset
  const { kind, info } = readHead(r, field)
  if (kind !== cborKinds.SIMPLE || (info !== FALSE && info !== TRUE))
    throw new WireError('GH_WIRE_VALUE', field, at, 'not true or false')
  return info === TRUE
}

/** True where null comes next, which is then behind us. */
export function readNull(r: ByteReader, field: string): boolean {
  if (r.bytes[r.offset] !== (cborKinds.SIMPLE << 5) + NULL) return false
  r.u8(field)
  return true
}

/** Walks over one value of any kind and makes nothing of it. */
export function skipValue(r: ByteReader, field: string): void {
  walk(r, field, 0)
}

/** One value, all of the bytes. Bytes in it are copies. Throws a WireError. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const r = new ByteReader(bytes)
  const value = build(r, 'value', 0)
  r.end('value')
  return value
}

function walk(r: ByteReader, field: string, depth: number): void {
  const at = r.offset
  const head = readHead(r, field)
  const { kind, value } = head
  switch (kind) {
    case cborKinds.UINT:
    case cborKinds.NEGATIVE:
      return
    case cborKinds.BYTES:
      return r.pass(value, field)
    case cborKinds.TEXT:
      return skipText(r, value, field)
    case cborKinds.LIST:
      deeper(depth, field, at)
      fits(r, value, 1, field, at)
      for (let i = 0; i < value; i++) walk(r, field, depth + 1)
      return
    case cborKinds.MAP: {
      deeper(depth, field, at)
      fits(r, value, 2, field, at)
      let before: Uint8Array | undefined
      for (let i = 0; i < value; i++) {
        before = readKey(r, field, before)
        walk(r, field, depth + 1)
      }
      return
    }
    case cborKinds.LINK:
      return void link(r, value, field, at)
    default:
      simple(r, head.info, field, at)
  }
}

function build(r: ByteReader, field: string, depth: number): CborValue {
  const at = r.offset
  const { kind, info, value, big } = readHead(r, field)
  switch (kind) {
    case cborKinds.UINT:
      return big ?? value
    case cborKinds.NEGATIVE:
      return big !== undefined || value === Number.MAX_SAFE_INTEGER
        ? -1n - (big ?? BigInt(value))
        : -1 - value
    case cborKinds.BYTES:
      return copy(r.take(value, field))
    case cborKinds.TEXT: {
      const start = r.offset
      return textOf(r.take(value, field), field, start)
    }
    case cborKinds.LIST: {
      deeper(depth, field, at)
      fits(r, value, 1, field, at)
      const list: CborValue[] = []
      for (let i = 0; i < value; i++) list.push(build(r, field, depth + 1))
      return list
    }
    case cborKinds.MAP: {
      deeper(depth, field, at)
      fits(r, value, 2, field, at)
      const pairs: [string, CborValue][] = []
      let before: Uint8Array | undefined
      for (let i = 0; i < value; i++) {
        before = readKey(r, field, before)
        pairs.push([fromUtf8(before), build(r, field, depth + 1)])
      }
      return Object.fromEntries(pairs) // `__proto__` becomes a key like any other
    }
    case cborKinds.LINK:
      return link(r, value, field, at)
    default:
      return simple(r, info, field, at)
  }
}

/** A key, which has to come after the one before it: the shorter first, then by its bytes. */
export function readKey(r: ByteReader, field: string, before: Uint8Array | undefined): Uint8Array {
  const at = r.offset
  const length = readOf(r, cborKinds.TEXT, `${field} key`, Number.MAX_SAFE_INTEGER)
  const start = r.offset
  const key = r.take(length, `${field} key`)
  textOf(key, `${field} key`, start)
  // spec: CBOR-1
  if (before !== undefined && (key.length - before.length || compare(key, before)) <= 0)
    throw new WireError('GH_WIRE_VALUE', `${field} key`, at, 'out of order, or twice')
  return key
}

function simple(r: ByteReader, info: number, field: string, at: number): null | boolean | number {
  if (info === NULL) return null
  if (info === FALSE || info === TRUE) return info === TRUE
  if (info !== FLOAT) throw new WireError('GH_WIRE_VALUE', field, at, `simple value or float ${info}`)
  const bytes = r.take(8, field)
  const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0)
  if (!Number.isFinite(value)) throw new WireError('GH_WIRE_VALUE', field, at, String(value))
  return value
}

function link(r: ByteReader, tag: number, field: string, at: number): CID {
  if (tag !== LINK_TAG) throw new WireError('GH_WIRE_VALUE', field, at, `tag ${tag}`)
  const bytes = readBytes(r, field, limits.cid + 1)
  if (bytes[0] !== 0) throw new WireError('GH_WIRE_VALUE', field, at, 'a link begins with 0x00')
  try {
    return decodeCid(bytes.subarray(1))
  } catch (error) {
    throw new WireError('GH_WIRE_VALUE', field, at, (error as Error).message)
  }
}

function deeper(depth: number, field: string, at: number): void {
  if (depth >= limits.cborDepth) throw new WireError('GH_WIRE_LENGTH', field, at, `${depth} levels`)
}

/** By its claim: so many items need so many bytes at least, and nothing is made before. */
function fits(r: ByteReader, count: number, least: number, field: string, at: number): void {
  if (count * least > r.remaining) throw new WireError('GH_WIRE_SHORT', field, at, `${count} items`)
}

function skipText(r: ByteReader, length: number, field: string): void {
  const at = r.offset
  r.pass(length, field)
  for (let i = at; i < r.offset; i++)
    if (r.bytes[i]! > 0x7f) return void textOf(r.bytes.subarray(at, r.offset), field, at)
}

function textOf(bytes: Uint8Array, field: string, at: number): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw new WireError('GH_WIRE_TEXT', field, at)
  }
}
