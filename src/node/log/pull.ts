/**
 * One peer's log, read over one stream at a time: the pulling core with its surroundings.
 *
 * Floor: node. Page: protocol/sync.md
 */
import { copy, equal } from '../../base/bytes.ts'
import { asGuildError, GuildError } from '../../base/errors.ts'
import { Pulling, type PullingInput, type PullingOutput } from '../../protocols/sync/pulling.ts'
import type { Drive, Driven } from '../../runtime/drive.ts'
import type { LogStore, PullPlace } from '../../store/log/types.ts'
import { limits } from '../../wire/limits.ts'
import { decodeSyncBatch } from '../../wire/sync.ts'
import { SYNC_PULL_PROTOCOL } from '../../wire/sync-protocols.ts'
import type { GuildStream } from '../guild-stream.ts'
import type { Ingest } from './ingest.ts'

/** A cursor that moved without an entry is written down after this, in milliseconds. */
const WRITE_DOWN = 5_000

export interface PullOptions {
  readonly drive: Drive
  readonly store: LogStore
  readonly ingest: Ingest
  readonly peerId: string
  readonly open: (protocol: string) => GuildStream
  readonly limit?: number | undefined
  readonly live: boolean
  readonly caughtUp?: () => void
}

export class Pull {
  /** Entries that were new here. */
  pulled = 0
  /** Settles when it is over: once all is here, or, live, when it fails. */
  readonly done: Promise<void>
  readonly #options: PullOptions
  readonly #machine: Pulling
  readonly #driven: Driven<PullingInput>
  #stream: GuildStream | undefined
  #resolve!: () => void
  #reject!: (error: GuildError) => void
  #over = false
  /** Where a cursor stands that is not on disk. */
  #moved: PullPlace | undefined
  #cancelWrite: (() => void) | undefined

  constructor(options: PullOptions) {
    this.#options = options
    const { store, peerId, limit, live } = options
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.done.catch(() => {}) // not everybody waits for it
    this.#machine = new Pulling({
      place: store.place(peerId),
      limit,
      live,
      have: () => store.tips(limits.syncHeads),
      has: head => store.has(head),
    })
    this.#driven = options.drive.run(this.#machine, output => this.#obey(output))
    this.#begin()
  }

  get cursor(): number {
    return (this.#moved ?? this.#options.store.place(this.#options.peerId))?.cursor ?? 0
  }

  /** Gives up. */
  stop(error: GuildError = new GuildError('GH_ABORTED', 'sync')): void {
    this.#end(error)
  }

  #begin(): void {
    const { open } = this.#options
    let stream: GuildStream
    try {
      stream = open(SYNC_PULL_PROTOCOL)
    } catch (error) {
      return this.#end(asGuildError(error))
    }
    this.#stream = stream
    const take = (bytes: Uint8Array): void => {
      const batch = decodeSyncBatch(copy(bytes)) // its entries are views, and outlive the call
      this.#driven.feed({ kind: 'batch', batch })
    }
    stream.receive(take, { maxBytes: limits.syncBatch }).then(
      () => this.#left(stream, new GuildError('GH_STREAM_RESET', 'the peer ended the sync')),
      (error: unknown) => this.#left(stream, asGuildError(error)),
    )
    this.#driven.feed({ kind: 'begin' })
  }

  /** The stream is over, by whomever. */
  #left(stream: GuildStream, error: GuildError): void {
    if (this.#over || stream !== this.#stream) return
    this.#stream = undefined
    if (error.code === 'GH_STREAM_TOO_LARGE') this.#driven.feed({ kind: 'tooLarge' })
    else this.#end(error)
  }

  #obey(output: PullingOutput): void {
    const { live, caughtUp, drive } = this.#options
    switch (output.kind) {
      case 'send':
        this.#stream?.send(output.pull)
        return
      case 'store':
        void this.#store(output.entries, output.place)
        return
      case 'move':
        this.#moved = output.place
        this.#cancelWrite ??= drive.after(WRITE_DOWN, () => this.#writeDown())
        return
      case 'caughtUp':
        caughtUp?.()
        if (!live) this.#end(undefined)
        return
      case 'reopen':
        this.#stream?.destroy()
        return this.#begin()
      case 'failed':
        return this.#end(output.error)
    }
  }

  async #store(entries: Parameters<Ingest['take']>[1], place: PullPlace): Promise<void> {
    const { ingest, peerId } = this.#options
    try {
      const { fresh } = await ingest.take(peerId, entries, place)
      this.pulled += fresh
    } catch (error) {
      return this.#end(asGuildError(error))
    }
    this.#driven.feed({ kind: 'stored' })
  }

  #writeDown(): void {
    this.#cancelWrite?.()
    this.#cancelWrite = undefined
    const moved = this.#moved
    this.#moved = undefined
    const { store, peerId } = this.#options
    if (moved === undefined) return
    try {
      const known = store.place(peerId)
      // One that an insert wrote since is further.
      if (known !== undefined && equal(known.epoch, moved.epoch) && known.cursor >= moved.cursor) return
      store.setPlace(peerId, moved)
    } catch {
      // It is told again next time, and costs a question.
    }
  }

  #end(error: GuildError | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#driven.stop()
    const stream = this.#stream
    this.#stream = undefined
    if (stream !== undefined) {
      if (error === undefined) stream.end()
      stream.destroy(error)
    }
    this.#writeDown()
    if (error === undefined) this.#resolve()
    else this.#reject(error)
  }
}
