/** Blocks on a disk that is full, fails, forgets bits or loses files. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Native from 'better-sqlite3'
import t from 'tap'
import { equal as same, toHex } from '../../src/base/bytes.ts'
import type { GuildError } from '../../src/base/errors.ts'
import { type DiskBlocksOptions, diskBlocks, type Repaired } from '../../src/store/blocks/disk.ts'
import { type FileSystem, systemFiles } from '../../src/store/blocks/file-system.ts'
import type { BlockStore } from '../../src/store/blocks/types.ts'
import type { Driver } from '../../src/store/sqlite.ts'
import { type Block, meaning, someBlock } from '../../src/testing/blockstore-parts.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { filesUnder } from '../crash/folder.ts'

const LARGE = 40_000
const open = (path: string, more: Partial<DiskBlocksOptions> = {}): Promise<BlockStore> =>
  diskBlocks({ ...meaning, path, ...more })
const put = (store: BlockStore, { cid, bytes }: Block) => store.put(cid, bytes)
const fileOf = (path: string, { cid }: Block): string => {
  const name = toHex(cid.multihash.bytes)
  return join(path, 'blocks', name.slice(-2), name)
}
const holds = async (store: BlockStore, { cid, bytes }: Block): Promise<boolean> =>
  same((await store.read(cid)) ?? new Uint8Array(0), bytes)
const temporary = (path: string): string[] => filesUnder(path).filter(name => name.endsWith('.tmp'))

/** The system's files, of which one kind of call fails as long as `fault` says so. */
function failingFiles(): { files: FileSystem; fault: { call: string; code: string } | undefined } {
  const wrong = (call: string): void => {
    if (state.fault?.call === call)
      throw Object.assign(new Error(`${state.fault.code}: ${call}`), { code: state.fault.code })
  }
  const state: { files: FileSystem; fault: { call: string; code: string } | undefined } = {
    fault: undefined,
    files: {
      ...systemFiles,
      async create(path) {
        wrong('create')
        const file = await systemFiles.create(path)
        return {
          async write(bytes) {
            await file.write(bytes.subarray(0, bytes.length / 2))
            wrong('write')
            await file.write(bytes.subarray(bytes.length / 2))
          },
          async sync() {
            wrong('sync')
            await file.sync()
          },
          async close() {
            await file.close()
            wrong('close')
          },
        }
      },
      async rename(from, to) {
        wrong('rename')
        await systemFiles.rename(from, to)
      },
      async syncDirectory(path) {
        wrong('syncDirectory')
        await systemFiles.syncDirectory(path)
      },
      async makeDirectory(path) {
        wrong('makeDirectory')
        await systemFiles.makeDirectory(path)
      },
      async read(path, size) {
        wrong('read')
        return await systemFiles.read(path, size)
      },
      async unlink(path) {
        wrong('unlink')
        await systemFiles.unlink(path)
      },
    },
  }
  return state
}

for (const [code, remedy] of [
  ['ENOSPC', /disk is full; free some space/],
  ['EIO', /disk failed/],
] as const)
  t.test(
    `LG-02 LG-03 blocks: ${code} at every step of a file is said, reads go on, then it works again`,
    async t => {
      const path = t.testdir()
      const state = failingFiles()
      const store = await open(path, { files: state.files })
      const before = [someBlock(1, LARGE), someBlock(2)]
      for (const block of before) await put(store, block)
      const calls = ['makeDirectory', 'create', 'write', 'sync', 'close', 'rename', 'syncDirectory']
      for (const [at, call] of calls.entries()) {
        const block = someBlock(10 + at, LARGE)
        state.fault = { call, code }
        const ended = await Promise.allSettled([put(store, block), put(store, someBlock(20 + at))])
        const reason = ended[0].status === 'rejected' ? (ended[0].reason as GuildError) : undefined
        t.equal(reason?.code, 'GH_STORE_FAILED', call)
        t.ok(reason?.message.includes(join(path, 'blocks')), `${call} names the path`)
        t.match(reason?.message, remedy, call)
        t.equal(ended[1].status, 'fulfilled', 'what needs no file is not in its way')
        t.notOk(await store.has(block.cid))
        for (const one of before) t.ok(await holds(store, one))
        t.strictSame(temporary(path), [], call)
        t.notOk(existsSync(fileOf(path, block)), `${call} leaves no file`)
        state.fault = undefined
        await put(store, block)
        t.ok(await holds(store, block))
        before.push(block)
      }
      await store.close()
      const repaired: Repaired[] = []
      const again = await open(path, { onRepaired: report => repaired.push(report) })
      t.strictSame((await again.verify()).damaged, [])
      t.strictSame(repaired, [], 'nothing was left behind')
      await again.close()
    },
  )

t.test('LG-03 blocks: a read that fails is said and is no loss', async t => {
  const path = t.testdir()
  const state = failingFiles()
  const troubles: GuildError[] = []
  const store = await open(path, { files: state.files, onTrouble: trouble => troubles.push(trouble) })
  const block = someBlock(1, LARGE)
  await put(store, block)
  await put(store, someBlock(2))
  state.fault = { call: 'read', code: 'EIO' }
  await t.rejects(store.read(block.cid), { code: 'GH_STORE_FAILED', message: /disk failed/ })
  const { checked, damaged } = await store.verify()
  t.strictSame([checked, damaged.map(formatCid)], [2, [formatCid(block.cid)]])
  t.match(troubles, [{ code: 'GH_STORE_FAILED' }])
  state.fault = undefined
  t.ok(await holds(store, block), 'it is still there')
  await store.close()
})

t.test('LG-03 blocks: a folder that cannot be synced is said at the open', async t => {
  const path = t.testdir()
  const state = failingFiles()
  state.fault = { call: 'syncDirectory', code: 'EIO' }
  await t.rejects(open(path, { files: state.files }), { code: 'GH_STORE_FAILED', message: /disk failed/ })
  await (await open(path)).close()
})

t.test('LG-02 blocks: a file that cannot be taken away is found at the next open', async t => {
  const path = t.testdir()
  const state = failingFiles()
  const store = await open(path, { files: state.files })
  const block = someBlock(1, LARGE)
  await put(store, block)
  state.fault = { call: 'unlink', code: 'EIO' }
  await store.delete(block.cid)
  t.notOk(await store.has(block.cid))
  t.ok(existsSync(fileOf(path, block)))
  await store.close()
  const repaired: Repaired[] = []
  const again = await open(path, { onRepaired: report => repaired.push(report) })
  t.strictSame(repaired, [{ swept: 0, takenIn: 1, setAside: 0 }])
  t.equal((await again.gc()).removed, 1)
  t.notOk(existsSync(fileOf(path, block)))
  await again.close()
})

/** The system's files, of which one kind of call waits, from `hold` on, until it is let go. */
function slowFiles(call: 'unlink' | 'length'): { files: FileSystem; hold(): () => void } {
  let gate = Promise.resolve()
  const files: FileSystem = {
    ...systemFiles,
    async [call](path: string): Promise<never> {
      await gate
      return (await systemFiles[call](path)) as never
    },
  }
  return {
    files,
    hold() {
      let go = (): void => {}
      gate = new Promise(resolve => {
        go = resolve
      })
      return go
    },
  }
}

t.test('blocks: put while its file is still being taken away, a block has a file afterwards', async t => {
  const slow = slowFiles('unlink')
  const store = await open(t.testdir(), { files: slow.files })
  const [deleted, collected] = [someBlock(1, LARGE), someBlock(2, LARGE)]
  for (const block of [deleted, collected]) {
    await put(store, block)
    const go = slow.hold()
    const going = block === deleted ? store.delete(block.cid) : store.gc()
    while (await store.has(block.cid)) await new Promise(setImmediate)
    const putting = put(store, block)
    // Long enough for a write that does not wait to be over.
    for (let i = 0; i < 50; i++) await new Promise(resolve => setTimeout(resolve, 1))
    go()
    await Promise.all([going, putting])
    t.ok(await holds(store, block))
  }
  await store.close()
})

t.test('blocks: put again while a collection begins, a block stays', async t => {
  const slow = slowFiles('length')
  const store = await open(t.testdir(), { files: slow.files })
  const block = someBlock(1, LARGE)
  await put(store, block)
  const go = slow.hold()
  const putting = put(store, block)
  await new Promise(setImmediate)
  t.equal((await store.gc()).removed, 0)
  go()
  await putting
  t.ok(await holds(store, block))
  t.equal((await store.gc()).removed, 1, 'and goes with the next')
  await store.close()
})

/** Connections whose COMMIT fails on demand, and that a test can make small. */
function failingDriver(): {
  driver: () => Promise<Driver>
  connections: Native.Database[]
  commits: string[]
} {
  const connections: Native.Database[] = []
  const commits: string[] = []
  class Failing extends Native {
    constructor(path: string) {
      super(path)
      connections.push(this)
    }
    override prepare(sql: string): never {
      const statement = super.prepare(sql)
      const run = statement.run.bind(statement)
      if (sql === 'COMMIT')
        statement.run = (...values) => {
          const code = commits.shift()
          if (code !== undefined) throw new Native.SqliteError('disk I/O error', code)
          return run(...values)
        }
      return statement as never
    }
  }
  return { driver: async () => Failing as unknown as Driver, connections, commits }
}

t.test(
  'LG-02 LG-03 blocks: a full or failing index refuses both kinds of blocks, and then works again',
  async t => {
    const path = t.testdir()
    const { driver, connections, commits } = failingDriver()
    const store = await open(path, { driver })
    const kept = [someBlock(1), someBlock(2, LARGE)]
    for (const block of kept) await put(store, block)
    const [small, large] = [someBlock(3, 20_000), someBlock(4, LARGE)]
    for (const [code, remedy] of [
      ['SQLITE_FULL', /blocks\.db: the disk is full; free some space/],
      ['SQLITE_IOERR_FSYNC', /blocks\.db: the disk failed/],
    ] as const) {
      for (const block of [small, large]) {
        commits.push(code)
        await t.rejects(put(store, block), { code: 'GH_STORE_FAILED', message: remedy })
      }
      // After a failed sync nobody knows whether its row is there: the file stays for the next open.
      t.equal(existsSync(fileOf(path, large)), code !== 'SQLITE_FULL', code)
      for (const block of kept) t.ok(await holds(store, block), 'reads go on')
      for (const block of [small, large]) {
        await put(store, block)
        t.ok(await holds(store, block))
        await store.delete(block.cid)
      }
    }
    connections.at(-1)!.pragma('max_page_count = 20')
    const crowd = Array.from({ length: 8 }, (_, i) => someBlock(50 + i, 20_000))
    const ended = await Promise.allSettled(crowd.map(block => put(store, block)))
    t.ok(ended.some(one => one.status === 'rejected'))
    for (const [at, one] of ended.entries())
      t.equal(await store.has(crowd[at]!.cid), one.status === 'fulfilled', 'as was said')
    connections.at(-1)!.pragma('max_page_count = 100000')
    for (const block of [...crowd, small, large]) await put(store, block)
    t.strictSame((await store.verify()).damaged, [])
    const { blocks, bytes } = await store.stat()
    t.strictSame([blocks, bytes], [12, 100 + LARGE + 8 * 20_000 + 20_000 + LARGE], 'the totals are right')
    await store.close()
  },
)

t.test(
  'P24 LG-09 blocks: changed bits are noticed on read, set aside, told of, and fetched anew',
  async t => {
    const path = t.testdir()
    const troubles: GuildError[] = []
    const blocks = [someBlock(1, LARGE), someBlock(2), someBlock(3, LARGE), someBlock(4, LARGE)]
    const store = await open(path, { onTrouble: trouble => troubles.push(trouble) })
    for (const block of blocks) await put(store, block)
    const [large, small, short, lost] = blocks as [Block, Block, Block, Block]
    const bytes = readFileSync(fileOf(path, large))
    bytes[20_000]! ^= 1
    writeFileSync(fileOf(path, large), bytes)
    writeFileSync(fileOf(path, short), bytes.subarray(0, 100))
    unlinkSync(fileOf(path, lost))
    const side = new Native(join(path, 'blocks.db'))
    side
      .prepare('UPDATE block SET bytes = ? WHERE hash = ?')
      .run(someBlock(9).bytes, small.cid.multihash.bytes)
    side.close()

    await t.rejects(store.get(large.cid).next(), { code: 'GH_BLOCK_MISSING' })
    t.equal(await store.read(small.cid), undefined)
    t.match(troubles, [
      { code: 'GH_STORE_DAMAGED', message: /bytes have changed; it was set aside as .*damaged/ },
      { code: 'GH_STORE_DAMAGED', message: /bytes have changed; it was set aside as .*damaged/ },
    ])
    const { checked, damaged } = await store.verify()
    t.strictSame([checked, damaged.map(formatCid)], [2, [short, lost].map(({ cid }) => formatCid(cid))])
    t.match(troubles.slice(2), [
      { message: /lost or of another length/ },
      { message: /nothing is left of it/ },
    ])
    t.same(await store.stat(), { blocks: 0, bytes: 0 })
    for (const block of blocks) {
      t.notOk(await store.has(block.cid))
      await put(store, block)
      t.ok(await holds(store, block))
    }
    t.strictSame(readdirSync(join(path, 'blocks', 'damaged')).length, 3)
    await store.close()
  },
)

t.test('blocks: a put heals a block whose file is lost', async t => {
  const path = t.testdir()
  const block = someBlock(1, LARGE)
  const store = await open(path)
  await put(store, block)
  rmSync(join(path, 'blocks'), { recursive: true })
  await t.rejects(put(store, block), { code: 'GH_STORE_FAILED' }, 'the folder is found missing')
  await put(store, block)
  t.ok(await holds(store, block))
  t.same(await store.stat(), { blocks: 1, bytes: LARGE })
  await store.close()
})

t.test('LG-01 blocks: what a crash leaves is cleared away, and a lost index is made anew', async t => {
  const path = t.testdir()
  const blocks = [someBlock(1, LARGE), someBlock(2, LARGE), someBlock(3)]
  const store = await open(path)
  for (const block of blocks) await put(store, block)
  await store.close()
  const [first, second, small] = blocks as [Block, Block, Block]
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(path, `blocks.db${suffix}`), { force: true })
  writeFileSync(`${fileOf(path, first)}.1.tmp`, 'half')
  const forged = fileOf(path, second).slice(0, -2).concat(fileOf(path, second).slice(-2))
  writeFileSync(forged, 'not what it says')
  writeFileSync(join(path, 'blocks', fileOf(path, first).slice(-2), 'README'), 'of somebody else')

  const repaired: Repaired[] = []
  const again = await open(path, { onRepaired: report => repaired.push(report) })
  t.strictSame(repaired, [{ swept: 1, takenIn: 1, setAside: 1 }])
  t.ok(await holds(again, first))
  t.notOk(await again.has(second.cid))
  t.notOk(await again.has(small.cid), 'small ones were in the index')
  t.strictSame(temporary(path), [])
  t.same(await again.stat(), { blocks: 1, bytes: LARGE })
  await again.close()
  await (await open(path, { onRepaired: report => repaired.push(report) })).close()
  t.equal(repaired.length, 1, 'closed in order, nothing is looked for')
})

t.test('LG-02 blocks: on a real disk of 4 MB', async t => {
  const script = join(import.meta.dirname, '../crash/full-disk.js')
  const disk = t.testdir()
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      '-rm',
      'sh',
      '-c',
      'mount -t tmpfs -o size=4m guild "$0" && exec "$1" "$2" "$0"',
      disk,
      process.execPath,
      script,
    ],
    { encoding: 'utf8', timeout: 60_000 },
  )
  if (status !== 0 && !stdout.startsWith('{')) {
    if (/unshare|mount|ENOENT/.test(stderr) || status === null)
      return t.pass(`no disk of our own here: ${stderr.trim() || 'there is no unshare'}`)
    return t.fail(stderr)
  }
  const seen = JSON.parse(stdout)
  t.match(seen.error, { code: 'GH_STORE_FAILED', message: /the disk is full; free some space/ })
  t.ok(seen.error.message.includes(disk))
  t.ok(seen.acknowledged > 10, `${seen.acknowledged} blocks`)
  t.match(seen, { lost: 0, whenFull: 0, again: true, damaged: 0, temporary: [] })
})
