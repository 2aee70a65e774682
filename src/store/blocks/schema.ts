/**
 * The tables of `blocks.db`.
 *
 *   block    number | hash | version | codec | size | bytes       bytes NULL: in a file
 *   total    blocks | bytes | open                                one row; open: not closed in order
 *   pin      hash | codec | version | recursive | name | since
 *
 * A new database counts as not closed in order: files from before it are looked for then.
 *
 * `total` is kept by each transaction that changes a block, so that nobody has to count a
 * million rows to know how much there is.
 *
 * Steps are appended and never changed. Floor: store.
 */
import type { Migration } from '../sqlite.ts'

export const blocksSchema: readonly Migration[] = [
  `
  CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB
  );
  CREATE TABLE total (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    blocks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    open INTEGER NOT NULL
  );
  INSERT INTO total VALUES (1, 0, 0, 1);
  CREATE TABLE pin (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    codec INTEGER NOT NULL,
    version INTEGER NOT NULL,
    recursive INTEGER NOT NULL,
    name TEXT,
    since INTEGER NOT NULL,
    UNIQUE (hash, codec)
  );
  `,
]
