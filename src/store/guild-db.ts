/**
 * `guild.db`: one database for all that a node keeps beside its blocks, and one list of its formats.
 *
 * Whoever keeps something in it appends a step here: the version counts the steps of all
 * together, so that two owners cannot disagree about what format 2 is.
 *
 * Floor: store.
 */
import type { Migration } from './sqlite.ts'

/** Append; never change one that was released. */
export const guildMigrations: readonly Migration[] = [
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
