/**
 * What the checks of a block store are made of: small blocks, and DAGs in a notation of their own.
 *
 * A block under dag-cbor's number is a list of CIDs of 36 bytes each, and leads to them; all
 * else leads nowhere. So no codec is needed to talk of links.
 *
 * Floor: testing.
 */
import { equal } from 'node:assert/strict'
import { concat } from '../base/bytes.ts'
import { sha256 } from '../crypto/sha256.ts'
import type { BlockStore, BlockStoreOptions } from '../store/blocks/types.ts'
import { type CID, decodeCid, makeCid } from '../wire/cid.ts'
import { contentCodecs, contentHashes } from '../wire/registry.ts'
import { SeededRandom } from './random.ts'

/** What a check is handed. */
export interface Scene {
  readonly store: BlockStore
  readonly again: (() => Promise<BlockStore>) | undefined
}

export interface Check {
  readonly quota?: number
  readonly run: (scene: Scene) => Promise<void>
}

/** What such blocks hash to and lead to. */
export const meaning: BlockStoreOptions = {
  digest: (code, bytes) => {
    if (code === contentHashes.SHA2_256) return sha256(bytes)
    throw new Error(`no hash ${code} in this test`)
  },
  links: (cid, bytes) => {
    if (cid.code !== contentCodecs.DAG_CBOR) return []
    return Array.from({ length: bytes.length / 36 }, (_, i) => decodeCid(bytes.subarray(36 * i, 36 * i + 36)))
  },
}

export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

export function rawBlock(bytes: Uint8Array): Block {
  return { cid: makeCid(contentCodecs.RAW, contentHashes.SHA2_256, sha256(bytes)), bytes }
}

/** A block that leads to these. */
export function nodeBlock(...to: readonly CID[]): Block {
  const bytes = concat(...to.map(cid => cid.bytes))
  return { cid: makeCid(contentCodecs.DAG_CBOR, contentHashes.SHA2_256, sha256(bytes)), bytes }
}

/** Random bytes in a block, seeded by their number. */
export function someBlock(seed: number, length = 100): Block {
  return rawBlock(new SeededRandom(seed).bytes(length))
}

export async function putAll(store: BlockStore, blocks: readonly Block[]): Promise<void> {
  await Promise.all(blocks.map(({ cid, bytes }) => store.put(cid, bytes)))
}

export async function contentOf(store: BlockStore, cid: CID): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of store.get(cid)) chunks.push(chunk)
  equal(chunks.length, 1, 'one chunk')
  return chunks[0]!
}

export async function collect<T>(source: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}
