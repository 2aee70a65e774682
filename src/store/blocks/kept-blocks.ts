/**
 * A block store over any shelf: what may be put, what is handed out, what stays.
 *
 *   put ─▶ kind of CID ─▶ size ─▶ hash ─▶ here already? ─▶ room? ─▶ shelf ─▶ durable
 *   read ─▶ shelf ─▶ hash again ─▶ out
 *                        └─ no ─▶ set aside, told of, and missing from now on
 *
 * A disk forgets bits, so what lies on one is hashed on every read: nothing leaves that does
 * not hash to its name, and a peer is never handed what would make us look like a liar. A
 * damaged block counts as missing at once, so that it is fetched anew like any other.
 *
 * One put of a block at a time: others of the same block wait for it and share its end.
 *
 * Refuses unknown hashes, blocks above 2 MiB, bytes that do not hash to their CID, and what
 * is above the quota when a collection has found nothing to take.
 *
 * Floor: store. Faults: P24, BX-01, BX-05, BX-06.
 */
import type { InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { copy, equal } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { blockKey, checkCid, formatCid, isIdentity } from '../../wire/cid.ts'
import { contentHashes } from '../../wire/registry.ts'
import { Collector } from './collector.ts'
import { type Hand, Holds } from './holds.ts'
import { BlockMissing } from './missing.ts'
import type { Kept, PinShelf, Shelf } from './shelf.ts'
import type {
  BlockBytes,
  BlockStore,
  BlockStoreOptions,
  Lease,
  Pins,
  ProgressOptions,
  PutOptions,
  ReadOptions,
  StoreFigures,
  Wait,
} from './types.ts'
import { atMost, breathe, gather, refuseAborted } from './waiting.ts'

/** What `putMany` has under way at most: bytes, and blocks. */
const PUT_WINDOW = 8 * 1024 * 1024
const PUTS_MAX = 256
/** Blocks that `getMany` reads ahead. */
const READS_AHEAD = 8
/** Rows of one look at the shelf. */
const PAGE = 256

export class KeptBlocks implements BlockStore {
  readonly pins: Pins
  readonly #shelf: Shelf
  readonly #options: BlockStoreOptions
  readonly #collector: Collector
  readonly #holds = new Holds()
  /** Puts under way, by block. */
  readonly #putting = new Map<string, Promise<void>>()
  /** Pins are added and collections run one after another. */
  readonly #inTurn = atMost(1)
  /** Bytes of puts under way, counted against the quota. */
  #reserved = 0
  /** Since the last collection that found too little, something has changed. */
  #worthCollecting = true
  /** Puts that found no room. */
  readonly #oneRoom = atMost(1)
  #closed = false

  constructor(shelf: Shelf, pins: PinShelf, options: BlockStoreOptions) {
    this.#shelf = shelf
    this.#options = options
    this.#collector = new Collector(shelf, pins, {
      links: options.links,
      read: cid => this.read(cid),
      inTurn: work => this.#inTurn(work),
      wall: options.wall ?? Date.now,
      unpinned: () => {
        this.#worthCollecting = true
      },
      holds: this.#holds,
    })
    this.pins = this.#collector.pins
  }

  async put(cid: CID, bytes: BlockBytes, options: Wait & PutOptions = {}): Promise<CID> {
    this.#mayGoOn(cid, options.signal)
    const hand = this.#holds.begin(options.lease)
    try {
      const whole = await gather(bytes)
      if (options.verified !== true && !(await this.#hashes(cid, whole)))
        throw new GuildError('GH_BLOCK_MISMATCH', formatCid(cid))
      this.#mayGoOn(cid, options.signal)
      if (!isIdentity(cid)) await this.#keep(cid, whole, hand, options.owned)
      return cid
    } finally {
      this.#holds.end(hand)
    }
  }

  async #keep(cid: CID, bytes: Uint8Array, hand: Hand, owned = false): Promise<void> {
    const key = blockKey(cid)
    for (;;) {
      const other = this.#putting.get(key)
      if (other !== undefined) await other
      const found = this.#shelf.find(cid)
      const kept = found instanceof Promise ? await found : found
      if (kept !== undefined) {
        // Marked before anything waits: no collection can come between.
        this.#holds.mark(hand, kept.number)
        if (other !== undefined || (await this.#shelf.intact(kept))) return
      } else if (other !== undefined) continue
      if (this.#putting.has(key)) continue
      const writing = this.#write(cid, bytes, kept, hand, owned)
      this.#putting.set(key, writing)
      try {
        return await writing
      } finally {
        this.#putting.delete(key)
      }
    }
  }

  async #write(
    cid: CID,
    bytes: Uint8Array,
    kept: Kept | undefined,
    hand: Hand,
    owned: boolean,
  ): Promise<void> {
    let reserved = bytes.length - (kept?.size ?? 0)
    await this.#reserve(reserved)
    const counted = (): void => {
      this.#reserved -= reserved
      reserved = 0
    }
    try {
      const numbered = (number: number): void => {
        this.#holds.mark(hand, number)
        counted()
      }
      await this.#shelf.write(cid, bytes, numbered, owned)
    } finally {
      counted()
    }
    if (hand.lease === undefined) this.#worthCollecting = true
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options: Wait & PutOptions = {},
  ): AsyncGenerator<CID> {
    const window: { done: Promise<CID>; length: number }[] = []
    let under = 0
    const next = (): Promise<CID> => {
      const { done, length } = window.shift()!
      under -= length
      return done
    }
    try {
      for await (const { cid, bytes } of source) {
        const whole = await gather(bytes)
        const done = this.put(cid, whole, options)
        done.catch(() => {})
        window.push({ done, length: whole.length })
        under += whole.length
        while (under > PUT_WINDOW || window.length >= PUTS_MAX) yield await next()
      }
      while (window.length > 0) yield await next()
    } finally {
      await Promise.allSettled(window.map(({ done }) => done))
    }
  }

  async read(cid: CID, options: Wait & ReadOptions = {}): Promise<Uint8Array | undefined> {
    this.#mayGoOn(cid, options.signal)
    if (isIdentity(cid)) return copy(cid.multihash.digest)
    for (let again = false; ; again = true) {
      const kept = await this.#shelf.find(cid)
      if (kept === undefined) return undefined
      const bytes = await this.#shelf.read(kept, options.lent)
      if (bytes !== undefined && (options.unchecked || (await this.#isWhole(kept, bytes)))) return bytes
      const putting = this.#putting.get(blockKey(cid))
      // It may just have been deleted, or put anew. Once more, and what is bad twice is bad.
      if (putting !== undefined) await putting.catch(() => {})
      else if (again) return await this.#setAside(kept, bytes)
    }
  }

  async *get(cid: CID, options: Wait & ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const bytes = await this.read(cid, options)
    if (bytes === undefined) throw new BlockMissing(cid)
    yield bytes
  }

  async *getMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: Wait & ReadOptions = {},
  ): AsyncGenerator<Pair> {
    const window: { cid: CID; read: Promise<Uint8Array | undefined> }[] = []
    const next = async (): Promise<Pair> => {
      const { cid, read } = window.shift()!
      const bytes = await read
      if (bytes === undefined) throw new BlockMissing(cid)
      return { cid, bytes: one(bytes) }
    }
    for await (const cid of source) {
      const read = this.read(cid, options)
      read.catch(() => {})
      window.push({ cid, read })
      if (window.length >= READS_AHEAD) yield await next()
    }
    while (window.length > 0) yield await next()
  }

  async *getAll(options: Wait & ReadOptions = {}): AsyncGenerator<Pair> {
    for await (const { cid } of this.#all(options.signal)) {
      const bytes = await this.read(cid, options)
      if (bytes !== undefined) yield { cid, bytes: one(bytes) }
    }
  }

  async has(cid: CID, options: Wait = {}): Promise<boolean> {
    this.#mayGoOn(cid, options.signal)
    return isIdentity(cid) || (await this.#shelf.find(cid)) !== undefined
  }

  async size(cid: CID): Promise<number | undefined> {
    this.#mayGoOn(cid)
    return isIdentity(cid) ? cid.multihash.digest.length : (await this.#shelf.find(cid))?.size
  }

  async delete(cid: CID, options: Wait = {}): Promise<void> {
    for await (const _ of this.deleteMany([cid], options));
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options: Wait = {}): AsyncGenerator<CID> {
    let batch: CID[] = []
    for await (const cid of source) {
      batch.push(cid)
      if (batch.length < PAGE) continue
      yield* await this.#deleted(batch, options.signal)
      batch = []
    }
    yield* await this.#deleted(batch, options.signal)
  }

  async #deleted(cids: readonly CID[], signal?: AbortSignal): Promise<readonly CID[]> {
    const found: Kept[] = []
    for (const cid of cids) {
      this.#mayGoOn(cid, signal)
      if (isIdentity(cid)) continue
      await this.#putting.get(blockKey(cid))?.catch(() => {})
      const kept = await this.#shelf.find(cid)
      if (kept === undefined) continue
      if (this.#collector.isPinned(cid)) throw new GuildError('GH_BLOCK_PINNED', formatCid(cid))
      found.push(kept)
    }
    await this.#shelf.remove(found)
    return cids
  }

  lease(): Lease {
    return this.#holds.lease(
      async (cid, marks) => {
        this.#mayGoOn(cid)
        if (isIdentity(cid)) return true
        const found = this.#shelf.find(cid)
        const kept = found instanceof Promise ? await found : found
        if (kept !== undefined) marks.add(kept.number)
        return kept !== undefined
      },
      () => {
        this.#worthCollecting = true
      },
    )
  }

  async gc(options: ProgressOptions = {}): Promise<{ readonly removed: number; readonly bytes: number }> {
    this.#mayGoOn(undefined, options.signal)
    return await this.#collector.collect(options)
  }

  async verify(
    options: ProgressOptions = {},
  ): Promise<{ readonly checked: number; readonly damaged: readonly CID[] }> {
    const of = this.#shelf.totals().blocks
    const damaged: CID[] = []
    let checked = 0
    for await (const kept of this.#all(options.signal)) {
      if (!(await this.#isSound(kept))) damaged.push(kept.cid)
      checked++
      options.onProgress?.({ blocks: checked, of: Math.max(of, checked) })
    }
    return { checked, damaged }
  }

  /** Also when it is gone by now: then it was deleted. Told of, when the disk does not hand it out. */
  async #isSound(kept: Kept): Promise<boolean> {
    try {
      const bytes = await this.#shelf.read(kept, true)
      if (bytes !== undefined && (await this.#hashes(kept.cid, bytes))) return true
      if ((await this.#shelf.find(kept.cid)) === undefined) return true
      return (await this.read(kept.cid)) !== undefined
    } catch (error) {
      if (!(error instanceof GuildError) || error.code !== 'GH_STORE_FAILED') throw error
      this.#options.onTrouble?.(error)
      return false
    }
  }

  async stat(): Promise<StoreFigures> {
    this.#mayGoOn()
    const { quota } = this.#options
    return { ...this.#shelf.totals(), ...(quota === undefined ? {} : { quota }) }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.allSettled(this.#putting.values())
    await this.#inTurn(async () => {})
    await this.#shelf.close()
  }

  async *#all(signal?: AbortSignal): AsyncGenerator<Kept> {
    for (let after = 0; ; ) {
      this.#mayGoOn(undefined, signal)
      const page = await this.#shelf.list(after, PAGE)
      if (page.length === 0) return
      yield* page
      after = page.at(-1)!.number
      await breathe()
    }
  }

  #mayGoOn(cid?: CID, signal?: AbortSignal): void {
    if (this.#closed) throw new GuildError('GH_STORE_FAILED', 'the block store is closed')
    refuseAborted(signal)
    if (cid !== undefined) checkCid(cid)
  }

  /** Room for so many bytes more. Who must wait for a collection does so one after another. */
  async #reserve(bytes: number): Promise<void> {
    const { quota = Number.POSITIVE_INFINITY } = this.#options
    const fits = (): boolean => {
      const room = quota === Number.POSITIVE_INFINITY || bytes <= 0 || this.#room(quota) >= bytes
      if (room) this.#reserved += bytes
      return room
    }
    if (fits()) return
    await this.#oneRoom(async () => {
      if (fits()) return
      let cause: unknown
      if (this.#worthCollecting && bytes <= quota) {
        this.#worthCollecting = false
        await this.#collector.collect().catch((error: unknown) => {
          cause = error
        })
        if (fits()) {
          this.#worthCollecting = true
          return
        }
      }
      const why = 'all of it is pinned or in use; unpin something, collect, or raise the quota'
      throw new GuildError('GH_STORE_FULL', `${quota} bytes; ${why}`, { cause })
    })
  }

  #room(quota: number): number {
    return quota - this.#shelf.totals().bytes - this.#reserved
  }

  async #isWhole(kept: Kept, bytes: Uint8Array): Promise<boolean> {
    return !(this.#shelf.mayRot || kept.shared) || (await this.#hashes(kept.cid, bytes))
  }

  async #hashes({ multihash }: CID, bytes: Uint8Array): Promise<boolean> {
    if (multihash.code === contentHashes.IDENTITY) return equal(multihash.digest, bytes)
    const { digest } = this.#options
    return equal(await digest(multihash.code, bytes, multihash.digest.length), multihash.digest)
  }

  async #setAside(kept: Kept, bytes: Uint8Array | undefined): Promise<undefined> {
    const how = await this.#shelf.setAside(kept, bytes)
    const what = bytes === undefined ? 'its bytes are lost or of another length' : 'its bytes have changed'
    this.#options.onTrouble?.(
      new GuildError('GH_STORE_DAMAGED', `block ${formatCid(kept.cid)}: ${what}; ${how}`),
    )
  }
}

function* one(bytes: Uint8Array): Generator<Uint8Array> {
  yield bytes
}
