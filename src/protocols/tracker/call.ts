/**
 * One thing to be had of one tracker, again and again: when to try, how often, how long to wait.
 *
 *   resting ──due──▶ under way ──answered──▶ resting, until it is to be renewed
 *                     ▲     │
 *            0.5, 1 s │     ├─ no answer, 5xx, 408, 429, fewer than 3 tries ─▶ waiting
 *                     └─────│──────────────────────────────────────────────────┘
 *                           └─ 3 tries, or a no that is meant ─▶ resting: 5 s, doubling to 5 min
 *
 * Each try may take twice as long as the one before it. What a tracker asks for by Retry-After is
 * given: a short wait between tries, a long one instead of the rest. All waits but those asked for
 * are cut by chance, so that the nodes of a swarm do not come back in step (spec: TR-11).
 *
 * Source: RFC 9110 §10.2.3. Floor: protocols. Page: protocol/tracker.md (spec: TRACKER-9).
 */
import type { Millis } from '../../base/machine.ts'
import type { Random } from '../../base/ports.ts'

export const callDefaults = {
  tries: 3,
  /** For a connection, and for the whole of a try; they double with each. Three take 22 s at most. */
  connect: 1_500,
  whole: 3_000,
  /** Between tries, doubling. */
  between: 500,
  /** After the last try, doubling … */
  rest: 5_000,
  /** … to this. */
  restMax: 300_000,
  /** A longer Retry-After ends the round. */
  patience: 10_000,
  /** Of what a tracker may ask for. */
  retryAfterMax: 3_600_000,
} as const

export interface Try {
  /** 1, 2, 3. */
  readonly attempt: number
  readonly connect: Millis
  readonly whole: Millis
}

export interface Refused {
  /** Another try may do better. */
  readonly transient: boolean
  /** The tracker asks for this wait. */
  readonly retryAfter?: Millis | undefined
}

export class Call {
  readonly #random: Random
  #state: 'idle' | 'resting' | 'under way' | 'waiting' = 'idle'
  #at: Millis = 0
  #attempt = 0
  /** Rounds in a row that came to nothing. */
  #failures = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** When it is due; undefined: not before somebody wants it, or it is under way. */
  deadline(): Millis | undefined {
    return this.#state === 'resting' || this.#state === 'waiting' ? this.#at : undefined
  }

  /** An answer is awaited, or the next try of this round. */
  get busy(): boolean {
    return this.#state === 'under way' || this.#state === 'waiting'
  }

  /** From now on; again where it rests. What is under way or asked to wait stays as it is. */
  want(now: Millis): void {
    if (this.#state === 'idle' || (this.#state === 'resting' && this.#failures === 0)) this.#rest(now)
  }

  /** No more. */
  drop(): void {
    this.#state = 'idle'
    this.#attempt = 0
  }

  /** The try to make now, if one is due. */
  next(now: Millis): Try | undefined {
    const due = this.deadline()
    if (due === undefined || now < due) return undefined
    const factor = 2 ** this.#attempt++
    this.#state = 'under way'
    return {
      attempt: this.#attempt,
      connect: callDefaults.connect * factor,
      whole: callDefaults.whole * factor,
    }
  }

  /** It worked; again after `wait`, cut by up to a third. */
  answered(wait: Millis, now: Millis): void {
    if (this.#state !== 'under way') return
    this.#failures = 0
    this.#rest(now + Math.round(wait * (1 - this.#random.fraction() / 3)))
  }

  /** True when that was the last try of this round. */
  failed({ transient, retryAfter = 0 }: Refused, now: Millis): boolean {
    if (this.#state !== 'under way') return false
    const asked = Math.min(retryAfter, callDefaults.retryAfterMax)
    if (transient && this.#attempt < callDefaults.tries && asked <= callDefaults.patience) {
      this.#state = 'waiting'
      const own = callDefaults.between * 2 ** (this.#attempt - 1) * this.#chance()
      this.#at = now + Math.max(asked, own)
      return false
    }
    const own = Math.min(callDefaults.restMax, callDefaults.rest * 2 ** Math.min(this.#failures, 16))
    this.#failures++
    this.#rest(now + Math.max(asked, own * this.#chance()))
    return true
  }

  #rest(at: Millis): void {
    this.#state = 'resting'
    this.#attempt = 0
    this.#at = at
  }

  /** 50 to 100 %. */
  #chance(): number {
    return 0.5 + this.#random.fraction() / 2
  }
}
