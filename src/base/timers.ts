/**
 * Many deadlines, one `deadline()`: a binary heap with lazy removal.
 *
 * Setting a key again moves it. An entry that was moved or cleared stays in the
 * heap until it surfaces, so the heap is rebuilt when most of it is dead.
 * Equal times come out in the order they were set: nothing hangs on luck.
 *
 * Floor: base.
 */
import type { Millis } from './machine.ts'

interface Entry<K> {
  readonly key: K
  readonly at: Millis
  readonly order: number
}

export class TimerTable<K> {
  #heap: Entry<K>[] = []
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
    this.#push(entry)
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#live.size) this.#rebuild()
  }

  clear(key: K): void {
    this.#live.delete(key)
  }

  /** The earliest deadline of all. */
  next(): Millis | undefined {
    this.#skipDead()
    return this.#heap[0]?.at
  }

  /** Takes one key that is due, or undefined when none is. */
  due(now: Millis): K | undefined {
    this.#skipDead()
    const top = this.#heap[0]
    if (top === undefined || top.at > now) return undefined
    this.#pop()
    this.#live.delete(top.key)
    return top.key
  }

  #skipDead(): void {
    while (this.#heap.length > 0 && this.#live.get(this.#heap[0]!.key) !== this.#heap[0]) this.#pop()
  }

  #rebuild(): void {
    this.#heap = []
    for (const entry of this.#live.values()) this.#push(entry)
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap
    let i = heap.length
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function before<K>(a: Entry<K>, b: Entry<K>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
