/**
 * A node and its trackers: what is asked of which, and when.
 *
 *   start ─▶ per tracker   register ─▶ renewed at 40 to 60 % of its time to live
 *                          look up  ─▶ again every interval
 *   a first no, or an empty list ─▶ the peers that trackers told before (spec: TRACKER-11)
 *
 * Each tracker is on its own: one that is slow or down keeps nobody waiting. A failure is told once,
 * and again when it is another one; that a tracker is back is told too.
 *
 * Without an address to tell there is nothing to register, and only looking up is left.
 *
 * Floor: protocols. Page: protocol/tracker.md (spec: TRACKER-9). Faults: TR-11.
 */
import { earlier, type Machine, type Millis, type Tick } from '../../base/machine.ts'
import type { Random } from '../../base/ports.ts'
import { BoundedQueue } from '../../base/queue.ts'
import { Call, type Refused, type Try } from './call.ts'

export type What = 'register' | 'lookup'
const both: readonly What[] = ['register', 'lookup']

export interface Failure extends Refused {
  readonly code: 'GH_TRACKER_FAILED' | 'GH_TRACKER_REFUSED'
  readonly detail: string
}

export type TrackerInput =
  | Tick
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Somebody wants lists now. Who is down is left in peace. */
  | { readonly kind: 'look' }
  /** What there is to register changed: so many addresses. */
  | { readonly kind: 'addresses'; readonly count: number }
  | { readonly kind: 'registered'; readonly tracker: number; readonly ttl: Millis }
  /** A list came, of so many others. */
  | { readonly kind: 'listed'; readonly tracker: number; readonly others: number }
  | {
      readonly kind: 'failed'
      readonly tracker: number
      readonly what: What
      readonly failure: Failure
    }

export type TrackerOutput =
  | { readonly kind: 'ask'; readonly tracker: number; readonly what: What; readonly how: Try }
  /** Take the peers that were told before. */
  | { readonly kind: 'recall' }
  | { readonly kind: 'down'; readonly tracker: number; readonly failure: Failure }
  | { readonly kind: 'back'; readonly tracker: number }

export interface RoundsOptions {
  readonly trackers: number
  /** Between two looks at a list. */
  readonly interval: Millis
  readonly random: Random
}

interface State {
  readonly calls: Readonly<Record<What, Call>>
  /** What was last told of it, and of which call. */
  readonly said: Map<What, string>
}

/** A renewal begins no later than this share of the time to live, so that all tries fit into the rest. */
const RENEW_AT = 0.6
const RENEW_LEAST: Millis = 500

export class TrackerRounds implements Machine<TrackerInput, TrackerOutput> {
  readonly #interval: Millis
  readonly #states: readonly State[]
  readonly #out: BoundedQueue<TrackerOutput>
  #running = false
  #begun = false
  /** The peers from before were taken since some tracker last told of any. */
  #recalled = false

  constructor({ trackers, interval, random }: RoundsOptions) {
    this.#interval = interval
    this.#states = Array.from({ length: trackers }, () => ({
      calls: { register: new Call(random), lookup: new Call(random) },
      said: new Map(),
    }))
    this.#out = new BoundedQueue(8 * trackers + 8)
  }

  handle(input: TrackerInput, now: Millis): void {
    if (input.kind === 'start') {
      this.#running = true
      this.#begun = true
      for (const { calls } of this.#states) calls.lookup.want(now)
    }
    if (!this.#running) return
    switch (input.kind) {
      case 'stop':
        this.#running = false
        return
      case 'look':
        for (const { calls } of this.#states) calls.lookup.want(now)
        break
      case 'addresses':
        for (const { calls } of this.#states) {
          if (input.count > 0) calls.register.want(now)
          else calls.register.drop()
        }
        break
      case 'registered':
        this.#answered(input.tracker, 'register', Math.max(RENEW_LEAST, RENEW_AT * input.ttl), now)
        break
      case 'listed':
        this.#answered(input.tracker, 'lookup', this.#interval, now)
        if (input.others > 0) this.#recalled = false
        else this.#recall()
        break
      case 'failed':
        this.#failed(input.tracker, input.what, input.failure, now)
    }
    this.#begin(now)
  }

  poll(): TrackerOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    if (!this.#running) return undefined
    let first: Millis | undefined
    for (const { calls } of this.#states)
      for (const what of both) first = earlier(first, calls[what].deadline())
    return first
  }

  /** Those that will soon have said something to the question for a list. */
  get awaited(): Set<number> {
    return new Set([...this.#states.keys()].filter(i => !this.#begun || this.#states[i]!.calls.lookup.busy))
  }

  #begin(now: Millis): void {
    for (const [tracker, { calls }] of this.#states.entries())
      for (const what of both) {
        const how = calls[what].next(now)
        if (how !== undefined) this.#out.push({ kind: 'ask', tracker, what, how })
      }
  }

  #answered(tracker: number, what: What, wait: Millis, now: Millis): void {
    const { calls, said } = this.#states[tracker]!
    calls[what].answered(wait, now)
    if (said.delete(what) && said.size === 0) this.#out.push({ kind: 'back', tracker })
  }

  #failed(tracker: number, what: What, failure: Failure, now: Millis): void {
    const { calls, said } = this.#states[tracker]!
    if (what === 'lookup') this.#recall()
    if (!calls[what].failed(failure, now)) return
    const { detail } = failure
    const known = [...said.values()].includes(detail)
    said.set(what, detail)
    if (!known) this.#out.push({ kind: 'down', tracker, failure })
  }

  #recall(): void {
    if (this.#recalled) return
    this.#recalled = true
    this.#out.push({ kind: 'recall' })
  }
}
