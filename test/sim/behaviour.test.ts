/** Whole nodes, one behaviour each: what scenarios once found broken. */
import t from 'tap'
import { play, type Simulation } from '../../src/testing/index.ts'
import { ECHO, type Fleet, type Member } from './fleet.ts'
import { nodes } from './nodes.ts'

function behaviour(name: string, story: (fleet: Fleet, sim: Simulation, t: Tap) => Promise<void>): void {
  t.test(name, async t => {
    await play(
      nodes(name, (fleet, sim) => story(fleet, sim, t)),
      1,
      text => t.comment(text),
    )
  })
}

type Tap = Pick<typeof t, 'equal' | 'match' | 'ok' | 'same'>

behaviour(
  'a listener of peer-connected may open a stream at once, whoever dialled',
  async (fleet, sim, t) => {
    const members = fleet.star(2)
    const answers: Promise<void>[] = []
    fleet.started = member =>
      member.node.on('peer-connected', ({ peerId }) => void answers.push(fleet.echo(member, peerId, 100)))
    await fleet.start()
    await fleet.untilWhole(2000)
    t.equal(answers.length, members.length)
    await sim.settle(Promise.all(answers), { limit: 1000 })
  },
)

behaviour('a handler sees the peer that opened its stream among the peers', async (fleet, sim, t) => {
  const [, n2] = fleet.star(2) as [Member, Member]
  const known: boolean[] = []
  let asked: Promise<Uint8Array> | undefined
  fleet.started = member => {
    if (member === n2)
      member.node.handle('/early/1', stream => {
        known.push(member.peers.includes(stream.peerId))
        stream.end()
      })
    else
      member.node.on('peer-connected', ({ peerId }) => {
        asked = member.node.request(peerId, '/early/1', new Uint8Array(0))
      })
  }
  await fleet.start()
  await sim.run(() => asked !== undefined, { limit: 2000 })
  await sim.settle(asked!, { limit: 1000 })
  t.same(known, [true])
})

behaviour('a drained link closes as soon as its streams have ended', async (fleet, sim, t) => {
  const hosts = [sim.host('n1'), sim.host('n2')]
  for (const host of hosts) fleet.add(host.name, { bootstrap: hosts.map(({ address }) => `${address}:8000`) })
  sim.weather({ delay: 20 })
  await sim.settle(Promise.all(fleet.members.map(member => member.start())))
  const [n1, n2] = fleet.members as [Member, Member]
  await sim.run(() => n1.pipesTo(n2).length === 2 && n1.peers.length === 1, { limit: 1000 })
  await fleet.untilWhole(500)
  t.equal(n1.pipesTo(n2).length, 1)
  await fleet.check()
})

behaviour('a peer that a person disconnected does not dial again by itself', async (fleet, sim, t) => {
  const [n1, n2] = fleet.star(2) as [Member, Member]
  await fleet.start()
  await fleet.untilWhole(2000)
  let reason = ''
  n2.node.on('peer-disconnected', gone => {
    reason = gone.reason
  })
  sim.world.enter(() => n1.node.disconnect(n2.node.peerId))
  await sim.pass(120_000)
  t.equal(reason, 'disconnected by the peer')
  t.equal(n2.watch.opened.length, 1, 'no second dial in two minutes')
  await sim.settle(n1.node.connect(n2.address), { limit: 2000 })
  await fleet.check()
})

behaviour(
  'connections of dead links are closed at both ends, even if no goodbye can pass',
  async (fleet, sim, t) => {
    const [n1, n2] = fleet.star(2) as [Member, Member]
    await fleet.start()
    await fleet.untilWhole(2000)
    sim.cut(n1.host, n2.host)
    await sim.run(() => n1.peers.length === 0 && n2.peers.length === 0, { limit: 90_000 })
    await sim.pass(11_000)
    for (const { watch } of [n1, n2])
      t.equal(watch.opened.filter(pipe => watch.pipes.has(pipe) && pipe.read > 0).length, 0)
  },
)

behaviour(
  'an echo of a request that is cut half-way rejects with a code, and nothing else',
  async (fleet, sim, t) => {
    const [n1, n2] = fleet.star(2) as [Member, Member]
    await fleet.start()
    await fleet.untilWhole(2000)
    const asked = n1.node.request(n2.node.peerId, ECHO, new Uint8Array(500_000))
    asked.catch(() => {})
    await sim.pass(3)
    n2.host.kill()
    const error = await sim.settle(
      asked.then(
        () => undefined,
        (error: unknown) => error,
      ),
      { limit: 2000 },
    )
    t.match(error, { code: 'GH_LINK_CLOSED' })
    fleet.remove(n2)
  },
)

t.test(
  'MESH-2 a square without its diagonals, however long: chat goes round although all have as many links',
  async t => {
    await play(
      nodes('square', async (fleet, sim) => {
        const [n1, n2, n3, n4] = fleet.star(4) as [Member, Member, Member, Member]
        await fleet.start()
        await fleet.untilWhole(2000)
        sim.cut(n1.host, n3.host)
        sim.cut(n2.host, n4.host)
        await sim.run(() => fleet.members.every(({ peers }) => peers.length === 2), { limit: 130_000 })
        for (let i = 0; i < 20; i++) {
          await sim.pass(30_000 + sim.random.below(30_000))
          await fleet.checkChat()
        }
        t.equal(n1.peers.length, 2)
        sim.heal()
        await fleet.untilWhole(60_000)
        await fleet.check()
      }),
      1,
      text => t.comment(text),
    )
  },
)

behaviour(
  'decision 14: who would be alone gets a place though everybody was named by a person',
  async (fleet, sim, t) => {
    const addresses = Array.from({ length: 5 }, (_, i) => `${sim.host(`n${i + 1}`).address}:8000`)
    for (let i = 0; i < 5; i++) fleet.add(`n${i + 1}`, { maxPeers: 3, bootstrap: addresses })
    const last = fleet.members[4]!
    await fleet.start(fleet.members.slice(0, 4))
    await fleet.untilWhole(5000, fleet.members.slice(0, 4))
    await fleet.start([last])
    await sim.run(() => last.peers.length > 0, { limit: 60_000 })
    await sim.pass(120_000)
    for (const { name, peers } of fleet.members)
      t.ok(peers.length > 0 && peers.length <= 3, `${name} has ${peers.length}`)
    await fleet.checkChat()
  },
)
