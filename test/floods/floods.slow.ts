/** The floods at a hundredth of their size, for what they must not do; how fast they may be is for `npm run floods`. */
import t from 'tap'
import { Child } from './child.ts'
import { type Figure, failures, lines } from './report.ts'
import { Scene } from './scene.ts'
import type { SinkCommands } from './sink.ts'

t.test('P1 HS-01 strangers in another process: no byte for any of them, no Diffie-Hellman', async t => {
  const scene = new Scene()
  t.teardown(() => scene.end())
  await scene.start()
  const flood = await scene.attacker().ask('visits', { ...scene.where, visits: 200, atOnce: 16 })
  const { bytesOut, dhs, sessions } = await scene.victim.ask('figures', {})
  t.match(flood, { visits: 200, bytesBack: 0, failed: 0 })
  t.match({ bytesOut, dhs, sessions }, { bytesOut: 0, dhs: 0, sessions: 0 })
  const honest = await scene.honest(false)
  t.equal((await honest.ask('connect', { address: scene.address })).peerId, scene.peerId)
})

t.test('P3 HS-18 beyond 1,024 half-open connections the oldest goes, never the newest', async t => {
  const scene = new Scene()
  t.teardown(() => scene.end())
  await scene.start()
  const attacker = scene.attacker()
  await attacker.ask('halfOpen', { ...scene.where, count: 1_200, atOnce: 1, mixed: false })
  const honest = await scene.honest(false)
  await honest.ask('connect', { address: scene.address })
  const { standing } = await attacker.ask('standing', {})
  // Those that have waited for five seconds by now are gone too; they are the oldest as well.
  t.ok(standing.filter(stands => stands).length <= 1_024)
  const first = standing.indexOf(true)
  // Ends that come in one turn are told in no order.
  const newer = first < 0 ? [] : standing.slice(first + 64)
  t.notOk(newer.includes(false), 'none that is newer than one that stands')
})

t.test('FR-04 FR-07 FR-08 members gone bad are shown out with the code that says why', async t => {
  const scene = new Scene()
  t.teardown(() => scene.end())
  await scene.start()
  const honest = await scene.honest()
  const attacker = scene.attacker()
  for (const [deed, fill, code, look] of [
    ['padding', 60_000, 7, 25_000],
    ['emptyStreams', 40_000, 7, 14_000],
    ['opens', 1_000, 4, 500],
    ['churn', 8_000, 7, 4_500],
  ] as const) {
    const { shownOut } = await attacker.ask('deed', { ...scene.where, deed, fill, look })
    t.ok((shownOut[code] ?? 0) > 0, deed)
    const { answer } = await honest.ask('send', { peerId: scene.peerId, bytes: 10_000 })
    t.match(answer, /^10000 /, `${deed}: others are not touched`)
  }
})

t.test('a figure beyond its bound fails, and so does one that is missing', async t => {
  const figures: Figure[] = [
    { name: 'a', value: 1, unit: '', most: 1 },
    { name: 'b', value: 2, unit: '', most: 1 },
    { name: 'c', value: 1, unit: '', least: 2 },
    { name: 'd', value: Number.NaN, unit: '', most: 1 },
    { name: 'e', value: Number.NaN, unit: '' },
  ]
  const outcome = { flood: 'none', codes: '', seconds: 1, figures }
  t.same(
    failures(outcome).map(({ name }) => name),
    ['b', 'c', 'd'],
  )
  t.equal(lines(outcome).match(/FAILED/g)?.length, 3)
})

t.test('a process that is asked too much says so, and ends with its channel', async t => {
  const sink = new Child<SinkCommands>('sink')
  await sink.ask('start', {})
  await t.rejects(sink.ask('nonsense' as 'start', {}), /nonsense/)
  const never = sink.ask('start', {}, 60_000)
  await sink.end()
  await never.catch(() => {})
  await t.rejects(sink.ask('begin', {}, 200))
})
