/**
 * What a peer is to be told: our wants as it shall know them, and answers to its own.
 *
 *   want(block) ─▶ list ─▶ due ─▶ take ─▶ a head          what was never told is never cancelled
 *   cancel      ─▶ due, where it was told                  what is told twice in a turn is told once
 *
 * The list mirrors the one the peer keeps of us, and stays within what it keeps: 1,024
 * (spec: BITSWAP-5). A want that was answered with the block or with HAVE is gone from both.
 * The first message on a stream is a full list, for the peer knows nothing yet (spec: BITSWAP-6).
 *
 * Floor: protocols. Page: protocol/bitswap.md.
 */
import { BITSWAP_ENTRY_MOST, type BitswapHead, type Presence, type Want } from '../../wire/bitswap.ts'
import type { CID } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'

/** Answers that wait for a peer that does not read; beyond it the oldest goes. */
const PRESENCES_MOST = 2 * limits.bitswapEntries

export class Outbox {
  readonly #list = new Map<string, Want>()
  /** What the peer has been told of it. */
  readonly #said = new Set<string>()
  /** Keys of the list, or of what was cancelled, that it has to be told about. */
  readonly #due = new Map<string, Want>()
  readonly #presences = new Map<string, Presence>()
  #fresh = true

  /** Wants in the peer's list, told or about to be. */
  get size(): number {
    return this.#list.size
  }

  /** There is something to say. */
  get waiting(): boolean {
    return this.#due.size > 0 || this.#presences.size > 0
  }

  /** Is there a place in the peer's list for this want? */
  hasRoom(key: string): boolean {
    return this.#list.size < limits.bitswapEntries || this.#list.has(key)
  }

  has(key: string): boolean {
    return this.#list.has(key)
  }

  keys(): IterableIterator<string> {
    return this.#list.keys()
  }

  /** Puts a want into the peer's list: for the block, or for a word whether it has it. */
  want(key: string, cid: CID, priority: number, have: boolean): void {
    const want: Want = { cid, cancel: false, priority, have, sendDontHave: true }
    this.#list.set(key, want)
    this.#due.set(key, want)
  }

  cancel(key: string): void {
    const want = this.#list.get(key)
    if (want === undefined) return
    this.#list.delete(key)
    if (this.#said.has(key))
      this.#due.set(key, { cid: want.cid, cancel: true, priority: 0, have: false, sendDontHave: false })
    else this.#due.delete(key)
  }

  /** The peer says that it holds a want which is in no list of ours: it is taken back. */
  disown(key: string, cid: CID): void {
    if (!this.#list.has(key))
      this.#due.set(key, { cid, cancel: true, priority: 0, have: false, sendDontHave: false })
  }

  /** The peer answered with HAVE or the block, and holds the want no more. */
  answered(key: string): void {
    this.#list.delete(key)
    this.#said.delete(key)
    this.#due.delete(key)
  }

  presence(key: string, cid: CID, have: boolean): void {
    if (this.#presences.size >= PRESENCES_MOST && !this.#presences.has(key))
      this.#presences.delete(this.#presences.keys().next().value!)
    this.#presences.set(key, { cid, have })
  }

  /** The stream is a new one: the peer knows nothing. */
  retell(): void {
    this.#fresh = true
    this.#said.clear()
    this.#due.clear()
    for (const [key, want] of this.#list) this.#due.set(key, want)
  }

  /** The next message without blocks; undefined when nothing is to be said. */
  take(): BitswapHead | undefined {
    if (!this.waiting) return undefined
    let room = Math.floor(limits.bitswapHead / BITSWAP_ENTRY_MOST) - 1
    const wants: Want[] = []
    for (const [key, want] of this.#due) {
      if (wants.length === limits.bitswapEntries || room-- === 0) break
      wants.push(want)
      this.#due.delete(key)
      if (want.cancel) this.#said.delete(key)
      else this.#said.add(key)
    }
    const presences: Presence[] = []
    for (const [key, presence] of this.#presences) {
      if (presences.length === limits.bitswapEntries || room-- <= 0) break
      presences.push(presence)
      this.#presences.delete(key)
    }
    const full = this.#fresh
    this.#fresh = false
    return { full, pendingBytes: 0, wants, presences, blocks: [] }
  }
}
