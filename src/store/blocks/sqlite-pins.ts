/**
 * Pins in a database: those of the disk store, and those of a store of others.
 *
 * Floor: store.
 */
import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'
import type { Group } from '../group-commit.ts'
import type { Sqlite } from '../sqlite.ts'
import type { PinShelf } from './shelf.ts'
import type { Pin } from './types.ts'

interface Row {
  readonly hash: Buffer
  readonly codec: number
  readonly version: 0 | 1
  readonly recursive: 0 | 1
  readonly name: string | null
  readonly since: number
}

export class SqlitePins implements PinShelf {
  readonly lasting = true
  readonly #db: Sqlite
  readonly #group: Group

  /** Of a database with the tables of `schema.ts`. */
  constructor(db: Sqlite, group: Group) {
    this.#db = db
    this.#group = group
  }

  find({ multihash, code }: CID): Pin | undefined {
    const row = this.#db.read(() =>
      this.#db.prepare('SELECT * FROM pin WHERE hash = ? AND codec = ?').get(multihash.bytes, code),
    ) as Row | undefined
    return row && pinOf(row)
  }

  async set({ cid, recursive, name, since }: Pin): Promise<void> {
    const { multihash, code, version } = cid
    await this.#group.do(() =>
      this.#db
        .prepare(
          `INSERT INTO pin (hash, codec, version, recursive, name, since) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (hash, codec) DO UPDATE SET recursive = excluded.recursive, name = excluded.name`,
        )
        .run(multihash.bytes, code, version, recursive ? 1 : 0, name ?? null, since),
    )
  }

  async remove({ multihash, code }: CID): Promise<boolean> {
    return await this.#group.do(() => {
      const { changes } = this.#db
        .prepare('DELETE FROM pin WHERE hash = ? AND codec = ?')
        .run(multihash.bytes, code)
      return changes === 1
    })
  }

  list(): readonly Pin[] {
    const rows = this.#db.read(() => this.#db.prepare('SELECT * FROM pin ORDER BY number').all())
    return (rows as Row[]).map(pinOf)
  }
}

function pinOf({ hash, codec, version, recursive, name, since }: Row): Pin {
  return {
    cid: CID.create(version, codec, decodeMultihash(new Uint8Array(hash))),
    recursive: recursive === 1,
    since,
    ...(name === null ? {} : { name }),
  }
}
