/**
 * Packet numbers that are left out now and then, as traps.
 *
 *   sent   … 310 311 312     314 315 …        an ACK of 313 comes from somebody who guesses
 *
 * A peer that acknowledges what it has not seen makes us send faster than the path can take. It
 * cannot know which number never was, and ends its own link with the first one it claims. The traps
 * get rarer, for one is enough (RFC 9000 section 21.4).
 *
 * Page: protocol/recovery.md (spec: LOSS-4) · Faults: UQ-12 · Floor: packets.
 */
import type { Random } from '../base/ports.ts'

/** Of so many numbers about one is left out, at first and at last. */
const FIRST = 256
const LAST = 65_536

export class LeftOut {
  readonly #random: Pick<Random, 'fraction'>
  #period = FIRST
  #at: number

  constructor(random: Pick<Random, 'fraction'>) {
    this.#random = random
    this.#at = this.#later(0)
  }

  /** The number of the packet after `number`. */
  after(number: number): number {
    if (number + 1 < this.#at) return number + 1
    this.#period = Math.min(2 * this.#period, LAST)
    this.#at = this.#later(number + 2)
    return number + 2
  }

  /** Between a half and three halves of the period ahead. */
  #later(number: number): number {
    return number + Math.floor(this.#period * (0.5 + this.#random.fraction()))
  }
}
