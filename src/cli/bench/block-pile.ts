/**
 * Blocks to measure with: made the same in both processes, kept in memory.
 *
 * Floor: cli.
 */
import { createHash } from 'node:crypto'
import { blockKey, type CID, contentCodecs, contentHashes, makeCid } from '../../wire/index.ts'

/** How many blocks of a size are fetched in one pass: 256 MiB of large ones, fewer where each one counts. */
export function countOf(size: number): number {
  return Math.max(16, Math.min(8_192, Math.floor((256 * 1024 * 1024) / size)))
}

/** The block of this number: no two alike, whatever their sizes. */
export function blockOf(size: number, number: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(number)
  const view = new DataView(bytes.buffer)
  if (size >= 8) {
    view.setUint32(0, number)
    view.setUint32(4, size)
  }
  return bytes
}

export function cidOf(bytes: Uint8Array): CID {
  const digest = new Uint8Array(createHash('sha256').update(bytes).digest())
  return makeCid(contentCodecs.RAW, contentHashes.SHA2_256, digest)
}

/** A blockstore in memory that keeps what it is given, without a copy. */
export class Pile {
  readonly #blocks = new Map<string, Uint8Array>()

  read(cid: CID): Uint8Array | undefined {
    return this.#blocks.get(blockKey(cid))
  }

  size(cid: CID): number | undefined {
    return this.read(cid)?.length
  }

  has(cid: CID): boolean {
    return this.#blocks.has(blockKey(cid))
  }

  *get(cid: CID): Generator<Uint8Array> {
    const bytes = this.read(cid)
    if (bytes !== undefined) yield bytes
  }

  put(cid: CID, bytes: Uint8Array): void {
    this.#blocks.set(blockKey(cid), bytes)
  }

  clear(): void {
    this.#blocks.clear()
  }
}
