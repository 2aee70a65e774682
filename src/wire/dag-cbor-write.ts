/**
 * dag-cbor, written: the one form that `dag-cbor.ts` reads, with its picture.
 *
 * Floor: wire. Page: protocol/sync.md
 */
import { compare, utf8, utf8Length } from '../base/bytes.ts'
import { carve } from '../base/carve.ts'
import { GuildError } from '../base/errors.ts'
import { ByteWriter } from '../base/writer.ts'
import { isCid } from './cid.ts'
import { cborKinds, FALSE, FLOAT, LINK_TAG, NULL, TRUE } from './dag-cbor.ts'
import { limits } from './limits.ts'

/** Throws GH_CBOR_VALUE for what has no form here: undefined, functions, NaN, a Date, half a surrogate pair. */
export function encodeCbor(value: unknown): Uint8Array {
  const w = scratch ?? new ByteWriter(SCRATCH)
  scratch = undefined // a getter of the value may come back here
  write(w.reset(), value, 0)
  const bytes = carve(w.length)
  bytes.set(w.view())
  if (w.length <= SCRATCH) scratch = w
  return bytes
}

const SCRATCH = 4096
let scratch: ByteWriter | undefined

export function writeHead(w: ByteWriter, kind: number, value: number): void {
  const first = kind << 5
  if (value < 24) w.u8(first | value)
  else if (value < 0x100) w.u8(first | 24).u8(value)
  else if (value < 0x1_0000) w.u8(first | 25).u16(value)
  else if (value < 0x1_0000_0000) w.u8(first | 26).u32(value)
  else
    w.u8(first | 27)
      .u32(Math.floor(value / 2 ** 32))
      .u32(value % 2 ** 32)
}

export function writeBytes(w: ByteWriter, bytes: Uint8Array): void {
  writeHead(w, cborKinds.BYTES, bytes.length)
  w.raw(bytes)
}

export function writeText(w: ByteWriter, text: string): void {
  const length = utf8Length(text)
  writeHead(w, cborKinds.TEXT, length)
  if (length === text.length) w.ascii(text)
  else w.raw(utf8(text))
}

export function writeTruth(w: ByteWriter, value: boolean): void {
  w.u8((cborKinds.SIMPLE << 5) | (value ? TRUE : FALSE))
}

export function writeNull(w: ByteWriter): void {
  w.u8((cborKinds.SIMPLE << 5) | NULL)
}

function write(w: ByteWriter, value: unknown, depth: number): void {
  if (depth > limits.cborDepth) throw unwritable(`more than ${limits.cborDepth} levels`)
  switch (typeof value) {
    case 'boolean':
      return writeTruth(w, value)
    case 'number':
      return writeNumber(w, value)
    case 'bigint':
      return writeBig(w, value)
    case 'string':
      return writeUnknownText(w, value, 'a text')
    case 'object':
      return writeObject(w, value, depth)
    default:
      throw unwritable(`a value of type ${typeof value}`)
  }
}

function writeObject(w: ByteWriter, value: object | null, depth: number): void {
  if (value === null) return writeNull(w)
  if (value instanceof Uint8Array) return writeBytes(w, value)
  if (isCid(value)) {
    writeHead(w, cborKinds.LINK, LINK_TAG)
    writeHead(w, cborKinds.BYTES, value.bytes.length + 1)
    return void w.u8(0).raw(value.bytes)
  }
  if (Array.isArray(value)) {
    writeHead(w, cborKinds.LIST, value.length)
    for (const item of value) write(w, item, depth + 1)
    return
  }
  const shape = Object.getPrototypeOf(value)
  if (shape !== Object.prototype && shape !== null)
    throw unwritable(`an object of class ${(shape as { constructor?: { name?: string } }).constructor?.name}`)
  const keys = Object.keys(value)
  if (keys.length > 1) keys.sort(compareKeys)
  writeHead(w, cborKinds.MAP, keys.length)
  for (const key of keys) {
    writeUnknownText(w, key, 'a key')
    write(w, (value as Record<string, unknown>)[key], depth + 1)
  }
}

/** What a program gave, which may be no text that UTF-8 can say. */
function writeUnknownText(w: ByteWriter, text: string, what: string): void {
  const length = utf8Length(text)
  if (length !== text.length && !wellFormed(text)) throw unwritable(`${what} with half a surrogate pair`)
  writeHead(w, cborKinds.TEXT, length)
  if (length === text.length) w.ascii(text)
  else w.raw(utf8(text))
}

/** The shorter first, in UTF-8, then by its bytes. */
function compareKeys(a: string, b: string): number {
  const inA = utf8Length(a)
  const inB = utf8Length(b)
  if (inA !== inB) return inA - inB
  if (inA !== a.length || inB !== b.length) return compare(utf8(a), utf8(b))
  return a < b ? -1 : 1
}

function writeNumber(w: ByteWriter, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    if (value >= 0) writeHead(w, cborKinds.UINT, value)
    else writeHead(w, cborKinds.NEGATIVE, -1 - value)
    return
  }
  if (!Number.isFinite(value)) throw unwritable(String(value))
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  w.u8((cborKinds.SIMPLE << 5) | FLOAT).raw(bytes)
}

function writeBig(w: ByteWriter, value: bigint): void {
  const magnitude = value < 0n ? -1n - value : value
  if (magnitude >= 1n << 64n) throw unwritable('a whole number of more than 64 bits')
  const kind = value < 0n ? cborKinds.NEGATIVE : cborKinds.UINT
  if (magnitude <= Number.MAX_SAFE_INTEGER) return writeHead(w, kind, Number(magnitude))
  w.u8((kind << 5) | 27)
    .u32(Number(magnitude >> 32n))
    .u32(Number(magnitude & 0xffff_ffffn))
}

function wellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

function unwritable(what: string): GuildError {
  return new GuildError('GH_CBOR_VALUE', what)
}
