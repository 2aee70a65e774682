/**
 * What a log is to the node: entries in the order they came, and how far peers are read.
 *
 *   ingest_seq   1   2   3   4   5   6 …       the local order; a peer's cursor is a place in it
 *   author       A   A   B   A   B   C
 *   author_seq   1   2   1   3   2   1         each author's own order, a chain by `prev`
 *
 * All of it by plain calls: what `insert` returned from is durable, as a whole or not at all. Two
 * do it, SQLite and memory; `logContract` in `guild-home/testing` checks both, and any other.
 *
 * Entries are handed in proved. The store looks at their places: whose chain they continue,
 * whether they are there already, whether their author said something else before.
 *
 * Floor: store. Page: protocol/sync.md
 */
import type { LogEntry } from '../../wire/log-entry.ts'
import type { Head } from '../../wire/sync.ts'

export interface LogRow {
  readonly ingestSeq: number
  /** The author by a number of this store's own. */
  readonly author: number
  readonly authorSeq: number
  /** The encoded entry. */
  readonly bytes: Uint8Array
}

/** The end of an author's chain; of a forked one the highest number, of equal ones the lowest id. */
export interface Tip extends Head {
  readonly forked: boolean
}

/** Two entries of one author with one number: proof against it. */
export interface Fork {
  readonly author: Uint8Array
  readonly authorSeq: number
  /** The one that came first here. */
  readonly first: Uint8Array
  readonly second: Uint8Array
}

/** How far a peer's log was read: what the next SyncPull says. */
export interface PullPlace {
  readonly cursor: number
  readonly epoch: Uint8Array
  /** Id of the peer's entry at the cursor; undefined at 0. */
  readonly after: Uint8Array | undefined
}

export interface Inserted {
  /** Entries that are new here. */
  readonly fresh: number
  /** Forks not seen before. */
  readonly forks: readonly Fork[]
}

export interface LogStore {
  /** 16 random bytes, made with the log, and anew when it is not the log it was. */
  readonly epoch: Uint8Array
  /** How many entries there are; the ingest_seq of the newest. */
  readonly head: number
  /** Undefined where nothing of that author is here. */
  tip(author: Uint8Array): Tip | undefined
  /** Of all authors, those heard of last first. */
  tips(most: number): readonly Tip[]
  /**
   * Adds what is not here yet, in order, and moves the place of a peer with it. Throws GH_LOG_GAP
   * where an entry's `prev` is not here, and then nothing is added; GH_STORE_* as the disk says.
   */
  insert(
    entries: readonly LogEntry[],
    peer?: { readonly peerId: string; readonly place: PullPlace },
  ): Inserted
  /** At most `count` rows behind a place, in order. */
  read(after: number, count: number): readonly LogRow[]
  /** The same of one author, behind a number. */
  readOf(author: Uint8Array, after: number, count: number): readonly LogRow[]
  has(head: Head): boolean
  /** Of each author among them that did not fork: up to which number whoever has these heads has all. */
  covered(have: readonly Head[]): ReadonlyMap<number, number>
  forks(): readonly Fork[]
  place(peerId: string): PullPlace | undefined
  setPlace(peerId: string, place: PullPlace): void
  /** The author_seq up to which a peer has taken our entries. */
  pushed(peerId: string): number
  setPushed(peerId: string, authorSeq: number): void
  /** What was kept under an address, before peers were known by their keys, is the peer's from now on. */
  adopt(address: string, peerId: string): void
  /** This log went back to an older state: cursors for it are void. */
  renewEpoch(): void
  close(): void
}
