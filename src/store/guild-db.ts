/**
 * The database of a node, `guild.db`: one file, one list of migrations for all that lies in it.
 *
 *   peer_book     whom trackers told of, and when          `tracker-cache.ts`
 *   entries, log_*, peer_state, peer_push_state   the log       `log/sqlite-log.ts`
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
  `CREATE TABLE log_meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
   CREATE TABLE log_authors (
     author INTEGER PRIMARY KEY,
     key BLOB NOT NULL UNIQUE,
     head_seq INTEGER NOT NULL,
     head_id BLOB NOT NULL,
     forked INTEGER NOT NULL
   );
   CREATE TABLE entries (
     ingest_seq INTEGER PRIMARY KEY,
     author INTEGER NOT NULL,
     author_seq INTEGER NOT NULL,
     bytes BLOB NOT NULL
   );
   CREATE INDEX entries_of_author ON entries (author, author_seq);
   CREATE TABLE log_forks (
     author BLOB NOT NULL,
     author_seq INTEGER NOT NULL,
     first BLOB NOT NULL,
     second BLOB NOT NULL,
     PRIMARY KEY (author, author_seq, second)
   ) WITHOUT ROWID;
   CREATE TABLE peer_state (peer_id TEXT PRIMARY KEY, last_cursor INTEGER NOT NULL, epoch BLOB NOT NULL, after BLOB);
   CREATE TABLE peer_push_state (peer_id TEXT PRIMARY KEY, last_pushed_seq INTEGER NOT NULL);`,
]

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED. */
export function openGuildDb(path: string, driver?: () => Promise<Driver>): Promise<Sqlite> {
  return openSqlite({ path, migrations: guildMigrations, ...(driver === undefined ? {} : { driver }) })
}
