/**
 * The database of a node, `guild.db`: one file, one list of migrations for all that lies in it.
 *
 *   peer_book     whom trackers told of, and when          `tracker-cache.ts`
 *
 * Floor: store.
 */
import { type Driver, type Migration, openSqlite, type Sqlite } from './sqlite.ts'

/** Append; never change one that was released. */
export const guildMigrations: readonly Migration[] = [
  `CREATE TABLE peer_book (
     peer_id TEXT PRIMARY KEY,
     user_id TEXT,
     addrs TEXT NOT NULL,
     heard_at INTEGER NOT NULL
   ) WITHOUT ROWID;
   CREATE INDEX peer_book_heard ON peer_book (heard_at)`,
]

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED. */
export function openGuildDb(path: string, driver?: () => Promise<Driver>): Promise<Sqlite> {
  return openSqlite({ path, migrations: guildMigrations, ...(driver === undefined ? {} : { driver }) })
}
