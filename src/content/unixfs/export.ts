/**
 * A tree of blocks as files and folders again: a stream of entries, parents before children.
 *
 *   []               directory
 *   ["a"]            file, with its length and a way to its bytes
 *   ["b"]            directory
 *   ["b", "c"]       symlink
 *
 * Names are refused here that no folder of ours would have made (spec: UNIXFS-4), before anybody
 * sees them; whoever writes to a disk looks again. A folder that holds itself cannot be: its CID would
 * hold its own hash. One that holds another a billion times can be, and is as deep and as wide as
 * whoever reads it lets it become.
 *
 * The first blocks of what comes are asked for ahead: `first-blocks.ts`.
 *
 * Page: protocol/block.md · Faults: UX-01, BX-08 · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { entryNameFault } from '../../base/entry-name.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import { follow, WINDOW } from '../ahead.ts'
import { type Abortable, type BlockSource, readBlock } from '../block.ts'
import type { UnixMetadata } from './data.ts'
import { type Asked, type Coming, comingOf, FIRSTS_AHEAD, FirstBlocks } from './first-blocks.ts'
import { listDirectory } from './list.ts'
import { decodeNode, placeOf, type UnixLink, type UnixNode } from './node.ts'
import { readFile } from './read.ts'
import { targetOf } from './resolve.ts'

export type ExportEntry = UnixMetadata & {
  readonly cid: CID
  /** From the root, which has none. */
  readonly path: readonly string[]
} & (
    | { readonly kind: 'directory' }
    | { readonly kind: 'symlink'; readonly target: string }
    | {
        readonly kind: 'file'
        readonly length: number
        /** The bytes from an offset on. */
        read(offset: number): AsyncIterable<Uint8Array>
      }
  )

export interface ExportOptions extends Abortable {
  readonly prefetch?: number | undefined
}

const DEPTH_MAX = 512

interface Open {
  readonly path: readonly string[]
  readonly entries: AsyncGenerator<UnixLink>
  /** Its first entries, where they were looked at before it was opened. */
  readonly known: Iterator<Coming>
  /** Entries that were asked for. */
  readonly next: Asked[]
  done: boolean
}

export async function* exportTree(
  source: BlockSource,
  root: CID,
  { signal, prefetch = WINDOW }: ExportOptions = {},
): AsyncGenerator<ExportEntry> {
  const stop = follow(signal)
  const load = async (cid: CID): Promise<UnixNode> =>
    decodeNode(cid, await readBlock(source, cid, { signal: stop.signal }))
  const open: Open[] = []
  const openAt = (cid: CID, path: readonly string[], known: readonly Coming[]): void =>
    void open.push({
      path,
      entries: listDirectory(source, cid, { signal: stop.signal, prefetch }),
      known: known.values(),
      next: [],
      done: false,
    })
  const blocks = new FirstBlocks(load, 2 * prefetch, open)
  const entryOf = (cid: CID, path: readonly string[], node: UnixNode): ExportEntry => {
    const { type, size, data, links, mode, mtime } = node
    const common = { cid, path, mode, mtime }
    switch (type) {
      case 'directory':
      case 'shard':
        return { ...common, kind: 'directory' }
      case 'symlink':
        return { ...common, kind: 'symlink', target: targetOf(data) }
      case 'file':
      case 'raw': {
        // A file of one block has been read already.
        const read = (offset: number): AsyncIterable<Uint8Array> =>
          links.length === 0
            ? once(data.subarray(offset))
            : readFile(source, cid, { offset, prefetch, signal })
        return { ...common, kind: 'file', length: size, read }
      }
      default:
        throw new GuildError('GH_UNIXFS_INVALID', `${placeOf(cid)}: a ${type}, neither file nor folder`)
    }
  }
  try {
    const first = entryOf(root, [], await load(root))
    yield first
    if (first.kind === 'directory') openAt(root, [], [])
    while (open.length > 0) {
      const top = open.at(-1)!
      while (!top.done && top.next.length < Math.max(1, Math.min(prefetch, FIRSTS_AHEAD))) {
        const { value: link, done } = await top.entries.next()
        if (done === true) top.done = true
        else {
          const fault = entryNameFault(link.name)
          // spec: UNIXFS-4
          if (fault !== undefined)
            throw new GuildError('GH_PATH_UNSAFE', `entry "${visible(link.name, 80)}": ${fault}`)
          top.next.push(blocks.ask(top.known.next().value ?? comingOf(link)))
        }
      }
      const next = top.next.shift()
      if (next === undefined) {
        open.pop()
        continue
      }
      const path = [...top.path, next.link.name]
      const entry = entryOf(next.link.cid, path, await blocks.take(next))
      yield entry
      if (entry.kind !== 'directory') continue
      if (open.length === DEPTH_MAX)
        throw new GuildError('GH_UNIXFS_INVALID', `more than ${DEPTH_MAX} folders inside each other`)
      openAt(next.link.cid, path, next.below)
    }
  } finally {
    stop.now()
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes
}
