/**
 * A fetch of blocks that belong together, as programs use it.
 *
 *   const session = exchange.session({ signal })
 *   session.prefetch(children)             // as many as are known: they come as fast as the peers can send
 *   await session.get(child)               // out of the store, or as soon as it is here
 *   session.close()                        // { sources, blocks, bytes, duplicateBytes … }
 *
 * Floor: node.
 */
import { GuildError } from '../base/errors.ts'
import { defaults } from '../protocols/bitswap/defaults.ts'
import type { BitswapInput, SessionFigures } from '../protocols/bitswap/messages.ts'
import { blockKey, type CID, checkCid, formatCid, isIdentity } from '../wire/cid.ts'
import type { ExchangeStore } from './exchange-store.ts'

export interface SessionOptions {
  readonly signal?: AbortSignal | undefined
  /** When no peer has a block: wait until one has, instead of failing with GH_BLOCK_NOT_FOUND. Default false. */
  readonly wait?: boolean | undefined
}

export interface GetOptions {
  readonly signal?: AbortSignal | undefined
}

/** Somebody waits for a block. */
export interface Waiter {
  readonly session: ExchangeSession
  resolve(bytes: Uint8Array): void
  reject(error: GuildError): void
}

/** What it asks of the exchange. */
export interface SessionHost {
  readonly store: ExchangeStore
  feed(input: BitswapInput): void
  figures(session: number): SessionFigures | undefined
  add(key: string, waiter: Waiter): void
  remove(key: string, waiter: Waiter): void
  /** It prefetches: tell it what has landed. */
  ahead(session: ExchangeSession): void
  closed(session: ExchangeSession): void
}

/** What is waited for comes before what will be. */
const NOW = 2
const SOON = 1

export class ExchangeSession {
  readonly id: number
  readonly wait: boolean
  readonly #host: SessionHost
  readonly #signal: AbortSignal | undefined
  readonly #waiters = new Map<Waiter, string>()
  /** Wanted without anybody who waits for it yet. */
  readonly #ahead = new Set<string>()
  #final: SessionFigures | undefined
  readonly #aborted = (): void => {
    this.#end(new GuildError('GH_ABORTED', 'a fetch', { cause: this.#signal?.reason }))
  }

  /** Use `Exchange.session`. */
  constructor(id: number, host: SessionHost, { signal, wait = false }: SessionOptions) {
    this.id = id
    this.wait = wait
    this.#host = host
    this.#signal = signal
    host.feed({ kind: 'open', session: id })
    if (signal?.aborted === true) this.#aborted()
    else signal?.addEventListener('abort', this.#aborted, { once: true })
  }

  /**
   * A block, verified and stored. Out of the store when it is there. GH_BLOCK_NO_PEERS, GH_BLOCK_NOT_FOUND (unless
   * the session waits), GH_ABORTED, GH_CID_UNSUPPORTED, and what the store says when it cannot keep it.
   */
  async get(cid: CID, { signal }: GetOptions = {}): Promise<Uint8Array> {
    checkCid(cid)
    if (isIdentity(cid)) return cid.multihash.digest
    const here = await this.#host.store.read(cid)
    if (here !== undefined) return here
    if (signal?.aborted === true) throw new GuildError('GH_ABORTED', formatCid(cid), { cause: signal.reason })
    if (this.#final !== undefined) throw this.#over()
    return this.#arrival(cid, signal)
  }

  /**
   * Begins to fetch blocks that will be asked for: those that are not here. Answers how many were taken; a session
   * holds 65,536 wants, and what is above waits with you.
   */
  prefetch(cids: readonly CID[]): number {
    if (this.#final !== undefined) return 0
    this.#host.ahead(this)
    const taken = cids.slice(0, Math.max(0, defaults.sessionWants - this.#ahead.size - this.#waiters.size))
    const missing: CID[] = []
    const late: Promise<void>[] = []
    for (const cid of taken) {
      checkCid(cid)
      if (isIdentity(cid)) continue
      const key = blockKey(cid)
      if (this.#ahead.has(key)) continue
      this.#ahead.add(key)
      const size = this.#host.store.size(cid)
      const judge = (known: number | undefined): void => {
        if (known === undefined) missing.push(cid)
        else this.#ahead.delete(key)
      }
      if (size instanceof Promise) late.push(size.then(judge, () => judge(undefined)))
      else judge(size)
    }
    if (late.length === 0) this.#want(missing, SOON)
    else void Promise.all(late).then(() => this.#want(missing, SOON))
    return taken.length
  }

  /** From whom how much came, so far or in all. */
  figures(): SessionFigures {
    return this.#final ?? this.#host.figures(this.id)!
  }

  sources(): SessionFigures['sources'] {
    return this.figures().sources
  }

  get duplicateBytes(): number {
    return this.figures().duplicateBytes
  }

  /** Nothing of it is wanted any more; who still waits is told GH_ABORTED. May be called again. */
  close(): SessionFigures {
    this.#end(new GuildError('GH_ABORTED', 'the fetch was closed'))
    return this.#final!
  }

  // For the exchange

  /** A block is here: by a peer, or put by somebody. */
  landed(key: string): void {
    this.#ahead.delete(key)
  }

  /** No peer has it. */
  nowhere(key: string, peers: number): void {
    if (this.wait) return
    this.#ahead.delete(key)
    const detail = peers === 1 ? 'one peer was asked' : `${peers} peers were asked`
    for (const [waiter, of] of [...this.#waiters])
      if (of === key)
        waiter.reject(
          peers === 0 ? new GuildError('GH_BLOCK_NO_PEERS') : new GuildError('GH_BLOCK_NOT_FOUND', detail),
        )
    this.#unwant(key)
  }

  /** The exchange ends. */
  fail(error: GuildError): void {
    this.#end(error)
  }

  #arrival(cid: CID, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const key = blockKey(cid)
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        signal?.removeEventListener('abort', aborted)
        this.#waiters.delete(waiter)
        this.#host.remove(key, waiter)
      }
      const waiter: Waiter = {
        session: this,
        resolve: bytes => {
          settle()
          resolve(bytes)
        },
        reject: error => {
          settle()
          reject(error)
        },
      }
      const aborted = (): void => {
        waiter.reject(new GuildError('GH_ABORTED', formatCid(cid), { cause: signal?.reason }))
        if (!this.#ahead.has(key)) this.#unwant(key)
      }
      signal?.addEventListener('abort', aborted, { once: true })
      this.#waiters.set(waiter, key)
      this.#host.add(key, waiter)
      this.#want([cid], NOW)
    })
  }

  #want(cids: readonly CID[], priority: number): void {
    if (cids.length > 0 && this.#final === undefined)
      this.#host.feed({ kind: 'want', session: this.id, cids, priority })
  }

  /** Unless somebody else of this session waits for it. */
  #unwant(key: string): void {
    for (const of of this.#waiters.values()) if (of === key) return
    this.#host.feed({ kind: 'unwant', session: this.id, keys: [key] })
  }

  #over(): GuildError {
    return new GuildError('GH_ABORTED', 'the fetch is closed')
  }

  #end(error: GuildError): void {
    if (this.#final !== undefined) return
    this.#final = this.#host.figures(this.id)!
    this.#signal?.removeEventListener('abort', this.#aborted)
    this.#host.feed({ kind: 'close', session: this.id })
    for (const waiter of [...this.#waiters.keys()]) waiter.reject(error)
    this.#ahead.clear()
    this.#host.closed(this)
  }
}
