/**
 * A first-in, first-out queue with a bound and a rule for when it is full.
 *
 * Takes and adds in constant time: a moving head, compacted now and then.
 * When full, `oldest` drops the oldest item and counts it, `refuse` turns the
 * new one away. No queue of ours grows without end.
 *
 * Floor: base.
 */
export class BoundedQueue<T> {
  #items: (T | undefined)[] = []
  #head = 0
  readonly limit: number
  readonly #whenFull: 'oldest' | 'refuse'
  /** How many items were dropped or refused so far. */
  dropped = 0

  constructor(limit: number, whenFull: 'oldest' | 'refuse' = 'oldest') {
    this.limit = limit
    this.#whenFull = whenFull
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  /** False when the item was refused. */
  push(item: T): boolean {
    if (this.length >= this.limit) {
      this.dropped++
      if (this.#whenFull === 'refuse') return false
      this.shift()
    }
    this.#items.push(item)
    return true
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 256 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}
