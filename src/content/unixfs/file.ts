/**
 * A file into blocks, while it streams by.
 *
 *   bytes ─▶ chunks ─▶ leaves ─▶ nodes of at most `links` ─▶ … ─▶ one root
 *
 *           root                      level 2: one node, not full
 *        /       \
 *     node       node                 level 1
 *    / | \       / |
 *   l  l  l     l  l                  level 0: leaves
 *
 * Balanced: all leaves are equally deep, and every node but the last of its level is full. A node is
 * written once one more than it may hold is there, so that memory is one open node a level, whatever
 * the file's size, and the puts that are under way. A file of one leaf is that leaf.
 *
 * Page: protocol/block.md (spec: UNIXFS-1, UNIXFS-2) · Vectors: unixfs/expected-cids.json · Faults: UX-04
 * Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { contentCodecs } from '../../wire/registry.ts'
import { quiet } from '../ahead.ts'
import { type Abortable, type BlockSink, hashedCid, refuseAborted } from '../block.ts'
import { Puts, pause } from '../puts.ts'
import type { UnixMetadata } from './data.ts'
import { type Built, encodeNode, putNode, type UnixLink } from './node.ts'
import type { Profile } from './profiles.ts'

/** Chunks of any size. The memory is given away: a chunk may be kept as a block. */
export type ByteSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface FileOptions extends UnixMetadata, Abortable {
  /** Is told the bytes that were read since it was told last. */
  readonly onProgress?: ((bytes: number) => void) | undefined
}

/** As many as the thread pool has threads. */
const HASHES_AT_ONCE = 4

interface Child {
  readonly link: UnixLink
  /** Of the file, below this child. */
  readonly length: number
}

export async function importFile(
  source: ByteSource,
  sink: BlockSink,
  profile: Profile,
  options: FileOptions = {},
): Promise<Built> {
  const { mode, mtime, signal, onProgress } = options
  // Of a folder's files all puts are one lot, so that small files need not wait for the disk one by one.
  const lot = sink instanceof Puts
  const puts = lot ? sink : new Puts(sink, signal)
  const levels: Child[][] = [[]]
  let [leaves, length] = [0, 0]
  let first: { readonly bytes: Uint8Array; readonly data: Uint8Array } | undefined

  const add = async (level: number, child: Child): Promise<void> => {
    levels[level] ??= []
    if (levels[level]!.length === profile.links) await close(level)
    levels[level]!.push(child)
  }
  const close = async (level: number): Promise<void> => {
    const children = levels[level]!
    levels[level] = []
    const node = await putNode(
      puts,
      profile,
      { type: 'file', blockSizes: children.map(child => child.length), mode, mtime },
      children.map(child => child.link),
    )
    await add(level + 1, { link: { cid: node.cid, name: '', size: node.size }, length: node.length })
  }

  try {
    for await (const { data, bytes, cid: hashed } of hashedLeaves(source, profile)) {
      refuseAborted(signal)
      const cid = await hashed
      leaves++
      length += data.length
      // The first one waits: alone, and with a mode or a time, it becomes another block.
      if (leaves === 1) first = { bytes, data }
      else {
        if (leaves === 2) {
          await puts.put(levels[0]![0]!.link.cid, first!.bytes)
          first = undefined
        }
        await puts.put(cid, bytes)
      }
      await add(0, { link: { cid, name: '', size: bytes.length }, length: data.length })
      onProgress?.(data.length)
      await pause(data.length)
    }
    if (first !== undefined) {
      const { link } = levels[0]![0]!
      if (mode !== undefined || mtime !== undefined)
        return await settled(
          puts,
          await putNode(puts, profile, { type: 'file', data: first.data, mode, mtime }, []),
        )
      await puts.put(link.cid, first.bytes)
      return await settled(lot ? undefined : puts, { cid: link.cid, size: link.size, length })
    }
    for (let level = 0; ; level++) {
      const open = levels[level]!
      if (level === levels.length - 1 && open.length === 1)
        return await settled(lot ? undefined : puts, {
          cid: open[0]!.link.cid,
          size: open[0]!.link.size,
          length,
        })
      await close(level)
    }
  } catch (error) {
    if (!lot) await puts.settle().catch(() => {}) // nothing is written any more once we have failed
    throw error
  }
}

interface Leaf {
  readonly data: Uint8Array
  /** The block: the data, or a node around them. */
  readonly bytes: Uint8Array
  readonly cid: Promise<CID>
}

/** Leaves in order, with the hashes of some that follow under way. */
async function* hashedLeaves(source: ByteSource, profile: Profile): AsyncGenerator<Leaf> {
  const underway: Leaf[] = []
  for await (const data of chunks(source, profile.chunk)) {
    const bytes = profile.rawLeaves ? data : encodeNode({ type: 'file', data }, [])
    const codec = profile.rawLeaves ? contentCodecs.RAW : contentCodecs.DAG_PB
    underway.push({ data, bytes, cid: quiet(hashedCid(codec, bytes, profile.version)) })
    if (underway.length > HASHES_AT_ONCE) yield underway.shift()!
  }
  yield* underway
}

async function settled(puts: Puts | undefined, built: Built): Promise<Built> {
  await puts?.settle()
  return built
}

/** Pieces of exactly `size`, and a last one that may be shorter; of nothing, one that is empty. */
export async function* chunks(source: ByteSource, size: number): AsyncGenerator<Uint8Array> {
  let partial = new Uint8Array(0)
  let filled = 0
  let any = false
  for await (const part of source instanceof Uint8Array ? [source] : source) {
    for (let at = 0; at < part.length; ) {
      if (filled === 0 && part.length - at >= size) {
        yield part.subarray(at, at + size)
        any = true
        at += size
        continue
      }
      if (filled === 0) partial = new Uint8Array(size)
      const taken = Math.min(size - filled, part.length - at)
      partial.set(part.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled === size) {
        yield partial
        any = true
        filled = 0
      }
    }
  }
  // A short rest is copied, so that a store of small files does not keep a chunk for each.
  if (filled > 0 || !any) yield partial.slice(0, filled)
}
