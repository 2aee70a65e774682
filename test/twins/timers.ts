/**
 * The obvious timer table: a list, searched from end to end.
 */
export class NaiveTimers<K> {
  #entries: { key: K; at: number; order: number }[] = []
  #order = 0

  get size(): number {
    return this.#entries.length
  }

  at(key: K): number | undefined {
    return this.#entries.find(entry => entry.key === key)?.at
  }

  set(key: K, at: number): void {
    this.clear(key)
    this.#entries.push({ key, at, order: this.#order++ })
  }

  clear(key: K): void {
    this.#entries = this.#entries.filter(entry => entry.key !== key)
  }

  next(): number | undefined {
    return this.#sorted()[0]?.at
  }

  due(now: number): K | undefined {
    const first = this.#sorted()[0]
    if (first === undefined || first.at > now) return undefined
    this.clear(first.key)
    return first.key
  }

  #sorted(): { key: K; at: number }[] {
    return [...this.#entries].sort((a, b) => a.at - b.at || a.order - b.order)
  }
}
