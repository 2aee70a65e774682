/** The lock and the data directory, with real files and real processes. */

import * as fs from 'node:fs'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import * as fsPromises from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openDataDir } from '../../src/store/data-dir.ts'
import { diskError } from '../../src/store/disk-error.ts'
import { type LockHolder, takeLock } from '../../src/store/lock.ts'
import { isRunning, ownMark } from '../../src/store/process-start.ts'
import { type Child, race, startChildren } from '../support/children.ts'

const root = process.getuid?.() === 0
const linux = process.platform === 'linux'

function holderIn(path: string): LockHolder {
  return JSON.parse(readFileSync(path, 'utf8'))
}

async function deadPid(): Promise<number> {
  const [child] = await startChildren(1)
  await child!.end()
  return child!.process.pid!
}

t.test('a lock is exclusive, says who holds it, and is gone when released', async t => {
  const path = join(t.testdir(), 'lock')
  const first = await takeLock({ path, role: 'run' })
  if (!('lock' in first)) return t.fail('it was free')
  t.match(holderIn(path), { pid: process.pid, role: 'run', since: /^\d{4}-/ })
  if (linux) t.type(holderIn(path).startTime, 'number')
  t.equal(statSync(path).mode & 0o777, 0o600)
  const second = await takeLock({ path, role: 'run' })
  t.match(second, { holder: { pid: process.pid, role: 'run' } }, 'at once, without waiting')
  first.lock.release()
  t.notOk(existsSync(path))
  const third = await takeLock({ path, role: 'run' })
  t.ok('lock' in third)
  first.lock.release()
  t.ok(existsSync(path), 'a second release does not touch the lock of another')
  if ('lock' in third) third.lock.release()
  t.strictSame(readdirSync(join(path, '..')), [], 'nothing is left behind')
})

t.test('release removes only our own lock', async t => {
  const path = join(t.testdir(), 'lock')
  const outcome = await takeLock({ path, role: 'run' })
  if (!('lock' in outcome)) return t.fail('it was free')
  writeFileSync(path, JSON.stringify({ pid: process.pid, role: 'run', since: 'by hand' }))
  outcome.lock.release()
  t.equal(holderIn(path).since, 'by hand')
})

t.test('stale locks are taken over: gone, reused, zombie-proof, garbage', async t => {
  const path = join(t.testdir(), 'lock')
  const mark = ownMark()
  const dead = await deadPid()
  const old = new Date(Date.now() - 10_000)
  const stale: [string, string, boolean][] = [
    ['process gone', JSON.stringify({ pid: dead, role: 'run', since: '' }), true],
    ['process gone, one-shot', JSON.stringify({ pid: dead, role: 'one-shot', since: '' }), true],
    ['id reused', JSON.stringify({ ...mark, startTime: 1, role: 'run', since: '' }), linux],
    ['another boot', JSON.stringify({ ...mark, boot: 'x', role: 'run', since: '' }), linux],
    ['empty', '', true],
    ['half of it', '{"pid":12', true],
    ['not an object', '7', true],
    ['pid 0', JSON.stringify({ pid: 0, role: 'run', since: '' }), true],
    ['pid -1', JSON.stringify({ pid: -1, role: 'run', since: '' }), true],
    ['no role', JSON.stringify({ pid: process.pid }), true],
    ['too long', ' '.repeat(5_000), true],
  ]
  for (const [name, content, applies] of stale) {
    if (!applies) continue
    writeFileSync(path, content)
    utimesSync(path, old, old)
    const outcome = await takeLock({ path, role: 'run', patience: 0 })
    t.ok('lock' in outcome, name)
    t.equal(holderIn(path).pid, process.pid)
    if ('lock' in outcome) outcome.lock.release()
  }
  writeFileSync(path, '')
  t.strictSame(
    await takeLock({ path, role: 'run', patience: 0 }),
    { holder: undefined },
    'young garbage is perhaps being written',
  )
  const future = new Date(Date.now() + 3_600_000)
  utimesSync(path, future, future)
  t.ok(
    'lock' in (await takeLock({ path, role: 'run', patience: 0 })),
    'a clock that was set back does not lock for ever',
  )
  t.strictSame(readdirSync(join(path, '..')), ['lock'])
})

t.test('a take-over that crashed half way does not block the next one', async t => {
  const dir = t.testdir()
  const path = join(dir, 'lock')
  const dead = await deadPid()
  const id = (digit: string): string => `${digit.repeat(8)}-0000-4000-8000-000000000000`
  const stale = (digit: string): string =>
    JSON.stringify({ id: id(digit), pid: dead, role: 'one-shot', since: '' })
  writeFileSync(path, stale('a'))
  writeFileSync(`${path}.${id('a')}`, stale('b'))
  writeFileSync(`${path}.${id('a')}.${id('b')}`, stale('c'))
  writeFileSync(`${path}.${id('d')}.tmp`, 'left behind')
  writeFileSync(`${path}.txt`, 'not ours')
  const old = new Date(Date.now() - 120_000)
  for (const name of readdirSync(dir)) utimesSync(join(dir, name), old, old)
  const outcome = await takeLock({ path, role: 'run', patience: 0 })
  t.ok('lock' in outcome)
  t.strictSame(
    readdirSync(dir).sort(),
    ['lock', 'lock.txt'],
    'leftovers are cleared away, other files are not',
  )
})

t.test('many processes, one lock: exactly one wins, free or stale', { timeout: 60_000 }, async t => {
  const dir = t.testdir()
  const dead = await deadPid()
  const children = await startChildren(5)
  t.teardown(() => Promise.all(children.map(child => child.end())))
  for (let round = 0; round < 30; round++) {
    const path = join(dir, `lock-${round}`)
    if (round % 3 > 0) writeFileSync(path, JSON.stringify({ pid: dead, role: 'run', since: '' }))
    if (round % 3 > 1) utimesSync(path, 0, 0)
    const answers = await race(children, { do: 'lock', path, patience: 500 })
    const winners = answers.filter(({ won }) => won === true)
    if (winners.length !== 1) t.fail(`round ${round}: ${JSON.stringify(answers)}`)
    const winner = children[answers.findIndex(({ won }) => won === true)]!
    if (holderIn(path).pid !== winner.process.pid) t.fail(`round ${round}: the file names another`)
    for (const answer of answers)
      if (answer.won !== true && answer.holder?.pid !== winner.process.pid)
        t.fail(`round ${round}: ${JSON.stringify(answer)}`)
    await winner.ask({ do: 'release' })
  }
  t.strictSame(readdirSync(dir), [])
})

t.test('a lock goes with its process: exit removes it, a kill leaves it stale', async t => {
  const dir = t.testdir()
  const [polite, killed] = (await startChildren(2)) as [Child, Child]
  await polite.ask({ do: 'lock', path: join(dir, 'a') })
  await killed.ask({ do: 'lock', path: join(dir, 'b') })
  t.ok(isRunning(holderIn(join(dir, 'b'))))
  await polite.ask({ do: 'exit' })
  t.notOk(existsSync(join(dir, 'a')))
  await killed.end()
  t.ok(existsSync(join(dir, 'b')))
  t.notOk(isRunning(holderIn(join(dir, 'b'))))
  t.ok('lock' in (await takeLock({ path: join(dir, 'b'), role: 'run', patience: 0 })))
})

t.test('a one-shot is waited for, up to the patience and the signal', async t => {
  const path = join(t.testdir(), 'lock')
  const [child] = (await startChildren(1)) as [Child]
  t.teardown(() => child.end())
  await child.ask({ do: 'lock', path, role: 'one-shot' })
  t.match(await takeLock({ path, role: 'run', patience: 20 }), {
    holder: { pid: child.process.pid, role: 'one-shot' },
  })
  const stop = new AbortController()
  const aborted = takeLock({ path, role: 'run', signal: stop.signal })
  stop.abort()
  await t.rejects(aborted, { code: 'GH_ABORTED' })
  await t.rejects(takeLock({ path, role: 'run', signal: AbortSignal.abort() }), { code: 'GH_ABORTED' })
  const waiting = takeLock({ path, role: 'run' })
  await child.ask({ do: 'release' })
  t.ok('lock' in (await waiting))
})

t.test('data directory: three nodes in one folder get three slots', async t => {
  const cwd = t.testdir()
  const children = await startChildren(3, cwd)
  t.teardown(() => Promise.all(children.map(child => child.end())))
  const answers = await race(children, { do: 'open' })
  t.strictSame(answers.map(({ slot }) => slot).sort(), [1, 2, 3])
  t.strictSame(answers.map(({ path }) => path).sort(), [
    join(cwd, 'data'),
    join(cwd, 'data', 'node-2'),
    join(cwd, 'data', 'node-3'),
  ])
  for (const { path } of answers) t.equal(statSync(path).mode & 0o777, 0o700)
  const second = children[answers.findIndex(({ slot }) => slot === 2)]!
  await second.ask({ do: 'release' })
  t.equal((await second.ask({ do: 'open' })).slot, 2, 'the first free one')
})

t.test('data directory: a slot is found again by its port', async t => {
  const base = join(t.testdir(), 'data')
  const first = await openDataDir({ role: 'run', base, port: 8000 })
  first.rememberPort(8000)
  const second = await openDataDir({ role: 'run', base, port: 8001 })
  second.rememberPort(8001)
  t.strictSame([first.slot, second.slot], [1, 2])
  t.equal((await openDataDir({ role: 'run', base, port: 8001 })).slot, 3, 'taken: the first free one')
  first.release()
  second.release()
  const again = await openDataDir({ role: 'run', base, port: 8001 })
  t.equal(again.slot, 2)
  const other = await openDataDir({ role: 'one-shot', base, port: 8000 })
  t.equal(other.slot, 1)
  other.release()
  await t.rejects(openDataDir({ role: 'one-shot', base, port: 8001, patience: 0 }), {
    code: 'GH_STORE_LOCKED',
  })
  await t.rejects(openDataDir({ role: 'one-shot', base, port: 9 }), {
    code: 'GH_STORE_FAILED',
    message: /port 9/,
  })
  writeFileSync(join(base, 'port'), 'nonsense')
  t.equal((await openDataDir({ role: 'one-shot', base })).slot, 1)
})

t.test('data directory: a live node on a path given by hand is named', async t => {
  const path = join(t.testdir(), 'mine')
  const [child] = (await startChildren(1)) as [Child]
  t.teardown(() => child.end())
  t.match(await child.ask({ do: 'open', options: { path } }), { path })
  for (const role of ['run', 'one-shot'] as const)
    await t.rejects(openDataDir({ path, role }), {
      code: 'GH_STORE_LOCKED',
      message: new RegExp(`mine: process ${child.process.pid} runs on it since .*--data-dir`),
    })
  await child.ask({ do: 'release' })
  const dir = await openDataDir({ path, role: 'run' })
  t.equal(dir.slot, undefined)
  dir.rememberPort(8000)
  t.strictSame(readdirSync(path), ['lock'])
  dir.release()
})

t.test('data directory: a one-shot is never stepped around', async t => {
  const base = join(t.testdir(), 'data')
  const command = await openDataDir({ role: 'one-shot', base })
  await t.rejects(openDataDir({ role: 'run', base, patience: 10 }), {
    code: 'GH_STORE_LOCKED',
    message: /a command \(process/,
  })
  t.notOk(existsSync(join(base, 'node-2')))
  const node = openDataDir({ role: 'run', base })
  command.release()
  t.equal((await node).slot, 1)
})

t.test('data directory: what the disk refuses is said with path and fix', async t => {
  const dir = t.testdir({ file: 'a file', closed: {}, open: {} })
  await t.rejects(openDataDir({ path: join(dir, 'file'), role: 'run' }), {
    code: 'GH_STORE_FAILED',
    message: /file: .*(in the way|is a file)/,
  })
  await t.rejects(openDataDir({ path: join(dir, 'file', 'x'), role: 'run' }), {
    code: 'GH_STORE_FAILED',
    message: /is a file/,
  })
  mkdirSync(join(dir, 'open', 'lock'))
  await t.rejects(openDataDir({ path: join(dir, 'open'), role: 'run' }), {
    code: 'GH_STORE_FAILED',
    message: /directory/,
  })
  symlinkSync('round', join(dir, 'round'))
  await t.rejects(openDataDir({ path: join(dir, 'round', 'x'), role: 'run' }), { code: 'GH_STORE_FAILED' })
  if (!root) {
    chmodSync(join(dir, 'closed'), 0o500)
    await t.rejects(openDataDir({ path: join(dir, 'closed', 'x'), role: 'run' }), {
      code: 'GH_STORE_FAILED',
      message: /permission denied/,
    })
  }
  for (const [code, words] of [
    ['ENOSPC', 'disk is full'],
    ['EROFS', 'read-only'],
    ['EACCES', 'permission denied'],
    ['EWHAT', 'EWHAT'],
  ] as const) {
    const error = diskError(Object.assign(new Error('x'), { code }), '/some/path')
    t.match(error, {
      code: 'GH_STORE_FAILED',
      message: `/some/path: ${code === 'EWHAT' ? '' : 'the '}`.slice(0, 11),
    })
    t.match(error.message, words)
  }
  t.match(diskError('text', '/p').message, '/p: text')
})

t.test('a file system without hard links: locks and keys all the same', async t => {
  const dir = t.testdir()
  const refuse = (): never => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' })
  }
  const lock: typeof import('../../src/store/lock.ts') = await t.mockImport(built('lock'), {
    'node:fs': { ...fs, linkSync: refuse },
  })
  const path = join(dir, 'lock')
  const first = await lock.takeLock({ path, role: 'run' })
  t.match(await lock.takeLock({ path, role: 'run' }), { holder: { pid: process.pid } })
  if ('lock' in first) first.lock.release()
  t.strictSame(readdirSync(dir), [])
  const keys: typeof import('../../src/store/key-files.ts') = await t.mockImport(built('key-files'), {
    'node:fs/promises': { ...fsPromises, link: async () => refuse() },
  })
  const random = { bytes: (length: number) => new Uint8Array(length).fill(0x80), fraction: () => 0.5 }
  const options = { path: join(dir, 'swarm.key'), create: true, random }
  const both = await Promise.all([keys.loadSwarmKey(options), keys.loadSwarmKey(options)])
  t.equal(both.filter(({ created }) => created).length, 1)
  t.strictSame(readdirSync(dir), ['swarm.key'])
})

/** An address of the compiled file: a relative one would be read from the place of this source. */
function built(name: string): string {
  return new URL(`../../src/store/${name}.js`, import.meta.url).href
}
