/**
 * The one who is asked: a SyncPull in, a SyncBatch out, on one stream.
 *
 *   pull ─▶ cursor of this log? ──no──▶ unknown: begin at 0
 *                └─yes─▶ anything behind it? ──yes──▶ a page
 *                              └─no─▶ wait? ──no──▶ an empty batch
 *                                       └─yes─▶ … something new: our own entries at once,
 *                                                 of others only their heads, a moment later
 *
 * What we say ourselves nobody else can have told yet: it goes out as it is. What we heard from
 * others has most likely come there too, so only its name goes out, and whoever lacks it asks. In
 * a mesh of twenty an entry so travels once to each, and not nineteen times.
 *
 * Refuses: a second pull while one is being answered.
 * Page: protocol/sync.md · Floor: protocols. Faults: LG-04, LG-05, LG-08.
 */
import { copy, equal } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Machine, Millis, Tick } from '../../base/machine.ts'
import type { Suite } from '../../base/ports.ts'
import { limits } from '../../wire/limits.ts'
import { idOfEntry } from '../../wire/log-entry.ts'
import { encodeSyncBatch, type Head, type SyncPull } from '../../wire/sync.ts'
import { cutPage, type LogView, type PageRow, readRow } from './page.ts'
import { keyOf } from './proof.ts'

export const defaults = {
  /** How long the names of others' entries are gathered before they are told. */
  gather: 100,
} as const

export type AnsweringInput =
  | Tick
  | { readonly kind: 'pull'; readonly pull: SyncPull }
  | { readonly kind: 'grown' }

export interface AnsweringOptions {
  readonly log: LogView
  readonly hash: Suite['hash']
  /** Our own key: whose entries are told at once. */
  readonly self: Uint8Array
  /** A peer knows more of this log than the log does: it was put back to an old copy. */
  readonly wentBack: () => void
}

/** Its outputs are encoded SyncBatches. `handle` throws GH_LOG_DAMAGED, GH_STORE_*, GH_LINK_PROTOCOL. */
export class Answering implements Machine<AnsweringInput, Uint8Array> {
  readonly #options: AnsweringOptions
  readonly #outputs: Uint8Array[] = []
  #skip: ((row: PageRow) => boolean) | undefined
  #waiting: SyncPull | undefined
  #due: Millis | undefined

  constructor(options: AnsweringOptions) {
    this.#options = options
  }

  handle(input: AnsweringInput, now: Millis): void {
    switch (input.kind) {
      case 'pull':
        return this.#asked(input.pull)
      case 'grown':
        return this.#grown(now)
      case 'tick':
        if (this.#due !== undefined && now >= this.#due) this.#tell(this.#waiting!)
    }
  }

  poll(): Uint8Array | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.#due
  }

  #asked(pull: SyncPull): void {
    if (this.#waiting !== undefined) throw new GuildError('GH_LINK_PROTOCOL', 'two SyncPulls at a time')
    const { log, hash } = this.#options
    if (!this.#knows(pull)) return this.#say({ entries: [], next: 0, last: undefined }, { unknown: true })
    if (pull.have !== undefined) this.#skip = this.#skipOf(pull.have)
    if (pull.cursor === log.head && pull.wait === true) {
      this.#waiting = pull
      return
    }
    const limit = Math.max(1, Math.min(pull.limit, limits.syncEntries)) // spec: SYNC-4
    const skip = this.#skip
    this.#say(cutPage(log, pull.cursor, hash, skip === undefined ? { limit } : { limit, skip }))
  }

  /** spec: SYNC-7. Of what is here now: an author may show another side later, below the number that is covered. */
  #skipOf(have: readonly Head[]): (row: PageRow) => boolean {
    const { log } = this.#options
    const covered = log.covered(have)
    const { head } = log
    return ({ ingestSeq, author, authorSeq }) => ingestSeq <= head && authorSeq <= (covered.get(author) ?? 0)
  }

  /** Is the cursor one that this log gave out? (spec: SYNC-3) */
  #knows({ cursor, epoch, after }: SyncPull): boolean {
    const { log } = this.#options
    if (cursor === 0) return true
    if (!equal(epoch, log.epoch)) return false
    const row = log.read(cursor - 1, 1)[0]
    if (row !== undefined && (after === undefined || equal(idOfEntry(row.bytes), after))) return true
    this.#options.wentBack()
    return false
  }

  /** spec: SYNC-8 */
  #grown(now: Millis): void {
    const pull = this.#waiting
    const { log, hash, self } = this.#options
    if (pull === undefined || log.head <= pull.cursor || this.#due !== undefined) return
    const first = readRow(log.read(pull.cursor, 1)[0]!, hash)
    if (!equal(first.author, self)) {
      this.#due = now + defaults.gather
      return
    }
    this.#waiting = undefined
    const limit = Math.max(1, Math.min(pull.limit, limits.syncEntries))
    this.#say(cutPage(log, pull.cursor, hash, { limit, wanted: ({ author }) => equal(author, self) }))
  }

  /** The heads of what is new, each author once. */
  #tell(pull: SyncPull): void {
    const { log, hash } = this.#options
    this.#due = undefined
    this.#waiting = undefined
    const heads = new Map<string, Head>()
    let next = pull.cursor
    let last: Uint8Array | undefined
    for (const row of log.read(pull.cursor, limits.syncEntries)) {
      const { author, authorSeq, id, prev } = readRow(row, hash)
      const head = { author: copy(author), authorSeq, id: copy(id) }
      const key = keyOf(author)
      if (!heads.has(key) && heads.size === limits.syncHeads) break
      const before = heads.get(key)
      // On another branch of a fork: whoever has this one need not have the one before, so it is told next time.
      if (before !== undefined && !(prev !== undefined && equal(prev, before.id))) break
      heads.set(key, head)
      next = row.ingestSeq
      last = head.id
    }
    this.#say({ entries: [], next, last }, { heads: [...heads.values()] })
  }

  #say(
    page: {
      readonly entries: readonly Uint8Array[]
      readonly next: number
      readonly last: Uint8Array | undefined
    },
    more: { readonly unknown?: boolean; readonly heads?: readonly Head[] } = {},
  ): void {
    const { log } = this.#options
    this.#outputs.push(
      encodeSyncBatch({
        entries: page.entries,
        nextCursor: page.next,
        epoch: log.epoch,
        more: log.head > page.next,
        last: page.last,
        ...more,
      }),
    )
  }
}
