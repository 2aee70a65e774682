/**
 * Is this message 1 new? Asked before any Diffie-Hellman, once per node.
 *
 * A recorded message 1 opens as well as a new one. What tells them apart is the time
 * inside and a bounded memory of ephemeral keys. Where neither can be trusted (a clock
 * that is off, a full memory, a node that has just started and remembers nothing) one
 * cookie makes the sender prove that it is there now. A wrong clock costs one round
 * trip, never the link (decision 3).
 *
 * An ephemeral that comes back with a valid cookie is a replay inside a connection of
 * the attacker's own: silence.
 *
 * Page: protocol/handshake.md (spec: HAND-5, HAND-6) · Faults: HS-09, HS-19 · Floor: link.
 */
import type { Millis, WallMillis } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { RecentKeys } from '../base/recent-keys.ts'
import { limits } from '../wire/limits.ts'

export const defaults = {
  /** 65,536 ephemerals of 120 s: 546 honest handshakes a second before cookies are asked for. */
  remembered: 65_536,
  /** Our own ephemerals: more dials than a node starts in 120 s. */
  own: 4_096,
} as const

export type Verdict = 'fresh' | 'cookie' | 'replay'

export class Freshness {
  readonly #seen: RecentKeys
  readonly #own: RecentKeys
  readonly #startedAt: Millis

  constructor(startedAt: Millis, random: Pick<Random, 'fraction'>, remembered: number = defaults.remembered) {
    this.#seen = new RecentKeys(remembered, 2 * limits.freshness, random)
    this.#own = new RecentKeys(defaults.own, limits.freshness, random)
    this.#startedAt = startedAt
  }

  /**
   * Judges a message 1 and remembers its ephemeral when the handshake may go on.
   * `cookieProved`: it carried the cookie of this very connection.
   */
  judge(
    message: { ephemeral: Uint8Array; time: WallMillis; cookieProved: boolean },
    now: Millis,
    wall: WallMillis,
  ): Verdict {
    const key = message.ephemeral
    if (message.cookieProved) return this.#seen.add(key, now) ? 'fresh' : 'replay'
    const timely = Math.abs(message.time - wall) < limits.freshness
    const remembersEnough = now - this.#startedAt > limits.freshness && !this.#seen.full(now)
    if (!timely || !remembersEnough || this.#seen.has(key, now) || this.#own.has(key, now)) return 'cookie'
    this.#seen.add(key, now)
    return 'fresh'
  }

  /** Has this ephemeral begun a handshake here? */
  seen(ephemeral: Uint8Array, now: Millis): boolean {
    return this.#seen.has(ephemeral, now)
  }

  /**
   * An ephemeral of our own: reflected back it costs the mirror a cookie round, which it cannot
   * answer (HS-07); where we dialled ourselves we answer, and message 2 tells us who we are (HS-08).
   */
  own(ephemeral: Uint8Array, now: Millis): void {
    this.#own.add(ephemeral, now)
  }
}
