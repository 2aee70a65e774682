/** A failure made smaller, and the one command that shows what is left of it. */
import t from 'tap'
import {
  type FaultKind,
  type Form,
  play,
  type Scenario,
  type Simulation,
  scenario,
  trouble,
} from '../../src/testing/index.ts'
import { bitswapCases } from './bitswap.ts'
import { type FailedSeed, failedSeeds } from './failed-seeds.ts'
import { nodeCases, nodes } from './nodes.ts'
import { runCases } from './runner.ts'
import { shrink } from './shrink.ts'
import { Swarm } from './swarm.ts'
import { allUdpCases } from './udp-swarm.ts'

t.setTimeout(120_000) // as the suite has it, for runs of this file alone on a busy machine

/** Hosts in trouble, and a checker that wants to see none of what `broken` says. */
function planted(name: string, broken: (sim: Simulation) => string | undefined): Scenario {
  return scenario(name, async sim => {
    const population = 8
    const hosts = Array.from({ length: population }, (_, i) => sim.host(`h${i + 1}`))
    const few = hosts.slice(0, sim.form.nodes ?? population)
    const { until } = trouble(sim, {
      hosts: few,
      population,
      until: 60_000,
      every: 1000,
      onRestart: () => {},
    })
    const look = (): void => {
      const what = broken(sim)
      if (what !== undefined) sim.world.fail(new Error(what))
      if (sim.now < until) sim.world.after(50, look)
    }
    look()
    await sim.run(until + 1)
  })
}

const twoDown = planted('two-down', sim => {
  const down = sim.hosts.filter(({ up }) => !up).map(({ name }) => name)
  return down.length < 2 ? undefined : `${down.join(' and ')} are down`
})

async function firstFailing(told: Scenario): Promise<{ seed: bigint; report: string[] }> {
  for (let seed = 1; seed < 50; seed++) {
    const report: string[] = []
    const sum = await runCases([`--seed=${seed}`, `--case=${told.name}`], [told], line => report.push(line))
    if (sum.failed > 0) return { seed: BigInt(seed), report }
  }
  throw new Error('no seed fails')
}

t.test('P29 a planted failure is shrunk in time, kinds, hosts and single faults', async t => {
  const { seed, report } = await firstFailing(twoDown)
  const left = (await shrink(twoDown, seed))!
  t.equal(left.faults, 2, 'two crashes are enough for two that are down')
  t.ok(left.form.until! < 60_000 && left.runs < 200)
  t.match(report[0], /simulation "two-down" failed: .* are down/, 'first the whole run')
  const smallest = report.at(-1)!
  t.match(smallest, /^smallest: npm run sim -- --seed=0x[0-9a-f]{16} --case=two-down --until=/)

  const options = smallest.split('npm run sim -- ')[1]!.split(' ')
  const lines: string[] = []
  const sum = await runCases([...options, '--no-shrink'], [twoDown], line => lines.push(line))
  t.equal(sum.failed, 1)
  t.equal(lines.join('\n'), report[1]!.split('\n').slice(1).join('\n'), 'the same words, events and hash')
  t.match(left.report, `again: npm run sim -- ${options.join(' ')}`)

  const again: string[] = []
  await runCases(options, [twoDown], line => again.push(line))
  t.equal(again.length, 1, 'the smallest cannot be made smaller, and is not printed twice')
})

t.test('what is left out leaves the rest as it was', async t => {
  const begun = async (form: Form): Promise<string[]> => {
    let all: string[] = []
    const watched = planted('watched', sim => {
      all = sim.faults.map(({ number, kind, at, hosts }) => `${number} ${kind} ${at} ${hosts}`)
      return undefined
    })
    await play(watched, 5, () => {}, form)
    return all
  }
  const whole = await begun({})
  t.ok(whole.length > 20)
  const kinds = [...new Set(whole.map(line => line.split(' ')[1]!))]
  t.ok(kinds.length > 2)
  const kind = kinds[0] as FaultKind
  t.same(
    await begun({ without: [kind] }),
    whole.filter(line => !line.includes(` ${kind} `)),
  )
  t.same(await begun({ only: [3, 7] }), [whole[3], whole[7]])
  t.same(await begun({ nodes: 3 }), whole)
  const early = await begun({ until: 30_000 })
  t.same(early, whole.slice(0, early.length))
  t.ok(early.length > 5 && early.length < whole.length)
})

t.test('whole nodes are shrunk too: a checker that hates chat leaves two nodes and no fault', async t => {
  const hates = nodes('hates-chat', (fleet, sim) => {
    const story = new Swarm(fleet, sim).play()
    const { started } = fleet
    fleet.started = member => {
      started(member)
      member.node.on('chat-message', () => sim.world.fail(new Error('somebody said something')))
    }
    return story
  })
  let left: Awaited<ReturnType<typeof shrink>>
  for (let seed = 1n; left === undefined; seed++) left = await shrink(hates, seed, {}, { runs: 60 })
  t.match(left.report, /somebody said something/)
  t.equal(left.faults, 0)
  t.ok(left.form.nodes! <= 4, `${left.form.nodes} nodes are left`)
})

t.test('seeds that once failed run first, those of the case that is asked for', async t => {
  const told: string[] = []
  const quiet = (name: string) =>
    scenario(name, async sim => {
      told.push(`${name} ${sim.seed} ${sim.form.nodes ?? ''}`.trim())
    })
  const list: FailedSeed[] = [
    { case: 'b', seed: '0x10', was: 'an example' },
    { case: 'gone', seed: '1', was: 'a case that is no more' },
    { case: 'a', seed: '7', form: { nodes: 3 }, was: 'another' },
  ]
  const cases = [quiet('a'), quiet('b')]
  const run = async (...args: string[]): Promise<string[]> => {
    told.length = 0
    const sum = await runCases(args, cases, () => {}, { failedSeeds: list })
    t.equal(sum.runs, told.length)
    return [...told]
  }
  t.same(await run('--seeds=2'), ['b 16', 'a 7 3', 'a 1', 'a 2', 'b 1', 'b 2'])
  t.same(await run('--seeds=1', '--case=b'), ['b 16', 'b 1'])
  t.same(await run('--seed=5', '--case=b'), ['b 5'], 'a replay is one run')
})

t.test('the runs are shared: each is somebody’s, and nobody’s twice', async t => {
  const seen: bigint[] = []
  const told = scenario('counted', async sim => void seen.push(sim.seed))
  for (const index of [0, 1, 2])
    await runCases(['--seeds=20', '--case=counted'], [told], () => {}, {
      share: { index, of: 3 },
      failedSeeds: [],
    })
  t.same(
    seen.sort((a, b) => Number(a - b)),
    Array.from({ length: 20 }, (_, i) => BigInt(i + 1)),
  )
})

t.test('options that make no sense are refused', async t => {
  for (const option of [
    '--without=rain',
    '--nodes=0',
    '--nodes=1.5',
    '--until=-1',
    '--until=soon',
    '--only=x',
  ])
    await t.rejects(
      runCases([option, '--case=two-down'], [twoDown], () => {}),
      { code: 'GH_OPTION_INVALID' },
      option,
    )
})

t.test('P29 every seed that once failed over records passes; the others pass in `npm run check`', async t => {
  const all = [...nodeCases, ...allUdpCases(), ...bitswapCases]
  for (const { case: name, was } of failedSeeds)
    t.ok(all.some(told => told.name === name) && was !== '', `${name} is a case`)
  const lines: string[] = []
  const known = nodeCases.filter(({ name }) => failedSeeds.some(row => row.case === name))
  if (known.length > 0) {
    const sum = await runCases(['--seeds=0'], known, line => lines.push(line))
    t.equal(sum.failed, 0, lines.join('\n'))
    t.equal(sum.runs, failedSeeds.filter(row => known.some(({ name }) => name === row.case)).length)
  }
})
