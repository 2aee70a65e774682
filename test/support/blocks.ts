/** Stores for tests: one that keeps blocks by multihash, and one that keeps nothing. */
import type { CID } from 'multiformats/cid'
import type { Block, BlockSink } from '../../src/content/block.ts'
import { blockKey } from '../../src/wire/cid.ts'

export class NotFound extends Error {
  override readonly name = 'NotFoundError'
}

/** Has what `interface-blockstore` asks for, and counts what it was asked. */
export class MemoryBlocks {
  readonly #blocks = new Map<string, Block>()
  reads = 0

  get size(): number {
    return this.#blocks.size
  }

  put(cid: CID, bytes: Uint8Array): CID {
    this.#blocks.set(blockKey(cid), { cid, bytes })
    return cid
  }

  has(cid: CID): boolean {
    return this.#blocks.has(blockKey(cid))
  }

  *get(cid: CID): Generator<Uint8Array> {
    this.reads++
    const block = this.#blocks.get(blockKey(cid))
    if (block === undefined) throw new NotFound(`no ${cid}`)
    yield block.bytes
  }

  delete(cid: CID): void {
    this.#blocks.delete(blockKey(cid))
  }

  blocks(): Block[] {
    return [...this.#blocks.values()]
  }
}

/** Takes every block and forgets it. */
export const black: BlockSink = { put: cid => cid }
