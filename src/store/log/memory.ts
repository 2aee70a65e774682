/**
 * A log in memory: for nodes without a disk, and for the simulated network.
 *
 *   new MemoryLog(random) ── insert … ─▶ image ── copied ─▶ an old copy, to be restored later
 *
 * Its image is plain data and outlives the object: give it to a new log after a crash. What
 * `insert` returned from is in it, whole.
 *
 * Floor: store.
 */
import { copy, equal } from '../../base/bytes.ts'
import type { Random } from '../../base/ports.ts'
import { idOfEntry, type LogEntry } from '../../wire/log-entry.ts'
import { EPOCH_LENGTH, type Head } from '../../wire/sync.ts'
import { Chains } from './chains.ts'
import type { Fork, Inserted, LogRow, LogStore, PullPlace, Tip } from './types.ts'

/** Everything a log is. */
export interface LogImage {
  epoch: Uint8Array
  readonly rows: LogRow[]
  readonly authors: Map<number, { readonly key: Uint8Array; readonly tip: Tip }>
  readonly forks: Fork[]
  readonly places: Map<string, PullPlace>
  readonly pushed: Map<string, number>
}

export function emptyImage(random: Random): LogImage {
  return {
    epoch: random.bytes(EPOCH_LENGTH),
    rows: [],
    authors: new Map(),
    forks: [],
    places: new Map(),
    pushed: new Map(),
  }
}

/** As it is now, whatever happens to the original. */
export function copyImage({ epoch, rows, authors, forks, places, pushed }: LogImage): LogImage {
  return {
    epoch,
    rows: [...rows],
    authors: new Map(authors),
    forks: [...forks],
    places: new Map(places),
    pushed: new Map(pushed),
  }
}

export class MemoryLog implements LogStore {
  readonly #random: Random
  readonly #image: LogImage
  readonly #chains: Chains
  /** Rows by author and number, as places in `rows`. */
  readonly #index = new Map<string, number[]>()
  /** Rows of an insert under way. */
  readonly #pending = new Map<number, LogRow>()

  constructor(random: Random, image: LogImage = emptyImage(random)) {
    this.#random = random
    this.#image = image
    this.#chains = new Chains((author, seq) => this.#idsAt(author, seq))
    for (const [number, { key, tip }] of image.authors) this.#chains.restore({ number, key, tip })
    for (const row of image.rows) this.#enter(row)
  }

  get epoch(): Uint8Array {
    return this.#image.epoch
  }

  get head(): number {
    return this.#image.rows.length
  }

  tip(author: Uint8Array): Tip | undefined {
    return this.#chains.of(author)?.tip
  }

  tips(most: number): readonly Tip[] {
    return this.#chains.tips(most)
  }

  insert(entries: readonly LogEntry[], peer?: { peerId: string; place: PullPlace }): Inserted {
    const rows: LogRow[] = []
    const forks: Fork[] = []
    const known = this.head
    try {
      for (const entry of entries) {
        const { author, fresh, fork } = this.#chains.admit(entry)
        if (fork !== undefined) forks.push(fork)
        if (!fresh) continue
        const row: LogRow = {
          ingestSeq: known + rows.length + 1,
          author: author.number,
          authorSeq: entry.authorSeq,
          bytes: copy(entry.bytes),
        }
        rows.push(row)
        this.#enter(row)
      }
    } catch (error) {
      for (const row of rows.reverse()) this.#leave(row)
      this.#chains.forget()
      throw error
    }
    for (const { number, key, tip } of this.#chains.touched)
      this.#image.authors.set(number, { key, tip: tip! })
    this.#chains.settle()
    for (const row of rows) this.#image.rows.push(row)
    this.#pending.clear()
    const news = forks.filter(fork => !this.#image.forks.some(one => sameFork(one, fork)))
    this.#image.forks.push(...news)
    if (peer !== undefined) this.setPlace(peer.peerId, peer.place)
    return { fresh: rows.length, forks: news }
  }

  read(after: number, count: number): readonly LogRow[] {
    return this.#image.rows.slice(after, after + count)
  }

  readOf(author: Uint8Array, after: number, count: number): readonly LogRow[] {
    const found = this.#chains.of(author)
    if (found?.tip === undefined) return []
    const rows: LogRow[] = []
    for (let seq = after + 1; seq <= found.tip.authorSeq && rows.length < count; seq++)
      for (const at of this.#index.get(placeKey(found.number, seq)) ?? [])
        rows.push(this.#image.rows[at - 1]!)
    return rows.slice(0, count)
  }

  has({ author, authorSeq, id }: Head): boolean {
    const found = this.#chains.of(author)
    return found !== undefined && this.#idsAt(found.number, authorSeq).some(one => equal(one, id))
  }

  covered(have: readonly Head[]): ReadonlyMap<number, number> {
    return this.#chains.covered(have, head => this.has(head))
  }

  forks(): readonly Fork[] {
    return this.#image.forks
  }

  place(peerId: string): PullPlace | undefined {
    return this.#image.places.get(peerId)
  }

  setPlace(peerId: string, { cursor, epoch, after }: PullPlace): void {
    this.#image.places.set(peerId, { cursor, epoch: copy(epoch), after: after && copy(after) })
  }

  pushed(peerId: string): number {
    return this.#image.pushed.get(peerId) ?? 0
  }

  setPushed(peerId: string, authorSeq: number): void {
    this.#image.pushed.set(peerId, authorSeq)
  }

  adopt(address: string, peerId: string): void {
    const { places, pushed } = this.#image
    const place = places.get(address)
    const sent = pushed.get(address)
    if (place !== undefined && !places.has(peerId)) places.set(peerId, place)
    if (sent !== undefined && !pushed.has(peerId)) pushed.set(peerId, sent)
    places.delete(address)
    pushed.delete(address)
  }

  renewEpoch(): void {
    this.#image.epoch = this.#random.bytes(EPOCH_LENGTH)
  }

  close(): void {}

  #idsAt(author: number, authorSeq: number): Uint8Array[] {
    const rows = this.#index.get(placeKey(author, authorSeq)) ?? []
    return rows.map(at => idOfEntry(this.#rowAt(at)))
  }

  #rowAt(at: number): Uint8Array {
    return this.#image.rows[at - 1]?.bytes ?? this.#pending.get(at)!.bytes
  }

  #enter(row: LogRow): void {
    if (row.ingestSeq > this.#image.rows.length) this.#pending.set(row.ingestSeq, row)
    const key = placeKey(row.author, row.authorSeq)
    const there = this.#index.get(key)
    if (there === undefined) this.#index.set(key, [row.ingestSeq])
    else there.push(row.ingestSeq)
  }

  #leave(row: LogRow): void {
    this.#pending.delete(row.ingestSeq)
    this.#index.get(placeKey(row.author, row.authorSeq))!.pop()
  }
}

function placeKey(author: number, authorSeq: number): string {
  return `${author}/${authorSeq}`
}

export function sameFork(a: Fork, b: Fork): boolean {
  return a.authorSeq === b.authorSeq && equal(a.author, b.author) && equal(a.second, b.second)
}
