/**
 * This device's entries, brought to one peer: the pushing core with its surroundings.
 *
 * Floor: node. Page: protocol/sync.md
 */
import { asGuildError, GuildError } from '../../base/errors.ts'
import type { Suite } from '../../base/ports.ts'
import { Pushing, type PushingInput, type PushingOutput } from '../../protocols/sync/pushing.ts'
import type { Drive, Driven } from '../../runtime/drive.ts'
import type { LogStore } from '../../store/log/types.ts'
import { limits } from '../../wire/limits.ts'
import { decodePushAck } from '../../wire/sync.ts'
import { ENTRIES_PUSH_PROTOCOL } from '../../wire/sync-protocols.ts'
import type { GuildStream } from '../guild-stream.ts'

export interface PushOptions {
  readonly drive: Drive
  readonly store: LogStore
  readonly suite: Pick<Suite, 'hash'>
  readonly self: Uint8Array
  readonly peerId: string
  readonly limit: number
  readonly open: (protocol: string) => GuildStream
  readonly signal?: AbortSignal | undefined
}

/** Resolves with how many entries the peer took. */
export function push(options: PushOptions): Promise<number> {
  return new Push(options).done
}

class Push {
  readonly done: Promise<number>
  readonly #options: PushOptions
  readonly #driven: Driven<PushingInput>
  readonly #aborted = (): void => this.#end(new GuildError('GH_ABORTED', 'sync'))
  #stream: GuildStream | undefined
  #count = 0
  #over = false
  #settle!: { readonly resolve: (count: number) => void; readonly reject: (error: GuildError) => void }

  constructor(options: PushOptions) {
    this.#options = options
    const { store, self, peerId, limit, suite, drive, signal } = options
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    const machine = new Pushing({
      readOwn: (after, count) => store.readOf(self, after, count),
      from: store.pushed(peerId),
      limit,
      hash: (...parts) => suite.hash(...parts),
    })
    this.#driven = drive.run(machine, output => this.#obey(output))
    signal?.addEventListener('abort', this.#aborted, { once: true })
    this.#begin()
  }

  #begin(): void {
    try {
      const stream = this.#options.open(ENTRIES_PUSH_PROTOCOL)
      this.#stream = stream
      const take = (bytes: Uint8Array): void => this.#driven.feed({ kind: 'ack', ack: decodePushAck(bytes) })
      stream.receive(take, { maxBytes: limits.pushAck }).then(
        () => this.#left(stream, new GuildError('GH_STREAM_RESET', 'the peer ended the sync')),
        (error: unknown) => this.#left(stream, asGuildError(error)),
      )
      this.#driven.feed({ kind: 'begin' })
    } catch (error) {
      this.#end(asGuildError(error))
    }
  }

  #left(stream: GuildStream, error: GuildError): void {
    if (this.#over || stream !== this.#stream) return
    this.#stream = undefined
    if (error.code === 'GH_STREAM_TOO_LARGE') this.#driven.feed({ kind: 'tooLarge' })
    else this.#end(error)
  }

  #obey(output: PushingOutput): void {
    switch (output.kind) {
      case 'send':
        this.#stream?.send(output.push)
        return
      case 'pushed':
        this.#count += output.count
        return this.#options.store.setPushed(this.#options.peerId, output.authorSeq)
      case 'reopen':
        this.#stream?.destroy()
        return this.#begin()
      case 'done':
        return this.#end(undefined)
      case 'failed':
        return this.#end(output.error)
    }
  }

  #end(error: GuildError | undefined): void {
    if (this.#over) return
    this.#over = true
    this.#driven.stop()
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    const stream = this.#stream
    this.#stream = undefined
    if (stream !== undefined) {
      if (error === undefined) stream.end()
      stream.destroy(error)
    }
    if (error === undefined) this.#settle.resolve(this.#count)
    else this.#settle.reject(error)
  }
}
