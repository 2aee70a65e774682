/**
 * Peers that are lost: whose place is kept, and whose path is in doubt.
 *
 *   lost, after a link that was a success ──▶ its place is kept for an hour
 *   lost in silence, twice in ten minutes ──▶ no dial for a minute
 *
 * A place that is kept is not given to an address that was only told. Without that, whoever
 * floods a mesh with addresses has only to wait until each of the others stumbles (spec: P18).
 *
 * Silence is what a path looks like that carries a handshake and then nothing, or one way only.
 * Links over it must not come and go (spec: PT-13).
 *
 * Floor: membership. Page: protocol/membership.md (spec: MEM-10, MEM-11).
 */
import type { Millis } from '../base/machine.ts'
import { defaults } from './defaults.ts'

export interface Loss {
  /** Least wait before the next dial; undefined: after a common loss. */
  readonly wait?: Millis
  /** The link did not live long enough to be a success. */
  readonly short: boolean
  /** One side heard nothing of the other. */
  readonly silent: boolean
}

export class Absences {
  readonly #most: number
  /** Peer → until when its place is kept. */
  readonly #places = new Map<string, Millis>()
  /** Peer → when a link to it last ended in silence. */
  readonly #silences = new Map<string, Millis>()

  /** `most` places are kept, those of the peers lost last. */
  constructor(most: number) {
    this.#most = most
  }

  /** A peer is lost: the least wait before it is dialled again, if there is one. */
  lost(peerId: string, { wait, short, silent }: Loss, now: Millis): Millis | undefined {
    const least = silent && this.#silentAgain(peerId, now) ? defaults.silenceWait : wait
    // Whoever left for good, or was told to, has no place here.
    if (!short && (least ?? 0) <= defaults.goodbyeWait)
      set(this.#places, peerId, now + defaults.placeKept, this.#most)
    return least
  }

  /** How many places are kept for peers that are neither back nor given up. */
  kept(now: Millis, closed: (peerId: string) => boolean): number {
    for (const [peerId, until] of this.#places)
      if (now >= until || closed(peerId)) this.#places.delete(peerId)
    return this.#places.size
  }

  #silentAgain(peerId: string, now: Millis): boolean {
    const before = this.#silences.get(peerId)
    set(this.#silences, peerId, now, defaults.bookLimit)
    return before !== undefined && now - before < defaults.silenceAgain
  }
}

/** As the latest; beyond `most` the oldest goes. */
function set(map: Map<string, Millis>, key: string, value: Millis, most: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > most) map.delete(map.keys().next().value!)
}
