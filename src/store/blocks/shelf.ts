/**
 * What a place for blocks must do; what a block store makes of it is the same for all.
 *
 *   KeptBlocks (limits, hashes, pins, leases, gc, quota)
 *        └─ Shelf   memory · disk · any blockstore of others
 *        └─ PinShelf   memory · SQLite
 *
 * Each block on a shelf has a number: marks of a collection are bits by number, one byte for
 * eight blocks. When the block is gone its number may be given again; a mark that is too old
 * then keeps a block too many, never one too few.
 *
 * Floor: store.
 */
import type { CID } from 'multiformats/cid'
import type { Pin } from './types.ts'

/** A block on the shelf. */
export interface Kept {
  /** 1 or more. */
  readonly number: number
  /** As it was asked for; from `list`, with the codec it was put under first. */
  readonly cid: CID
  /** Bytes. */
  readonly size: number
  /** Somebody else holds these very bytes, so that they must be hashed wherever they lie. */
  readonly shared?: boolean
}

export interface Shelf {
  /** Must a block be hashed when it is read? */
  readonly mayRot: boolean
  /** Without a promise where it can, so that nothing comes between finding and acting. */
  find(cid: CID): Kept | undefined | Promise<Kept | undefined>
  /** Undefined where the bytes are lost, or another number of them than there were. `lent`: nobody will change them. */
  read(kept: Kept, lent?: boolean): Promise<Uint8Array | undefined>
  /** Are the bytes of this block still there, as far as can be seen without reading them? */
  intact(kept: Kept): Promise<boolean>
  /**
   * Resolves when it is durable. Also when it is there already: it is written anew. `numbered` is
   * called with its number before anybody can find it. `owned`: as the option of `put`.
   */
  write(cid: CID, bytes: Uint8Array, numbered: (number: number) => void, owned?: boolean): Promise<void>
  /** Takes them away, but those that `stays` at the moment of taking. What went. */
  remove(kept: readonly Kept[], stays?: (kept: Kept) => boolean): Promise<readonly Kept[]>
  /** Takes a damaged block out of use without destroying it, where there is a place for that. */
  setAside(kept: Kept, bytes: Uint8Array | undefined): Promise<string>
  /** In the order of numbers, from above `after`, at most `count`. */
  list(after: number, count: number): Promise<readonly Kept[]>
  totals(): { readonly blocks: number; readonly bytes: number }
  /** After a collection. */
  shrink(): Promise<void>
  close(): Promise<void>
}

export interface PinShelf {
  /** Do they outlive the process? */
  readonly lasting: boolean
  find(cid: CID): Pin | undefined
  /** In place of one of the same block and codec. */
  set(pin: Pin): Promise<void>
  /** False where there was none. */
  remove(cid: CID): Promise<boolean>
  list(): readonly Pin[]
}
