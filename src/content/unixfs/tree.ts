/**
 * A folder into blocks: its entries stream in, depth first, and one CID comes out.
 *
 *   directory "a"    file "a/b"    symlink "a/c"    directory "a/d"    end    end
 *        │               └── imported as it comes         │              │      └─ a is put
 *        └─ opens                                         └─ opens       └─ d is put
 *
 * Open directories are the only memory: their entries' names, CIDs and sizes. A directory without
 * entries is kept, a symlink is kept as a symlink.
 *
 * Page: protocol/block.md (spec: UNIXFS-2) · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { utf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import type { Abortable, BlockSink } from '../block.ts'
import { Puts, pause } from '../puts.ts'
import type { UnixMetadata } from './data.ts'
import { putDirectory } from './directory.ts'
import { type ByteSource, importFile } from './file.ts'
import { type Built, putNode, type UnixLink } from './node.ts'
import type { Profile } from './profiles.ts'

export type TreeEntry =
  | ({ readonly kind: 'directory'; readonly name: string } & UnixMetadata)
  /** Closes the directory that was opened last. */
  | { readonly kind: 'end' }
  | ({ readonly kind: 'file'; readonly name: string; readonly content: ByteSource } & UnixMetadata)
  | ({ readonly kind: 'symlink'; readonly name: string; readonly target: string } & UnixMetadata)

export interface TreeOptions extends Abortable {
  readonly onProgress?: ((bytes: number) => void) | undefined
  /** Is told of every entry once it has its CID. */
  readonly onEntry?: ((path: readonly string[], cid: CID) => void) | undefined
}

/** Folders inside each other. */
const DEPTH_MAX = 512
/** What the link of a symlink may hold, in UTF-8. */
export const TARGET_MAX = 4_096

interface Open extends UnixMetadata {
  readonly name: string
  readonly entries: UnixLink[]
}

/** Exactly one root: a file, a symlink, or a directory with its end. Its name is of no matter. */
export async function importTree(
  source: Iterable<TreeEntry> | AsyncIterable<TreeEntry>,
  sink: BlockSink,
  profile: Profile,
  { signal, onProgress, onEntry }: TreeOptions = {},
): Promise<Built> {
  const puts = new Puts(sink, signal)
  const open: Open[] = []
  let root: Built | undefined
  const done = (name: string, built: Built): void => {
    onEntry?.([...open.map(one => one.name), name], built.cid)
    if (open.length === 0) root = built
    else open.at(-1)!.entries.push({ name, cid: built.cid, size: built.size })
  }
  try {
    for await (const entry of source) {
      if (root !== undefined) throw invalid('an entry behind the root')
      switch (entry.kind) {
        case 'directory':
          if (open.length === DEPTH_MAX) throw invalid(`more than ${DEPTH_MAX} folders inside each other`)
          open.push({ name: entry.name, entries: [], mode: entry.mode, mtime: entry.mtime })
          break
        case 'end': {
          const folder = open.pop()
          if (folder === undefined) throw invalid('an end of no directory')
          done(folder.name, await putDirectory(folder.entries, puts, profile, folder))
          break
        }
        case 'file': {
          const { name, content, mode, mtime } = entry
          done(name, await importFile(content, puts, profile, { mode, mtime, signal, onProgress }))
          break
        }
        case 'symlink':
          done(entry.name, await putSymlink(entry, puts, profile))
      }
      await pause(0)
    }
    if (root === undefined) throw invalid(open.length === 0 ? 'no entry' : 'a directory without its end')
  } catch (error) {
    await puts.settle().catch(() => {})
    throw error
  }
  await puts.settle()
  return root
}

export function putSymlink(
  { name, target, mode, mtime }: TreeEntry & { kind: 'symlink' },
  sink: BlockSink,
  profile: Profile,
): Promise<Built> {
  const data = utf8(target)
  if (data.length === 0 || data.length > TARGET_MAX)
    throw new GuildError(
      'GH_PATH_UNSAFE',
      `symlink "${visible(name, 80)}": its target has ${data.length} bytes`,
    )
  return putNode(sink, profile, { type: 'symlink', data, mode, mtime }, [])
}

function invalid(why: string): GuildError {
  return new GuildError('GH_UNIXFS_INVALID', why)
}
