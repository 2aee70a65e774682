/**
 * A binary heap by time, and of equal times by the order they were set in: nothing hangs on luck.
 *
 *   first ─▶ the earliest     push, pop: O(log n)     keep: what is left of it, O(n log n)
 *
 * It has no bound of its own: whoever owns it knows what may wait.
 * Floor: base.
 */
import type { Millis } from './machine.ts'

export interface Timed {
  readonly at: Millis
  readonly order: number
}

export class TimeHeap<T extends Timed> {
  #items: T[] = []

  get length(): number {
    return this.#items.length
  }

  /** The earliest; undefined when nothing is here. */
  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let i = items.length
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(item, items[parent]!)) break
      items[i] = items[parent]!
      i = parent
    }
    items[i] = item
  }

  /** Removes the first. */
  pop(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++
      if (!before(items[child]!, last)) break
      items[i] = items[child]!
      i = child
    }
    items[i] = last
  }

  /** Drops what is dead. */
  keep(alive: (item: T) => boolean): void {
    const standing = this.#items.filter(alive)
    this.#items = []
    for (const item of standing) this.push(item)
  }
}

function before(a: Timed, b: Timed): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
