/**
 * Blocks on disk: large ones as files, small ones and the index in SQLite.
 *
 *   < 32 KiB   row with its bytes ───────────────────────┐
 *   ≥ 32 KiB   file, synced, named, folder synced ─▶ row ─┴▶ one commit a turn ─▶ resolved
 *
 * The row is what makes a block be there, and its file is whole before it: a crash between
 * the two leaves a file that nobody knows, never a row without its bytes. Taking away goes
 * the other way round, the row first.
 *
 * What was not closed in order is looked through at the next open: temporary files go, files
 * that nobody knows are hashed and taken in. That repairs a lost index as well. Whether each
 * row still has its file shows on access and in `verify`.
 *
 * Measured: files are twice as fast as rows for large blocks, rows save an fsync for each small
 * one. Floor: store. Faults: P24, LG-01, LG-02, LG-03, LG-09 (of blocks).
 */
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import { equal, fromHex } from '../../base/bytes.ts'
import { blockKey } from '../../wire/cid.ts'
import { contentCodecs } from '../../wire/registry.ts'
import { diskError } from '../disk-error.ts'
import { type Group, grouped } from '../group-commit.ts'
import { makeDirectory } from '../make-directory.ts'
import { type Driver, openSqlite, type Sqlite } from '../sqlite.ts'
import { BlockFiles } from './block-files.ts'
import { type FileSystem, systemFiles } from './file-system.ts'
import { KeptBlocks } from './kept-blocks.ts'
import { blocksSchema } from './schema.ts'
import type { Kept, Shelf } from './shelf.ts'
import { SqlitePins } from './sqlite-pins.ts'
import type { BlockStore, BlockStoreOptions } from './types.ts'
import { breathe } from './waiting.ts'

export interface DiskBlocksOptions extends BlockStoreOptions {
  /** The data directory: `blocks` and `blocks.db` are in it. Only one process may have it open. */
  readonly path: string
  /** A store that was not closed in order has been looked through. */
  readonly onRepaired?: ((repaired: Repaired) => void) | undefined
  /** Default: the system's. */
  readonly files?: FileSystem | undefined
  /** Default: the package better-sqlite3. */
  readonly driver?: (() => Promise<Driver>) | undefined
}

export interface Repaired {
  /** Temporary files that are gone now. */
  readonly swept: number
  /** Whole blocks whose rows were missing. */
  readonly takenIn: number
  /** Files under the name of a block that do not hash to it. */
  readonly setAside: number
}

/** Blocks of this many bytes and more are files. */
export const FILE_FROM = 32 * 1024

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED. */
export async function diskBlocks(options: DiskBlocksOptions): Promise<BlockStore> {
  const { path, files: system = systemFiles, driver } = options
  const db = await openSqlite({
    path: join(path, 'blocks.db'),
    migrations: blocksSchema,
    ...(driver && { driver }),
  })
  try {
    const files = new BlockFiles(join(path, 'blocks'), system)
    makeDirectory(files.path)
    await system.syncDirectory(path).catch(error => {
      throw diskError(error, path)
    })
    const shelf = new DiskShelf(db, files)
    if (shelf.wasOpen()) {
      const repaired = await shelf.repair(options.digest)
      if (Object.values(repaired).some(count => count > 0)) options.onRepaired?.(repaired)
    }
    shelf.begin()
    return new KeptBlocks(shelf, new SqlitePins(db, shelf.group), options)
  } catch (error) {
    db.close()
    throw error
  }
}

interface OnDisk extends Kept {
  readonly filed: boolean
}

interface Row {
  readonly number: number
  readonly hash: Buffer
  readonly version: 0 | 1
  readonly codec: number
  readonly size: number
  readonly filed: 0 | 1
}

interface Fresh {
  readonly cid: CID
  readonly bytes: Uint8Array
  readonly numbered: (number: number) => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Of a database, given back between two turns: 8 MiB. */
const PAGES_AT_ONCE = 2_048

const COLUMNS = 'number, hash, version, codec, size, bytes IS NULL AS filed'

class DiskShelf implements Shelf {
  readonly mayRot = true
  readonly group: Group
  readonly #db: Sqlite
  readonly #files: BlockFiles
  /** Blocks whose rows are gone and whose files are going. */
  readonly #leaving = new Map<string, Promise<unknown>>()
  /** Large blocks of this turn. */
  #fresh: Fresh[] = []
  /** Something was left behind that the next open must look for. */
  #leftovers = false

  constructor(db: Sqlite, files: BlockFiles) {
    this.#db = db
    this.#files = files
    this.group = grouped(db)
  }

  find(cid: CID): OnDisk | undefined {
    const row = this.#db.read(() =>
      this.#db.prepare(`SELECT ${COLUMNS} FROM block WHERE hash = ?`).get(cid.multihash.bytes),
    ) as Row | undefined
    return row && { number: row.number, cid, size: row.size, filed: row.filed === 1 }
  }

  async read(kept: Kept): Promise<Uint8Array | undefined> {
    const { multihash } = kept.cid
    const bytes = (kept as OnDisk).filed
      ? await this.#files.read(multihash.bytes, kept.size)
      : (this.#db.read(() =>
          this.#db
            .prepare('SELECT bytes FROM block WHERE number = ? AND hash = ? AND bytes IS NOT NULL')
            .pluck()
            .get(kept.number, multihash.bytes),
        ) as Buffer | undefined)
    return bytes === undefined || bytes.length !== kept.size
      ? undefined
      : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  async intact(kept: Kept): Promise<boolean> {
    return !(kept as OnDisk).filed || (await this.#files.length(kept.cid.multihash.bytes)) === kept.size
  }

  async write(cid: CID, bytes: Uint8Array, numbered: (number: number) => void): Promise<void> {
    await this.#leaving.get(blockKey(cid))
    if (bytes.length < FILE_FROM) return await this.group.do(() => this.#insert(cid, bytes, false, numbered))
    await new Promise<void>((resolve, reject) => {
      this.#fresh.push({ cid, bytes, numbered, resolve, reject })
      if (this.#fresh.length === 1) setImmediate(() => void this.#writeFresh())
    })
  }

  async #writeFresh(): Promise<void> {
    const batch = this.#fresh
    this.#fresh = []
    const ends = await this.#files.writeAll(
      batch.map(({ cid, bytes }) => ({ multihash: cid.multihash.bytes, bytes })),
    )
    for (const [at, { cid, bytes, numbered, resolve, reject }] of batch.entries()) {
      const error = ends[at]
      const durable =
        error === undefined
          ? this.group.do(() => this.#insert(cid, bytes, true, numbered))
          : Promise.reject<void>(error)
      durable.then(resolve, async (reason: unknown) => {
        await this.#abandon(cid)
        reject(reason)
      })
    }
  }

  /** A file without a row goes; where nobody knows whether the row is there, it stays for the next open. */
  async #abandon(cid: CID): Promise<void> {
    try {
      if (this.#db.suspect) this.#leftovers = true
      else if (this.find(cid) === undefined && !(await this.#files.remove(cid.multihash.bytes)))
        this.#leftovers = true
    } catch {
      this.#leftovers = true
    }
  }

  #insert(cid: CID, bytes: Uint8Array, filed: boolean, numbered: (number: number) => void): void {
    const { multihash, version, code } = cid
    const { changes, lastInsertRowid } = this.#db
      .prepare('INSERT OR IGNORE INTO block (hash, version, codec, size, bytes) VALUES (?, ?, ?, ?, ?)')
      .run(multihash.bytes, version, code, bytes.length, filed ? null : bytes)
    if (changes === 1) {
      this.#count(1, bytes.length)
      return numbered(Number(lastInsertRowid))
    }
    this.#db.prepare('UPDATE block SET bytes = ? WHERE hash = ?').run(filed ? null : bytes, multihash.bytes)
    numbered(this.find(cid)!.number)
  }

  #count(blocks: number, bytes: number): void {
    this.#db.prepare('UPDATE total SET blocks = blocks + ?, bytes = bytes + ?').run(blocks, bytes)
  }

  async remove(kept: readonly Kept[], stays?: (kept: Kept) => boolean): Promise<readonly Kept[]> {
    if (kept.length === 0) return []
    const gone = this.#db.transaction(() => {
      const taken = kept.filter(one => !stays?.(one) && this.#delete(one))
      this.#count(-taken.length, -taken.reduce((sum, { size }) => sum + size, 0))
      return taken
    })
    await Promise.all(
      gone
        .filter(one => (one as OnDisk).filed)
        .map(({ cid }) =>
          this.#leave(cid, async () => {
            if (!(await this.#files.remove(cid.multihash.bytes))) this.#leftovers = true
          }),
        ),
    )
    return gone
  }

  #delete(kept: Kept): boolean {
    const { changes } = this.#db
      .prepare('DELETE FROM block WHERE number = ? AND hash = ?')
      .run(kept.number, kept.cid.multihash.bytes)
    return changes === 1
  }

  /** Until `work` is done nobody writes this block. */
  async #leave<T>(cid: CID, work: () => Promise<T>): Promise<T> {
    const key = blockKey(cid)
    const leaving = work()
    this.#leaving.set(key, leaving)
    try {
      return await leaving
    } finally {
      if (this.#leaving.get(key) === leaving) this.#leaving.delete(key)
    }
  }

  async setAside(kept: Kept, bytes: Uint8Array | undefined): Promise<string> {
    const gone = this.#db.transaction(() => {
      if (!this.#delete(kept)) return false
      this.#count(-1, -kept.size)
      return true
    })
    const { multihash } = kept.cid
    const to = await this.#leave(kept.cid, () =>
      (kept as OnDisk).filed
        ? this.#files.setAside(multihash.bytes)
        : this.#files.setAside(multihash.bytes, bytes ?? new Uint8Array(0)),
    )
    if (!gone) return 'it was deleted'
    return to === undefined ? 'nothing is left of it' : `it was set aside as ${to}`
  }

  async list(after: number, count: number): Promise<readonly Kept[]> {
    const rows = this.#db.read(() =>
      this.#db
        .prepare(`SELECT ${COLUMNS} FROM block WHERE number > ? ORDER BY number LIMIT ?`)
        .all(after, count),
    ) as Row[]
    return rows.map(({ number, hash, version, codec, size, filed }) => ({
      number,
      cid: CID.create(version, codec, decodeMultihash(new Uint8Array(hash))),
      size,
      filed: filed === 1,
    }))
  }

  totals(): { blocks: number; bytes: number } {
    return this.#db.read(() => this.#db.prepare('SELECT blocks, bytes FROM total').get()) as {
      blocks: number
      bytes: number
    }
  }

  async shrink(): Promise<void> {
    try {
      while (this.#db.shrink(PAGES_AT_ONCE)) await breathe()
    } catch {
      // What was collected is gone all the same; the free pages are used for what comes.
    }
  }

  wasOpen(): boolean {
    return this.#db.read(() => this.#db.prepare('SELECT open FROM total').pluck().get()) === 1
  }

  begin(): void {
    this.#db.transaction(() => this.#db.prepare('UPDATE total SET open = 1').run())
  }

  async repair(digest: BlockStoreOptions['digest']): Promise<Repaired> {
    let [swept, takenIn, setAside, seen] = [0, 0, 0, 0]
    for await (const { path, name } of this.#files.names()) {
      if (++seen % 256 === 0) await breathe()
      if (name.endsWith('.tmp')) {
        await this.#files.unlink(path)
        swept++
        continue
      }
      const cid = cidOf(name)
      if (cid === undefined || this.find(cid)?.filed === true) continue
      const { bytes: multihash } = cid.multihash
      const bytes = await this.#files.read(multihash, (await this.#files.length(multihash)) ?? 0)
      if (bytes === undefined) continue
      const { code, digest: expected } = cid.multihash
      if (equal(await digest(code, bytes, expected.length), expected)) {
        await this.group.do(() => this.#insert(cid, bytes, true, () => {}))
        takenIn++
      } else {
        await this.#files.setAside(multihash)
        setAside++
      }
    }
    return { swept, takenIn, setAside }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#leaving.values())
    this.group.close()
    try {
      if (!this.#leftovers && !this.#db.suspect)
        this.#db.transaction(() => this.#db.prepare('UPDATE total SET open = 0').run())
    } catch {
      // A full disk, perhaps: the next open looks through it, and that is all.
    }
    this.#db.close()
  }
}

/** Nobody knows its codec any more: it is raw until somebody puts it again. */
function cidOf(name: string): CID | undefined {
  const bytes = fromHex(name)
  if (bytes === undefined) return undefined
  try {
    return CID.createV1(contentCodecs.RAW, decodeMultihash(bytes))
  } catch {
    return undefined
  }
}
