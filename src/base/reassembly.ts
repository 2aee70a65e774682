/**
 * Pieces of a byte sequence, in any order and more than once, put back in order.
 *
 *   offset  0            contiguous
 *           |── given on ──|▒▒▒▒|gap|▒▒▒▒▒▒▒|gap|▒▒▒|
 *                          pages of 4 KiB, and a range set that says which bytes are there
 *
 * What comes in its turn is given on at once. What comes early is written into pages, so that
 * memory is what the window allows whatever the pieces look like; whole pages are given on as
 * they are. What came before is not looked at again (RFC 9000 §2.2): the first copy counts.
 *
 * Refuses nothing. Whoever feeds it from the network checks its window first, and `gaps` and
 * `touches`, for the range set has no bound of its own (P13).
 * Floor: base. Naive twin: test/twins/reassembly.ts.
 */
import { RangeSet } from './ranges.ts'

export const pageSize = 4096

/** Where bytes go once they are in order. */
export interface InOrder {
  /** The next bytes; they are valid during the call. */
  append(bytes: Uint8Array): void
  /** The next bytes, a whole page: nobody else will change it. */
  push(page: Uint8Array): void
}

export class Reassembly {
  /** Every byte before it was given on. */
  contiguous = 0
  /** What came early; made on first need, for records never need it. */
  #early: RangeSet | undefined
  readonly #pages = new Map<number, Uint8Array>()

  /** How many separate pieces wait for something before them. */
  get gaps(): number {
    return this.#early?.size ?? 0
  }

  /** Would these bytes close up to a piece that waits? */
  touches(start: number, end: number): boolean {
    return this.#early?.touches(start, end) ?? false
  }

  /** The caller has taken the next bytes itself. Only while there are no gaps. */
  advance(to: number): void {
    this.contiguous = to
  }

  /** Takes a piece, and gives on what is in order now. */
  add(offset: number, data: Uint8Array, to: InOrder): void {
    const start = Math.max(offset, this.contiguous)
    const end = offset + data.length
    if (start >= end) return
    if (start > this.contiguous)
      return this.#store(start, start === offset ? data : data.subarray(start - offset))
    to.append(start === offset ? data : data.subarray(start - offset))
    this.contiguous = end
    if (this.#early === undefined || this.#early.size === 0) return
    const until = this.#early.firstMissing(end)
    if (until > end) this.#give(end, until, to)
    this.contiguous = until
    this.#forget(this.#early, start, until)
  }

  /** Forgets what waits; `contiguous` stays. */
  clear(): void {
    this.#early = undefined
    this.#pages.clear()
  }

  #store(start: number, data: Uint8Array): void {
    const end = start + data.length
    this.#early ??= new RangeSet()
    this.#early.add(start, end)
    for (let at = start; at < end; ) {
      const number = Math.floor(at / pageSize)
      const stop = Math.min(end, (number + 1) * pageSize)
      let page = this.#pages.get(number)
      if (page === undefined) {
        page = new Uint8Array(pageSize)
        this.#pages.set(number, page)
      }
      page.set(data.subarray(at - start, stop - start), at - number * pageSize)
      at = stop
    }
  }

  #give(start: number, end: number, to: InOrder): void {
    for (let at = start; at < end; ) {
      const number = Math.floor(at / pageSize)
      const stop = Math.min(end, (number + 1) * pageSize)
      const page = this.#pages.get(number)!
      if (stop - at === pageSize) to.push(page)
      else to.append(page.subarray(at - number * pageSize, stop - number * pageSize))
      at = stop
    }
  }

  /** Nothing before `until` waits any more: its pages go, the last one if nothing else is on it. */
  #forget(early: RangeSet, start: number, until: number): void {
    early.remove(start, until)
    if (early.size === 0) return this.#pages.clear()
    const last = Math.floor(until / pageSize)
    for (let number = Math.floor(start / pageSize); number < last; number++) this.#pages.delete(number)
  }
}
