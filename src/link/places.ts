/**
 * How often each place asks: so many message 1s a second, with a burst (as WireGuard has it, 20 and 5).
 *
 * Who asks more often than that is asked for a cookie, which proves that the place is its own. Counted
 * are only those who hold the swarm key. When more places ask than are kept apart, the one not heard of for
 * longest is forgotten, and begins with a full burst.
 *
 * Floor: link. Faults: HS-19, P3.
 */
import { Budget } from '../base/budget.ts'
import type { Millis } from '../base/machine.ts'
import { placeOf } from './threshold.ts'

export const defaults = { perSecond: 20, burst: 5, places: 1_024 } as const

export class Places {
  readonly #budgets = new Map<string, Budget>()

  /** False for a place that asks too often. On loopback nobody does. */
  mayAsk(host: string, now: Millis): boolean {
    const place = placeOf(host)
    if (place === '') return true
    const budget = this.#budgets.get(place) ?? new Budget(defaults.perSecond, defaults.burst, now)
    // The last in a Map is the one set last: so the first is who was silent for longest.
    this.#budgets.delete(place)
    if (this.#budgets.size >= defaults.places) this.#budgets.delete(this.#budgets.keys().next().value!)
    this.#budgets.set(place, budget)
    return budget.spend(1, now)
  }
}
