/**
 * What a tracker was told, on disk, so that a restart loses nobody.
 *
 *   registration ─▶ row ─▶ one transaction a turn ─▶ answered       restart ─▶ all rows again
 *   its time has passed ─▶ the row goes
 *
 * What is in it is the tracker's business: a row is a key and a text. Rows that nobody wants any more
 * are gone from the file within seconds of their end, so what is read at a start stood at the stop.
 *
 * Floor: store. Page: protocol/tracker.md (spec: TRACKER-4).
 */
import { type Group, grouped } from './group-commit.ts'
import { type Migration, openSqlite, type Sqlite } from './sqlite.ts'

export interface RegistrationShelf {
  /** Every row, the one written longest ago first. */
  all(): readonly string[]
  /** Resolves once it is durable. */
  put(key: string, row: string): Promise<void>
  remove(keys: readonly string[]): Promise<void>
  /** Writes what waits. */
  close(): void
}

/** Append; never change one that was released. */
const migrations: readonly Migration[] = [
  `CREATE TABLE registration (
     at INTEGER PRIMARY KEY AUTOINCREMENT,
     key TEXT NOT NULL UNIQUE,
     row TEXT NOT NULL
   )`,
]

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED. */
export async function openRegistrations(path: string): Promise<RegistrationShelf> {
  const db = await openSqlite({ path, migrations })
  return new Registrations(db)
}

class Registrations implements RegistrationShelf {
  readonly #db: Sqlite
  readonly #group: Group

  constructor(db: Sqlite) {
    this.#db = db
    this.#group = grouped(db)
  }

  all(): readonly string[] {
    return this.#db
      .read(() => this.#db.prepare('SELECT row FROM registration ORDER BY at').all())
      .map(found => (found as { row: string }).row)
  }

  put(key: string, row: string): Promise<void> {
    return this.#group.do(() => {
      this.#db.prepare('REPLACE INTO registration (key, row) VALUES (?, ?)').run(key, row)
    })
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#group.do(() => {
      const statement = this.#db.prepare('DELETE FROM registration WHERE key = ?')
      for (const key of keys) statement.run(key)
    })
  }

  close(): void {
    this.#group.close()
    this.#db.close()
  }
}
