/**
 * Blocks that are opened when somebody first asks for one.
 *
 *   node.blocks ─▶ LazyBlocks ── the first call ─▶ load: SQLite, codecs, files … ─▶ the real ones
 *
 * A node that never touches content loads neither the database nor a codec. A load that failed
 * is tried again by the next call: the disk may have room by then.
 *
 * Floor: node.
 */

import type { InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import type { GuildError } from '../../base/errors.ts'
import type {
  Blocks,
  Deposit,
  DepositOptions,
  FetchFigures,
  FetchOptions,
  FetchSession,
  Pin,
  Pins,
  ProgressOptions,
  StoreFigures,
  Wait,
} from './types.ts'

export class LazyBlocks implements Blocks {
  readonly pins: Pins
  readonly #load: () => Promise<Blocks>
  #loading: Promise<Blocks> | undefined
  #ended: GuildError | undefined

  constructor(load: () => Promise<Blocks>) {
    this.#load = load
    this.pins = {
      add: async (cid, options) => (await this.loaded()).pins.add(cid, options),
      rm: async (cid, options) => (await this.loaded()).pins.rm(cid, options),
      ls: options => this.#pins(options),
    }
  }

  /** The real ones. */
  loaded(): Promise<Blocks> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    this.#loading ??= this.#load().catch(error => {
      this.#loading = undefined
      throw error
    })
    return this.#loading
  }

  /** From now on every call fails with this. */
  end(error: GuildError): void {
    this.#ended = error
  }

  session(options?: FetchOptions): FetchSession {
    return new LazySession(this.loaded().then(blocks => blocks.session(options)))
  }

  async deposit(options?: DepositOptions): Promise<Deposit> {
    return (await this.loaded()).deposit(options)
  }

  async *get(cid: CID, options?: FetchOptions): AsyncGenerator<Uint8Array> {
    yield* (await this.loaded()).get(cid, options)
  }

  async *getMany(source: Iterable<CID> | AsyncIterable<CID>, options?: FetchOptions): AsyncGenerator<Pair> {
    yield* (await this.loaded()).getMany(source, options)
  }

  async *getAll(options?: Wait): AsyncGenerator<Pair> {
    yield* (await this.loaded()).getAll(options)
  }

  async put(cid: CID, bytes: InputPair['bytes'], options?: Wait): Promise<CID> {
    return (await this.loaded()).put(cid, bytes, options)
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options?: Wait,
  ): AsyncGenerator<CID> {
    yield* (await this.loaded()).putMany(source, options)
  }

  async has(cid: CID, options?: Wait): Promise<boolean> {
    return (await this.loaded()).has(cid, options)
  }

  async delete(cid: CID, options?: Wait): Promise<void> {
    await (await this.loaded()).delete(cid, options)
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>, options?: Wait): AsyncGenerator<CID> {
    yield* (await this.loaded()).deleteMany(source, options)
  }

  async size(cid: CID, options?: Wait): Promise<number | undefined> {
    return (await this.loaded()).size(cid, options)
  }

  async stat(options?: Wait): Promise<StoreFigures> {
    return (await this.loaded()).stat(options)
  }

  async gc(options?: ProgressOptions): Promise<{ removed: number; bytes: number }> {
    return (await this.loaded()).gc(options)
  }

  async verify(options?: ProgressOptions): Promise<{ checked: number; damaged: readonly CID[] }> {
    return (await this.loaded()).verify(options)
  }

  async *#pins(options?: Wait): AsyncGenerator<Pin> {
    yield* (await this.loaded()).pins.ls(options)
  }
}

class LazySession implements FetchSession {
  readonly #session: Promise<FetchSession>

  constructor(session: Promise<FetchSession>) {
    this.#session = session
    session.catch(() => {}) // told to whoever asks for a block
  }

  async get(cid: CID, options?: Wait): Promise<Uint8Array> {
    return (await this.#session).get(cid, options)
  }

  async close(): Promise<FetchFigures> {
    try {
      return await (await this.#session).close()
    } catch {
      return { sources: [], duplicateBytes: 0 }
    }
  }
}
