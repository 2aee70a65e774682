/**
 * A file or folder of the disk, read and made into blocks.
 *
 * How much there is to do is counted first, so that whoever waits can be told how long.
 *
 * Floor: node.
 */
import { lstat, readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { BlockSink } from '../../content/block.ts'
import type { Profile } from '../../content/unixfs/profiles.ts'
import { importTree, type TreeEntry } from '../../content/unixfs/tree.ts'
import { type ReadTreeOptions, readTree } from '../../store/tree/read.ts'
import type { CID } from '../../wire/cid.ts'

/** So many more bytes of this file were read; of how many in all. */
export type Tell = (path: string, more: number, of?: number) => void

/** Files that are counted beforehand; of a larger folder nobody knows how long it takes. */
const COUNTED_MOST = 100_000

export async function addPath(
  path: string,
  sink: BlockSink,
  profile: Profile,
  options: ReadTreeOptions & { readonly wrap: boolean },
  tell: Tell,
): Promise<CID> {
  const total = await bytesIn(resolve(path), options)
  let at = ''
  const entries = async function* (): AsyncGenerator<TreeEntry> {
    const above: string[] = []
    if (options.wrap) yield { kind: 'directory', name: '' }
    for await (const entry of readTree(path, options)) {
      if (entry.kind === 'end') above.pop()
      else {
        at = [...above, entry.name].join('/')
        if (entry.kind === 'directory') above.push(entry.name)
      }
      yield entry
    }
    if (options.wrap) yield { kind: 'end' }
  }
  const { cid } = await importTree(entries(), sink, profile, {
    signal: options.signal,
    onProgress: bytes => tell(at, bytes, total),
  })
  return cid
}

/** Bytes of all files below; undefined where there are too many to count. GH_PATH_MISSING where nothing is. */
async function bytesIn(path: string, options: ReadTreeOptions): Promise<number | undefined> {
  let bytes = 0
  let files = 0
  const waiting = [path]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (options.signal?.aborted) throw new GuildError('GH_ABORTED', 'add', { cause: options.signal.reason })
    if (++files > COUNTED_MOST) return undefined
    try {
      const stats = await lstat(at)
      if (stats.isFile()) bytes += stats.size
      if (!stats.isDirectory()) continue
      for (const name of await readdir(at))
        if (options.hidden === true || !name.startsWith('.')) waiting.push(join(at, name))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (at !== path) continue // what cannot be read is told when it is its turn
      if (code === 'ENOENT')
        throw new GuildError('GH_PATH_MISSING', `${basename(path)}: no such file or folder`)
      throw asGuildError(error, 'GH_STORE_FAILED')
    }
  }
  return bytes
}
