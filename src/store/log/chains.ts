/**
 * Where a new entry belongs: the one set of rules that every log keeps.
 *
 *   prev is the tip                     ─▶ the chain goes on             nothing is looked up
 *   the same id at its number           ─▶ known
 *   prev is at the number before        ─▶ added; another id at its number: a fork
 *   prev is nowhere                     ─▶ GH_LOG_GAP
 *
 * A fork keeps both sides, and what follows either of them: whoever has the same entries reports
 * the same forks, in whatever order they came. So logs converge, also about liars.
 *
 * Nothing here changes before the store has committed: `settle` makes it so, `forget` undoes it.
 *
 * Floor: store. Faults: LG-05, LG-06, LG-07.
 */
import { compare, copy, equal } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { LogEntry } from '../../wire/log-entry.ts'
import { peerIdFromKey } from '../../wire/peer-id.ts'
import type { Head } from '../../wire/sync.ts'
import type { Fork, Tip } from './types.ts'

/** Where the store's ids of one author and number are looked up. */
export type Lookup = (author: number, authorSeq: number) => readonly Uint8Array[]

export interface Author {
  readonly number: number
  readonly key: Uint8Array
  tip: Tip | undefined
}

export interface Admitted {
  readonly author: Author
  readonly fresh: boolean
  readonly fork: Fork | undefined
}

export class Chains {
  readonly #lookup: Lookup
  readonly #authors = new Map<string, Author>()
  /** Tips as they were before what is not settled yet. */
  readonly #before = new Map<Author, Tip | undefined>()
  readonly #made: string[] = []
  #last: Author | undefined
  #numbers = 0
  #answer: Admitted | undefined

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  get all(): readonly Author[] {
    return [...this.#authors.values()]
  }

  /** The newest authors first. */
  tips(most: number): readonly Tip[] {
    return this.all
      .flatMap(({ tip }) => tip ?? [])
      .slice(-most)
      .reverse()
  }

  /** Of authors without a fork, by number: up to where another log has what this one has. */
  covered(have: readonly Head[], has: (head: Head) => boolean): ReadonlyMap<number, number> {
    const covered = new Map<number, number>()
    for (const head of have) {
      const author = this.of(head.author)
      if (author?.tip === undefined || author.tip.forked || !has(head)) continue
      covered.set(author.number, Math.max(covered.get(author.number) ?? 0, head.authorSeq))
    }
    return covered
  }

  /** As it was stored, in any order. */
  restore(author: Author): void {
    this.#authors.set(keyOf(author.key), author)
    this.#numbers = Math.max(this.#numbers, author.number)
  }

  of(key: Uint8Array): Author | undefined {
    if (this.#last !== undefined && equal(this.#last.key, key)) return this.#last
    const found = this.#authors.get(keyOf(key))
    if (found !== undefined) this.#last = found
    return found
  }

  /** Those whose tips are not settled, to be written with the entries. */
  get touched(): Iterable<Author> {
    return this.#before.keys()
  }

  /** GH_LOG_GAP where it has no place. The store adds a fresh one and goes on, or forgets all. */
  admit(entry: LogEntry): Admitted {
    const author = this.of(entry.author) ?? this.#make(entry.author)
    const { tip } = author
    if (tip === undefined) {
      if (entry.prev !== undefined) throw gap(entry)
      this.#move(author, entry, false)
      return this.#added(author)
    }
    if (entry.authorSeq === tip.authorSeq + 1 && equal(entry.prev!, tip.id)) {
      this.#move(author, entry, tip.forked)
      return this.#added(author)
    }
    const there = this.#lookup(author.number, entry.authorSeq)
    if (there.some(id => equal(id, entry.id))) return { author, fresh: false, fork: undefined }
    if (entry.prev !== undefined) {
      const { prev } = entry
      const before = this.#lookup(author.number, entry.authorSeq - 1)
      if (!before.some(id => equal(id, prev))) throw gap(entry)
    }
    const [first] = there
    const fork = first && { author: author.key, authorSeq: entry.authorSeq, first, second: copy(entry.id) }
    const further =
      entry.authorSeq > tip.authorSeq || (entry.authorSeq === tip.authorSeq && compare(entry.id, tip.id) < 0)
    if (further) this.#move(author, entry, tip.forked || fork !== undefined)
    else this.#set(author, { ...tip, forked: true })
    return { author, fresh: true, fork }
  }

  /** What was admitted is durable. */
  settle(): void {
    // Ids were views of entries until now, of which only the last matters.
    for (const author of this.#before.keys())
      if (author.tip !== undefined) author.tip = { ...author.tip, id: copy(author.tip.id) }
    this.#before.clear()
    this.#made.length = 0
  }

  /** It is not. */
  forget(): void {
    for (const [author, tip] of this.#before) author.tip = tip
    for (const key of this.#made) this.#authors.delete(key)
    this.#numbers -= this.#made.length
    this.#last = undefined
    this.#before.clear()
    this.#made.length = 0
  }

  /** The answer for most entries, made once for those of one author. */
  #added(author: Author): Admitted {
    if (this.#answer?.author !== author) this.#answer = { author, fresh: true, fork: undefined }
    return this.#answer
  }

  #make(bytes: Uint8Array): Author {
    const author: Author = { number: ++this.#numbers, key: copy(bytes), tip: undefined }
    const key = keyOf(bytes)
    this.#authors.set(key, author)
    this.#made.push(key)
    this.#last = author
    return author
  }

  #move(author: Author, { authorSeq, id }: LogEntry, forked: boolean): void {
    this.#set(author, { author: author.key, authorSeq, id, forked })
  }

  #set(author: Author, tip: Tip): void {
    if (!this.#before.has(author)) this.#before.set(author, author.tip)
    author.tip = tip
  }
}

function gap({ author, authorSeq }: LogEntry): GuildError {
  return new GuildError('GH_LOG_GAP', `number ${authorSeq} of ${peerIdFromKey(author)}`)
}

function keyOf(key: Uint8Array): string {
  return String.fromCharCode(...key)
}
