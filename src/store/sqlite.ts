/**
 * The one way a database is opened, and what holds for each of them.
 *
 *   load better-sqlite3 ─▶ open ─▶ WAL, FULL ─▶ migrate 1, 2, 3 … ─▶ ready
 *                                                     ready ── disk failed ──▶ suspect
 *                                          suspect ── opened anew, checked ──▶ ready
 *
 * `transaction` returned means durable: the write-ahead log is synced at each commit. Whatever
 * kills the process, the next open finds each transaction whole or not at all, migrations too.
 *
 * After a failed sync nobody knows which pages the system has forgotten: a later sync that
 * succeeds says nothing about them. So the database is suspect then. Reads go on; the next
 * write first opens it anew, writes the log back into the file, and checks all of it.
 *
 * The package is native and optional: it is loaded when a store is asked for, never before.
 *
 * Refuses a database that a newer program has written. Knows nothing of what is in it.
 *
 * Source: sqlite.org/wal.html. Floor: store. Faults: LG-02, LG-03.
 */
import { closeSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type Native from 'better-sqlite3'
import { asGuildError, GuildError } from '../base/errors.ts'
import { diskError, errorCode } from './disk-error.ts'
import { makeDirectory } from './make-directory.ts'

/** What better-sqlite3 exports: a class whose instances are connections. */
export type Driver = new (path: string) => Connection
export type Connection = Native.Database
export type Statement = Native.Statement<unknown[], unknown>

/** One step of the schema, as SQL or as a function; it must not begin or commit. */
export type Migration = string | ((connection: Connection) => void)

export interface SqliteOptions {
  /** Of the file; its folder is made where it is missing. */
  readonly path: string
  /** All there ever were, in order. Append; never change one that was released. */
  readonly migrations: readonly Migration[]
  /** How long another process that writes is waited for, in milliseconds. Default 5,000. */
  readonly patience?: number
  /** Default: the package better-sqlite3. */
  readonly driver?: () => Promise<Driver>
}

const PATIENCE = 5_000

/**
 * Opens the database, making or migrating it as needed.
 *
 * GH_STORE_NATIVE_MISSING without a usable better-sqlite3; GH_STORE_NEWER when its version is
 * above `migrations.length`; GH_STORE_FAILED, naming the path, for what the disk says.
 */
export async function openSqlite(options: SqliteOptions): Promise<Sqlite> {
  const driver = await (options.driver ?? loadDriver)()
  makeDirectory(dirname(options.path))
  return new Sqlite(options, driver)
}

export class Sqlite {
  readonly path: string
  readonly #open: () => Connection
  readonly #statements = new Map<string, Statement>()
  #connection: Connection
  #suspect = false

  constructor(options: SqliteOptions, driver: Driver) {
    this.path = options.path
    this.#open = () => connect(options, driver)
    this.#connection = this.#open()
  }

  /** Prepared once and kept. Use it inside of `read` or `transaction`, which say errors in our words. */
  prepare(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#connection.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Runs `work` outside of a transaction. */
  read<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw this.#said(error)
    }
  }

  /**
   * Runs `work` as one transaction: returned means durable, thrown means undone. The one doubt is a
   * commit that the disk failed: what it held may turn up after a crash.
   */
  transaction<T>(work: () => T): T {
    try {
      if (this.#suspect) this.#check()
      this.prepare('BEGIN IMMEDIATE').run()
      try {
        const result = work()
        this.prepare('COMMIT').run()
        return result
      } finally {
        // What threw is on its way; a rollback that fails has nothing to add to it.
        if (this.#connection.inTransaction) quietly(() => this.prepare('ROLLBACK').run())
      }
    } catch (error) {
      throw this.#said(error)
    }
  }

  /** False once the system has undone the whole transaction by itself, as it may on a full disk. */
  get inTransaction(): boolean {
    return this.#connection.inTransaction
  }

  /** The disk failed, and nothing has been written since. */
  get suspect(): boolean {
    return this.#suspect
  }

  /** Gives up to `pages` free ones back to the system. True while there are more. Outside of a transaction. */
  shrink(pages: number): boolean {
    return this.read(() => {
      this.#connection.exec(`PRAGMA incremental_vacuum(${Math.trunc(pages)})`)
      const more = (this.#connection.pragma('freelist_count', { simple: true }) as number) > 0
      if (!more) this.#connection.pragma('wal_checkpoint(TRUNCATE)')
      return more
    })
  }

  /** Closes it, writing the log back into the file. May be called again. */
  close(): void {
    this.#statements.clear()
    quietly(() => this.#connection.close())
  }

  #said(error: unknown): unknown {
    const code = errorCode(error)
    if (!this.#connection.open) return new GuildError('GH_STORE_FAILED', `${this.path} is closed`)
    if (code?.startsWith('SQLITE_IOERR')) this.#suspect = true
    if (code?.startsWith('SQLITE_')) return diskError(error, this.path)
    return error
  }

  /** A second connection, so that reads still have the first when this one cannot be had. */
  #check(): void {
    const fresh = this.#open()
    try {
      const [row] = fresh.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
      if (row?.busy !== 0) throw new GuildError('GH_STORE_FAILED', `${this.path}: another process reads it`)
      const found = fresh.pragma('quick_check(1)', { simple: true })
      if (found !== 'ok') throw new GuildError('GH_STORE_FAILED', `${this.path}: it is damaged: ${found}`)
    } catch (error) {
      quietly(() => fresh.close())
      throw error
    }
    this.close()
    this.#connection = fresh
    this.#suspect = false
  }
}

function connect({ path, migrations, patience = PATIENCE }: SqliteOptions, driver: Driver): Connection {
  let connection: Connection | undefined
  try {
    // The log and its index take the permissions of the file.
    closeSync(openSync(path, 'a', 0o600))
    connection = new driver(path)
    connection.pragma(`busy_timeout = ${Math.trunc(patience)}`)
    // So that free pages can be given back. Before the first table or never, and each time it is a write.
    if (connection.pragma('page_count', { simple: true }) === 0)
      connection.pragma('auto_vacuum = INCREMENTAL')
    connection.pragma('journal_mode = WAL')
    connection.pragma('synchronous = FULL')
    connection.pragma('foreign_keys = ON')
    migrate(connection, path, migrations)
    return connection
  } catch (error) {
    quietly(() => connection?.close())
    throw diskError(error, path)
  }
}

function migrate(connection: Connection, path: string, migrations: readonly Migration[]): void {
  const version = (): number => connection.pragma('user_version', { simple: true }) as number
  if (version() > migrations.length)
    throw new GuildError(
      'GH_STORE_NEWER',
      `${path} has format ${version()}, this one knows ${migrations.length}`,
    )
  while (version() < migrations.length)
    connection
      .transaction(() => {
        // Asked again now that nobody else can write: another process may have been faster.
        const next = migrations[version()]
        if (next === undefined) return
        if (typeof next === 'string') connection.exec(next)
        else next(connection)
        connection.pragma(`user_version = ${version() + 1}`)
      })
      .immediate()
}

/** The package as it is installed. It finds its native half only when a database is opened. */
async function loadDriver(): Promise<Driver> {
  let loaded: Driver
  try {
    loaded = (await import('better-sqlite3')).default
  } catch (error) {
    throw missing('npm install better-sqlite3, which needs python3, make and a C++ compiler', error)
  }
  try {
    new loaded(':memory:').close()
  } catch (error) {
    throw missing('it does not load here: npm rebuild better-sqlite3', error)
  }
  return loaded
}

function missing(fix: string, cause: unknown): GuildError {
  return new GuildError('GH_STORE_NATIVE_MISSING', fix, { cause: asGuildError(cause) })
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Said before, or of no use to anybody.
  }
}
