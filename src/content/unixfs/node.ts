/**
 * UnixFS nodes: a block as a file, a part of one, a directory, a shard or a symlink.
 *
 *   raw block      the bytes are the file's
 *   dag-pb block   Data: what it is (data.ts)     Links: parts of a file, or entries with names
 *
 * Page: protocol/block.md (spec: UNIXFS-3) · Faults: UX-03 · Floor: content.
 */
import { encode, type PBLink } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { formatCid, isIdentity } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import { contentCodecs } from '../../wire/registry.ts'
import { type BlockSink, sha256Cid } from '../block.ts'
import { decodeDagPb } from '../codecs.ts'
import { decodeUnixData, encodeUnixData, type UnixData } from './data.ts'
import type { Profile } from './profiles.ts'

export interface UnixLink {
  readonly cid: CID
  readonly name: string
  /** Bytes of all blocks below, as whoever wrote the link says. Believed by nobody. */
  readonly size: number
}

export interface UnixNode extends UnixData {
  readonly links: readonly UnixLink[]
}

/** What a block is in UnixFS. GH_UNIXFS_INVALID where it is nothing of that. */
export function decodeNode(cid: CID, bytes: Uint8Array): UnixNode {
  if (cid.code === contentCodecs.RAW)
    return { type: 'raw', data: bytes, size: bytes.length, blockSizes: [], links: [] }
  if (cid.code !== contentCodecs.DAG_PB)
    throw new GuildError('GH_UNIXFS_INVALID', `${formatCid(cid)}: its codec holds no files`)
  const { Data, Links } = decodeDagPb(bytes)
  if (Data === undefined) throw new GuildError('GH_UNIXFS_INVALID', `${formatCid(cid)}: a node without data`)
  const data = decodeUnixData(Data)
  if ((data.type === 'file' || data.type === 'raw') && Links.length !== data.blockSizes.length)
    throw new GuildError(
      'GH_UNIXFS_INVALID',
      `${formatCid(cid)}: ${Links.length} children and ${data.blockSizes.length} sizes`,
    )
  return { ...data, links: Links.map(asLink) }
}

function asLink({ Hash, Name = '', Tsize = 0 }: PBLink): UnixLink {
  return { cid: Hash, name: Name, size: Tsize }
}

/** A node that was built and put: its CID, and what its parent needs to know. */
export interface Built {
  readonly cid: CID
  /** Bytes of this block and all below: Tsize of the link to it. */
  readonly size: number
  /** Bytes of the file, for a file. */
  readonly length: number
}

/** Encodes a node, puts it, and adds up its size. Links are in the order in which they shall stand. */
export async function putNode(
  sink: BlockSink,
  { version }: Profile,
  data: Parameters<typeof encodeUnixData>[0],
  links: readonly UnixLink[],
  options: { signal?: AbortSignal } = {},
): Promise<Built> {
  const bytes = encodeNode(data, links)
  const cid = sha256Cid(contentCodecs.DAG_PB, bytes, version)
  if (bytes.length > limits.block)
    throw new GuildError('GH_BLOCK_TOO_LARGE', `a node of ${bytes.length} bytes, at most ${limits.block}`)
  await sink.put(cid, bytes, options)
  let size = bytes.length
  for (const link of links) size += link.size
  return {
    cid,
    size,
    length: (data.blockSizes ?? []).reduce((sum, one) => sum + one, data.data?.length ?? 0),
  }
}

export function encodeNode(
  data: Parameters<typeof encodeUnixData>[0],
  links: readonly UnixLink[],
): Uint8Array {
  return encode({
    Data: encodeUnixData(data),
    Links: links.map(({ cid, name, size }) => ({ Hash: cid, Name: name, Tsize: size })),
  })
}

/** Where an error happened, for people. */
export function placeOf(cid: CID): string {
  return isIdentity(cid) ? 'an identity CID' : formatCid(cid)
}
