/**
 * The one who asks: from where it stopped last time to the end of the peer's log, then waiting for more.
 *
 *   begin ─▶ pull ─▶ batch ─▶ more? ──yes──▶ the next pull at once, while this batch is stored
 *              ▲               └─no──▶ caught up ─▶ live? ──▶ pull that waits ─▶ batch …
 *              │                                                  └─▶ heads: all here? the cursor moves
 *              └──────────── one is missing: a pull that does not wait ◀─┘
 *
 *   unknown          the cursor is of another log: again, from 0
 *   too large        again, for half as many entries
 *
 * Two batches are in memory at most: one being stored, one that came meanwhile. The third is not
 * asked for before the first is stored: that is how a slow disk here holds back the peer there.
 *
 * Refuses: a batch nobody asked for, a cursor that goes back, a batch that says more and moves nothing
 * (spec: SYNC-6). Page: protocol/sync.md · Floor: protocols. Faults: LG-04, LG-07.
 */
import { copy, empty } from '../../base/bytes.ts'
import { type ErrorCode, GuildError } from '../../base/errors.ts'
import type { Machine, Millis, Tick } from '../../base/machine.ts'
import type { LogEntry } from '../../wire/log-entry.ts'
import { encodeSyncPull, type Head, type SyncBatch, type SyncPull } from '../../wire/sync.ts'

export const defaults = {
  /** Entries asked for at a time. */
  limit: 1_000,
  /** An answer to a pull that does not wait takes no longer, in milliseconds. */
  patience: 30_000,
  /** `unknown` twice in a row from one peer is no answer. */
  restarts: 2,
} as const

/** A place in the peer's log. */
export interface Place {
  readonly cursor: number
  readonly epoch: Uint8Array
  readonly after: Uint8Array | undefined
}

export type PullingInput =
  | Tick
  /** A stream is open. */
  | { readonly kind: 'begin' }
  | { readonly kind: 'batch'; readonly batch: SyncBatch }
  /** What `store` said is done. */
  | { readonly kind: 'stored' }
  /** A message above its limit, here or there: the stream is broken, another may be opened. */
  | { readonly kind: 'tooLarge' }

export type PullingOutput =
  | { readonly kind: 'send'; readonly pull: Uint8Array }
  | { readonly kind: 'store'; readonly entries: readonly LogEntry[]; readonly place: Place }
  /** Nothing to store, and further: it may be written down when there is time. */
  | { readonly kind: 'move'; readonly place: Place }
  /** All that the peer has is here. Comes again each time. */
  | { readonly kind: 'caughtUp' }
  /** Open another stream, then `begin`. */
  | { readonly kind: 'reopen' }
  | { readonly kind: 'failed'; readonly error: GuildError }

export interface PullingOptions {
  readonly place: Place | undefined
  /** Default 1,000. */
  readonly limit?: number | undefined
  /** Wait for more when all is here. */
  readonly live: boolean
  /** What is here, at the time it is asked. */
  readonly have: () => readonly Head[]
  readonly has: (head: Head) => boolean
}

const nowhere: Place = { cursor: 0, epoch: empty, after: undefined }

export class Pulling implements Machine<PullingInput, PullingOutput> {
  readonly #options: PullingOptions
  readonly #outputs: PullingOutput[] = []
  /** Up to here all was handed to `store`. */
  #place: Place
  #limit: number
  /** A pull is out, and whether it waits. */
  #asked: 'no' | 'now' | 'whenever' = 'no'
  #storing = false
  /** Came while another is being stored. */
  #next: SyncBatch | undefined
  #more = false
  #unknowns = 0
  #due: Millis | undefined
  #over = false
  /** The next pull is the first of its stream. */
  #first = true

  constructor(options: PullingOptions) {
    this.#options = options
    this.#place = options.place ?? nowhere
    this.#limit = Math.max(1, options.limit ?? defaults.limit)
  }

  /** Entries asked for at a time: what is left of it after answers that were too large. */
  get limit(): number {
    return this.#limit
  }

  handle(input: PullingInput, now: Millis): void {
    if (this.#over) return
    switch (input.kind) {
      case 'begin':
        this.#first = true
        return this.#ask(now, false)
      case 'batch':
        return this.#batch(input.batch, now)
      case 'stored':
        return this.#stored(now)
      case 'tooLarge':
        return this.#smaller()
      case 'tick':
        if (this.#due !== undefined && now >= this.#due) this.#fail('GH_SYNC_SILENT', 'no SyncBatch')
    }
  }

  poll(): PullingOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.#due
  }

  #ask(now: Millis, wait: boolean): void {
    const { cursor, epoch, after } = this.#place
    const pull: SyncPull = {
      cursor,
      epoch,
      limit: this.#limit,
      after,
      wait: wait || undefined,
      have: this.#have(),
    }
    this.#asked = wait ? 'whenever' : 'now'
    this.#due = wait ? undefined : now + defaults.patience
    this.#outputs.push({ kind: 'send', pull: encodeSyncPull(pull) })
  }

  #have(): readonly Head[] | undefined {
    if (!this.#first) return undefined
    this.#first = false
    const have = this.#options.have()
    return have.length === 0 ? undefined : have
  }

  #batch(batch: SyncBatch, now: Millis): void {
    const asked = this.#asked
    if (asked === 'no') return this.#fail('GH_LINK_PROTOCOL', 'a SyncBatch nobody asked for')
    this.#asked = 'no'
    this.#due = undefined
    if (batch.unknown === true) return this.#unknown(now)
    const { cursor } = this.#place
    const still = batch.nextCursor === cursor
    // spec: SYNC-6
    if (batch.nextCursor < cursor || (still && (batch.entries.length > 0 || (batch.more && asked === 'now'))))
      return this.#fail('GH_LINK_PROTOCOL', `next_cursor ${batch.nextCursor} behind ${cursor}`)
    if (batch.heads !== undefined) return this.#told(batch, batch.heads, now)
    this.#unknowns = 0
    this.#more = batch.more
    if (this.#storing) {
      this.#next = batch
      return
    }
    this.#take(batch, now)
  }

  /** Hands a batch to the store, and asks for the next one meanwhile. */
  #take(batch: SyncBatch, now: Millis): void {
    this.#place = placeOf(batch)
    if (batch.entries.length > 0) {
      this.#storing = true
      this.#outputs.push({ kind: 'store', entries: batch.entries, place: this.#place })
    } else this.#outputs.push({ kind: 'move', place: this.#place })
    if (batch.more) this.#ask(now, false)
    else if (!this.#storing) this.#caughtUp(now)
  }

  #stored(now: Millis): void {
    this.#storing = false
    const next = this.#next
    this.#next = undefined
    if (next !== undefined) this.#take(next, now)
    else if (!this.#more) this.#caughtUp(now)
  }

  #caughtUp(now: Millis): void {
    this.#outputs.push({ kind: 'caughtUp' })
    if (this.#options.live) this.#ask(now, true)
  }

  /** Others' entries by name: the first one that is not here makes us ask for them. */
  #told(batch: SyncBatch, heads: readonly Head[], now: Millis): void {
    if (!heads.every(head => this.#options.has(head))) {
      this.#more = true
      this.#first = true
      return this.#ask(now, false)
    }
    this.#place = placeOf(batch)
    this.#outputs.push({ kind: 'move', place: this.#place })
    this.#ask(now, this.#options.live && !batch.more)
  }

  #unknown(now: Millis): void {
    if (++this.#unknowns > defaults.restarts || this.#place.cursor === 0)
      return this.#fail('GH_LINK_PROTOCOL', 'the beginning of its log is unknown to it')
    this.#place = nowhere
    this.#first = true
    // What is still being stored is of the log before; its place is overwritten by what comes.
    this.#ask(now, false)
  }

  /** spec: SYNC-9 */
  #smaller(): void {
    if (this.#limit === 1) return this.#fail('GH_SYNC_TOO_LARGE', 'even with one entry at a time')
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    this.#asked = 'no'
    this.#due = undefined
    this.#outputs.push({ kind: 'reopen' })
  }

  #fail(code: ErrorCode, detail: string): void {
    this.#over = true
    this.#due = undefined
    this.#outputs.push({ kind: 'failed', error: new GuildError(code, detail) })
  }
}

function placeOf({ nextCursor, epoch, last }: SyncBatch): Place {
  return { cursor: nextCursor, epoch: copy(epoch), after: last && copy(last) }
}
