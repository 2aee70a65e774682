/**
 * A set of whole numbers kept as ranges: which bytes came, which packets were seen.
 *
 *   add(3, 5)  add(8, 9)  add(5, 8)     [3 5) [8 9)  →  [3 9)
 *
 * Ranges are half-open, ascending, and never touch: neighbours are merged. They lie in
 * one flat array, since most sets hold one range and the next number extends it; a look-up
 * is a binary search, an insertion in the middle moves what is behind it. The set itself
 * has no bound: whoever feeds it from the network checks `size` and `touches` first.
 *
 * Floor: base. Naive twin: test/twins/ranges.ts.
 */
export class RangeSet {
  /** start, end, start, end … */
  readonly #bounds: number[] = []

  /** How many separate ranges there are. */
  get size(): number {
    return this.#bounds.length / 2
  }

  /** First number of the range at `index`; undefined past the last. */
  start(index: number): number | undefined {
    return this.#bounds[2 * index]
  }

  /** One past the last number of the range at `index`. */
  end(index: number): number | undefined {
    return this.#bounds[2 * index + 1]
  }

  has(value: number): boolean {
    return this.covers(value, value + 1)
  }

  /** Is every number from `start` to before `end` here? True for nothing at all. */
  covers(start: number, end: number): boolean {
    if (start >= end) return true
    const index = this.#firstEndingAfter(start)
    const from = this.#bounds[2 * index]
    return from !== undefined && from <= start && this.#bounds[2 * index + 1]! >= end
  }

  /** Would adding these merge with a range that is here already? */
  touches(start: number, end: number): boolean {
    const from = this.#bounds[2 * this.#firstEndingAfter(start - 1)]
    return from !== undefined && from <= end
  }

  /** The least number from `start` on that is not here. */
  firstMissing(start: number): number {
    const index = this.#firstEndingAfter(start)
    const from = this.#bounds[2 * index]
    return from !== undefined && from <= start ? this.#bounds[2 * index + 1]! : start
  }

  /** The least number from `start` on that is here; Infinity when there is none. */
  firstPresent(start: number): number {
    const from = this.#bounds[2 * this.#firstEndingAfter(start)]
    return from === undefined ? Number.POSITIVE_INFINITY : Math.max(from, start)
  }

  /** Adds every number from `start` to before `end`. */
  add(start: number, end: number): void {
    if (start >= end) return
    const bounds = this.#bounds
    const last = bounds.length - 1
    if (last < 0 || start > bounds[last]!) {
      bounds.push(start, end)
      return
    }
    const first = this.#firstEndingAfter(start - 1)
    let after = first
    while (2 * after < bounds.length && bounds[2 * after]! <= end) after++
    if (first === after) {
      bounds.splice(2 * first, 0, start, end)
      return
    }
    bounds[2 * first] = Math.min(start, bounds[2 * first]!)
    bounds[2 * first + 1] = Math.max(end, bounds[2 * after - 1]!)
    if (after - first > 1) bounds.splice(2 * first + 2, 2 * (after - first - 1))
  }

  /** Takes out every number from `start` to before `end`. */
  remove(start: number, end: number): void {
    if (start >= end) return
    const bounds = this.#bounds
    const first = this.#firstEndingAfter(start)
    let after = first
    while (2 * after < bounds.length && bounds[2 * after]! < end) after++
    if (first === after) return
    const kept: number[] = []
    if (bounds[2 * first]! < start) kept.push(bounds[2 * first]!, start)
    if (bounds[2 * after - 1]! > end) kept.push(end, bounds[2 * after - 1]!)
    bounds.splice(2 * first, 2 * (after - first), ...kept)
  }

  /** Ascending, as [start, end) pairs. */
  *[Symbol.iterator](): Generator<[number, number]> {
    for (let i = 0; i < this.#bounds.length; i += 2) yield [this.#bounds[i]!, this.#bounds[i + 1]!]
  }

  /** Index of the first range whose end lies above `value`. */
  #firstEndingAfter(value: number): number {
    let low = 0
    let high = this.#bounds.length / 2
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#bounds[2 * middle + 1]! > value) high = middle
      else low = middle + 1
    }
    return low
  }
}
