/**
 * What a peer may do cheaply on the streams of one link, paid from two token buckets.
 *
 *   aborts   streams it opened and gave up, once each
 *   cheap    frames that say nothing, or come too late
 *
 * Over packets an honest peer may send a whole window a second time, when it thought it lost.
 * Frames full of bytes have paid with those; only the small ones cost.
 *
 * Refuses: more than the budget, and so ends the link (FR-04, FR-06, FR-08).
 * Page: protocol/streams.md (spec: STREAM-9) · Floor: streams.
 */
import { Budget } from '../base/budget.ts'
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { streamHeaderLength } from '../wire/stream-header.ts'
import type { Stream } from './stream.ts'

export const budgets = {
  /** Streams the peer opened and gave up: all it may have open and waiting, three times at once, and at least this. */
  aborts: { perSecond: 500, burst: 4096 },
  /** Frames that say nothing or come too late. Honest ones are about one per finished stream; twice `aborts` and more. */
  cheap: { perSecond: 5000, burst: 10_000 },
  /** A frame of a packet with so many bytes has paid for itself. */
  paid: 512,
} as const

export class Budgets {
  readonly #aborts: Budget
  readonly #cheap: Budget
  readonly #now: () => Millis

  /** `crowd`: streams the peer may have open and waiting. */
  constructor(crowd: number, now: () => Millis) {
    const at = now()
    this.#now = now
    this.#aborts = new Budget(budgets.aborts.perSecond, Math.max(budgets.aborts.burst, 3 * crowd), at)
    this.#cheap = new Budget(budgets.cheap.perSecond, Math.max(budgets.cheap.burst, 6 * crowd), at)
  }

  /** A frame that says nothing, or nothing any more. */
  cheap(detail: string): void {
    if (!this.#cheap.spend(1, this.#now())) throw new GuildError('GH_LINK_BUDGET', detail)
  }

  /** A stream of the peer was given up. Once a stream; where we opened it, it was our own doing (spec: FR-08). */
  abort(stream: Stream): void {
    if (stream.charged) return
    if (!this.#aborts.spend(1, this.#now()))
      throw new GuildError('GH_LINK_BUDGET', `stream ${stream.id} was given up`)
    stream.charged = true
  }
}

/** Do these bytes begin with a whole header? Whether its id is good is judged once, later. */
export function hasHeader(bytes: Uint8Array): boolean {
  try {
    const length = streamHeaderLength(bytes)
    return length !== undefined && length <= bytes.length
  } catch {
    return false
  }
}
