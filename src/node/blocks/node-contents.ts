/**
 * What a node has to do with content: its store, its exchange, and the doors to them.
 *
 *   node.blocks ─▶ store ◀─ looked up, put ── exchange ◀── the first bitswap stream of a peer
 *   node.files ──▶ blocks         └── opened when the first block is asked for
 *   node.bitswap ─▶ blocks, exchange
 *
 * A node that nobody asks for content opens no database and loads no codec: until then one
 * handler of three lines waits for a peer's first bitswap stream. A directory that holds no
 * blocks yet is answered for without opening one there.
 *
 * Floor: node.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { Runtime } from '../../base/ports.ts'
import type { Stream } from '../../streams/stream.ts'
import type { CID } from '../../wire/cid.ts'
import { streamCodes } from '../../wire/registry.ts'
import type { Config } from '../config.ts'
import type { Happenings } from '../emitter.ts'
import type { Exchange } from '../exchange.ts'
import type { AnyBlockstore, ExchangeStore } from '../exchange-store.ts'
import type { Mesh } from '../mesh.ts'
import type { NodeStats } from '../types.ts'
import { LazyBlocks } from './lazy-blocks.ts'
import { LazyFiles } from './lazy-files.ts'
import type { OpenedStore } from './open-store.ts'
import { adapterPart, blocksPart, exchangePart, filesPart, storePart } from './parts.ts'
import type { PeerBlocks } from './types.ts'

/** As `wire/bitswap.ts` has it, which is not loaded for its name alone. */
const BITSWAP = '/guild/bitswap/1.2.0'
/** Streams that wait while the exchange is loaded. */
const WAITING_MOST = 1_024
/** A store that cannot be opened is tried again for peers after this many milliseconds. */
const TROUBLE_REST = 60_000

export interface ContentsOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly mesh: Mesh
  readonly happenings: Happenings
  /** Absolute, and its lock is held. */
  readonly dataDir: string | undefined
}

export class NodeContents {
  readonly blocks: LazyBlocks
  readonly files: LazyFiles
  readonly #options: ContentsOptions
  #opening: Promise<OpenedStore> | undefined
  #opened: OpenedStore | undefined
  #exchanging: Promise<Exchange> | undefined
  #exchange: Exchange | undefined
  #state: 'made' | 'running' | 'stopped' = 'made'
  #provided = 0
  /** When the store could not be opened for a peer's question. */
  #troubled: number | undefined

  constructor(options: ContentsOptions) {
    this.#options = options
    this.blocks = new LazyBlocks(() => this.#loadBlocks())
    this.files = new LazyFiles(async () => new (await filesPart()).NodeFiles(this.blocks))
  }

  /** Answers peers from now on. */
  start(): void {
    this.#state = 'running'
    if (this.#exchanging !== undefined) return // asked for before the start: it answers by itself
    const waiting: [Stream, string][] = []
    this.#options.mesh.router.handle(BITSWAP, (stream, peerId) => {
      if (waiting.length >= WAITING_MOST) return stream.abort(streamCodes.LIMIT)
      if (waiting.push([stream, peerId]) > 1) return
      this.exchange().then(
        () => {
          for (const [one, from] of waiting.splice(0)) {
            this.#options.mesh.router.route(one, from)
            one.handler?.readable() // what came meanwhile
          }
        },
        error => {
          for (const [one] of waiting.splice(0)) one.abort(streamCodes.INTERNAL)
          this.#options.mesh.fault(asGuildError(error))
        },
      )
    })
  }

  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.blocks.end(new GuildError('GH_NODE_STATE', 'the node is stopped'))
    this.#exchange?.stop()
    await this.#opening?.then(
      ({ close }) => close(),
      () => {},
    )
  }

  /** The exchange, which needs links: GH_NODE_STATE unless the node runs. */
  exchange(): Promise<Exchange> {
    if (this.#state !== 'running')
      return Promise.reject(new GuildError('GH_NODE_STATE', `asking peers: the node is ${this.#state}`))
    this.#exchanging ??= this.#makeExchange()
    return this.#exchanging
  }

  /** The same over another store than the node's own. GH_NODE_STATE where there is an exchange already. */
  async exchangeOver(store: AnyBlockstore): Promise<Exchange> {
    if (this.#exchanging !== undefined || this.#state === 'stopped')
      throw new GuildError('GH_NODE_STATE', 'exchange: too late, there is one already or the node is stopped')
    this.#exchanging = this.#makeExchange(async () => (await adapterPart()).exchangeStoreOf(store))
    return this.#exchanging
  }

  /** Tells the peers that a block is here, and counts it. */
  async provide(cid: CID): Promise<void> {
    this.#provided++
    if (this.#state === 'running') await (await this.exchange()).announce(cid)
  }

  /** Also right after what failed: a want that found nobody is none any more. */
  stats(): Pick<NodeStats, 'blocks_sent' | 'blocks_received' | 'want_list_size'> & BlockStats {
    const figures = this.#exchange?.stats()
    return {
      blocks_sent: figures?.blocksSent ?? 0,
      blocks_received: figures?.blocksReceived ?? 0,
      want_list_size: figures?.wantListSize ?? 0,
      blocks_provided: this.#provided,
      block_bytes_sent: figures?.bytesSent ?? 0,
      block_bytes_received: figures?.bytesReceived ?? 0,
      duplicate_blocks: figures?.duplicateBlocks ?? 0,
    }
  }

  async #loadBlocks(): Promise<InstanceType<Awaited<ReturnType<typeof blocksPart>>['NodeBlocks']>> {
    const { store } = await this.#store()
    const { NodeBlocks } = await blocksPart()
    return new NodeBlocks({ store, peers: () => this.#peers(), told: () => this.#told() })
  }

  #store(): Promise<OpenedStore> {
    if (this.#state === 'stopped')
      return Promise.reject(new GuildError('GH_NODE_STATE', 'the node is stopped'))
    this.#opening ??= this.#openStore().catch(error => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openStore(): Promise<OpenedStore> {
    const { config, dataDir, runtime, mesh } = this.#options
    const { openStore } = await storePart()
    this.#opened = await openStore({
      store: config.store,
      dataDir,
      quota: config.blockQuota,
      onTrouble: trouble => mesh.fault(trouble),
      wall: () => runtime.clock.wall(),
    })
    return this.#opened
  }

  async #makeExchange(over?: () => Promise<ExchangeStore>): Promise<Exchange> {
    const { mesh, happenings } = this.#options
    const { Exchange } = await exchangePart()
    const store = over === undefined ? this.#exchangeStore() : await over()
    if (this.#state === 'stopped') throw new GuildError('GH_NODE_STATE', 'the node stops')
    mesh.router.unhandle(BITSWAP)
    this.#exchange = new Exchange({ mesh, happenings, store })
    return this.#exchange
  }

  /** Opened by the first block that may be there, or comes. */
  #exchangeStore(): ExchangeStore {
    return {
      read: (cid, lent) =>
        this.#opened
          ? this.#opened.store.read(cid, { lent })
          : this.#lookUp(store => store.read(cid, { lent })),
      size: cid => (this.#opened ? this.#opened.store.size(cid) : this.#lookUp(store => store.size(cid))),
      put: async (cid, bytes) => (await this.#store()).store.put(cid, bytes, { verified: true, owned: true }),
    }
  }

  async #lookUp<T>(look: (store: OpenedStore['store']) => Promise<T>): Promise<T | undefined> {
    const { config, dataDir } = this.#options
    if (this.#opening === undefined && config.store === undefined)
      if (dataDir === undefined || !existsSync(join(dataDir, 'blocks.db'))) return undefined
    if (this.#troubled !== undefined && this.#options.mesh.drive.now() - this.#troubled < TROUBLE_REST)
      return undefined
    let opened: OpenedStore
    try {
      opened = await this.#store()
    } catch (error) {
      // Peers may ask a thousand times a second, and it is told once.
      this.#troubled = this.#options.mesh.drive.now()
      throw error
    }
    return look(opened.store)
  }

  async #peers(): Promise<PeerBlocks> {
    const exchange = await this.exchange()
    return {
      session: ({ signal }) => {
        const session = exchange.session({ signal })
        return {
          get: (cid, options) => session.get(cid, options),
          async close() {
            const { sources, duplicateBytes } = session.close()
            return { sources, duplicateBytes }
          },
        }
      },
    }
  }

  #told(): PeerBlocks | undefined {
    if (this.#state !== 'running') return undefined
    return {
      session: () => {
        throw new GuildError('GH_INTERNAL', 'nobody is asked here')
      },
      announce: cid =>
        void this.provide(cid).catch(error => {
          if (this.#state === 'running') this.#options.mesh.fault(asGuildError(error))
        }),
      arrived: (cid, size) => this.#exchange?.has(cid, size),
    }
  }
}

/** What of bitswap a node tells beyond the names of the contract. */
export interface BlockStats {
  /** Blocks that the peers were told of. */
  readonly blocks_provided: number
  readonly block_bytes_sent: number
  readonly block_bytes_received: number
  /** Blocks that came although they were here by then. */
  readonly duplicate_blocks: number
}
