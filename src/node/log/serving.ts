/**
 * What peers ask of our log and bring to it.
 *
 *   /guild/sync-pull/1.0.0      SyncPull ─▶ a page, or nothing until there is one
 *   /guild/entries-push/1.0.0   EntriesPush ─▶ proved, stored ─▶ PushAck
 *
 * A page is made when the one before it has left: a peer that asks and does not read holds one page.
 * What a peer breaks is its stream; what the disk breaks is told, and the peer gets no answer that is
 * not true.
 *
 * Floor: node. Page: protocol/sync.md
 */
import { copy } from '../../base/bytes.ts'
import { asGuildError, type GuildError } from '../../base/errors.ts'
import type { Suite } from '../../base/ports.ts'
import { Answering, type AnsweringInput } from '../../protocols/sync/answering.ts'
import type { Drive, Driven } from '../../runtime/drive.ts'
import type { LogStore } from '../../store/log/types.ts'
import { limits } from '../../wire/limits.ts'
import { decodeEntriesPush, decodeSyncPull, encodePushAck, pushReason } from '../../wire/sync.ts'
import type { GuildStream } from '../guild-stream.ts'
import type { Ingest } from './ingest.ts'

export interface ServingOptions {
  readonly drive: Drive
  readonly store: LogStore
  readonly suite: Suite
  readonly self: Uint8Array
  readonly ingest: Ingest
  readonly wentBack: () => void
  /** A peer's doing, or our disk's. */
  readonly fault: (error: GuildError, peerId: string) => void
}

/** Streams of one peer, at a time: its pull, and one that is on its way out. */
const PULLS_MAX = 4

export class Serving {
  readonly #options: ServingOptions
  readonly #pulls = new Map<GuildStream, Driven<AnsweringInput>>()
  readonly #pushes = new Set<GuildStream>()

  constructor(options: ServingOptions) {
    this.#options = options
  }

  /** The log has grown: whoever waits is told. */
  grown(): void {
    for (const driven of [...this.#pulls.values()]) driven.feed({ kind: 'grown' })
  }

  async pull(stream: GuildStream): Promise<void> {
    const { drive, store, suite, self, wentBack, fault } = this.#options
    const { peerId } = stream
    let mine = 0
    for (const one of this.#pulls.keys()) if (one.peerId === peerId) mine++
    if (mine >= PULLS_MAX) return void stream.destroy()
    const machine = new Answering({ log: store, hash: (...parts) => suite.hash(...parts), self, wentBack })
    let room = true
    const driven = drive.run(machine, batch => {
      room = stream.send(batch)
    })
    this.#pulls.set(stream, driven)
    try {
      await stream.receive(
        bytes => {
          driven.feed({ kind: 'pull', pull: decodeSyncPull(copy(bytes)) })
          return room ? undefined : stream.drained()
        },
        { maxBytes: limits.syncPull },
      )
      stream.end()
    } catch (error) {
      stream.destroy(asGuildError(error))
      if (isOurs(error)) fault(asGuildError(error), peerId)
    } finally {
      driven.stop()
      this.#pulls.delete(stream)
    }
  }

  async push(stream: GuildStream): Promise<void> {
    const { ingest, fault } = this.#options
    const { peerId } = stream
    for (const one of this.#pushes) if (one.peerId === peerId) return void stream.destroy()
    this.#pushes.add(stream)
    try {
      await stream.receive(
        async bytes => {
          const entries = decodeEntriesPush(copy(bytes))
          try {
            await ingest.take(peerId, entries)
            stream.send(encodePushAck({ ok: true }))
          } catch (error) {
            const refused = asGuildError(error)
            fault(refused, peerId)
            const reason = isOurs(refused) ? 'the disk' : `${refused.code} ${refused.detail}`
            stream.send(encodePushAck({ ok: false, reason: pushReason(reason) }))
          }
        },
        { maxBytes: limits.entriesPush },
      )
      stream.end()
    } catch (error) {
      stream.destroy(asGuildError(error))
    } finally {
      this.#pushes.delete(stream)
    }
  }

  stop(): void {
    for (const stream of [...this.#pulls.keys(), ...this.#pushes]) stream.destroy()
  }
}

/** Of our disk or our fault, and nothing the peer did. */
function isOurs(error: unknown): boolean {
  const { code } = asGuildError(error)
  return code.startsWith('GH_STORE') || code === 'GH_LOG_DAMAGED' || code === 'GH_INTERNAL'
}
