/**
 * What makes a simulated host's clocks go, right, too fast or too slow.
 *
 *   elapsed                      ╱  rate 1.25
 *      │              ╱─────────╱
 *      │      ╱──────╱  rate 0.5            the slope changes, the line never breaks:
 *      └─────╱───────────────────▶ world    a monotonic clock does not jump
 *
 * Rates are multiples of 1/1024 and times of 1/1024 ms, so that nothing rounds on the way there
 * and back: a timer never wakes a hair early.
 *
 * Floor: testing.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { World } from './world.ts'

const STEPS = 1024
/** Beyond these a clock is broken, and not wrong. */
const SLOWEST = 1 / 16
const FASTEST = 16

export class Quartz {
  readonly #world: World
  #rate = 1
  /** Where the present slope begins. */
  #from = { world: 0, elapsed: 0 }

  constructor(world: World) {
    this.#world = world
  }

  /** Local milliseconds a true one takes. */
  get rate(): number {
    return this.#rate
  }

  /** Local time since the start of the world. */
  elapsed(): Millis {
    return this.#at(this.#world.now)
  }

  /** The world's time at which `elapsed` has come to be `local`, if the rate stays. */
  reached(local: Millis): Millis {
    const { world, elapsed } = this.#from
    if (this.#rate === 1) return world + (local - elapsed)
    let time = Math.ceil((world + (local - elapsed) / this.#rate) * STEPS) / STEPS
    while (this.#at(time) < local) time += 1 / STEPS
    return time
  }

  /** From now on: 2 is twice as fast. Between 1/16 and 16. */
  setRate(rate: number): void {
    if (!(rate >= SLOWEST && rate <= FASTEST)) throw new GuildError('GH_OPTION_INVALID', `a rate of ${rate}`)
    // Rounded up to a step: less than a microsecond, and never back.
    this.#from = { world: this.#world.now, elapsed: Math.ceil(this.elapsed() * STEPS) / STEPS }
    this.#rate = Math.round(rate * STEPS) / STEPS
  }

  #at(time: Millis): Millis {
    return this.#from.elapsed + (time - this.#from.world) * this.#rate
  }
}
