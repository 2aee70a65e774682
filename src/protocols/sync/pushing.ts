/**
 * Bringing a peer what this device said: for a peer that does not ask, or cannot reach us.
 *
 *   own entries behind last_pushed_seq ─▶ EntriesPush ─▶ PushAck ok ─▶ last_pushed_seq moves ─▶ the next
 *                                              │             └─ not ok: its log is not what it was ─▶ once more, from 1
 *                                              └─ too large: again, half as many
 *
 * Only entries of our own key are brought: what others said they bring themselves, or are asked for it.
 *
 * Page: protocol/sync.md · Floor: protocols.
 */
import { type ErrorCode, GuildError } from '../../base/errors.ts'
import type { Machine, Millis, Tick } from '../../base/machine.ts'
import type { Suite } from '../../base/ports.ts'
import { limits } from '../../wire/limits.ts'
import { encodeEntriesPush, type PushAck } from '../../wire/sync.ts'
import { cutPage, type PageRow } from './page.ts'

export const defaults = {
  /** For one PushAck, in milliseconds: the other side stores before it answers. */
  patience: 30_000,
} as const

export type PushingInput =
  | Tick
  | { readonly kind: 'begin' }
  | { readonly kind: 'ack'; readonly ack: PushAck }
  | { readonly kind: 'tooLarge' }

export type PushingOutput =
  | { readonly kind: 'send'; readonly push: Uint8Array }
  /** The peer has so many more, up to this number. */
  | { readonly kind: 'pushed'; readonly count: number; readonly authorSeq: number }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: GuildError }

export interface PushingOptions {
  /** Our own entries behind a number, in order. */
  readonly readOwn: (after: number, count: number) => readonly PageRow[]
  /** The last number the peer took. */
  readonly from: number
  readonly limit: number
  readonly hash: Suite['hash']
}

export class Pushing implements Machine<PushingInput, PushingOutput> {
  readonly #options: PushingOptions
  readonly #outputs: PushingOutput[] = []
  #from: number
  #limit: number
  #again = true
  #out: { readonly count: number; readonly authorSeq: number } | undefined
  #due: Millis | undefined
  #over = false

  constructor(options: PushingOptions) {
    this.#options = options
    this.#from = options.from
    this.#limit = Math.max(1, Math.min(options.limit, limits.syncEntries))
  }

  get limit(): number {
    return this.#limit
  }

  handle(input: PushingInput, now: Millis): void {
    if (this.#over) return
    switch (input.kind) {
      case 'begin':
        return this.#send(now)
      case 'ack':
        return this.#acked(input.ack, now)
      case 'tooLarge':
        return this.#smaller()
      case 'tick':
        if (this.#due !== undefined && now >= this.#due) this.#fail('GH_SYNC_SILENT', 'no PushAck')
    }
  }

  poll(): PushingOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.#due
  }

  #send(now: Millis): void {
    const { readOwn, hash } = this.#options
    // A page's places are local; ours are the author's own numbers.
    const read = (after: number, count: number): PageRow[] =>
      readOwn(after, count).map(row => ({ ...row, ingestSeq: row.authorSeq }))
    const { entries, next } = cutPage({ read }, this.#from, hash, { limit: this.#limit })
    if (entries.length === 0) return this.#end({ kind: 'done' })
    this.#out = { count: entries.length, authorSeq: next }
    this.#due = now + defaults.patience
    this.#outputs.push({ kind: 'send', push: encodeEntriesPush(entries) })
  }

  /** spec: SYNC-10 */
  #acked({ ok, reason = '' }: PushAck, now: Millis): void {
    const out = this.#out
    if (out === undefined) return this.#fail('GH_LINK_PROTOCOL', 'a PushAck for nothing')
    this.#out = undefined
    this.#due = undefined
    if (ok) {
      this.#from = out.authorSeq
      this.#outputs.push({ kind: 'pushed', ...out })
      return this.#send(now)
    }
    if (!this.#again || this.#from === 0) return this.#fail('GH_SYNC_REFUSED', reason)
    this.#again = false
    this.#from = 0
    this.#send(now)
  }

  #smaller(): void {
    if (this.#limit === 1) return this.#fail('GH_SYNC_TOO_LARGE', 'even with one entry at a time')
    this.#limit = Math.max(1, Math.floor(this.#limit / 2))
    this.#out = undefined
    this.#due = undefined
    this.#outputs.push({ kind: 'reopen' })
  }

  #fail(code: ErrorCode, detail: string): void {
    this.#end({ kind: 'failed', error: new GuildError(code, detail) })
  }

  #end(output: PushingOutput): void {
    this.#over = true
    this.#due = undefined
    this.#outputs.push(output)
  }
}
