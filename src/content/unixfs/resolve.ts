/**
 * Paths: from a CID and some names to another CID; and what is there.
 *
 *   bafy… / "folder" / "big folder" / "file"
 *   dag-pb   directory    shards        a CID
 *
 *   bafyrei… / "a" / "0" / "b"           dag-cbor: through maps and arrays, and over links
 *
 * A symlink is an end, never a way: where it points is not for whoever reads it to go. Names are
 * taken as they are, nothing is unescaped, and `..` is a name like any other, which no folder has.
 *
 * Page: protocol/block.md (spec: UNIXFS-5) · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import { formatCid } from '../../wire/cid.ts'
import { contentCodecs } from '../../wire/registry.ts'
import { type Abortable, type BlockSource, readBlock } from '../block.ts'
import { cborAt, cborLinks } from '../cbor.ts'
import type { UnixMetadata, UnixType } from './data.ts'
import { lookUp } from './list.ts'
import { decodeNode } from './node.ts'

const SEGMENTS_MAX = 512
const LENGTH_MAX = 8_192

/** The names of `a/b/c`; slashes at the ends and in a row count once. */
export function splitPath(path: string): string[] {
  if (path.length > LENGTH_MAX)
    throw new GuildError('GH_PATH_MISSING', `a path of ${path.length} characters, at most ${LENGTH_MAX}`)
  return path.split('/').filter(segment => segment !== '')
}

/** The CID that the path leads to from `root`. GH_PATH_MISSING says how far it went. */
export async function resolvePath(
  source: BlockSource,
  root: CID,
  path: string | readonly string[],
  { signal }: Abortable = {},
): Promise<CID> {
  const segments = typeof path === 'string' ? splitPath(path) : path
  if (segments.length > SEGMENTS_MAX)
    throw new GuildError('GH_PATH_MISSING', `a path of ${segments.length} names, at most ${SEGMENTS_MAX}`)
  const missing = (used: number, why: string): GuildError =>
    new GuildError(
      'GH_PATH_MISSING',
      `${visible([formatCid(root), ...segments.slice(0, used + 1)].join('/'), 200)}: ${why}`,
    )
  let cid = root
  for (let used = 0; used < segments.length; ) {
    const bytes = await readBlock(source, cid, { signal })
    if (cid.code === contentCodecs.DAG_CBOR) {
      cborLinks(bytes) // checked before it is searched
      const found = cborAt(bytes, segments, used)
      if (found.kind === 'none') throw missing(found.used, 'there is none')
      if (found.kind === 'value')
        throw missing(segments.length, 'a value inside a block, which is neither file nor folder')
      ;[cid, used] = [found.cid, found.used]
      continue
    }
    const node = cid.code === contentCodecs.DAG_PB ? decodeNode(cid, bytes) : undefined
    if (node?.type !== 'directory' && node?.type !== 'shard')
      throw missing(
        used,
        used === 0 ? 'the CID is no folder' : `"${visible(segments[used - 1]!, 80)}" is no folder`,
      )
    const next = await lookUp(source, cid, node, segments[used]!, { signal })
    if (next === undefined) throw missing(used, 'there is none')
    cid = next
    used++
  }
  return cid
}

export interface ContentStat extends UnixMetadata {
  readonly cid: CID
  /** `block` is anything that is not UnixFS. */
  readonly type: UnixType | 'block'
  /** Bytes of a file; of a symlink, of its target. */
  readonly size: number
  /** Bytes of this block. */
  readonly blockSize: number
  readonly links: number
  /** Bytes of all blocks, as the links say: nobody has counted. */
  readonly treeSize: number
  /** Where a symlink points. */
  readonly target?: string
}

/** What is at a CID, from its first block alone. */
export async function statContent(
  source: BlockSource,
  cid: CID,
  options: Abortable = {},
): Promise<ContentStat> {
  const bytes = await readBlock(source, cid, options)
  const blockSize = bytes.length
  if (cid.code !== contentCodecs.RAW && cid.code !== contentCodecs.DAG_PB) {
    const links = cid.code === contentCodecs.DAG_CBOR ? cborLinks(bytes).length : 0
    return { cid, type: 'block', size: blockSize, blockSize, links, treeSize: blockSize }
  }
  const { type, size, links, data, mode, mtime } = decodeNode(cid, bytes)
  return {
    cid,
    type,
    size:
      type === 'symlink' ? data.length : size - (type === 'directory' || type === 'shard' ? data.length : 0),
    blockSize,
    links: links.length,
    treeSize: links.reduce((sum, link) => sum + link.size, blockSize),
    mode,
    mtime,
    ...(type === 'symlink' ? { target: targetOf(data) } : {}),
  }
}

/** Text of a symlink's target; what is not UTF-8 in it cannot be a target of ours. */
export function targetOf(data: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
  } catch {
    throw new GuildError('GH_UNIXFS_INVALID', 'a symlink whose target is not text')
  }
}
