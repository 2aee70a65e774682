/** Whole nodes in the simulated network. `npm run sim -- --seeds=N` has more seeds. */
import t from 'tap'
import { play, replayCommand, type Scenario, seedText } from '../../src/testing/index.ts'
import { claim } from './fleet.ts'
import { nodeCases, nodes } from './nodes.ts'
import { runCases } from './runner.ts'

const told = (name: string): Scenario => nodeCases.find(one => one.name === name)!

/** Runs seeds 1 to `count`; the hashes, in order. */
async function hashes(
  t: { fail(text: string): unknown; comment(text: string): unknown },
  name: string,
  count: number,
): Promise<string[]> {
  const all: string[] = []
  let events = 0
  const start = performance.now()
  for (let seed = 1; seed <= count; seed++) {
    const outcome = await play(told(name), seed, text => t.fail(text))
    all.push(outcome.hash)
    events += outcome.events
  }
  t.comment(`${name}: ${count} seeds, ${events} events, ${Math.round(performance.now() - start)} ms`)
  return all
}

t.test('P29 churn: 20 seeds end whole, each another run; 5 of them twice are the same', async t => {
  const first = await hashes(t, 'churn', 20)
  t.equal(new Set(first).size, 20, 'another seed, another hash')
  t.same(await hashes(t, 'churn', 5), first.slice(0, 5), 'the same seed, the same hash')
})

const titles: Record<string, string> = {
  storm: 'eight nodes, trouble every second for three minutes: whole after it',
  'three-terminals': 'three terminals are whole within a second and read each other',
  'all-at-once':
    'HS-16 everybody dials everybody at once: one link a pair, the same at both ends, no frame lost',
  stranger: 'HS-01 a node with another swarm key gets no byte and no link, and disturbs nobody',
  'late-bootstrap': 'a bootstrap that comes late is found',
  'lost-bootstrap': 'a mesh outlives its bootstrap, and lets newcomers in through others',
  moved: 'an identity that comes back at another address is whole again within seconds',
  'wrong-clock': 'a clock that is wrong by an hour costs one round trip',
  'one-way-cut': 'a cut in one direction: chat goes around, and the link comes back',
  partition: 'ten minutes of partition: both sides live on, and then they are one again',
  'come-and-go': 'nodes leave with a goodbye and come back: whole within seconds of the last',
  'full-nodes': 'eight nodes with three places each: nobody is alone, and chat reaches all',
  'rough-start': 'a mesh forms in bad weather',
  bulk: '1 MiB crosses a slow and lossy link whole, and waits for its reader in bounded memory',
}

for (const { name } of nodeCases)
  if (name !== 'churn')
    t.test(titles[name]!, async t => {
      const first = await hashes(t, name, name === 'storm' ? 2 : 4)
      t.same(await hashes(t, name, 1), first.slice(0, 1))
    })

t.test('every scenario has a title here', async t => {
  const names = nodeCases.map(({ name }) => name).filter(name => name !== 'churn')
  t.same(names.sort(), Object.keys(titles).sort())
})

t.test('a failure prints its seed and one command, which shows the same failure', async t => {
  const failing = nodes('fails-on-purpose', async (fleet, sim) => {
    fleet.star(3)
    await fleet.start()
    await fleet.untilWhole(2000)
    claim(sim.random.below(1000) < 0, `the dice say ${sim.random.below(1000)}`)
  })
  const seed = 0xdecaden
  let report = ''
  await t.rejects(
    play(failing, seed, text => {
      report = text
    }),
    /the dice say/,
  )
  t.match(report, seedText(seed))
  const command = report.split('again: ')[1]!
  t.equal(command, replayCommand('fails-on-purpose', seed))
  const [, options] = command.split('npm run sim -- ')
  const lines: string[] = []
  const cases = [...nodeCases, failing]
  t.equal(await runCases(options!.split(' '), cases, line => lines.push(line)), 1)
  t.equal(lines.join('\n'), report, 'the same words, events and hash')
})

t.test('what a scenario leaves running, rejects or says twice fails it', async t => {
  const quiet = (): void => {}
  const leaving = nodes('leaves-a-timer', async (_, sim) => {
    const again = (): void => void sim.world.after(1000, again)
    again()
  })
  await t.rejects(play(leaving, 1, quiet), /the world goes on/)
  const rejecting = nodes('rejects', async (_, sim) => {
    sim.world.after(10, () => sim.world.enter(() => void Promise.reject(new Error('nobody caught this'))))
    await sim.pass(100)
  })
  await t.rejects(play(rejecting, 1, quiet), /nobody caught this/)
  const apart = nodes('apart', async (fleet, sim) => {
    const [n1, n2] = fleet.star(2)
    sim.cut(n1!.host, n2!.host)
    await fleet.start()
    await fleet.untilWhole(60_000)
  })
  await t.rejects(play(apart, 1, quiet), /not whole after 60 s/)
  const twice = nodes('two-links', async (fleet, sim) => {
    const [n1, n2] = fleet.star(2)
    await fleet.start()
    await fleet.untilWhole(2000)
    const { pipes } = n1!.watch
    for (const pipe of [...pipes]) pipes.add({ ...pipe, remote: { host: n2!.host.address, port: 1 } })
    fleet.checkPairs()
    await sim.pass(1)
  })
  await t.rejects(play(twice, 1, quiet), /n1 and n2: 2 and 1 links/)
})
