/**
 * What a collection must leave alone although no pin leads to it.
 *
 *   lease     from an import's first block until its pin is durable      marks of its own
 *   put       from its call until it resolves
 *   sweep     from the call of a collection until its end: all that is put meanwhile
 *
 * A put that is under way when a collection begins counts as put meanwhile.
 *
 * Floor: store.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { Marks } from './marks.ts'
import type { Kept } from './shelf.ts'
import type { Lease } from './types.ts'

/** One put under way. */
export interface Hand {
  readonly lease: Marks | undefined
  /** Of its block, once it has one. */
  number: number | undefined
}

export class Holds {
  readonly #leases = new Map<Lease, Marks>()
  readonly #hands = new Set<Hand>()
  readonly #sweeps = new Set<Marks>()

  /** `here`: the number of a block that is on the shelf. `released` is called once. */
  lease(here: (cid: CID, marks: Marks) => Promise<boolean>, released: () => void): Lease {
    const marks = new Marks()
    const lease: Lease = {
      hold: cid => here(cid, marks),
      release: () => {
        if (this.#leases.delete(lease)) released()
      },
    }
    this.#leases.set(lease, marks)
    return lease
  }

  /** A put begins. GH_OPTION_INVALID when its lease is none of ours. */
  begin(lease: Lease | undefined): Hand {
    const marks = lease && this.#leases.get(lease)
    if (lease !== undefined && marks === undefined)
      throw new GuildError('GH_OPTION_INVALID', 'the lease is released, or of another store')
    const hand = { lease: marks, number: undefined }
    this.#hands.add(hand)
    return hand
  }

  /** It has found its block, or is just writing it. */
  mark(hand: Hand, number: number): void {
    hand.number = number
    hand.lease?.add(number)
    for (const sweep of this.#sweeps) sweep.add(number)
  }

  /** It is done, well or not. */
  end(hand: Hand): void {
    this.#hands.delete(hand)
  }

  /** A collection begins: its marks. */
  sweep(): Marks {
    const sweep = new Marks()
    for (const { number } of this.#hands) if (number !== undefined) sweep.add(number)
    this.#sweeps.add(sweep)
    return sweep
  }

  swept(sweep: Marks): void {
    this.#sweeps.delete(sweep)
  }

  /** By a lease. */
  has(kept: Kept): boolean {
    for (const marks of this.#leases.values()) if (marks.has(kept.number)) return true
    return false
  }
}
