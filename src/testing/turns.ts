/**
 * Turns of the real event loop, in which a program's promises settle.
 *
 *   immediate ─▶ promises, ticks ─▶ immediate ─▶ promises, ticks ─▶ … 64 of them ─▶ a look at the system
 *
 * After each immediate Node settles every promise and runs every `process.nextTick` before the
 * next one. Many are set ahead, since each pass of the loop also asks the system for sockets that
 * a simulation does not have, and that costs as much as the turn itself.
 *
 * Floor: testing.
 */

/** Turns for each pass of the event loop. */
const AHEAD = 64

export class Turns {
  #ahead = 0
  #waiting: (() => void) | undefined

  /** Goes on with `then` once everything that is pending has settled. One may wait at a time. */
  next(then: () => void): void {
    this.#waiting = then
    if (this.#ahead > 0) return
    this.#ahead = AHEAD
    for (let i = 0; i < AHEAD; i++) setImmediate(this.#turn)
  }

  /** Those that nobody waits for any more pass by. */
  readonly #turn = (): void => {
    this.#ahead--
    const then = this.#waiting
    this.#waiting = undefined
    then?.()
  }
}
