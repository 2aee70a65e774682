/**
 * The hashes that blocks are named by, for stores and for CARs.
 *
 * Floor: node.
 */
import { GuildError } from '../../base/errors.ts'
import { type Hashes, nativeHashes } from '../../content/block.ts'
import { blockHash } from '../../crypto/block-hash.ts'
import { contentHashes } from '../../wire/registry.ts'

export const hashes: Hashes = {
  ...nativeHashes,
  [contentHashes.BLAKE3]: (bytes, length) => digestOf(contentHashes.BLAKE3, bytes, length),
}

/** As a store wants it: the digest by the hash of this multihash code, `length` bytes of it. */
export function digestOf(code: number, bytes: Uint8Array, length: number): Uint8Array {
  const hash = blockHash(code, length)
  if (hash === undefined) throw new GuildError('GH_CID_UNSUPPORTED', `hash 0x${code.toString(16)}`)
  hash.update(bytes)
  return hash.digest().subarray(0, length)
}
