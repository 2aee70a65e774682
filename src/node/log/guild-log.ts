/**
 * The log of a node, open: the store, its writer, and the exchange with peers.
 *
 *   append ─▶ writer ─▶ store ◀─ ingest ◀─ pulls, pushes
 *                         └─ grown ─▶ serving (peers that wait), tails, events
 *
 * Composition only. `lazy-log.ts` opens it when somebody asks.
 *
 * Floor: node. Page: README.md
 */
import { toHex } from '../../base/bytes.ts'
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { Identity, Runtime } from '../../base/ports.ts'
import { readRow } from '../../protocols/sync/page.ts'
import type { Fork, LogRow, LogStore } from '../../store/log/types.ts'
import { parseAddress } from '../../wire/address.ts'
import { encodeCbor } from '../../wire/dag-cbor-write.ts'
import { limits } from '../../wire/limits.ts'
import { isPeerId, peerIdFromKey } from '../../wire/peer-id.ts'
import type { Happenings } from '../emitter.ts'
import type { GuildStream } from '../guild-stream.ts'
import type { Mesh } from '../mesh.ts'
import { openStream } from '../streams.ts'
import { Following } from './following.ts'
import { Ingest } from './ingest.ts'
import { Pull } from './pull.ts'
import { push } from './push.ts'
import { recordOf } from './record.ts'
import { Serving } from './serving.ts'
import type { EntriesOptions, LogFork, LogRecord, SyncOptions, SyncResult } from './types.ts'
import { LogWriter } from './writer.ts'

/** Rows read at a time for a program that goes through the log. */
const ROWS = 512
const PULL_LIMIT = 1_000

export interface GuildLogOptions {
  readonly store: LogStore
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly happenings: Happenings
  readonly identity: Identity
  readonly userId: string
  readonly deviceId: string
  /** Exchange entries with every linked peer. */
  readonly live: boolean
}

export class GuildLog {
  readonly #options: GuildLogOptions
  readonly #writer: LogWriter
  readonly #ingest: Ingest
  readonly #serving: Serving
  readonly #following: Following
  readonly #pulls = new Set<Pull>()
  readonly #tails = new Set<() => void>()
  readonly #onConnected = ({ peerId, transport }: { peerId: string; transport: string }): void => {
    if (transport !== 'line') this.#following.follow(peerId)
  }
  readonly #onDisconnected = ({ peerId }: { peerId: string }): void => this.#following.leave(peerId)
  #unlisten: (() => void) | undefined
  #renewed = false
  #closed = false

  constructor(options: GuildLogOptions) {
    this.#options = options
    const { store, mesh, runtime, identity, userId, deviceId, happenings } = options
    const { drive } = mesh
    const { suite, clock } = runtime
    const fault = (error: GuildError, peerId: string): void => this.#fault(error, peerId)
    this.#writer = new LogWriter({
      store,
      suite,
      identity,
      userId,
      deviceId,
      wall: () => clock.wall(),
      defer: work => drive.defer(work),
      written: count => this.#grown(count),
    })
    this.#ingest = new Ingest({
      store,
      suite,
      drive,
      grown: (count, peerId) => this.#grown(count, peerId),
      forked: fork => happenings.emit({ event: 'log-fork', ...forkOf(fork) }),
    })
    this.#serving = new Serving({
      drive,
      store,
      suite,
      self: identity.publicKey,
      ingest: this.#ingest,
      wentBack: () => this.#wentBack(),
      fault,
    })
    this.#following = new Following({
      drive,
      pull: (peerId, caughtUp) => this.#pull(peerId, { live: true, caughtUp }),
      fault,
    })
    if (!options.live) return
    happenings.on('peer-connected', this.#onConnected)
    happenings.on('peer-disconnected', this.#onDisconnected)
    this.#unlisten = mesh.drains.listen(peerId => this.#following.move(peerId))
    for (const { peerId, transport } of mesh.peers()) this.#onConnected({ peerId, transport })
  }

  get head(): number {
    return this.#options.store.head
  }

  get epoch(): string {
    return toHex(this.#options.store.epoch)
  }

  forks(): LogFork[] {
    return this.#options.store.forks().map(forkOf)
  }

  append(value: unknown): Promise<LogRecord> {
    try {
      return this.#writer.append(encodeCbor(value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async *entries({
    after = 0,
    limit = Number.POSITIVE_INFINITY,
    signal,
  }: EntriesOptions = {}): AsyncGenerator<LogRecord, void> {
    let at = after
    let left = limit
    while (left > 0) {
      throwIfAborted(signal)
      const records = this.#read(at, Math.min(ROWS, left))
      if (records.length === 0) return
      for (const record of records) yield record
      left -= records.length
      at = records.at(-1)!.seq
    }
  }

  /** From a place on, and then what comes, until it is left or aborted. */
  async *tail({ after = this.head, signal }: EntriesOptions = {}): AsyncGenerator<LogRecord, void> {
    let at = after
    let wake: (() => void) | undefined
    const woken = (): void => wake?.()
    this.#tails.add(woken)
    signal?.addEventListener('abort', woken, { once: true })
    try {
      for (;;) {
        throwIfAborted(signal)
        if (this.#closed) throw new GuildError('GH_NODE_STATE', 'the log is closed')
        const records = this.#read(at, ROWS)
        for (const record of records) yield record
        at = records.at(-1)?.seq ?? at
        if (records.length === 0 && !this.#closed)
          await new Promise<void>(resolve => {
            wake = resolve
          })
        wake = undefined
      }
    } finally {
      this.#tails.delete(woken)
      signal?.removeEventListener('abort', woken)
    }
  }

  /** One round: each peer's log is read to its end. Rejects with the first failure, unless `onPeer` hears of it. */
  async sync({
    peers,
    limit = PULL_LIMIT,
    push: bring = false,
    signal,
    onPeer,
  }: SyncOptions = {}): Promise<SyncResult[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > limits.syncEntries)
      throw new GuildError(
        'GH_OPTION_INVALID',
        `limit: ${limit} (a whole number from 1 to ${limits.syncEntries})`,
      )
    const whom =
      peers ?? this.#options.mesh.peers().flatMap(one => (one.transport === 'line' ? [] : one.peerId))
    const results: SyncResult[] = []
    for (const peer of whom) {
      throwIfAborted(signal)
      try {
        const result = await this.#syncWith(peer, limit, bring, signal)
        results.push(result)
        onPeer?.(peer, result)
      } catch (error) {
        if (onPeer === undefined || signal?.aborted) throw error
        onPeer(peer, asGuildError(error))
      }
    }
    return results
  }

  /** A stream of a peer, by its protocol. */
  serve(stream: GuildStream, what: 'pull' | 'push'): Promise<void> {
    // A peer that asks has a log, so it can be asked.
    if (this.#options.live) this.#following.follow(stream.peerId)
    return this.#serving[what](stream)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { happenings, store } = this.#options
    this.#unlisten?.()
    happenings.off('peer-connected', this.#onConnected)
    happenings.off('peer-disconnected', this.#onDisconnected)
    this.#writer.close()
    this.#following.stop()
    for (const pull of [...this.#pulls]) pull.stop()
    this.#serving.stop()
    for (const woken of [...this.#tails]) woken()
    store.close()
  }

  async #syncWith(
    peer: string,
    limit: number,
    bring: boolean,
    signal: AbortSignal | undefined,
  ): Promise<SyncResult> {
    const { mesh, store, runtime, identity } = this.#options
    const peerId = isPeerId(peer) ? peer : await mesh.connect(parseAddress(peer), signal)
    if (peer !== peerId) store.adopt(peer, peerId)
    const pull = this.#pull(peerId, { live: false, limit })
    const aborted = (): void => pull.stop(new GuildError('GH_ABORTED', 'sync', { cause: signal?.reason }))
    signal?.addEventListener('abort', aborted, { once: true })
    try {
      await pull.done
    } finally {
      signal?.removeEventListener('abort', aborted)
    }
    const open = (protocol: string): GuildStream => openStream(mesh, peerId, protocol, undefined)
    const own = { drive: mesh.drive, store, suite: runtime.suite, self: identity.publicKey }
    const pushed = bring ? await push({ ...own, peerId, limit, open, signal }) : 0
    const via = mesh.peers().find(one => one.peerId === peerId)?.transport ?? 'tcp'
    return { peerId, pulled: pull.pulled, pushed, cursor: pull.cursor, via }
  }

  #pull(peerId: string, options: { live: boolean; limit?: number; caughtUp?: () => void }): Pull {
    const { mesh, store } = this.#options
    const pull = new Pull({
      drive: mesh.drive,
      store,
      ingest: this.#ingest,
      peerId,
      open: protocol => openStream(mesh, peerId, protocol, undefined),
      ...options,
    })
    this.#pulls.add(pull)
    const gone = (): void => void this.#pulls.delete(pull)
    pull.done.then(gone, gone)
    return pull
  }

  #read(after: number, count: number): LogRecord[] {
    const { store, runtime } = this.#options
    return store.read(after, count).map((row: LogRow) =>
      recordOf(
        row.ingestSeq,
        readRow(row, (...parts) => runtime.suite.hash(...parts)),
      ),
    )
  }

  #grown(count: number, peerId?: string): void {
    this.#serving.grown()
    for (const woken of [...this.#tails]) woken()
    const { happenings } = this.#options
    happenings.emit({
      event: 'log-entries',
      count,
      head: this.head,
      ...(peerId !== undefined && { from: peerId }),
    })
  }

  /** Once a start: nobody can know more of a new epoch than this log does. */
  #wentBack(): void {
    if (this.#renewed) return
    this.#renewed = true
    this.#options.store.renewEpoch()
  }

  #fault(error: GuildError, peerId: string): void {
    const { code, message } = error
    this.#options.happenings.emit({ event: 'error', code, message: `log, with ${peerId}: ${message}` })
  }
}

function forkOf({ author, authorSeq, first, second }: Fork): LogFork {
  return { author: peerIdFromKey(author), authorSeq, ids: [toHex(first), toHex(second)] }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new GuildError('GH_ABORTED', 'log', { cause: signal.reason })
}
