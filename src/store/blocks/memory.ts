/**
 * Blocks in memory: for tests, for simulations, for a node without a data directory.
 *
 * Every block is a copy of what was put, and so is what is handed out: a slice of a large
 * buffer would keep all of it alive. Memory does not rot, so reads are not hashed again. A block from
 * a peer is kept as it came, and whoever asked for it has the same bytes: those are hashed at each read.
 *
 * Nothing outlives the process, pins neither.
 *
 * Floor: store.
 */
import type { CID } from 'multiformats/cid'
import { copy } from '../../base/bytes.ts'
import { blockKey } from '../../wire/cid.ts'
import { KeptBlocks } from './kept-blocks.ts'
import type { Kept, PinShelf, Shelf } from './shelf.ts'
import type { BlockStore, BlockStoreOptions, Pin } from './types.ts'

export function memoryBlocks(options: BlockStoreOptions): BlockStore {
  return new KeptBlocks(new MemoryShelf(), new MemoryPins(), options)
}

interface Held extends Kept {
  readonly bytes: Uint8Array
}

class MemoryShelf implements Shelf {
  readonly mayRot = false
  /** In the order of numbers: what is written anew keeps its place. */
  readonly #blocks = new Map<string, Held>()
  /** The same by number. */
  readonly #order = new Map<number, Held>()
  #last = 0
  #bytes = 0

  find(cid: CID): Kept | undefined {
    return this.#blocks.get(blockKey(cid))
  }

  async read({ cid }: Kept, lent = false): Promise<Uint8Array | undefined> {
    const held = this.#blocks.get(blockKey(cid))
    return held && (lent ? held.bytes : copy(held.bytes))
  }

  async intact(): Promise<boolean> {
    return true
  }

  async write(cid: CID, bytes: Uint8Array, numbered: (number: number) => void, owned = false): Promise<void> {
    const own = owned ? bytes : copy(bytes)
    const held = { number: ++this.#last, cid, size: bytes.length, bytes: own, shared: owned }
    this.#take(cid)
    this.#blocks.set(blockKey(cid), held)
    this.#order.set(held.number, held)
    this.#bytes += held.size
    numbered(held.number)
  }

  async remove(kept: readonly Kept[], stays?: (kept: Kept) => boolean): Promise<readonly Kept[]> {
    return kept.filter(one => !stays?.(one) && this.#take(one.cid))
  }

  #take(cid: CID): boolean {
    const held = this.#blocks.get(blockKey(cid))
    if (held === undefined) return false
    this.#blocks.delete(blockKey(cid))
    this.#order.delete(held.number)
    this.#bytes -= held.size
    return true
  }

  async setAside(kept: Kept): Promise<string> {
    this.#take(kept.cid)
    return 'it was removed'
  }

  async list(after: number, count: number): Promise<readonly Kept[]> {
    const page: Kept[] = []
    // Numbers only grow, so the order of the map is theirs.
    for (const held of this.#order.values()) {
      if (held.number <= after) continue
      page.push(held)
      if (page.length >= count) break
    }
    return page
  }

  totals(): { blocks: number; bytes: number } {
    return { blocks: this.#blocks.size, bytes: this.#bytes }
  }

  async shrink(): Promise<void> {}

  async close(): Promise<void> {
    this.#blocks.clear()
    this.#order.clear()
  }
}

export class MemoryPins implements PinShelf {
  readonly lasting = false
  readonly #pins = new Map<string, Pin>()

  find(cid: CID): Pin | undefined {
    return this.#pins.get(pinKey(cid))
  }

  async set(pin: Pin): Promise<void> {
    this.#pins.set(pinKey(pin.cid), pin)
  }

  async remove(cid: CID): Promise<boolean> {
    return this.#pins.delete(pinKey(cid))
  }

  list(): readonly Pin[] {
    return [...this.#pins.values()]
  }
}

/** The same bytes under two codecs lead to different things. */
export function pinKey(cid: CID): string {
  return `${cid.code}:${blockKey(cid)}`
}
