/**
 * So many things at a time, and whoever brings more waits.
 *
 *   run ─▶ a lane is free? ─▶ under way        run resolves at once
 *              └─ no ─▶ waits for one          run resolves when the next may come
 *
 * The first failure is kept: it fails the `run` behind it, and `idle`.
 *
 * Floor: node.
 */
export class Lanes {
  readonly #most: number
  readonly #wakes: (() => void)[] = []
  #busy = 0
  #failed: { readonly error: unknown } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Begins the work, and resolves (or returns nothing) when there is room for more. */
  run(work: () => Promise<unknown>): Promise<void> | undefined {
    if (this.#failed !== undefined) return Promise.reject(this.#failed.error)
    this.#busy++
    work().then(
      () => this.#ended(),
      error => {
        this.#failed ??= { error }
        this.#ended()
      },
    )
    return this.#busy < this.#most ? undefined : this.#below(this.#most)
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#below(1)
    if (this.#failed !== undefined) throw this.#failed.error
  }

  async #below(most: number): Promise<void> {
    while (this.#busy >= most && this.#failed === undefined)
      await new Promise<void>(resolve => this.#wakes.push(resolve))
    if (this.#failed !== undefined) throw this.#failed.error
  }

  #ended(): void {
    this.#busy--
    for (const wake of this.#wakes.splice(0)) wake()
  }
}
