/**
 * Which streams the peer has opened, and how many more it may.
 *
 * Streams of one side are numbered 0, 1, 2 … (the id is twice that, plus one for the
 * higher PeerId). The right to open is an absolute count: all that finished, and as many
 * again as may be open at once. A number may be skipped and used later (a reset overtakes
 * data), so the set of those seen tells a new stream from a finished one.
 *
 * There is no rate for opening: the count is granted as streams finish, so a peer that
 * opens too fast waits. What it could do cheaply, open and give up, has a budget in `Streams`.
 *
 * Refuses: more streams than granted (spec: STREAM-5, FR-07).
 * Page: protocol/streams.md · Floor: streams.
 */
import { GuildError } from '../base/errors.ts'
import { RangeSet } from '../base/ranges.ts'

export class PeerIds {
  readonly #atOnce: number
  readonly #seen = new RangeSet()
  #granted: number
  /** The frame that told of `#granted` was lost. */
  #again = false
  #finished = 0
  /** One more than the highest number seen. */
  #reached = 0

  constructor(atOnce: number) {
    this.#atOnce = atOnce
    this.#granted = atOnce
  }

  /** True when the number was opened before: then its stream has finished. Changes nothing. */
  check(number: number): boolean {
    if (number >= this.#granted)
      throw new GuildError('GH_LINK_STREAMS', `stream ${number + 1} of ${this.#granted}`)
    return this.#seen.has(number)
  }

  open(number: number): void {
    this.#seen.add(number, number + 1)
    this.#reached = Math.max(this.#reached, number + 1)
  }

  finish(): void {
    this.#finished++
  }

  /** Half of what may be open at once is used up, and there is more to grant; or the last grant was lost. */
  get due(): boolean {
    if (this.#again) return true
    const next = this.#finished + this.#atOnce
    return next > this.#granted && this.#granted - this.#reached <= this.#atOnce / 2
  }

  grant(): number {
    this.#again = false
    this.#granted = this.#finished + this.#atOnce
    return this.#granted
  }
  /** A MAX_STREAMS did not arrive: if it was the newest, another one is due. */
  lost(count: number): void {
    if (count === this.#granted) this.#again = true
  }
}
