/**
 * A store of others behind ours: anything of the shape `interface-blockstore`, S3 included.
 *
 * What it keeps and how is its business; limits, hashes, pins, leases and quota are ours.
 * Whether bytes come back as they went is not taken on trust: each read is hashed.
 *
 * Such a store does not tell how much is in it: it is read through once, when a quota or a
 * figure asks for that. What others put into it meanwhile is counted when it is first met.
 *
 * Without pins that outlive the process nothing is ever collected: they would all be
 * forgotten with the process, and the blocks with them.
 *
 * Refuses to be shared by two processes that collect.
 *
 * Floor: store.
 */
import type { Blockstore } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { asGuildError } from '../../base/errors.ts'
import { blockKey } from '../../wire/cid.ts'
import { KeptBlocks } from './kept-blocks.ts'
import { MemoryPins } from './memory.ts'
import type { Kept, PinShelf, Shelf } from './shelf.ts'
import type { BlockStore, BlockStoreOptions } from './types.ts'
import { gather } from './waiting.ts'

export interface ForeignBlocksOptions extends BlockStoreOptions {
  readonly store: Blockstore
  /** Default: in memory, and nothing is collected. */
  readonly pins?: PinShelf | undefined
}

/** It must be open already, and is not closed by us. Reads through it once. */
export async function foreignBlocks(options: ForeignBlocksOptions): Promise<BlockStore> {
  const shelf = new ForeignShelf(options.store)
  await shelf.readThrough()
  return new KeptBlocks(shelf, options.pins ?? new MemoryPins(), options)
}

class ForeignShelf implements Shelf {
  readonly mayRot = true
  readonly #store: Blockstore
  readonly #known = new Map<string, Kept>()
  readonly #leaving = new Map<string, Promise<unknown>>()
  #last = 0
  #bytes = 0

  constructor(store: Blockstore) {
    this.#store = store
  }

  async readThrough(): Promise<void> {
    for await (const { cid, bytes } of this.#store.getAll()) this.#know(cid, (await gather(bytes)).length)
  }

  async find(cid: CID): Promise<Kept | undefined> {
    const key = blockKey(cid)
    await this.#leaving.get(key)
    if (!(await this.#said(this.#store.has(cid)))) {
      this.#forget(key)
      return undefined
    }
    const known = this.#known.get(key)
    if (known !== undefined) return { ...known, cid }
    const bytes = await this.#read(cid)
    return bytes && this.#know(cid, bytes.length)
  }

  async read({ cid, size }: Kept): Promise<Uint8Array | undefined> {
    const bytes = await this.#read(cid)
    return bytes?.length === size ? bytes : undefined
  }

  async #read(cid: CID): Promise<Uint8Array | undefined> {
    try {
      return await gather(this.#store.get(cid))
    } catch (error) {
      if (error instanceof Error && error.name === 'NotFoundError') return undefined
      throw asGuildError(error, 'GH_STORE_FAILED')
    }
  }

  async intact(): Promise<boolean> {
    return true
  }

  async write(cid: CID, bytes: Uint8Array, numbered: (number: number) => void): Promise<void> {
    await this.#leaving.get(blockKey(cid))
    const { number } = this.#know(cid, bytes.length)
    numbered(number)
    try {
      await this.#said(this.#store.put(cid, bytes))
    } catch (error) {
      this.#forget(blockKey(cid))
      throw error
    }
  }

  async remove(kept: readonly Kept[], stays?: (kept: Kept) => boolean): Promise<readonly Kept[]> {
    const gone: Kept[] = []
    for (const one of kept) {
      if (stays?.(one)) continue
      const key = blockKey(one.cid)
      const leaving = this.#said(this.#store.delete(one.cid))
      this.#leaving.set(
        key,
        leaving.catch(() => {}),
      )
      try {
        await leaving
        gone.push(one)
        this.#forget(key)
      } finally {
        this.#leaving.delete(key)
      }
    }
    return gone
  }

  async setAside(kept: Kept): Promise<string> {
    await this.remove([kept])
    return 'it was removed'
  }

  async list(after: number, count: number): Promise<readonly Kept[]> {
    const page: Kept[] = []
    // Numbers only grow, so the order of the map is theirs.
    for (const kept of this.#known.values()) {
      if (kept.number <= after) continue
      page.push(kept)
      if (page.length >= count) break
    }
    return page
  }

  totals(): { blocks: number; bytes: number } {
    return { blocks: this.#known.size, bytes: this.#bytes }
  }

  async shrink(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.allSettled(this.#leaving.values())
  }

  #know(cid: CID, size: number): Kept {
    const key = blockKey(cid)
    this.#forget(key)
    const kept = { number: ++this.#last, cid, size }
    this.#known.set(key, kept)
    this.#bytes += size
    return kept
  }

  #forget(key: string): void {
    this.#bytes -= this.#known.get(key)?.size ?? 0
    this.#known.delete(key)
  }

  async #said<T>(work: T | Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw asGuildError(error, 'GH_STORE_FAILED')
    }
  }
}
