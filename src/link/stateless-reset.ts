/**
 * A word to a peer who still believes in a link that is gone here.
 *
 *   +------------+-----------------+---------------------+
 *   | 01xx xxxx  | random          | token, last 16      |      looks like any other packet
 *   +------------+-----------------+---------------------+
 *
 * Sent for a packet to an id that we issued and no longer know. It is always shorter than the packet
 * that caused it, so two nodes which both forgot come to an end, and of a few a second at most, so a
 * recorded packet is no weapon. Who gets one compares the last 16 bytes with the tokens it was told.
 *
 * Refuses: ids that are not ours, causes too short to be answered, more than the budget allows.
 * Page: protocol/paths.md (spec: PATH-2, PATH-3; RFC 9000 section 10.3) · Faults: UQ-15 · Floor: link.
 */
import { Budget } from '../base/budget.ts'
import type { Millis } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { limits } from '../wire/limits.ts'
import { destinationOf } from '../wire/packet.ts'
import type { ConnectionIds } from './connection-ids.ts'

export const defaults = {
  /** Of a whole node: a crash with 100 links is told within five seconds, whatever else is asked. */
  perSecond: 20,
  burst: 40,
} as const

/** RFC 9000 section 10.3: at least 38 random bits in front of the token. */
export const SHORTEST_RESET: number = 5 + limits.resetToken
/** Above it length says nothing more: a usual small packet of ours. */
const LONGEST_RESET = 42

export class StatelessResets {
  readonly #ids: ConnectionIds
  readonly #random: Pick<Random, 'bytes'>
  readonly #budget: Budget

  constructor(ids: ConnectionIds, random: Pick<Random, 'bytes'>, now: Millis) {
    this.#ids = ids
    this.#random = random
    this.#budget = new Budget(defaults.perSecond, defaults.burst, now)
  }

  /** The answer to a packet with a short header for no link we know; undefined is silence. */
  answer(cause: Uint8Array, now: Millis): Uint8Array | undefined {
    const length = Math.min(cause.length - 1, LONGEST_RESET)
    if (length < SHORTEST_RESET) return undefined
    const id = destinationOf(cause)
    if (!this.#ids.ours(id) || !this.#budget.spend(1, now)) return undefined
    const reset = new Uint8Array(length)
    reset.set(this.#random.bytes(length - limits.resetToken))
    reset[0] = 0x40 | (reset[0]! & 0x3f)
    reset.set(this.#ids.token(id), length - limits.resetToken)
    return reset
  }
}
