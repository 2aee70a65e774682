/** The obvious replay window: remember every counter ever seen. Twin of `src/noise/replay-window.ts`. */
export class NaiveReplayWindow {
  readonly #width: number
  readonly #seen = new Set<number>()
  #greatest = -1

  constructor(width: number) {
    this.#width = width
  }

  mark(counter: number): boolean {
    if (counter <= this.#greatest - this.#width || this.#seen.has(counter)) return false
    this.#seen.add(counter)
    this.#greatest = Math.max(this.#greatest, counter)
    return true
  }
}
