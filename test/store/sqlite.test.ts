/** Databases: opened one way, migrated step by step, and what the disk says in our words. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Native from 'better-sqlite3'
import t from 'tap'
import { grouped } from '../../src/store/group-commit.ts'
import {
  type Connection,
  type Driver,
  type Migration,
  openSqlite,
  type Sqlite,
} from '../../src/store/sqlite.ts'
import { root } from '../support/root.ts'

const first = 'CREATE TABLE a (n INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)'
const open = (path: string, migrations: readonly Migration[] = [first], driver?: Driver): Promise<Sqlite> =>
  openSqlite({ path, migrations, patience: 50, ...(driver && { driver: async () => driver }) })
const add = (db: Sqlite, text: string): void => void db.prepare('INSERT INTO a (text) VALUES (?)').run(text)
const texts = (db: Sqlite): unknown[] =>
  db.read(() => db.prepare('SELECT text FROM a ORDER BY n').all()).map(row => (row as { text: string }).text)

/** What a disk that fails says to SQLite, at the statements that a test names. */
function failing(): { driver: Driver; fail: Map<string, { code: string; times: number }>; opened: number[] } {
  const fail = new Map<string, { code: string; times: number }>()
  const opened: number[] = []
  class Failing extends Native {
    constructor(path: string) {
      super(path)
      opened.push(opened.length)
    }
    override prepare(sql: string): never {
      const statement = super.prepare(sql)
      const run = statement.run.bind(statement)
      statement.run = (...values) => {
        const fault = fail.get(sql)
        if (fault !== undefined && fault.times-- > 0)
          throw new Native.SqliteError('disk I/O error', fault.code)
        return run(...values)
      }
      return statement as never
    }
  }
  return { driver: Failing as unknown as Driver, fail, opened }
}

t.test('sqlite: durable by its settings, for its owner alone, in a folder that it makes', async t => {
  const path = join(t.testdir(), 'deep', 'er', 'a.db')
  const db = await open(path)
  db.transaction(() => add(db, 'one'))
  const asked = (name: string): unknown => db.prepare(`PRAGMA ${name}`).pluck().get()
  t.strictSame(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout', 'user_version'].map(asked), [
    'wal',
    2,
    1,
    50,
    1,
  ])
  if (process.platform !== 'win32')
    for (const file of [path, `${path}-wal`]) t.equal(statSync(file).mode & 0o777, 0o600, file)
  db.close()
  db.close()
  t.notOk(existsSync(`${path}-wal`), 'the log was written back')
  const again = await open(path)
  t.strictSame(texts(again), ['one'])
  t.throws(() => again.transaction(() => [add(again, 'two'), add(again, 'one')]), { code: 'GH_STORE_FAILED' })
  t.throws(
    () =>
      again.transaction(() => {
        add(again, 'two')
        throw new Error('mine')
      }),
    /mine/,
  )
  t.strictSame(texts(again), ['one'], 'undone as a whole')
  again.close()
  const closed = { code: 'GH_STORE_FAILED', message: /a\.db is closed/ }
  t.throws(() => texts(again), closed)
  t.throws(() => again.transaction(() => 1), closed)
})

t.test('sqlite: without a usable better-sqlite3 it says so, with the fix', async t => {
  const run = (loader: string): { status: number | null; stdout: string } => {
    const hook = `data:text/javascript,${encodeURIComponent(loader)}`
    const program = `
      import { register } from 'node:module'
      register(${JSON.stringify(hook)})
      const { openSqlite } = await import(${JSON.stringify(pathToFileURL(join(root, 'dist/src/store/sqlite.js')).href)})
      await openSqlite({ path: 'never.db', migrations: [] }).catch(error => console.log(error.code, error.message))
    `
    return spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: t.testdir(),
      encoding: 'utf8',
    })
  }
  const absent = run(`export const resolve = (name, context, next) => {
    if (name === 'better-sqlite3') throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(name, context)
  }`)
  t.match(absent.stdout, /^GH_STORE_NATIVE_MISSING .*npm install better-sqlite3/)
  const broken = run(`export const resolve = (name, context, next) => name === 'better-sqlite3'
    ? { url: 'data:text/javascript,export default class { constructor() { throw new Error("NODE_MODULE_VERSION 1") } }', shortCircuit: true }
    : next(name, context)`)
  t.match(broken.stdout, /^GH_STORE_NATIVE_MISSING .*npm rebuild better-sqlite3/)
})

t.test('sqlite: importing it loads nothing native', async t => {
  const program = `
    import { createRequire } from 'node:module'
    await import(${JSON.stringify(pathToFileURL(join(root, 'dist/src/store/sqlite.js')).href)})
    const { cache } = createRequire(import.meta.url)
    console.log(Object.keys(cache).filter(path => path.includes('better-sqlite3')).length)
  `
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  t.equal(stdout.trim(), '0')
})

t.test('sqlite: migrations run in order, once each, and a step that fails leaves nothing behind', async t => {
  const path = join(t.testdir(), 'a.db')
  const second: Migration = db => void db.prepare("INSERT INTO a (text) VALUES ('from two')").run()
  const broken: Migration = `${"INSERT INTO a (text) VALUES ('half');"} NONSENSE`
  ;(await open(path)).close()
  await t.rejects(open(path, [first, second, broken]), { code: 'GH_STORE_FAILED', message: /a\.db/ })
  const db = await open(path, [first, second])
  t.strictSame(texts(db), ['from two'], 'two is done, three is not')
  db.close()
  const third = await open(path, [first, second, 'ALTER TABLE a ADD COLUMN more'])
  t.equal(third.prepare('PRAGMA user_version').pluck().get(), 3)
  third.close()
})

t.test('sqlite: a database of a newer program is refused and left as it is', async t => {
  const path = join(t.testdir(), 'a.db')
  ;(await open(path, [first, 'CREATE TABLE b (n)'])).close()
  const before = readFileSync(path)
  await t.rejects(open(path), { code: 'GH_STORE_NEWER', message: /a\.db has format 2, this one knows 1/ })
  t.ok(before.equals(readFileSync(path)))
})

t.test('LG-01 sqlite: killed within any step of a migration, the next open does it again', async t => {
  const path = join(t.testdir(), 'a.db')
  const program = (step: number): string => `
    const { openSqlite } = await import(${JSON.stringify(pathToFileURL(join(root, 'dist/src/store/sqlite.js')).href)})
    const die = at => db => {
      db.exec('CREATE TABLE t' + at + ' (n); INSERT INTO t' + at + ' VALUES (1)')
      if (at === ${step}) process.kill(process.pid, 'SIGKILL')
    }
    await openSqlite({ path: ${JSON.stringify(path)}, migrations: [die(1), die(2), die(3)] })
  `
  for (const step of [1, 2, 3]) {
    const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program(step)])
    t.equal(signal, 'SIGKILL')
    const seen = new Native(path)
    t.equal(seen.pragma('user_version', { simple: true }), step - 1)
    t.equal(seen.prepare('SELECT count(*) FROM sqlite_schema').pluck().get(), step - 1)
    seen.close()
  }
})

t.test('sqlite: damage, another kind of file, a directory and another writer are told apart', async t => {
  const dir = t.testdir({ folder: {}, 'text.db': 'this is a text file, and a long one '.repeat(40) })
  await t.rejects(open(join(dir, 'folder')), {
    code: 'GH_STORE_FAILED',
    message: /folder: it is a directory/,
  })
  await t.rejects(open(join(dir, 'text.db')), {
    code: 'GH_STORE_FAILED',
    message: /text\.db: this is no database/,
  })

  const path = join(dir, 'a.db')
  const db = await open(path)
  db.transaction(() => {
    for (let i = 0; i < 2_000; i++) add(db, `row ${i} ${'x'.repeat(50)}`)
  })
  const other = new Native(path)
  other.exec('BEGIN IMMEDIATE')
  t.throws(() => db.transaction(() => add(db, 'late')), {
    code: 'GH_STORE_FAILED',
    message: /another process/,
  })
  other.exec('ROLLBACK')
  other.close()
  db.transaction(() => add(db, 'in time'))
  db.close()
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.fill(0x55, 8_192, bytes.length - 4_096))
  const damaged = await open(path)
  t.throws(() => texts(damaged), { code: 'GH_STORE_FAILED', message: /a\.db: the database is damaged/ })
  damaged.close()
})

t.test('LG-02 sqlite: a full disk refuses the write, reads go on, and space makes it work again', async t => {
  const db = await open(join(t.testdir(), 'a.db'))
  const group = grouped(db)
  await group.do(() => add(db, 'before'))
  db.prepare('PRAGMA max_page_count = 8').get()
  const large = (): void => add(db, 'x'.repeat(100_000))
  const ended = await Promise.allSettled([group.do(() => add(db, 'small')), group.do(large)])
  t.match(ended[1], {
    status: 'rejected',
    reason: { code: 'GH_STORE_FAILED', message: /a\.db: the disk is full/ },
  })
  t.strictSame(texts(db), ended[0].status === 'fulfilled' ? ['before', 'small'] : ['before'], 'as was said')
  db.prepare('PRAGMA max_page_count = 100000').get()
  await group.do(large)
  t.equal(texts(db).at(-1), 'x'.repeat(100_000))
  db.close()
})

t.test(
  'LG-03 sqlite: after a sync that failed the database is opened anew and checked before more',
  async t => {
    const path = join(t.testdir(), 'a.db')
    const { driver, fail, opened } = failing()
    const db = await open(path, [first], driver)
    const group = grouped(db)
    await group.do(() => add(db, 'sure'))
    fail.set('COMMIT', { code: 'SQLITE_IOERR_FSYNC', times: 1 })
    const both = await Promise.allSettled([group.do(() => add(db, 'a')), group.do(() => add(db, 'b'))])
    for (const one of both)
      t.match(one, {
        status: 'rejected',
        reason: { code: 'GH_STORE_FAILED', message: /a\.db: the disk failed/ },
      })
    t.ok(db.suspect)
    t.strictSame(texts(db), ['sure'], 'reads go on')
    t.equal(opened.length, 1)
    await group.do(() => add(db, 'again'))
    t.equal(opened.length, 2)
    t.notOk(db.suspect)
    t.strictSame(texts(db), ['sure', 'again'])

    // Damage that came with it is found, and nothing is written on top.
    await Promise.all(
      Array.from({ length: 900 }, (_, i) => group.do(() => add(db, `${i} ${'x'.repeat(99)}`))),
    )
    db.read(() => db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get())
    fail.set('COMMIT', { code: 'SQLITE_IOERR_WRITE', times: 1 })
    await t.rejects(
      group.do(() => add(db, 'c')),
      { code: 'GH_STORE_FAILED' },
    )
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.fill(0x55, 4_096))
    await t.rejects(
      group.do(() => add(db, 'd')),
      { code: 'GH_STORE_FAILED', message: /damaged/ },
    )
    t.ok(db.suspect)
    db.close()
  },
)

t.test('LG-03 sqlite: an item that the disk failed takes its whole group with it', async t => {
  const { driver, fail } = failing()
  const db = await open(join(t.testdir(), 'a.db'), [first], driver)
  const group = grouped(db)
  fail.set('INSERT INTO a (text) VALUES (?)', { code: 'SQLITE_IOERR_READ', times: 1 })
  const both = await Promise.allSettled([group.do(() => add(db, 'a')), group.do(() => add(db, 'b'))])
  t.strictSame(
    both.map(one => one.status),
    ['rejected', 'rejected'],
  )
  t.strictSame(texts(db), [])
  await group.do(() => add(db, 'c'))
  t.strictSame(texts(db), ['c'])
  db.close()
})

t.test('group commit: one turn is one transaction, and a promise resolves after its commit', async t => {
  const path = join(t.testdir(), 'a.db')
  const commits: number[] = []
  class Counting extends Native {
    override prepare(sql: string): never {
      const statement = super.prepare(sql)
      if (sql === 'COMMIT') {
        const run = statement.run.bind(statement)
        statement.run = (...values) => {
          commits.push(commits.length)
          return run(...values)
        }
      }
      return statement as never
    }
  }
  const db = await open(path, [first], Counting as unknown as Driver)
  const reader: Connection = new Native(path, { readonly: true })
  const group = grouped(db, { items: 50 })
  const durable = (): unknown => reader.prepare('SELECT count(*) FROM a').pluck().get()
  const all = Array.from({ length: 20 }, (_, i) =>
    group.do(() => {
      add(db, `row ${i}`)
      return i
    }),
  )
  t.equal(durable(), 0)
  const seen = all[0]!.then(() => durable())
  t.strictSame(
    await Promise.all(all),
    Array.from({ length: 20 }, (_, i) => i),
  )
  t.equal(await seen, 20)
  t.equal(commits.length, 1)

  const full = Array.from({ length: 49 }, (_, i) => group.do(() => add(db, `full ${i}`)))
  t.equal(durable(), 20)
  full.push(group.do(() => add(db, 'full 49')))
  t.equal(durable(), 70, 'fifty wait no longer')
  await Promise.all(full)
  t.equal(commits.length, 2)

  const last = group.do(() => add(db, 'last'))
  group.close()
  t.equal(durable(), 71)
  await last
  await t.rejects(
    group.do(() => 1),
    { code: 'GH_STORE_FAILED' },
  )
  reader.close()
  db.close()
})

t.test('group commit: what fails is undone alone and fails alone', async t => {
  const db = await open(join(t.testdir(), 'a.db'))
  const group = grouped(db, { milliseconds: 1 })
  const ended = await Promise.allSettled([
    group.do(() => add(db, 'a')),
    group.do(() => {
      add(db, 'undone')
      throw new Error('mine')
    }),
    group.do(() => add(db, 'a')),
    group.do(() => add(db, 'b')),
  ])
  t.strictSame(
    ended.map(one => one.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  t.match(ended[1], { reason: { message: 'mine' } })
  t.match(ended[2], { reason: { code: 'GH_STORE_FAILED' } }, 'unique')
  t.strictSame(texts(db), ['a', 'b'])
  group.flush()
  db.close()
})
