/**
 * The weather between two hosts, one direction at a time.
 *
 *   bytes ─▶ [ rate: wait in the queue ] ─▶ [ lost? ] ─▶ [ delay + jitter + held back? ] ─▶ there
 *
 * Each concern has dice of its own, so that turning loss on leaves every jitter as it was; one that is off draws none.
 * Loss comes in bursts when asked to (Gilbert-Elliott: a good state that loses little or nothing,
 * a bad one that loses much or everything), with the same mean:
 *
 *   good ──────▶ bad        loss = bad share · badLoss + good share · goodLoss
 *     ▲───1/burst─┘
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import type { SeededRandom } from './random.ts'

export interface LinkConditions {
  /** One way, in milliseconds. */
  readonly delay: Millis
  /** Added to each delay: uniform from 0 to this. */
  readonly jitter: Millis
  /** Share that is lost, 0 to 1. */
  readonly loss: number
  /** How many follow each other in the bad state, on average. 1: each loss is its own. */
  readonly burst: number
  /** Share that is lost in the bad state: 1, and a burst is a gap. At least `loss`. */
  readonly badLoss: number
  /** Share that is lost in the good state. At most `loss`. */
  readonly goodLoss: number
  /** Share that is held back, so that later ones overtake it. */
  readonly reorder: number
  /** How long it is held back: uniform from 0 to this. */
  readonly reorderBy: Millis
  /** Share that arrives twice. */
  readonly duplicate: number
  /** Share in which one bit is flipped. Datagrams only: TCP's checksum makes it a loss. */
  readonly corrupt: number
  /** Bytes of payload a second. */
  readonly rate: number
  /** Bytes that may wait for the rate; a datagram beyond is dropped, ordered bytes wait. */
  readonly queue: number
  /** Ordered bytes come in good pieces only: kinder than a network is, and a fifth faster. */
  readonly whole: boolean
  /** Largest IP packet in bytes; a datagram beyond (with its 28 or 48 of headers) is dropped. */
  readonly mtu: number
}

/** A quiet network: a millisecond each way and nothing goes wrong. */
export const calm: LinkConditions = {
  delay: 1,
  jitter: 0,
  loss: 0,
  burst: 1,
  badLoss: 1,
  goodLoss: 0,
  reorder: 0,
  reorderBy: 10,
  duplicate: 0,
  corrupt: 0,
  rate: Number.POSITIVE_INFINITY,
  queue: 256 * 1024,
  whole: false,
  mtu: 1500,
}

/** What a path joins: a machine that is up or down. */
export interface Place {
  readonly name: string
  readonly up: boolean
}

/**
 * Sees the bytes that pass, in order and in any pieces, or one datagram; what it gives back goes
 * on in their place. Nothing given, nothing goes on. The bytes are its own to change.
 */
export type Tamper = (bytes: Uint8Array) => Uint8Array

/** One direction between two places. */
export class Path {
  readonly from: Place
  readonly to: Place
  conditions: LinkConditions
  /** False while a partition cuts this direction. */
  open = true
  /** Somebody on the path who sees and changes what passes. */
  tamper: Tamper | undefined
  #freeAt: Millis = 0
  #losing = false
  readonly #dice: Record<'loss' | 'jitter' | 'reorder' | 'duplicate' | 'corrupt' | 'split', SeededRandom>

  constructor(from: Place, to: Place, conditions: LinkConditions, random: SeededRandom) {
    this.from = from
    this.to = to
    this.conditions = conditions
    const dice = (name: string): SeededRandom => random.split(name)
    this.#dice = {
      loss: dice('loss'),
      jitter: dice('jitter'),
      reorder: dice('reorder'),
      duplicate: dice('duplicate'),
      corrupt: dice('corrupt'),
      split: dice('split'),
    }
  }

  /** Does what arrives now get in? */
  get passes(): boolean {
    return this.open && this.to.up
  }

  /** Bytes that wait for the rate. */
  backlog(now: Millis): number {
    return this.#freeAt <= now ? 0 : ((this.#freeAt - now) * this.conditions.rate) / 1000
  }

  /** When the last of these bytes has left, behind everything that left before. */
  depart(now: Millis, length: number): Millis {
    this.#freeAt = Math.max(now, this.#freeAt) + (length * 1000) / this.conditions.rate
    return this.#freeAt
  }

  /** How long this one is under way. */
  flight(): Millis {
    const { delay, jitter, reorder, reorderBy } = this.conditions
    const held =
      reorder > 0 && this.#dice.reorder.chance(reorder) ? this.#dice.reorder.fraction() * reorderBy : 0
    return delay + (jitter > 0 ? this.#dice.jitter.fraction() * jitter : 0) + held
  }

  lost(): boolean {
    const { loss, burst, badLoss, goodLoss } = this.conditions
    const dice = this.#dice.loss
    if (loss <= 0 || loss >= 1) return loss >= 1
    const bad = badLoss > goodLoss ? Math.max(0, Math.min(1, (loss - goodLoss) / (badLoss - goodLoss))) : 1
    if (bad < 1) {
      const length = Math.max(burst, 1 / (1 - bad)) // a shorter spell cannot lose this much
      this.#losing = dice.chance(this.#losing ? 1 - 1 / length : bad / (1 - bad) / length)
    } else this.#losing = true
    const share = this.#losing ? badLoss : goodLoss
    return share >= 1 || (share > 0 && dice.chance(share))
  }

  duplicated(): boolean {
    const { duplicate } = this.conditions
    return duplicate > 0 && this.#dice.duplicate.chance(duplicate)
  }

  /** Which bit is flipped, if one is. */
  corrupted(bits: number): number | undefined {
    const { corrupt } = this.conditions
    const dice = this.#dice.corrupt
    return corrupt > 0 && dice.chance(corrupt) && bits > 0 ? dice.below(bits) : undefined
  }

  /** Where ordered bytes are cut: now and then a crumb, often a packet, mostly a good piece. */
  piece(): number {
    if (this.conditions.whole) return 16_384
    const dice = this.#dice.split
    const kind = dice.fraction()
    if (kind < 0.1) return dice.between(1, 8)
    if (kind < 0.4) return dice.between(1, 1460)
    return 16_384
  }
}
