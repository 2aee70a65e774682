/** The obvious range set: every number by itself. */
export class NaiveRanges {
  readonly #numbers = new Set<number>()

  add(start: number, end: number): void {
    for (let i = start; i < end; i++) this.#numbers.add(i)
  }

  remove(start: number, end: number): void {
    for (let i = start; i < end; i++) this.#numbers.delete(i)
  }

  has(value: number): boolean {
    return this.#numbers.has(value)
  }

  covers(start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (!this.has(i)) return false
    return true
  }

  touches(start: number, end: number): boolean {
    for (let i = start - 1; i <= end; i++) if (this.has(i)) return true
    return false
  }

  firstMissing(start: number): number {
    for (let i = start; ; i++) if (!this.has(i)) return i
  }

  firstPresent(start: number): number {
    let least = Number.POSITIVE_INFINITY
    for (const n of this.#numbers) if (n >= start) least = Math.min(least, n)
    return least
  }

  ranges(): [number, number][] {
    const out: [number, number][] = []
    for (const n of [...this.#numbers].sort((a, b) => a - b)) {
      const last = out.at(-1)
      if (last !== undefined && last[1] === n) last[1] = n + 1
      else out.push([n, n + 1])
    }
    return out
  }
}
