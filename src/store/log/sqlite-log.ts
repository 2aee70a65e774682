/**
 * The log on disk.
 *
 *   entries          ingest_seq │ author │ author_seq │ bytes            found by (author, author_seq)
 *   log_authors      author │ key │ head_seq │ head_id │ forked          the tips
 *   log_forks        author │ author_seq │ first │ second
 *   peer_state       peer_id │ last_cursor │ epoch │ after               how far others are read
 *   peer_push_state  peer_id │ last_pushed_seq                           and how far they took ours
 *
 * There is no index by id: an entry is found by its author and number, which come in order, so an index of
 * them grows at its end. One by hash would write to another page for each entry.
 *
 * A file that is not where it was made (another inode, another birth) was restored or copied:
 * its numbers may have been given out differently since, so it gets a new epoch, and peers read it from the
 * beginning. What that cannot see, `after` does: a cursor names its entry (faults: LG-05).
 *
 * Floor: store. Page: protocol/sync.md · Faults: LG-01 to LG-04, LG-09.
 */
import { statSync } from 'node:fs'
import { equal, utf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Random } from '../../base/ports.ts'
import { idOfEntry, type LogEntry } from '../../wire/log-entry.ts'
import { EPOCH_LENGTH, type Head } from '../../wire/sync.ts'
import { openGuildDb } from '../guild-db.ts'
import type { Sqlite, SqliteOptions } from '../sqlite.ts'
import { Chains } from './chains.ts'
import type { Fork, Inserted, LogRow, LogStore, PullPlace, Tip } from './types.ts'

export interface SqliteLogOptions extends Pick<SqliteOptions, 'path' | 'driver'> {
  readonly random: Random
}

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED; GH_LOG_DAMAGED where the tables contradict each other. */
export async function openLog({ random, path, driver }: SqliteLogOptions): Promise<LogStore> {
  const db = await openGuildDb(path, driver)
  try {
    return new SqliteLog(db, random)
  } catch (error) {
    db.close()
    throw error
  }
}

type Row = readonly [ingestSeq: number, author: number, authorSeq: number, bytes: Uint8Array]

const sql = {
  meta: 'SELECT value FROM log_meta WHERE key = ?',
  setMeta: 'REPLACE INTO log_meta (key, value) VALUES (?, ?)',
  add: 'INSERT INTO entries (ingest_seq, author, author_seq, bytes) VALUES (?, ?, ?, ?)',
  at: 'SELECT bytes FROM entries WHERE author = ? AND author_seq = ? ORDER BY ingest_seq',
  head: 'SELECT max(ingest_seq), count(*) FROM entries',
  read: 'SELECT ingest_seq, author, author_seq, bytes FROM entries WHERE ingest_seq > ? ORDER BY ingest_seq LIMIT ?',
  readOf:
    'SELECT ingest_seq, author, author_seq, bytes FROM entries WHERE author = ? AND author_seq > ? ORDER BY author_seq, ingest_seq LIMIT ?',
  authors: 'SELECT author, key, head_seq, head_id, forked FROM log_authors ORDER BY author',
  setAuthor: 'REPLACE INTO log_authors (author, key, head_seq, head_id, forked) VALUES (?, ?, ?, ?, ?)',
  addFork: 'INSERT OR IGNORE INTO log_forks (author, author_seq, first, second) VALUES (?, ?, ?, ?)',
  forks: 'SELECT author, author_seq, first, second FROM log_forks ORDER BY author, author_seq, second',
  place: 'SELECT last_cursor, epoch, after FROM peer_state WHERE peer_id = ?',
  setPlace: 'REPLACE INTO peer_state (peer_id, last_cursor, epoch, after) VALUES (?, ?, ?, ?)',
  pushed: 'SELECT last_pushed_seq FROM peer_push_state WHERE peer_id = ?',
  setPushed: 'REPLACE INTO peer_push_state (peer_id, last_pushed_seq) VALUES (?, ?)',
} as const

class SqliteLog implements LogStore {
  epoch: Uint8Array
  head: number
  readonly #db: Sqlite
  readonly #random: Random
  #chains: Chains

  constructor(db: Sqlite, random: Random) {
    this.#db = db
    this.#random = random
    this.#chains = this.#noChains()
    const [head, count] = this.#row(sql.head) as [number | null, number]
    this.head = head ?? 0
    if (this.head !== count) throw damaged(db.path, `${count} entries, the last has number ${this.head}`)
    this.#restoreAuthors()
    this.epoch = this.#knownEpoch()
  }

  tip(author: Uint8Array): Tip | undefined {
    return this.#chains.of(author)?.tip
  }

  tips(most: number): readonly Tip[] {
    return this.#chains.tips(most)
  }

  insert(entries: readonly LogEntry[], peer?: { peerId: string; place: PullPlace }): Inserted {
    const forks: Fork[] = []
    const { suspect } = this.#db
    let { head } = this
    try {
      // spec: LOG-7
      this.#db.transaction(() => {
        if (suspect) this.#lookAgain()
        const add = this.#db.prepare(sql.add)
        for (const entry of entries) {
          const { author, fresh, fork } = this.#chains.admit(entry)
          if (fresh) add.run(++head, author.number, entry.authorSeq, entry.bytes)
          if (fork !== undefined && this.#addFork(fork)) forks.push(fork)
        }
        for (const { number, key, tip } of this.#chains.touched)
          this.#db.prepare(sql.setAuthor).run(number, key, tip!.authorSeq, tip!.id, tip!.forked ? 1 : 0)
        if (peer !== undefined) this.#writePlace(peer.peerId, peer.place)
      })
    } catch (error) {
      this.#chains.forget()
      throw error
    }
    this.#chains.settle()
    const fresh = head - this.head
    this.head = head
    return { fresh, forks }
  }

  read(after: number, count: number): readonly LogRow[] {
    return this.#rows(sql.read, after, count).map(toLogRow)
  }

  readOf(author: Uint8Array, after: number, count: number): readonly LogRow[] {
    const found = this.#chains.of(author)
    return found === undefined ? [] : this.#rows(sql.readOf, found.number, after, count).map(toLogRow)
  }

  has({ author, authorSeq, id }: Head): boolean {
    const found = this.#chains.of(author)
    if (found?.tip === undefined || authorSeq > found.tip.authorSeq) return false
    if (authorSeq === found.tip.authorSeq && equal(id, found.tip.id)) return true
    return this.#idsAt(found.number, authorSeq).some(one => equal(one, id))
  }

  covered(have: readonly Head[]): ReadonlyMap<number, number> {
    return this.#chains.covered(have, head => this.has(head))
  }

  forks(): readonly Fork[] {
    return this.#rows(sql.forks).map(row => {
      const [author, authorSeq, first, second] = row as [Buffer, number, Buffer, Buffer]
      return { author: plain(author), authorSeq, first: plain(first), second: plain(second) }
    })
  }

  place(peerId: string): PullPlace | undefined {
    const row = this.#row(sql.place, peerId) as [number, Buffer, Buffer | null] | undefined
    if (row === undefined) return undefined
    const [cursor, epoch, after] = row
    return { cursor, epoch: plain(epoch), after: after === null ? undefined : plain(after) }
  }

  setPlace(peerId: string, place: PullPlace): void {
    this.#db.transaction(() => this.#writePlace(peerId, place))
  }

  pushed(peerId: string): number {
    return (this.#row(sql.pushed, peerId) as [number] | undefined)?.[0] ?? 0
  }

  setPushed(peerId: string, authorSeq: number): void {
    this.#db.transaction(() => this.#db.prepare(sql.setPushed).run(peerId, authorSeq))
  }

  adopt(address: string, peerId: string): void {
    if (this.place(address) === undefined && this.pushed(address) === 0) return
    this.#db.transaction(() => {
      for (const table of ['peer_state', 'peer_push_state']) {
        this.#db.prepare(`UPDATE OR IGNORE ${table} SET peer_id = ? WHERE peer_id = ?`).run(peerId, address)
        this.#db.prepare(`DELETE FROM ${table} WHERE peer_id = ?`).run(address)
      }
    })
  }

  renewEpoch(): void {
    const epoch = this.#random.bytes(EPOCH_LENGTH)
    this.#db.transaction(() => {
      this.#db.prepare(sql.setMeta).run('epoch', epoch)
      this.#db.prepare(sql.setMeta).run('file', this.#file())
    })
    this.epoch = epoch
  }

  close(): void {
    this.#db.close()
  }

  #noChains(): Chains {
    return new Chains((author, seq) => this.#idsAt(author, seq))
  }

  /** A commit that the disk failed may have come through after all: then what is here is read anew. */
  #lookAgain(): void {
    const [head] = this.#row(sql.head) as [number | null]
    if ((head ?? 0) === this.head) return
    this.head = head ?? 0
    this.#chains = this.#noChains()
    this.#restoreAuthors()
    throw new GuildError('GH_STORE_FAILED', `${this.#db.path}: it was opened anew; try again`)
  }

  #restoreAuthors(): void {
    for (const row of this.#rows(sql.authors)) {
      const [number, key, authorSeq, id, forked] = row as [number, Buffer, number, Buffer, number]
      const author = plain(key)
      const tip = { author, authorSeq, id: plain(id), forked: forked === 1 }
      if (!this.#idsAt(number, authorSeq).some(one => equal(one, tip.id)))
        throw damaged(this.#db.path, `the last entry of author ${number} is not there`)
      this.#chains.restore({ number, key: author, tip })
    }
  }

  /** The one it had, unless the file is a copy. */
  #knownEpoch(): Uint8Array {
    const epoch = this.#meta('epoch')
    const file = this.#meta('file')
    if (epoch !== undefined && file !== undefined && equal(file, this.#file())) return epoch
    this.renewEpoch()
    return this.epoch
  }

  /** Which file this is, as the system tells files apart. */
  #file(): Uint8Array {
    const { ino, birthtimeNs } = statSync(this.#db.path, { bigint: true })
    return utf8(`${ino} ${birthtimeNs}`)
  }

  #meta(key: string): Uint8Array | undefined {
    const row = this.#row(sql.meta, key) as [Buffer] | undefined
    return row && plain(row[0])
  }

  #addFork({ author, authorSeq, first, second }: Fork): boolean {
    return this.#db.prepare(sql.addFork).run(author, authorSeq, first, second).changes === 1
  }

  #writePlace(peerId: string, { cursor, epoch, after }: PullPlace): void {
    this.#db.prepare(sql.setPlace).run(peerId, cursor, epoch, after ?? null)
  }

  #idsAt(author: number, authorSeq: number): Uint8Array[] {
    return this.#rows(sql.at, author, authorSeq).map(row => plain(idOfEntry(row[0] as Uint8Array)))
  }

  #row(text: string, ...values: unknown[]): readonly unknown[] | undefined {
    return this.#db.read(() =>
      this.#db
        .prepare(text)
        .raw()
        .get(...values),
    ) as readonly unknown[] | undefined
  }

  #rows(text: string, ...values: unknown[]): (readonly unknown[])[] {
    return this.#db.read(() =>
      this.#db
        .prepare(text)
        .raw()
        .all(...values),
    ) as (readonly unknown[])[]
  }
}

function toLogRow(row: readonly unknown[]): LogRow {
  const [ingestSeq, author, authorSeq, bytes] = row as unknown as Row
  return { ingestSeq, author, authorSeq, bytes: plain(bytes) }
}

/** The same memory as a Uint8Array: a Buffer's `slice` and equality are not what cores expect. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function damaged(path: string, what: string): GuildError {
  return new GuildError('GH_LOG_DAMAGED', `${path}: ${what}`)
}
