/** The log, in memory and on disk: the contract, and what only a disk can do. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Native from 'better-sqlite3'
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { readRow } from '../../src/protocols/sync/page.ts'
import { systemRandom } from '../../src/runtime/system.ts'
import { emptyImage, MemoryLog } from '../../src/store/log/memory.ts'
import { openLog } from '../../src/store/log/sqlite-log.ts'
import type { LogStore } from '../../src/store/log/types.ts'
import type { Driver } from '../../src/store/sqlite.ts'
import { Author, logContract } from '../../src/testing/index.ts'

const random = systemRandom
const suite = nativeSuite

for (const { title, run } of logContract('memory', async () => {
  const image = emptyImage(random)
  return { suite, open: async () => new MemoryLog(random, image), end: async () => {} }
}))
  t.test(title, run)

for (const { title, run } of logContract('sqlite', async () => {
  const path = join(t.testdir(), 'guild.db')
  const opened: LogStore[] = []
  const open = async (): Promise<LogStore> => {
    const log = await openLog({ path, random })
    opened.push(log)
    return log
  }
  return { suite, open, end: async () => opened.forEach(log => void log.close()) }
}))
  t.test(title, run)

/** A disk that can be told to fail, at statements by their first word. */
function disk(): { driver: () => Promise<Driver>; fail: { word: string; code: string; times: number } } {
  const fail = { word: '', code: '', times: 0 }
  class Failing extends Native {
    override prepare(sql: string): never {
      const statement = super.prepare(sql)
      const run = statement.run.bind(statement)
      statement.run = (...values: unknown[]) => {
        if (fail.times > 0 && fail.word !== '' && sql.startsWith(fail.word)) {
          fail.times--
          throw new Native.SqliteError('disk I/O error', fail.code)
        }
        return run(...values)
      }
      return statement as never
    }
  }
  return { driver: async () => Failing as unknown as Driver, fail }
}

t.test('LG-02 the disk is full: refused, reads go on, and it works again when there is space', async t => {
  const path = join(t.testdir(), 'guild.db')
  let connection: Native.Database | undefined
  class Watched extends Native {
    constructor(file: string) {
      super(file)
      connection = this
    }
  }
  const log = await openLog({ path, random, driver: async () => Watched as unknown as Driver })
  const a = new Author(suite, 1)
  const kept = [a.say('kept'), a.say('kept too')]
  log.insert(kept)
  const pages = connection!.pragma('page_count', { simple: true }) as number
  connection!.pragma(`max_page_count = ${pages}`)
  const large = a.say('x'.repeat(100_000))
  t.throws(
    () => log.insert([large], { peerId: 'p', place: { cursor: 3, epoch: log.epoch, after: undefined } }),
    {
      code: /^GH_STORE_/,
    },
  )
  t.equal(log.head, 2)
  t.equal(log.read(0, 10).length, 2, 'reads go on')
  t.equal(log.place('p'), undefined, 'the cursor stayed')
  t.ok(equal(log.tip(a.key)!.id, kept[1]!.id))
  connection!.pragma(`max_page_count = ${pages + 1000}`)
  t.equal(log.insert([large]).fresh, 1)
  log.close()
  const again = await openLog({ path, random })
  t.equal(again.head, 3)
  again.close()
})

t.test('LOG-7 LG-03 a sync that fails: not acknowledged, opened anew and checked before more', async t => {
  const path = join(t.testdir(), 'guild.db')
  const { driver, fail } = disk()
  const log = await openLog({ path, random, driver })
  const a = new Author(suite, 1)
  log.insert([a.say(1)])
  const two = a.say(2)
  Object.assign(fail, { word: 'COMMIT', code: 'SQLITE_IOERR_FSYNC', times: 1 })
  t.throws(() => log.insert([two]), { code: 'GH_STORE_FAILED' })
  t.equal(log.head, 1)
  t.equal(log.read(0, 10).length, 1)
  t.equal(log.insert([two]).fresh, 1, 'the same number, said again')
  t.equal(log.head, 2)
  log.close()
  const again = await openLog({ path, random })
  t.equal(again.head, 2)
  again.close()
})

t.test('LG-05 a file put back from a copy has a new epoch', async t => {
  const dir = t.testdir()
  const path = join(dir, 'guild.db')
  const first = await openLog({ path, random })
  const a = new Author(suite, 1)
  first.insert([a.say(1)])
  const epoch = Uint8Array.from(first.epoch)
  first.close()
  const same = await openLog({ path, random })
  t.ok(equal(same.epoch, epoch), 'opened again it is the same log')
  same.close()
  copyFileSync(path, join(dir, 'copy.db'))
  const copied = await openLog({ path: join(dir, 'copy.db'), random })
  t.notOk(equal(copied.epoch, epoch))
  t.equal(copied.head, 1)
  copied.close()
})

t.test('LG-09 a flipped byte in the file is found when it is read, and not served', async t => {
  const path = join(t.testdir(), 'guild.db')
  const log = await openLog({ path, random })
  const a = new Author(suite, 1)
  const marks = ['first-mark', 'second-mark', 'third-mark']
  log.insert(marks.map(mark => a.say(mark)))
  log.close()
  const file = readFileSync(path)
  const at = file.indexOf('second-mark')
  t.ok(at > 0)
  file[at] = file[at]! ^ 1
  writeFileSync(path, file)
  const damaged = await openLog({ path, random })
  const rows = damaged.read(0, 10)
  t.equal(rows.length, 3)
  const look = (at: number) => readRow(rows[at]!, (...parts) => suite.hash(...parts))
  t.ok(look(0))
  t.throws(() => look(1), { code: 'GH_LOG_DAMAGED', message: /entry 2/ })
  t.ok(look(2))
  damaged.close()
})

t.test('LG-09 tables that contradict each other are refused at the start', async t => {
  const path = join(t.testdir(), 'guild.db')
  const log = await openLog({ path, random })
  const a = new Author(suite, 1)
  log.insert([a.say(1), a.say(2), a.say(3)])
  log.close()
  const db = new Native(path)
  db.prepare('DELETE FROM entries WHERE ingest_seq = 2').run()
  db.close()
  await t.rejects(openLog({ path, random }), { code: 'GH_LOG_DAMAGED', message: /guild\.db/ })
})
