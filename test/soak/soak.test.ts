/** The soak judges rightly, and what it starts ends with it. The soak itself is `npm run soak`. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { until } from '../support/nodes.ts'
import { isAlive } from './fleet.ts'
import { type Being, DUE, Ledger } from './ledger.ts'
import { secondHalf, slope, span } from './slope.ts'
import { judge, type Look } from './verdict.ts'

t.test('slope: the line of least squares, of the second half', async t => {
  const line = Array.from({ length: 11 }, (_, i) => ({ at: 10 * i, value: 5 + 3 * 10 * i }))
  t.equal(slope(line), 3)
  t.equal(slope(line.map(point => ({ ...point, value: 7 }))), 0)
  t.equal(slope([]), 0)
  t.equal(slope([line[0]!]), 0)
  t.strictSame(
    secondHalf(line).map(({ at }) => at),
    [50, 60, 70, 80, 90, 100],
  )
  t.equal(span(secondHalf(line)), 50)
  const saw = line.map((point, i) => ({ ...point, value: i % 2 === 0 ? 10 : 0 }))
  t.ok(Math.abs(slope(saw)) < 0.01, 'up and down is no growth')
})

const look = (at: number, more: Partial<Look> = {}): Look => ({
  at,
  kept: 10 * 2 ** 20,
  resident: 60 * 2 ** 20,
  handles: 24,
  peers: 20,
  descriptors: 42,
  ...more,
})
/** Half an hour, a look every ten seconds. */
const times = Array.from({ length: 181 }, (_, i) => 10 * i)

t.test('P28 verdict: what stays level passes, whatever grows is named', async t => {
  const level = judge([{ name: 'a', samples: times.map(at => look(at)) }])
  t.match(level, { growthJudged: true, faults: [] })
  const growing = (perTenMinutes: number) =>
    judge([
      {
        name: 'a',
        samples: times.map(at => look(at, { kept: 10 * 2 ** 20 + (perTenMinutes * 2 ** 20 * at) / 600 })),
      },
    ])
  t.strictSame(growing(0.9).faults, [])
  t.match(growing(1.2).faults, [/^a keeps 1\.20 MiB more every ten minutes$/])
  const early = times.map(at => look(at, { kept: at < 900 ? at * 10_000 : 9_000_000 }))
  t.strictSame(judge([{ name: 'a', samples: early }]).faults, [], 'what it takes to warm up is no leak')
  const last = (more: Partial<Look>) =>
    judge([{ name: 'a', samples: times.map(at => look(at, at === 1800 ? more : {})) }]).faults
  t.strictSame(last({ handles: 29, peers: 25, descriptors: 47 }), [], 'five more peers explain five more')
  t.match(last({ handles: 28 }), [/^a began with 4 handles beside those of its peers, and has 8$/])
  t.match(last({ descriptors: 50 }), [/22 descriptors .* has 30$/])
  t.match(judge([{ name: 'a', samples: [look(0), look(60)] }]), { growthJudged: false, faults: [] })
})

t.test('ledger: each word once to everybody it is owed to, and to nobody twice', async t => {
  const [a, b, c] = ['a', 'b', 'c'].map(name => ({ name, alive: true })) as [Person, Person, Person]
  const ledger = new Ledger<Being>()
  const say = (text: string, at: number): void => {
    ledger.announce(text, a, at)
    ledger.owe(text, [b, c])
  }
  say('one', 0)
  for (const one of [b, c]) ledger.came('one', one)
  say('two', 0)
  ledger.came('two', b)
  ledger.judge(DUE - 1)
  t.strictSame(ledger.faults, [], 'not yet due')
  ledger.judge(DUE)
  t.strictSame(ledger.faults.splice(0), ['"two" of a never came to c'])
  ledger.came('two', c)
  ledger.came('none', c)
  t.match(ledger.faults.splice(0), [/two", late, or again$/, /none", and nobody said it$/])
  say('three', 1)
  ledger.came('three', b)
  ledger.came('three', b)
  ledger.came('three', a)
  t.match(ledger.faults.splice(0), [/^b was shown "three" 2 times$/, /^a was shown its own/])
  c.alive = false
  ledger.judge(Number.POSITIVE_INFINITY)
  t.strictSame([ledger.faults, ledger.excused, ledger.open], [[], 1, 0], 'c is dead: excused')
  t.strictSame([ledger.said, ledger.delivered], [3, 6])
})
interface Person {
  name: string
  alive: boolean
}

t.test(
  'CL-05 kill -9 of the soak: its processes end, one that is stopped too, and its folder goes',
  async t => {
    const soak = fork(join(import.meta.dirname, 'stray.js'), { execArgv: [] })
    const guard = setTimeout(() => soak.kill('SIGKILL'), 30_000)
    const [{ pids, folder }] = (await once(soak, 'message')) as [{ pids: number[]; folder: string }]
    t.equal(pids.length, 2)
    t.ok(pids.every(isAlive) && existsSync(folder))
    soak.kill('SIGKILL')
    await once(soak, 'exit')
    clearTimeout(guard)
    await until(() => !pids.some(isAlive) && !existsSync(folder))
  },
)
