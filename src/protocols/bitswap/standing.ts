/**
 * Who did what no honest peer does, and who is refused for it.
 *
 *   wrong bytes, broken messages: three of them ─▶ refused, ten minutes      (spec: BITSWAP-8)
 *   blocks nobody asked for: 256 KiB a second are let pass, unhashed         (faults: BX-02)
 *
 * By PeerId, and remembered when the link ends, or a liar would come back as a stranger.
 *
 * Floor: protocols.
 */
import { Budget } from '../../base/budget.ts'
import type { Millis } from '../../base/machine.ts'
import { RecentSet } from '../../base/recent.ts'
import { defaults } from './defaults.ts'

export class Standing {
  readonly #misdeeds = new Map<string, number>()
  readonly #refused = new RecentSet(defaults.refusedMost, defaults.refusedFor)
  readonly #strays = new Map<string, Budget>()

  refuses(peer: string, now: Millis): boolean {
    return this.#refused.has(peer, now)
  }

  /** True when that was one too many. */
  misdeed(peer: string, now: Millis): boolean {
    const count = (this.#misdeeds.get(peer) ?? 0) + 1
    this.#remember(this.#misdeeds, peer, count)
    if (count < defaults.misdeeds) return false
    this.#misdeeds.delete(peer)
    return this.#refused.add(peer, now)
  }

  /** Bytes nobody asked for; false when they are more than chance explains. */
  stray(peer: string, bytes: number, now: Millis): boolean {
    let budget = this.#strays.get(peer)
    if (budget === undefined) {
      budget = new Budget(defaults.strayPerSecond, defaults.strayBurst, now)
      this.#remember(this.#strays, peer, budget)
    }
    return budget.spend(bytes, now)
  }

  #remember<T>(map: Map<string, T>, peer: string, value: T): void {
    if (!map.has(peer) && map.size >= defaults.refusedMost) map.delete(map.keys().next().value!)
    map.set(peer, value)
  }
}
