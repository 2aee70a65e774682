/**
 * What is in a directory: all of it as a stream, or one name.
 *
 *   directory   its links, in order
 *   shard       "3F" + name ─▶ an entry      "A0" ─▶ a shard one level down, asked for ahead
 *
 * A shard is checked while it is read: places go up, and each name stands where its hash says, so
 * that no name is there twice and no way leads down for ever.
 *
 * Page: protocol/block.md (spec: UNIXFS-4) · Faults: UX-01, BX-08 · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { utf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import { follow, quiet, WINDOW } from '../ahead.ts'
import { type Abortable, type BlockSource, readBlock, refuseAborted } from '../block.ts'
import { murmur3 } from './murmur3.ts'
import { decodeNode, placeOf, type UnixLink, type UnixNode } from './node.ts'

export interface ListOptions extends Abortable {
  readonly prefetch?: number | undefined
}

const MURMUR3_X64_64 = 0x22
const HASH_BITS = 64

/** The entries as they stand; a directory with shards in the order of its hashes. Names are unchecked. */
export async function* listDirectory(
  source: BlockSource,
  cid: CID,
  { signal, prefetch = WINDOW }: ListOptions = {},
): AsyncGenerator<UnixLink> {
  const node = await load(source, cid, signal)
  if (node.type === 'directory') {
    yield* uniquely(node.links, cid)
    return
  }
  const stop = follow(signal)
  try {
    yield* listShard(source, new Shard(cid, node, 0), prefetch, stop.signal)
  } finally {
    stop.now()
  }
}

function* uniquely(links: readonly UnixLink[], cid: CID): Generator<UnixLink> {
  const names = new Set<string>()
  for (const link of links) {
    if (names.has(link.name)) throw invalid(cid, `"${visible(link.name, 80)}" is there twice`)
    names.add(link.name)
    yield link
  }
}

interface Open {
  readonly shard: Shard
  at: number
  /** Shards below it that were asked for, by their place in `links`. */
  readonly asked: Map<number, Promise<UnixNode>>
  ahead: number
}

async function* listShard(
  source: BlockSource,
  root: Shard,
  prefetch: number,
  signal: AbortSignal,
): AsyncGenerator<UnixLink> {
  const open: Open[] = [{ shard: root, at: 0, asked: new Map(), ahead: 0 }]
  while (open.length > 0) {
    refuseAborted(signal)
    const top = open.at(-1)!
    const { shard, asked } = top
    const link = shard.node.links[top.at]
    if (link === undefined) {
      open.pop()
      continue
    }
    const name = shard.nameOf(link)
    if (name !== undefined) {
      top.at++
      yield { ...link, name }
      continue
    }
    for (; top.ahead < shard.node.links.length && asked.size < Math.max(1, prefetch); top.ahead++) {
      const next = shard.node.links[top.ahead]!
      if (shard.isShard(next)) asked.set(top.ahead, quiet(load(source, next.cid, signal)))
    }
    const node = await asked.get(top.at)!
    asked.delete(top.at)
    top.at++
    open.push({ shard: new Shard(link.cid, node, shard.depth + 1), at: 0, asked: new Map(), ahead: 0 })
  }
}

/** The CID of one name in the directory whose root block this is, or undefined. */
export async function lookUp(
  source: BlockSource,
  cid: CID,
  node: UnixNode,
  name: string,
  { signal }: Abortable = {},
): Promise<CID | undefined> {
  if (node.type === 'directory') return node.links.find(link => link.name === name)?.cid
  const hash = murmur3(utf8(name))
  for (let shard = new Shard(cid, node, 0); ; ) {
    const prefix = shard.prefixOf(hash)
    const link = shard.node.links.find(one => one.name.startsWith(prefix))
    if (link === undefined) return undefined
    if (link.name !== prefix) return link.name === prefix + name ? link.cid : undefined
    shard = new Shard(link.cid, await load(source, link.cid, signal), shard.depth + 1)
  }
}

async function load(source: BlockSource, cid: CID, signal: AbortSignal | undefined): Promise<UnixNode> {
  const node = decodeNode(cid, await readBlock(source, cid, { signal }))
  if (node.type !== 'directory' && node.type !== 'shard')
    throw new GuildError('GH_UNIXFS_INVALID', `${placeOf(cid)}: a ${node.type}, not a directory`)
  return node
}

/** One shard at its depth, checked. */
class Shard {
  readonly node: UnixNode
  readonly depth: number
  readonly #cid: CID
  readonly #bits: number
  readonly #digits: number

  constructor(cid: CID, node: UnixNode, depth: number) {
    this.node = node
    this.depth = depth
    this.#cid = cid
    if (node.type !== 'shard') throw invalid(cid, `a ${node.type} inside a sharded directory`)
    this.#bits = Math.log2(node.fanout ?? 0)
    if (!Number.isInteger(this.#bits) || this.#bits < 3 || this.#bits > 10)
      throw invalid(cid, `a fanout of ${node.fanout}`)
    if (node.hash !== MURMUR3_X64_64)
      throw invalid(cid, `its names are hashed with ${node.hash}, not murmur3`)
    if ((depth + 1) * this.#bits > HASH_BITS) throw invalid(cid, 'deeper than its hashes are long')
    this.#digits = ((node.fanout ?? 0) - 1).toString(16).length
    let last = -1
    for (const { name } of node.links) {
      const prefix = name.slice(0, this.#digits)
      const place = new RegExp(`^[0-9A-F]{${this.#digits}}$`).test(prefix) ? Number.parseInt(prefix, 16) : -1
      if (place <= last || place >= 2 ** this.#bits)
        throw invalid(cid, `an entry at place "${visible(prefix, 8)}"`)
      last = place
    }
  }

  isShard(link: UnixLink): boolean {
    return link.name.length === this.#digits
  }

  /** The name of an entry, which stands where its hash says; undefined for a shard. */
  nameOf(link: UnixLink): string | undefined {
    if (this.isShard(link)) return undefined
    const name = link.name.slice(this.#digits)
    if (!link.name.startsWith(this.prefixOf(murmur3(utf8(name)))))
      throw invalid(this.#cid, `"${visible(name, 80)}" is not at the place of its hash`)
    return name
  }

  /** The bits of the hash that count at this depth, as the links write them. */
  prefixOf(hash: Uint8Array): string {
    let place = 0
    for (let i = this.depth * this.#bits; i < (this.depth + 1) * this.#bits; i++)
      place = 2 * place + ((hash[i >> 3]! >> (7 - (i & 7))) & 1)
    return place.toString(16).toUpperCase().padStart(this.#digits, '0')
  }
}

function invalid(cid: CID, why: string): GuildError {
  return new GuildError('GH_UNIXFS_INVALID', `${placeOf(cid)}: ${why}`)
}
