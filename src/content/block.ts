/**
 * Blocks: bytes, the CID they hash to, and the little of a store that content needs.
 *
 *   get(cid) ─▶ chunks ─▶ readBlock ─▶ one Uint8Array      identity: out of the CID itself
 *
 * Any `interface-blockstore` serves as source and sink; a network behind it is fine. What comes
 * out of a store is believed: who puts a block there has hashed it. What comes from anywhere else
 * goes through `verifyBlock` first.
 *
 * Refuses blocks above 2 MiB, also while they still arrive in chunks (spec: BLOCK-1, BLOCK-2).
 * Page: protocol/block.md · Floor: content.
 */
import { createHash, webcrypto } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { concat, empty, equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { checkCid, formatCid, isIdentity, makeCid } from '../wire/cid.ts'
import { limits } from '../wire/limits.ts'
import { contentHashes } from '../wire/registry.ts'

export interface Block {
  readonly cid: CID
  readonly bytes: Uint8Array
}

export interface Abortable {
  readonly signal?: AbortSignal | undefined
}

/** Where blocks come from: the `get` of an interface-blockstore. */
export interface BlockSource {
  get(cid: CID, options?: { signal?: AbortSignal }): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** Where blocks go: the `put` of an interface-blockstore. */
export interface BlockSink {
  put(cid: CID, bytes: Uint8Array, options?: { signal?: AbortSignal }): CID | Promise<CID>
}

/** The first `length` bytes of the hash of `bytes`. */
export type Hash = (bytes: Uint8Array, length: number) => Uint8Array | Promise<Uint8Array>

/** By the number a CID gives its hash. BLAKE3 is handed in by whoever has it. */
export type Hashes = Readonly<Record<number, Hash>>

export const nativeHashes: Hashes = {
  [contentHashes.SHA2_256]: async (bytes, length) => (await largeHash('SHA-256', bytes)).subarray(0, length),
  [contentHashes.SHA2_512]: async (bytes, length) => (await largeHash('SHA-512', bytes)).subarray(0, length),
}

/** Below it the way to the thread pool and back takes longer than the hash. */
const LARGE = 32 * 1024

/**
 * In the thread pool from 32 KiB on: as fast as on the event loop, and a node that seals records beside it
 * seals two to three times as many (`npm run bench:hashing`).
 */
async function largeHash(name: 'SHA-256' | 'SHA-512', bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length < LARGE)
    return new Uint8Array(
      createHash(name === 'SHA-256' ? 'sha256' : 'sha512')
        .update(bytes)
        .digest(),
    )
  return new Uint8Array(await webcrypto.subtle.digest(name, bytes as Uint8Array<ArrayBuffer>))
}

/** On the event loop, at once: for what is small. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** The CID of a block of any size by SHA-256. */
export async function hashedCid(codec: number, bytes: Uint8Array, version: 0 | 1 = 1): Promise<CID> {
  return makeCid(codec, contentHashes.SHA2_256, await largeHash('SHA-256', bytes), version)
}

/** The same at once, on the event loop. */
export function sha256Cid(codec: number, bytes: Uint8Array, version: 0 | 1 = 1): CID {
  return makeCid(codec, contentHashes.SHA2_256, sha256(bytes), version)
}

/** GH_BLOCK_MISMATCH unless these bytes are what the CID names (spec: BLOCK-2). */
export async function verifyBlock(cid: CID, bytes: Uint8Array, hashes: Hashes = nativeHashes): Promise<void> {
  checkCid(cid)
  refuseLarge(cid, bytes.length)
  const { code, digest } = cid.multihash
  if (isIdentity(cid)) {
    if (!equal(digest, bytes)) throw new GuildError('GH_BLOCK_MISMATCH', formatCid(cid))
    return
  }
  const hash = hashes[code]
  if (hash === undefined)
    throw new GuildError(
      'GH_CID_UNSUPPORTED',
      `${formatCid(cid)}: hash 0x${code.toString(16)} was not handed in`,
    )
  if (!equal(await hash(bytes, digest.length), digest))
    throw new GuildError('GH_BLOCK_MISMATCH', formatCid(cid))
}

/** The block's bytes in one piece. GH_BLOCK_MISSING where the store has none. */
export async function readBlock(
  source: BlockSource,
  cid: CID,
  { signal }: Abortable = {},
): Promise<Uint8Array> {
  checkCid(cid)
  refuseAborted(signal)
  if (isIdentity(cid)) return cid.multihash.digest // spec: BLOCK-3
  let first: Uint8Array | undefined
  let more: Uint8Array[] | undefined
  let length = 0
  try {
    for await (const chunk of source.get(cid, signal === undefined ? {} : { signal })) {
      length += chunk.length
      refuseLarge(cid, length)
      if (first === undefined) first = chunk
      else if (more === undefined) more = [first, chunk]
      else more.push(chunk)
    }
  } catch (error) {
    if (error instanceof GuildError) throw error
    refuseAborted(signal)
    if (error instanceof Error && error.name === 'NotFoundError')
      throw new GuildError('GH_BLOCK_MISSING', formatCid(cid), { cause: error })
    throw error
  }
  return more === undefined ? (first ?? empty) : concat(...more)
}

export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new GuildError('GH_ABORTED', '', { cause: signal.reason })
}

function refuseLarge(cid: CID, length: number): void {
  if (length > limits.block)
    throw new GuildError('GH_BLOCK_TOO_LARGE', `${formatCid(cid)}: ${length} bytes, at most ${limits.block}`)
}
