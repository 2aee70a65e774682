/**
 * Blocks of this node: its store first, and then the peers.
 *
 *   get ─▶ in the CID itself? ─▶ in the store? ─▶ asked of peers, hashed, stored ─▶ the caller
 *   put ─▶ hashed ─▶ durable
 *
 * Composition: the store keeps and checks, the exchange fetches and keeps what it fetched. What a
 * block leads to is told by the codecs of `content`.
 *
 * Floor: node.
 */
import type { InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { readBlock } from '../../content/block.ts'
import { walk } from '../../content/walk.ts'
import type { BlockStore } from '../../store/blocks/types.ts'
import { checkCid, formatCid, isIdentity } from '../../wire/cid.ts'
import { together } from './chunks.ts'
import { LocalDeposit } from './local-deposit.ts'
import { getEach, getOne } from './through-session.ts'
import type {
  Blocks,
  Deposit,
  DepositOptions,
  FetchFigures,
  FetchOptions,
  FetchSession,
  PeerBlocks,
  Pin,
  Pins,
  ProgressOptions,
  StoreFigures,
  Wait,
} from './types.ts'

export interface NodeBlocksOptions {
  readonly store: BlockStore
  /** Called for the first block that is not here. Absent: nobody can be asked. */
  readonly peers?: (() => Promise<PeerBlocks>) | undefined
  /** The same for what is told: nobody is looked for to be told something. */
  readonly told?: (() => PeerBlocks | undefined) | undefined
}

const nothingFetched: FetchFigures = { sources: [], duplicateBytes: 0 }

export class NodeBlocks implements Blocks {
  readonly pins: Pins
  readonly #store: BlockStore
  readonly #peers: NodeBlocksOptions['peers']
  readonly #told: NonNullable<NodeBlocksOptions['told']>

  constructor({ store, peers, told }: NodeBlocksOptions) {
    this.#store = store
    this.#peers = peers
    this.#told = told ?? (() => undefined)
    this.pins = {
      add: (cid, options) => this.#pin(cid, options),
      rm: cid => store.pins.rm(cid),
      ls: () => this.#pins(),
    }
  }

  session({ offline = false, signal }: FetchOptions = {}): FetchSession {
    return new LocalFirst(this.#store, offline ? undefined : this.#peers, signal)
  }

  async deposit(options: DepositOptions = {}): Promise<Deposit> {
    return new LocalDeposit(this.#store, this.#told(), options)
  }

  async *get(cid: CID, options: FetchOptions = {}): AsyncGenerator<Uint8Array> {
    yield* getOne(this.session(options), cid)
  }

  async *getMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: FetchOptions = {},
  ): AsyncGenerator<Pair> {
    yield* getEach(this.session(options), source)
  }

  getAll(options: Wait = {}): AsyncGenerator<Pair> {
    return this.#store.getAll(options)
  }

  async put(cid: CID, bytes: InputPair['bytes'], { signal }: Wait = {}): Promise<CID> {
    const whole = await together(bytes)
    await this.#store.put(cid, whole, { signal })
    this.#told()?.arrived?.(cid, whole.length)
    return cid
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options: Wait = {},
  ): AsyncGenerator<CID> {
    for await (const { cid, bytes } of source) yield await this.put(cid, bytes, options)
  }

  async has(cid: CID): Promise<boolean> {
    return (await this.size(cid)) !== undefined
  }

  async delete(cid: CID): Promise<void> {
    await this.#store.delete(cid)
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid)
      yield cid
    }
  }

  async size(cid: CID): Promise<number | undefined> {
    checkCid(cid)
    return isIdentity(cid) ? cid.multihash.digest.length : await this.#store.size(cid)
  }

  stat(): Promise<StoreFigures> {
    return this.#store.stat()
  }

  gc(options: ProgressOptions = {}): Promise<{ removed: number; bytes: number }> {
    return this.#store.gc(options)
  }

  verify(options: ProgressOptions = {}): Promise<{ checked: number; damaged: readonly CID[] }> {
    return this.#store.verify(options)
  }

  /** Fetches what is missing below it, held against a collection until the pin holds it. */
  async #pin(
    cid: CID,
    options: ProgressOptions & { readonly recursive?: boolean; readonly offline?: boolean } = {},
  ): Promise<void> {
    const { recursive = true, offline = false, signal, onProgress } = options
    const session = this.session({ offline, signal })
    const lease = this.#store.lease()
    const held = {
      async *get(one: CID): AsyncGenerator<Uint8Array> {
        const bytes = await session.get(one, { signal })
        await lease.hold(one)
        yield bytes
      },
    }
    try {
      if (!recursive) await readBlock(held, cid)
      else {
        let blocks = 0
        for await (const _ of walk(held, [cid], { signal })) onProgress?.({ blocks: ++blocks })
      }
      await this.#store.pins.add(cid, { recursive, signal })
    } finally {
      lease.release()
      await session.close()
    }
  }

  async *#pins(): AsyncGenerator<Pin> {
    for await (const { cid, recursive } of this.#store.pins.ls()) yield { cid, recursive }
  }
}

class LocalFirst implements FetchSession {
  readonly #store: BlockStore
  readonly #peers: NodeBlocksOptions['peers']
  readonly #signal: AbortSignal | undefined
  #session: Promise<FetchSession> | undefined
  #figures: Promise<FetchFigures> | undefined

  constructor(store: BlockStore, peers: NodeBlocksOptions['peers'], signal: AbortSignal | undefined) {
    this.#store = store
    this.#peers = peers
    this.#signal = signal
  }

  async get(cid: CID, { signal = this.#signal }: Wait = {}): Promise<Uint8Array> {
    checkCid(cid)
    if (isIdentity(cid)) return cid.multihash.digest
    if (signal?.aborted) throw new GuildError('GH_ABORTED', formatCid(cid), { cause: signal.reason })
    const here = await this.#store.read(cid, { signal })
    if (here !== undefined) return here
    if (this.#peers === undefined || this.#figures !== undefined)
      throw new GuildError('GH_BLOCK_MISSING', formatCid(cid))
    this.#session ??= this.#peers().then(peers => peers.session({ signal: this.#signal }))
    return await (await this.#session).get(cid, { signal })
  }

  close(): Promise<FetchFigures> {
    this.#figures ??= this.#close()
    return this.#figures
  }

  async #close(): Promise<FetchFigures> {
    try {
      return (await (await this.#session)?.close()) ?? nothingFetched
    } catch {
      return nothingFetched // it never began; whoever asked for a block was told why
    }
  }
}
