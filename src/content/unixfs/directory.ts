/**
 * Directories: entries by name in one block, or spread over shards when that block would be large.
 *
 *   directory           links: name → CID, sorted by the bytes of the name
 *
 *   shard               links: "3F" + name → CID          one entry stands at place 3F
 *                              "A0"        → shard        more than one: the next byte of the hash decides
 *
 * The place of a name at depth d is byte d of its murmur3 hash. Which entries make a directory a
 * sharded one is the profile's to say; one that shrinks again is small again, for each is built
 * from all its entries at once.
 *
 * Refuses a name twice, and names that no path could say (spec: UNIXFS-4).
 * Page: protocol/block.md (spec: UNIXFS-2) · Vectors: unixfs/expected-cids.json · Faults: UX-04
 * Floor: content.
 */
import { compare, toHex, utf8, utf8Length } from '../../base/bytes.ts'
import { entryNameFault } from '../../base/entry-name.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import type { BlockSink } from '../block.ts'
import { pause } from '../puts.ts'
import { encodeUnixData, linkLength, type UnixMetadata } from './data.ts'
import { murmur3 } from './murmur3.ts'
import { type Built, putNode, type UnixLink } from './node.ts'
import { FANOUT, type Profile, SHARD_ABOVE } from './profiles.ts'

const MURMUR3_X64_64 = 0x22

/** Puts the directory of these entries, in any order. */
export async function putDirectory(
  entries: readonly UnixLink[],
  sink: BlockSink,
  profile: Profile,
  metadata: UnixMetadata = {},
): Promise<Built> {
  checkNames(entries)
  const { mode, mtime } = metadata
  if (measured(entries, profile, metadata) <= SHARD_ABOVE)
    return putNode(sink, profile, { type: 'directory', mode, mtime }, sorted(entries))
  const placed: Placed[] = []
  for (const link of entries) {
    const name = utf8(link.name)
    placed.push({ link, place: murmur3(name) })
    await pause(name.length)
  }
  return putShard(placed, 0, sink, profile, metadata)
}

interface Placed {
  readonly link: UnixLink
  readonly place: Uint8Array
}

async function putShard(
  entries: readonly Placed[],
  depth: number,
  sink: BlockSink,
  profile: Profile,
  { mode, mtime }: UnixMetadata = {},
): Promise<Built> {
  const places: Placed[][] = []
  for (const entry of entries) {
    const place = entry.place[depth]
    if (place === undefined)
      throw new GuildError(
        'GH_UNIXFS_INVALID',
        `two names whose hashes agree: "${visible(entry.link.name, 80)}"`,
      )
    const there = places[place]
    if (there === undefined) places[place] = [entry]
    else there.push(entry)
  }
  const links: UnixLink[] = []
  const bits = new Uint8Array(FANOUT / 8)
  for (let place = 0; place < FANOUT; place++) {
    const there = places[place]
    if (there === undefined) continue
    const prefix = shardPrefix(place)
    bits[bits.length - 1 - (place >> 3)]! |= 1 << (place & 7)
    if (there.length === 1) {
      const { link } = there[0]!
      links.push({ ...link, name: prefix + link.name })
    } else {
      const { cid, size } = await putShard(there, depth + 1, sink, profile)
      links.push({ cid, size, name: prefix })
    }
  }
  const begin = bits.findIndex(byte => byte !== 0)
  const data = bits.subarray(begin)
  return putNode(
    sink,
    profile,
    { type: 'shard', data, hash: MURMUR3_X64_64, fanout: FANOUT, mode, mtime },
    links,
  )
}

/** Two capital hex digits. */
export function shardPrefix(place: number): string {
  return toHex(Uint8Array.of(place)).toUpperCase()
}

/** What the profile looks at: names and CIDs, or the block this would be. */
function measured(entries: readonly UnixLink[], { measure }: Profile, metadata: UnixMetadata): number {
  let sum = 0
  if (measure === 'block') {
    const data = encodeUnixData({ type: 'directory', ...metadata }).length
    sum = 1 + (data < 128 ? 1 : 2) + data
  }
  for (const { cid, name, size } of entries) {
    const length = utf8Length(name)
    sum += measure === 'block' ? linkLength(cid.bytes.length, length, size) : length + cid.bytes.length
  }
  return sum
}

function sorted(entries: readonly UnixLink[]): UnixLink[] {
  return entries
    .map(link => ({ link, name: utf8(link.name) }))
    .sort((a, b) => compare(a.name, b.name))
    .map(({ link }) => link)
}

function checkNames(entries: readonly UnixLink[]): void {
  const names = new Set<string>()
  for (const { name } of entries) {
    const fault = entryNameFault(name) ?? (names.has(name) ? 'it is there twice' : undefined)
    if (fault !== undefined) throw new GuildError('GH_PATH_UNSAFE', `entry "${visible(name, 80)}": ${fault}`)
    names.add(name)
  }
}
