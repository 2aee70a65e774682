/**
 * A file out of its blocks, or a part of it, in order.
 *
 *   part → part → part → part → …        what is still to come, in order
 *    │      └──────┴─ asked for ahead: at most `prefetch` blocks and about 8 MiB
 *    └─ its bytes are handed out; a node gives way to its children as soon as it is there
 *
 * Sizes are claims: each node says how long its children are, and a child that is longer or shorter
 * is refused before a byte of it is handed out, so what comes out is never more than was said
 * (spec: UNIXFS-3). Children outside the wanted range are never asked for, nor are empty ones, of
 * which a small node could name millions.
 *
 * Refuses: what is no file, parts more than 64 deep, sizes that disagree.
 * Page: protocol/block.md · Faults: UX-03, BX-08 · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { contentCodecs } from '../../wire/registry.ts'
import { follow, quiet, WINDOW } from '../ahead.ts'
import { type Abortable, type BlockSource, readBlock, refuseAborted } from '../block.ts'
import { decodeNode, placeOf, type UnixNode } from './node.ts'

export interface ReadOptions extends Abortable {
  /** The first byte that is wanted. A negative one counts from the end. */
  readonly offset?: number | undefined
  /** Bytes, at most. Default: all that follow. */
  readonly length?: number | undefined
  /** Blocks asked for ahead. Default 32. */
  readonly prefetch?: number | undefined
}

const DEPTH_MAX = 64
const BYTES_AHEAD = 8 * 1024 * 1024
/** What a block is taken for that may be a node: how long it is is not known. */
const NODE_COST = 256 * 1024
/** Parts that wait because nodes were read ahead; and altogether, where a DAG is made to have many. */
const PARTS_AHEAD = 65_536
const PARTS_MAX = 524_288

interface Part {
  readonly cid: CID
  /** Where in the file it begins. */
  readonly begin: number
  /** Its length as its parent says; of the root nobody does. */
  readonly length: number | undefined
  readonly depth: number
  next: Part | undefined
  asked: Promise<void> | undefined
  node: UnixNode | undefined
}

/** The bytes of the file at `cid`: as they come, none copied. */
export async function* readFile(
  source: BlockSource,
  cid: CID,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array> {
  const stop = follow(options.signal)
  const reading = new Reading(source, options.prefetch ?? WINDOW, stop.signal)
  try {
    // No name but this one may hold a part: each leads to all that follow.
    let part: Part | undefined = partOf(cid, 0, undefined, 0)
    await reading.ask(part)
    reading.want(part.node!.size, options)
    while (part !== undefined) {
      refuseAborted(options.signal)
      await reading.ask(part)
      const bytes = reading.wantedOf(part)
      reading.expand(part)
      part = reading.advance(part)
      if (bytes.length > 0) yield bytes
    }
  } finally {
    stop.now()
  }
}

function partOf(cid: CID, begin: number, length: number | undefined, depth: number): Part {
  return { cid, begin, length, depth, next: undefined, asked: undefined, node: undefined }
}

/** What is asked for and what has come, of one file that is read. */
class Reading {
  readonly #source: BlockSource
  readonly #window: number
  readonly #signal: AbortSignal
  #begin = 0
  #end = 0
  #waiting = 0

  constructor(source: BlockSource, window: number, signal: AbortSignal) {
    this.#source = source
    this.#window = Math.max(1, window)
    this.#signal = signal
  }

  want(size: number, { offset = 0, length = size }: ReadOptions): void {
    this.#begin = offset < 0 ? Math.max(0, size + offset) : offset
    this.#end = Math.min(size, this.#begin + length)
  }

  ask(part: Part): Promise<void> {
    part.asked ??= quiet(this.#fetch(part))
    return part.asked
  }

  async #fetch(part: Part): Promise<void> {
    const { cid, length } = part
    const node = decodeNode(cid, await readBlock(this.#source, cid, { signal: this.#signal }))
    if (node.type !== 'file' && node.type !== 'raw')
      throw new GuildError('GH_UNIXFS_INVALID', `${placeOf(cid)}: a ${node.type}, not a file`)
    // spec: UNIXFS-3
    if (length !== undefined && node.size !== length)
      throw new GuildError(
        'GH_UNIXFS_INVALID',
        `${placeOf(cid)}: ${node.size} bytes where ${length} were said`,
      )
    part.node = node
  }

  wantedOf({ begin, node }: Part): Uint8Array {
    const { data } = node!
    const from = Math.max(0, this.#begin - begin)
    return data.subarray(from, Math.max(from, Math.min(data.length, this.#end - begin)))
  }

  /** Puts the children that are wanted behind their parent, once. */
  expand(part: Part): void {
    const { links, blockSizes, data, ...rest } = part.node!
    if (links.length === 0) return
    if (part.depth === DEPTH_MAX)
      throw new GuildError('GH_UNIXFS_INVALID', `${placeOf(part.cid)}: parts more than ${DEPTH_MAX} deep`)
    if (this.#waiting > PARTS_MAX)
      throw new GuildError('GH_UNIXFS_INVALID', `${placeOf(part.cid)}: more than ${PARTS_MAX} parts at once`)
    let at = part.begin + data.length
    let last = part
    const behind = part.next
    for (const [i, { cid }] of links.entries()) {
      const length = blockSizes[i]!
      if (length > 0 && at < this.#end && at + length > this.#begin) {
        last.next = partOf(cid, at, length, part.depth + 1)
        last = last.next
        this.#waiting++
      }
      at += length
    }
    last.next = behind
    part.node = { ...rest, data, blockSizes: [], links: [] }
  }

  /** The part behind this one, with those that follow asked for. */
  advance({ next }: Part): Part | undefined {
    let [count, bytes] = [0, 0]
    if (next !== undefined) this.#waiting--
    for (let part = next; part !== undefined; part = part.next) {
      count++
      bytes += part.cid.code === contentCodecs.RAW ? (part.length ?? NODE_COST) : NODE_COST
      if (count > this.#window || (count > 1 && bytes > BYTES_AHEAD)) break
      void this.ask(part)
      if (part.node !== undefined && this.#waiting < PARTS_AHEAD) this.expand(part)
    }
    return next
  }
}
