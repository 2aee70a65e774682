/**
 * CAR files, read as they stream by: a header with roots, then blocks with their names.
 *
 *   v1   length | {roots: […], version: 1}      length | CID | bytes      length | CID | bytes …
 *   v2   0a a1 67 76 65 72 73 69 6f 6e 02       the pragma, which reads as a header of version 2
 *        16 bytes flags | u64 data offset | u64 data length | u64 index offset      little-endian
 *        … at the data offset a v1, whole; the index behind it is not read
 *
 * Lengths are LEB128, in the fewest bytes. A header above 1 MiB and a section above what a block and
 * its CID take are refused by their claim; so is a section of no bytes, which some programs leave
 * where they reserved space, and an end inside a section (spec: CAR-1, CAR-2). Who reads a file that
 * ends early has been given all blocks before the break, and then the error.
 *
 * The blocks are not checked here: `verifyBlock` does that.
 * Page: protocol/block.md · Vectors: car/, unixfs/gateway-conformance · Faults: CA-01, CA-03
 * Floor: content.
 */
import { decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { equal, fromHex } from '../../base/bytes.ts'
import { GuildError, WireError } from '../../base/errors.ts'
import { ByteReader } from '../../base/reader.ts'
import { checkCid, readCid } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import type { Abortable, Block } from '../block.ts'
import { refuseAborted } from '../block.ts'
import { cborLinks } from '../cbor.ts'

export const CAR_HEADER_MAX: number = 1024 * 1024
const SECTION_MAX = limits.block + limits.cid
const pragma = fromHex('0aa16776657273696f6e02')!
const V2_HEADER = 40

export interface Car {
  readonly version: 1 | 2
  /** None is allowed. */
  readonly roots: readonly CID[]
  /** Each section once, in order. */
  readonly blocks: AsyncGenerator<Block>
}

/** Reads the header. The blocks follow as they are asked for. */
export async function openCar(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  { signal }: Abortable = {},
): Promise<Car> {
  const input = new Input(source, signal)
  try {
    const first = await input.section('header', CAR_HEADER_MAX)
    if (first === undefined) throw invalid('it is empty')
    if (!equal(first.whole, pragma))
      return { version: 1, roots: rootsOf(first.body), blocks: blocksOf(input) }
    const header = await input.take(V2_HEADER, 'the header of version 2')
    const view = new DataView(header.buffer, header.byteOffset, header.length)
    const [offset, length, index] = [16, 24, 32].map(at => u64(view, at)) as [number, number, number]
    if (offset < pragma.length + V2_HEADER) throw invalid(`its data begins at ${offset}, inside its header`)
    if (length === 0) throw invalid('its data has no length: it was never finished')
    if (index !== 0 && index < offset + length) throw invalid('its index begins inside its data')
    await input.pass(offset - input.position, 'the data')
    input.limit(length)
    const inner = await input.section('header', CAR_HEADER_MAX)
    if (inner === undefined) throw invalid('it has no data')
    return { version: 2, roots: rootsOf(inner.body), blocks: blocksOf(input) }
  } catch (error) {
    await input.close()
    throw error
  }
}

async function* blocksOf(input: Input): AsyncGenerator<Block> {
  try {
    for (;;) {
      const begin = input.position
      const section = await input.section('section', SECTION_MAX)
      if (section === undefined) return
      const r = new ByteReader(section.body)
      let cid: CID
      try {
        cid = readCid(r)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        if (error.code === 'GH_CID_UNSUPPORTED')
          throw new GuildError(error.code, `section at byte ${begin}: ${error.detail}`)
        throw invalid(`the section at byte ${begin} has no CID: ${error.detail}`)
      }
      checkCid(cid)
      if (r.remaining > limits.block)
        throw new GuildError(
          'GH_BLOCK_TOO_LARGE',
          `section at byte ${begin}: ${r.remaining} bytes, at most ${limits.block}`,
        )
      yield { cid, bytes: section.body.subarray(r.offset) }
    }
  } finally {
    await input.close()
  }
}

function rootsOf(header: Uint8Array): CID[] {
  try {
    cborLinks(header)
  } catch (error) {
    throw invalid(`its header: ${error instanceof GuildError ? error.detail : error}`)
  }
  const value: unknown = decode(header)
  if (typeof value !== 'object' || value === null || !('version' in value))
    throw invalid('its header has no version')
  if (value.version !== 1) throw invalid(`version ${String(value.version)}, neither 1 nor 2`)
  if (!('roots' in value) || !Array.isArray(value.roots)) throw invalid('its header has no roots')
  if (Object.keys(value).length !== 2) throw invalid('its header says more than roots and version')
  return value.roots.map(root => {
    const cid = CID.asCID(root)
    if (cid === null) throw invalid('a root that is no CID')
    checkCid(cid)
    return cid
  })
}

function u64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('an offset above 2^53 - 1')
  return Number(value)
}

/** Bytes of a stream, taken in the pieces that are wanted. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  readonly #signal: AbortSignal | undefined
  #queue: Uint8Array[] = []
  #available = 0
  /** Bytes taken so far. */
  position = 0
  #end = Number.POSITIVE_INFINITY

  constructor(source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#chunks = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
    this.#signal = signal
  }

  /** From here on the input ends after `length` bytes, and not before. */
  limit(length: number): void {
    this.#end = this.position + length
  }

  /** A length and that many bytes; undefined at a clean end. The memory is the caller's. */
  async section(what: string, most: number): Promise<{ whole: Uint8Array; body: Uint8Array } | undefined> {
    const begin = this.position
    let head = 0
    let length = 0
    for (let scale = 1; ; scale *= 128, head++) {
      if (this.position + head === this.#end && head === 0) return undefined
      if (head === 9) throw invalid(`the length at byte ${begin} has more than nine bytes`)
      if (!(await this.#fill(head + 1))) {
        if (head === 0 && this.#end === Number.POSITIVE_INFINITY) return undefined
        throw invalid(`it ends inside a length, at byte ${begin}`)
      }
      const byte = this.#peek(head)
      length += (byte & 0x7f) * scale
      if (byte >= 0x80) continue
      if (byte === 0 && head > 0) throw invalid(`the length at byte ${begin} is longer than it need be`)
      head++
      break
    }
    // spec: CAR-1: by its claim
    if (length > most) throw invalid(`a ${what} of ${length} bytes at byte ${begin}, at most ${most}`)
    if (length === 0) throw invalid(`a ${what} of no bytes at byte ${begin}`)
    const whole = await this.take(head + length, `the ${what} at byte ${begin}`)
    return { whole, body: whole.subarray(head) }
  }

  async take(length: number, what: string): Promise<Uint8Array> {
    if (!(await this.#fill(length))) throw invalid(`it ends inside ${what}`)
    const out = new Uint8Array(length)
    for (let at = 0; at < length; ) {
      const first = this.#queue[0]!
      const taken = Math.min(first.length, length - at)
      out.set(first.subarray(0, taken), at)
      at += taken
      this.#drop(taken)
    }
    return out
  }

  async pass(length: number, what: string): Promise<void> {
    for (let left = length; left > 0; ) {
      if (!(await this.#fill(1))) throw invalid(`it ends before ${what}`)
      const taken = Math.min(left, this.#queue[0]!.length)
      this.#drop(taken)
      left -= taken
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  #peek(at: number): number {
    let left = at
    for (const chunk of this.#queue) {
      if (left < chunk.length) return chunk[left]!
      left -= chunk.length
    }
    throw new GuildError('GH_INTERNAL', 'looked beyond what is there')
  }

  #drop(length: number): void {
    const first = this.#queue[0]!
    if (length === first.length) this.#queue.shift()
    else this.#queue[0] = first.subarray(length)
    this.#available -= length
    this.position += length
  }

  /** Are so many bytes there, once what is needed has come? */
  async #fill(length: number): Promise<boolean> {
    if (this.position + length > this.#end) return false
    while (this.#available < length) {
      refuseAborted(this.#signal)
      const { value, done } = await this.#chunks.next()
      if (done === true) return false
      if (value.length === 0) continue
      this.#queue.push(value)
      this.#available += value.length
    }
    return true
  }
}

function invalid(why: string): GuildError {
  return new GuildError('GH_CAR_INVALID', why)
}
