/**
 * The block store: bytes under the name that they hash to.
 *
 *   put ─▶ hashed, within its limits ─▶ durable ─▶ resolved        pins ──┐
 *   get ─▶ read, hashed again ─▶ one chunk                         leases ┴▶ what gc leaves alone
 *
 * The shape is that of `interface-blockstore` 7, so that what works over one of those works
 * over this, and more. Blocks are kept by multihash: a CIDv0 and a CIDv1 of the same bytes are
 * one block. An identity CID holds its block itself: always there, never stored.
 *
 * The store knows no codec. What a block leads to is told by `links`, what it hashes to by
 * `digest`; both are handed in.
 *
 * Floor: store. Page: README.md.
 */
import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import type { GuildError } from '../../base/errors.ts'

/** A block as it may be put: whole, or in chunks. Unchanged until the put has resolved. */
export type BlockBytes = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface Wait {
  readonly signal?: AbortSignal | undefined
}

export interface PutOptions {
  /** The caller has just made the CID of these very bytes, or hashed them. Default false. */
  readonly verified?: boolean | undefined
  /** They lie in memory of their own and nobody means to change them: a store in memory takes them as they are. Default false. */
  readonly owned?: boolean | undefined
  /** Of the import that this put is a part of. */
  readonly lease?: Lease | undefined
}

export interface ReadOptions {
  /** The caller hashes what it gets, so the store need not. Default false. */
  readonly unchecked?: boolean | undefined
  /** The caller only looks at the bytes: a store in memory hands out its own. Default false. */
  readonly lent?: boolean | undefined
}

export interface Progress {
  /** Blocks looked at, so far. */
  readonly blocks: number
  /** Of how many, where it is known. */
  readonly of?: number | undefined
}

export interface ProgressOptions extends Wait {
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** While it is held, no collection takes what was put or held under it. */
export interface Lease {
  /** A block that is here already, and will be led to. False where it is not here. */
  hold(cid: CID): Promise<boolean>
  /** May be called again. */
  release(): void
}

export interface Pin {
  readonly cid: CID
  /** With all it leads to. */
  readonly recursive: boolean
  /** What for: at most 128 characters. */
  readonly name?: string | undefined
  /** Milliseconds since 1970. */
  readonly since: number
}

export interface PinOptions extends ProgressOptions {
  /** With all it leads to. Default true. */
  readonly recursive?: boolean | undefined
  readonly name?: string | undefined
}

export interface Pins {
  /** Durable once it resolves. GH_BLOCK_MISSING when the block, or one that it leads to, is not here. */
  add(cid: CID, options?: PinOptions): Promise<Pin>
  /** GH_PIN_MISSING where there is none. */
  rm(cid: CID): Promise<void>
  /** In the order of their pinning. */
  ls(): AsyncGenerator<Pin>
  find(cid: CID): Promise<Pin | undefined>
}

export interface StoreFigures {
  readonly blocks: number
  /** Of the blocks alone, without what the store needs around them. */
  readonly bytes: number
  readonly quota?: number | undefined
}

export interface BlockStore
  extends Blockstore<object, PutOptions, PutOptions, ReadOptions, ReadOptions, ReadOptions> {
  /**
   * GH_CID_UNSUPPORTED, GH_BLOCK_TOO_LARGE, GH_BLOCK_MISMATCH when the bytes do not hash to the CID,
   * GH_STORE_FULL when nothing more can be collected, GH_STORE_FAILED for what the disk says.
   */
  put(cid: CID, bytes: BlockBytes, options?: Wait & PutOptions): Promise<CID>
  /** One chunk: the whole block. GH_BLOCK_MISSING when it is not here. */
  get(cid: CID, options?: Wait & ReadOptions): AsyncGenerator<Uint8Array>
  /** The same without a generator; undefined when it is not here. */
  read(cid: CID, options?: Wait & ReadOptions): Promise<Uint8Array | undefined>
  has(cid: CID, options?: Wait): Promise<boolean>
  /** CIDs in the order of the source, each once it is durable. */
  putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options?: Wait & PutOptions,
  ): AsyncGenerator<CID>
  /** In the order of the source. GH_BLOCK_MISSING at the first that is not here. */
  getMany(source: Iterable<CID> | AsyncIterable<CID>, options?: Wait & ReadOptions): AsyncGenerator<Pair>
  /** What came after it began may be missing. */
  getAll(options?: Wait & ReadOptions): AsyncGenerator<Pair>
  deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options?: Wait): AsyncGenerator<CID>
  /** In bytes, without reading it. */
  size(cid: CID): Promise<number | undefined>
  /** GH_BLOCK_PINNED when it is pinned itself. A block that is not here is no error. */
  delete(cid: CID, options?: Wait): Promise<void>
  readonly pins: Pins
  lease(): Lease
  /**
   * Removes what no pin and no lease leads to. What is put after this call, or is
   * being put now, stays. GH_BLOCK_MISSING, and
   * nothing is removed, when a pinned block cannot be read: nobody knows what it led to.
   */
  gc(options?: ProgressOptions): Promise<{ readonly removed: number; readonly bytes: number }>
  /** Reads and hashes every block. The damaged ones are set aside, as on any read. */
  verify(options?: ProgressOptions): Promise<{ readonly checked: number; readonly damaged: readonly CID[] }>
  stat(): Promise<StoreFigures>
  /** Waits for what is under way. May be called again. */
  close(): Promise<void>
}

/** What the blocks mean, and how much of them there may be. */
export interface BlockStoreOptions {
  /** The digest of `bytes` by the hash of this multihash code: sha2-256, sha2-512 or blake3. `length` is that of the digest. */
  readonly digest: (code: number, bytes: Uint8Array, length: number) => Uint8Array | Promise<Uint8Array>
  /** What the block leads to. Throws for bytes that are not of the CID's codec. */
  readonly links: (cid: CID, bytes: Uint8Array) => readonly CID[]
  /** Most bytes of blocks. Default: as many as there is room for. */
  readonly quota?: number | undefined
  /** A damaged block was set aside, a lost file noticed: reported, and life goes on. */
  readonly onTrouble?: ((trouble: GuildError) => void) | undefined
  /** For pins. Default Date.now. */
  readonly wall?: (() => number) | undefined
}
