/**
 * A tree of blocks onto the disk: files, folders and symlinks, below one place and nowhere else.
 *
 * What `store/tree` finds there already and right it leaves; a part that an earlier try left is
 * gone on with. So a fetch that was cut is called again, and costs what is missing.
 *
 * Floor: node. Faults: UX-01, UX-02, UX-03.
 */
import type { BlockSource } from '../../content/block.ts'
import { type ExportEntry, exportTree } from '../../content/unixfs/export.ts'
import { statContent } from '../../content/unixfs/resolve.ts'
import { writeTree } from '../../store/tree/write.ts'
import type { CID } from '../../wire/cid.ts'
import type { GetFileOptions } from './types.ts'

export async function getTree(
  source: BlockSource,
  cid: CID,
  out: string,
  { signal, onProgress, replace }: GetFileOptions,
): Promise<{ bytes: number }> {
  const { type, size, treeSize } = await statContent(source, cid, { signal })
  // Of a folder it is what its links say, which is good enough to guess a time by.
  const of = type === 'directory' || type === 'shard' ? treeSize : size
  let bytes = 0
  let path = ''
  const entries = async function* (): AsyncGenerator<ExportEntry> {
    for await (const entry of exportTree(source, cid, { signal })) {
      path = entry.path.join('/')
      yield entry
    }
  }
  return await writeTree(entries(), out, {
    signal,
    mode: true,
    mtime: true,
    replace,
    onProgress(more) {
      bytes += more
      onProgress?.({ path, bytes, of: Math.max(of, bytes) })
    },
  })
}
