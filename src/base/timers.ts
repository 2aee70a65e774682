/**
 * Many deadlines, one `deadline()`: a binary heap with lazy removal.
 *
 * Setting a key again moves it. An entry that was moved or cleared stays in the
 * heap until it surfaces, so the heap is rebuilt when most of it is dead.
 * Equal times come out in the order they were set: nothing hangs on luck.
 *
 * Floor: base.
 */
import { type Timed, TimeHeap } from './heap.ts'
import type { Millis } from './machine.ts'

interface Entry<K> extends Timed {
  readonly key: K
}

export class TimerTable<K> {
  readonly #heap = new TimeHeap<Entry<K>>()
  readonly #live = new Map<K, Entry<K>>()
  #order = 0

  get size(): number {
    return this.#live.size
  }

  at(key: K): Millis | undefined {
    return this.#live.get(key)?.at
  }

  set(key: K, at: Millis): void {
    const entry: Entry<K> = { key, at, order: this.#order++ }
    this.#live.set(key, entry)
    this.#heap.push(entry)
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#live.size)
      this.#heap.keep(one => this.#live.get(one.key) === one)
  }

  clear(key: K): void {
    this.#live.delete(key)
  }

  /** The earliest deadline of all. */
  next(): Millis | undefined {
    this.#skipDead()
    return this.#heap.first?.at
  }

  /** Takes one key that is due, or undefined when none is. */
  due(now: Millis): K | undefined {
    this.#skipDead()
    const top = this.#heap.first
    if (top === undefined || top.at > now) return undefined
    this.#heap.pop()
    this.#live.delete(top.key)
    return top.key
  }

  #skipDead(): void {
    for (let top = this.#heap.first; top !== undefined; top = this.#heap.first) {
      if (this.#live.get(top.key) === top) return
      this.#heap.pop()
    }
  }
}
