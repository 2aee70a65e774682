/**
 * What BBR was before a loss, in case there was none.
 *
 *   first loss of an episode: remember   ·   all of them have arrived after all: take it back
 *
 * Source: draft-ietf-ccwg-bbr section 5.5.11. Page: protocol/congestion.md · Floor: packets.
 */
import { LossEpisode } from './loss-episode.ts'

export class BbrUndo {
  readonly #episode = new LossEpisode()
  /** The state that the losses ended, if they did. */
  state: 'startup' | 'up' | undefined
  window = 0
  shortBandwidth = 0
  shortInFlight = 0
  bound = 0

  /** True: the first loss of an episode, so save. */
  lost(number: number, largestSent: number): boolean {
    return this.#episode.lost(number, largestSent)
  }

  save(window: number, shortBandwidth: number, shortInFlight: number, bound: number): void {
    this.state = undefined
    this.window = window
    this.shortBandwidth = shortBandwidth
    this.shortInFlight = shortInFlight
    this.bound = bound
  }

  /** True: the last of the episode that was taken for lost has arrived. */
  spurious(number: number): boolean {
    return this.#episode.spurious(number)
  }

  settle(): void {
    this.#episode.settle()
  }
}
