/**
 * UnixFS data: what a dag-pb node says of itself, a protobuf of eight fields.
 *
 *   08 type | 12 data | 18 size | 20 size of each child … | 28 hash | 30 fanout | 38 mode | 42 time
 *
 *   type   0 raw   1 directory   2 file   4 symlink   5 shard of a directory
 *
 * A file's size is its own data and that of its children; where the field says otherwise the node
 * is refused, for readers believe it (spec: UNIXFS-3). Unknown fields are passed over, as protobuf
 * has it; numbers above 2^53 - 1 are refused.
 *
 * Page: protocol/block.md · Vectors: unixfs/*.unixfs · Faults: UX-03 · Floor: content.
 */
import { empty } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { leb128Length, writeLeb128 } from '../../base/varint.ts'
import { LINKS_MAX } from '../cbor.ts'

export const unixTypes = { raw: 0, directory: 1, file: 2, metadata: 3, symlink: 4, shard: 5 } as const
export type UnixType = keyof typeof unixTypes

export interface UnixTime {
  /** Since 1970; before it they are negative. */
  readonly seconds: number
  /** 0 to 999,999,999. */
  readonly nanoseconds: number
}

export interface UnixMetadata {
  /** The low twelve bits of what `stat` says. */
  readonly mode?: number | undefined
  readonly mtime?: UnixTime | undefined
}

export interface UnixData extends UnixMetadata {
  readonly type: UnixType
  readonly data: Uint8Array
  /** Of a file or raw node: its data and that of its children. */
  readonly size: number
  /** Of each child. */
  readonly blockSizes: readonly number[]
  readonly hash?: number | undefined
  readonly fanout?: number | undefined
}

const typeNames = Object.keys(unixTypes) as UnixType[]

export function decodeUnixData(bytes: Uint8Array): UnixData {
  const r = new Fields(bytes)
  let type: UnixType | undefined
  let data: Uint8Array = empty
  let size: number | undefined
  const blockSizes: number[] = []
  let hash: number | undefined
  let fanout: number | undefined
  let mode: number | undefined
  let mtime: UnixTime | undefined
  while (r.next()) {
    switch (r.tag) {
      case 0x08:
        type = typeNames[r.number('type')]
        if (type === undefined) throw invalid('a type that nobody knows')
        break
      case 0x12:
        data = r.bytes()
        break
      case 0x18:
        size = r.number('size')
        break
      case 0x20:
        if (blockSizes.length === LINKS_MAX) throw invalid(`more than ${LINKS_MAX} children`)
        blockSizes.push(r.number('size of a child'))
        break
      case 0x28:
        hash = r.number('hash')
        break
      case 0x30:
        fanout = r.number('fanout')
        break
      case 0x38:
        mode = r.number('mode') & 0o7777
        break
      case 0x42:
        mtime = decodeTime(r.bytes())
        break
      default:
        r.pass()
    }
  }
  if (type === undefined) throw invalid('no type')
  const sum = sumOf(blockSizes, data.length)
  if (type === 'file' || type === 'raw') {
    // spec: UNIXFS-3
    if (size !== undefined && size !== sum) throw invalid(`a size of ${size}, but its parts are ${sum}`)
  } else if (blockSizes.length > 0) throw invalid(`a ${type} with sizes of children`)
  return { type, data, size: sum, blockSizes, hash, fanout, mode, mtime }
}

/** The fields in their order. `size` is computed; defaults of `mode` are left out, as others do. */
export function encodeUnixData({
  type,
  data = empty,
  blockSizes = [],
  hash,
  fanout,
  mode,
  mtime,
}: Partial<UnixData> & { readonly type: UnixType }): Uint8Array {
  const out = new Output(data.length + 10 * blockSizes.length + 96)
  out.field(0x08, unixTypes[type])
  if (data.length > 0) out.prefixed(0x12, data)
  if (type === 'file' || type === 'raw') out.field(0x18, sumOf(blockSizes, data.length))
  for (const one of blockSizes) out.field(0x20, one)
  if (hash !== undefined) out.field(0x28, hash)
  if (fanout !== undefined) out.field(0x30, fanout)
  const usual = type === 'directory' || type === 'shard' ? 0o755 : 0o644
  if (mode !== undefined && (mode & 0o7777) !== usual) out.field(0x38, mode & 0o7777)
  if (mtime !== undefined) out.prefixed(0x42, encodeTime(mtime))
  return out.view()
}

function sumOf(sizes: readonly number[], first: number): number {
  let sum = first
  for (const size of sizes) sum += size
  if (sum > Number.MAX_SAFE_INTEGER) throw invalid('sizes above 2^53 - 1')
  return sum
}

function encodeTime({ seconds, nanoseconds }: UnixTime): Uint8Array {
  const out = new Output(16)
  if (seconds >= 0) out.field(0x08, seconds)
  else {
    // Ten bytes of two's complement.
    let rest = BigInt.asUintN(64, BigInt(seconds))
    out.byte(0x08)
    for (let i = 0; i < 9; i++, rest >>= 7n) out.byte(Number(rest & 0x7fn) | 0x80)
    out.byte(Number(rest))
  }
  if (nanoseconds > 0) {
    out.byte(0x15)
    for (const shift of [0, 8, 16, 24]) out.byte(nanoseconds >>> shift)
  }
  return out.view()
}

function decodeTime(bytes: Uint8Array): UnixTime {
  const r = new Fields(bytes)
  let seconds = 0
  let nanoseconds = 0
  while (r.next()) {
    if (r.tag === 0x08) seconds = r.signed('seconds')
    else if (r.tag === 0x15) nanoseconds = r.fixed32()
    else r.pass()
  }
  if (nanoseconds > 999_999_999) throw invalid('more than 999,999,999 nanoseconds')
  return { seconds, nanoseconds }
}

/** The fields of a protobuf, one after the other. */
class Fields {
  readonly #bytes: Uint8Array
  #at = 0
  tag = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  next(): boolean {
    if (this.#at === this.#bytes.length) return false
    this.tag = this.number('tag')
    return true
  }

  number(what: string): number {
    const value = this.#varint(what)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`${what} above 2^53 - 1`)
    return Number(value)
  }

  signed(what: string): number {
    const value = Number(BigInt.asIntN(64, this.#varint(what)))
    if (!Number.isSafeInteger(value)) throw invalid(`${what} beyond 2^53 - 1`)
    return value
  }

  /** Most are short: those need no bigints. */
  #varint(what: string): bigint {
    let low = 0
    for (let i = 0; i < 4; i++) {
      const byte = this.#byte(what)
      low |= (byte & 0x7f) << (7 * i)
      if (byte < 0x80) return BigInt(low)
    }
    let value = BigInt(low)
    for (let i = 4; i < 10; i++) {
      const byte = this.#byte(what)
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw invalid(`${what} of more than ten bytes`)
  }

  #byte(what: string): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined) throw invalid(`${what} is cut off`)
    return byte
  }

  bytes(): Uint8Array {
    return this.#take(this.number('length'))
  }

  fixed32(): number {
    const bytes = this.#take(4)
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  }

  pass(): void {
    const kind = this.tag & 7
    if (kind === 0) this.#varint('field')
    else if (kind === 1) this.#take(8)
    else if (kind === 2) this.bytes()
    else if (kind === 5) this.#take(4)
    else throw invalid(`a field of kind ${kind}`)
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw invalid('a length beyond the end')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

class Output {
  readonly #bytes: Uint8Array
  #length = 0

  constructor(most: number) {
    this.#bytes = new Uint8Array(most)
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value
  }

  field(tag: number, value: number): void {
    this.byte(tag)
    this.#length += writeLeb128(this.#bytes, this.#length, value)
  }

  prefixed(tag: number, bytes: Uint8Array): void {
    this.field(tag, bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}

/** How long a link of a dag-pb node is: hash, name, size, behind a length. */
export function linkLength(cidLength: number, nameLength: number, size: number): number {
  const inner =
    1 +
    leb128Length(cidLength) +
    cidLength +
    1 +
    leb128Length(nameLength) +
    nameLength +
    1 +
    leb128Length(size)
  return 1 + leb128Length(inner) + inner
}

function invalid(why: string): GuildError {
  return new GuildError('GH_UNIXFS_INVALID', why)
}
