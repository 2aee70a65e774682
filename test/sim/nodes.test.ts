/** Whole nodes in the simulated network, and what must fail them. `npm run sim -- --seeds=N` has more seeds. */
import t from 'tap'
import { play, replayCommand, seedText } from '../../src/testing/index.ts'
import { claim } from './fleet.ts'
import { nodeCases, nodes } from './nodes.ts'
import { runCases } from './runner.ts'
import { hashes } from './seeds.ts'

t.setTimeout(120_000) // as the suite has it, for runs of this file alone on a busy machine

const titles: Record<string, string> = {
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

/** These have a file of their own: they take longest. */
const elsewhere = ['churn', 'storm', 'swarm']

for (const [name, title] of Object.entries(titles))
  t.test(title, async t => {
    const first = await hashes(t, name, 1)
    t.same(await hashes(t, name, 1), first.slice(0, 1))
  })

t.test('every scenario is played', async t => {
  t.same(nodeCases.map(({ name }) => name).sort(), [...elsewhere, ...Object.keys(titles)].sort())
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
  t.equal(
    (await runCases([...options!.split(' '), '--no-shrink'], cases, line => lines.push(line))).failed,
    1,
  )
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
  await t.rejects(play(twice, 1, quiet), /n1 and n2: 2 and 1 pipes/)
})
