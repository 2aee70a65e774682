/**
 * The hashes that name blocks, fed piece by piece as the bytes come.
 *
 * SHA-256 and SHA-512 by Node, BLAKE3 by noble. By pieces of a record (64 KiB, 35 µs) the event
 * loop stays free, and a block is hashed by the time its last byte is here.
 *
 * Floor: crypto.
 */
import { createHash } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import { contentHashes } from '../wire/registry.ts'

export interface BlockHash {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

/** A hash by its number in CIDs, of `length` bytes; undefined where there is none. */
export function blockHash(code: number, length: number): BlockHash | undefined {
  switch (code) {
    case contentHashes.SHA2_256:
      return createHash('sha256')
    case contentHashes.SHA2_512:
      return createHash('sha512')
    case contentHashes.BLAKE3:
      return blake3.create({ dkLen: length })
    default:
      return undefined
  }
}
