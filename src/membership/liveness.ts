/**
 * Is this one peer still there? PING, wait, doubt, give up.
 *
 *   alive ──silence──▶ suspect ──silence──▶ gone
 *     ▲                   │
 *     └───────heard───────┘
 *
 * A PING goes out when the link is new, which measures the RTT, and then after `quiet` in which
 * nothing came. The side that dialled waits one interval, the other a quarter more (`quietOf`): on an idle
 * link one of them asks and the other answers, and on a busy one nobody asks (spec: PING-3).
 * Any authenticated bytes are a sign of life, told by `heard`, which makes no object and moves no
 * timer, for it is called for every record. After half of `patience` the peer is doubted, after
 * all of it it is gone.
 *
 * Time in which we did not run ourselves (a suspended laptop, a stalled loop) is
 * no silence of the peer: a late wake-up is taken off (spec: P17).
 *
 * Refuses: a PONG nobody asked for or with another nonce tells nothing (PT-11).
 * Floor: membership. Page: protocol/membership.md (spec: MEM-9), protocol/states/liveness.mmd.
 */
import { equal } from '../base/bytes.ts'
import type { Machine, Millis, Tick } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { BoundedQueue } from '../base/queue.ts'
import { next, type StateOf } from '../base/states.ts'
import { NONCE_LENGTH } from '../wire/frames/ping.ts'

export const liveness = {
  heard: { alive: 'alive', suspect: 'alive' },
  silence: { alive: 'suspect', suspect: 'gone' },
} as const

export type LivenessState = StateOf<typeof liveness>

export type LivenessInput = Tick | { readonly kind: 'pong'; readonly nonce: Uint8Array }
export type LivenessOutput =
  | { readonly kind: 'ping'; readonly nonce: Uint8Array }
  | { readonly kind: 'suspect' }
  | { readonly kind: 'gone' }

export interface LivenessOptions {
  readonly interval: Millis
  /** Silence after which the peer is gone. */
  readonly patience: Millis
  readonly random: Random
  /** Before the first PING. Default 0: it measures the RTT at once. */
  readonly wait?: Millis
  /** Silence without which nobody is asked, unless in doubt. Default 0: a PING every `interval`, whatever comes. */
  readonly quiet?: Millis
}

/** Of an interval, that the side which was dialled waits longer: most round trips and most stalls are shorter. */
const SLACK = 0.25

/** How long a link of ours may be quiet before we ask: the other side asks first, or answers first. */
export function quietOf(interval: Millis, dialled: boolean): Millis {
  return dialled ? interval : (1 + SLACK) * interval
}

/** PINGs whose PONG may still come; an older one no longer measures anything. */
const OUTSTANDING = 4

export class Liveness implements Machine<LivenessInput, LivenessOutput> {
  readonly #interval: Millis
  readonly #patience: Millis
  readonly #quiet: Millis
  readonly #random: Random
  #state: LivenessState = 'alive'
  #heardAt: Millis
  /** Since when it is silent: later than it was heard by the time in which we did not run. */
  #silentSince: Millis
  #pingAt: Millis
  /** The next PING goes out even if something was heard. */
  #urgent = true
  readonly #asked = new BoundedQueue<{ readonly nonce: Uint8Array; readonly at: Millis }>(OUTSTANDING)
  readonly #out = new BoundedQueue<LivenessOutput>(16)
  /** The last measured round trip. */
  rtt: Millis | undefined

  constructor(options: LivenessOptions, now: Millis) {
    this.#interval = options.interval
    this.#patience = options.patience
    this.#quiet = options.quiet ?? 0
    this.#random = options.random
    this.#heardAt = now
    this.#silentSince = now
    this.#pingAt = now + (options.wait ?? 0)
  }

  get state(): LivenessState {
    return this.#state
  }

  /** When authenticated bytes came last. */
  get heardAt(): Millis {
    return this.#heardAt
  }

  /** Authenticated bytes came. */
  heard(now: Millis): void {
    if (this.#state === 'gone') return
    this.#heardAt = now
    this.#silentSince = now
    this.#state = next(liveness, this.#state, 'heard')
  }

  /** The next tick sends a PING: somebody doubts this link. */
  hurry(now: Millis): void {
    this.#pingAt = Math.min(this.#pingAt, now)
    this.#urgent = true
  }

  handle(input: LivenessInput, now: Millis): void {
    if (this.#state === 'gone') return
    if (input.kind === 'pong') return this.#pong(input.nonce, now)
    const due = this.deadline()
    if (due === undefined || now < due) return // woken early: timers may be coarse
    this.#silentSince = Math.min(now, this.#silentSince + (now - due))
    if (now >= this.#silenceAt()) this.#silence()
    this.soon(now, 0)
  }

  /** Does now what is due within `ahead`: the node is awake for another peer anyway. */
  soon(now: Millis, ahead: Millis): void {
    if (this.#state === 'gone' || this.#pingAt > now + ahead) return
    // Not moved by `heard` itself: it is called for every record, and this once an interval.
    const quietAt = this.#silentSince + this.#quiet
    if (this.#urgent || quietAt <= now + ahead) this.#ping(now)
    else this.#pingAt = quietAt
  }

  poll(): LivenessOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    return this.#state === 'gone' ? undefined : Math.min(this.#pingAt, this.#silenceAt())
  }

  #silenceAt(): Millis {
    return this.#silentSince + (this.#state === 'alive' ? this.#patience / 2 : this.#patience)
  }

  #silence(): void {
    this.#state = next(liveness, this.#state, 'silence')
    if (this.#state === 'gone') {
      this.#out.push({ kind: 'gone' })
      this.#pingAt = Number.POSITIVE_INFINITY
    } else {
      this.#out.push({ kind: 'suspect' })
      this.#pingAt = Number.NEGATIVE_INFINITY // one question more, at once
      this.#urgent = true
    }
  }

  #ping(now: Millis): void {
    const nonce = this.#random.bytes(NONCE_LENGTH)
    this.#asked.push({ nonce, at: now })
    this.#pingAt = now + this.#interval
    this.#urgent = false
    this.#out.push({ kind: 'ping', nonce })
  }

  #pong(nonce: Uint8Array, now: Millis): void {
    // Answers come in order: a match at the third place says that two were lost.
    const asked = this.#asked
    const waiting = []
    for (let item = asked.shift(); item !== undefined; item = asked.shift()) waiting.push(item)
    const index = waiting.findIndex(item => equal(item.nonce, nonce))
    if (index >= 0) this.rtt = now - waiting[index]!.at
    for (const item of waiting.slice(index + 1)) asked.push(item)
  }
}
