/**
 * Scenarios with whole nodes: what a mesh must come through, and how it must look after.
 *
 * Bootstrap is n1 and everybody else knows only that, unless the story says otherwise.
 */
import { nativeSuite } from '../../src/crypto/native.ts'
import { GuildError, type GuildStream } from '../../src/index.ts'
import {
  drawWeather,
  type Host,
  type Scenario,
  type Simulation,
  scenario,
  trouble,
} from '../../src/testing/index.ts'
import { bulk } from './bulk.ts'
import { claim, ECHO, Fleet, type Member, PORT } from './fleet.ts'
import { Swarm } from './swarm.ts'

/** A story told to a fleet, which is stopped at its end and must then leave nothing behind. */
export function nodes(name: string, story: (fleet: Fleet, sim: Simulation) => Promise<void>): Scenario {
  const body = async (sim: Simulation): Promise<void> => {
    const fleet = new Fleet(sim)
    try {
      await story(fleet, sim)
      await fleet.end()
    } finally {
      fleet.dispose()
    }
  }
  return scenario(name, body, { suite: nativeSuite })
}

const threeTerminals = nodes('three-terminals', async (fleet, sim) => {
  const machine = sim.host('machine', { addresses: ['127.0.0.1'] })
  const local = { host: '127.0.0.1' }
  const bootstrap = ['127.0.0.1:8000']
  fleet.add('alice', { ...local, port: 8000 }, machine)
  fleet.add('bob', { ...local, port: 8001, bootstrap }, machine)
  fleet.add('carol', { ...local, port: 8002, bootstrap }, machine)
  await fleet.start()
  await sim.run(() => fleet.members.every(({ node }) => node.peers.length === 2), { limit: 1000 })
  await fleet.checkChat()
  await fleet.checkStreams()
})

const churn = nodes('churn', async (fleet, sim) => {
  await survive(fleet, sim, { count: 5, lasts: 90_000, every: 3000 })
})

const storm = nodes('storm', async (fleet, sim) => {
  await survive(fleet, sim, { count: 8, lasts: 180_000, every: 1000 })
})

/** Trouble of the seed's kinds, with chat and streams all the while; then peace, and all must be well. */
async function survive(
  fleet: Fleet,
  sim: Simulation,
  { count, lasts, every }: { count: number; lasts: number; every: number },
): Promise<void> {
  fleet.star(count)
  await fleet.start()
  await fleet.untilWhole(2000)
  const hosts = fleet.members.map(({ host }) => host)
  const until = sim.now + lasts
  const onRestart = (host: Host): void => fleet.of(host).startSoon()
  const { kinds } = trouble(sim, { hosts, until, every, lasting: 12_000, onRestart })
  sim.note(`trouble: ${kinds.join(' ')}`)
  const live = (): void => {
    if (sim.now > until) return
    const member = sim.random.pick(fleet.members)
    const other = sim.random.pick(fleet.members)
    const length = sim.random.below(100_000)
    member.enter(() => {
      fleet.say(member)
      fleet.echo(member, other.node.peerId, length).catch((error: unknown) => {
        if (!(error instanceof GuildError)) sim.world.fail(error)
      })
    })
    sim.world.after(sim.random.below(2000), () => sim.world.enter(live))
  }
  sim.world.enter(live)
  await sim.run(until + 1)
  fleet.doubt()
  await fleet.untilWhole(180_000)
  // What was sent in vain sits in TCP, each segment with a back-off of its own, and goes before.
  await fleet.check(fleet.members, 60_000)
}

const allAtOnce = nodes('all-at-once', async (fleet, sim) => {
  const hosts = Array.from({ length: 6 }, (_, i) => sim.host(`n${i + 1}`))
  const bootstrap = hosts.map(({ address }) => `${address}:${PORT}`)
  for (const host of hosts) fleet.add(host.name, { bootstrap })
  // From all but equal to all but useless: who is first where is decided anew for every pair.
  for (const a of hosts)
    for (const b of hosts)
      if (a !== b)
        sim.linkOneWay(a, b, {
          delay: 1 + sim.random.below(40),
          jitter: sim.random.below(20),
          loss: sim.random.chance(0.3) ? 0.05 : 0,
        })
  const talks: Promise<void>[] = []
  fleet.started = member => {
    member.node.on('peer-connected', ({ peerId }) => {
      talks.push(fleet.echo(member, peerId, 5000), talk(fleet, member, peerId))
    })
  }
  await sim.settle(Promise.all(fleet.members.map(member => member.start())))
  await fleet.untilWhole(30_000)
  await sim.settle(Promise.all(talks), { limit: 30_000 })
  claim(talks.length === 2 * 6 * 5, `${talks.length} talks for 15 pairs: some peer connected twice`)
  await fleet.check()
})

/** Ten questions over five seconds on one stream: longer than it takes to choose between two links. */
async function talk(fleet: Fleet, from: Member, peerId: string): Promise<void> {
  const stream: GuildStream = await from.node.open(peerId, ECHO)
  const answers = stream[Symbol.asyncIterator]()
  for (let i = 0; i < 10; i++) {
    stream.write(Uint8Array.of(i))
    const answer = await answers.next()
    claim(!answer.done && answer.value[0] === i, `${from.name}: question ${i} was not answered`)
    await fleet.sim.world.sleep(500)
  }
  stream.end()
  claim((await answers.next()).done === true, `${from.name}: the talk did not end`)
}

const stranger = nodes('stranger', async (fleet, sim) => {
  const host = sim.host('stranger')
  const n1 = fleet.add('n1', { bootstrap: [`${host.address}:${PORT}`] })
  for (const name of ['n2', 'n3']) fleet.add(name, { bootstrap: [n1.address] })
  const members = [...fleet.members]
  const swarmKey = sim.random.bytes(32)
  const other = fleet.add('stranger', { swarmKey, bootstrap: members.map(({ address }) => address) }, host)
  const failures = new Set<string>()
  fleet.started = member =>
    member === other && member.node.on('bootstrap-failed', ({ code }) => failures.add(code))
  await fleet.start()
  await sim.pass(120_000)
  await fleet.check(members)
  claim(other.peers.length === 0, 'the stranger has a peer')
  claim([...failures].join() === 'GH_HANDSHAKE_SWARM', `the stranger is told ${[...failures].join()}`)
  const answered = (a: Member, b: Member): number => {
    const accepted = a.watch.opened.filter(
      ({ dialled, remote }) => !dialled && remote.host === b.host.address,
    )
    claim(accepted.length > 0, `${b.name} never dialled ${a.name}`)
    return accepted.reduce((sum, { written }) => sum + written, 0)
  }
  for (const member of members) claim(answered(member, other) === 0, `${member.name} answered the stranger`)
  claim(answered(other, n1) === 0, 'the stranger answered n1')
  for (const { node } of members) claim(node.stats().strangers_refused > 0, 'nobody counted the stranger')
})

const lateBootstrap = nodes('late-bootstrap', async (fleet, sim) => {
  const [first, ...rest] = fleet.star(4) as [Member, ...Member[]]
  await fleet.start(rest)
  await sim.pass(sim.random.between(1000, 600_000))
  claim(
    rest.every(({ node }) => node.peers.length === 0),
    'without a bootstrap nobody knows anybody',
  )
  await fleet.start([first])
  await fleet.untilWhole(40_000)
  await fleet.check()
})

const lostBootstrap = nodes('lost-bootstrap', async (fleet, sim) => {
  const [first, ...rest] = fleet.star(5) as [Member, ...Member[]]
  await fleet.start()
  await fleet.untilWhole(2000)
  await sim.pass(20_000)
  const before = rest.map(({ watch }) => watch.pipes.size)
  if (sim.random.chance(0.5)) first.host.crash()
  else first.host.kill()
  await sim.pass(300_000)
  for (const [i, { name, watch }] of rest.entries())
    claim(watch.pipes.size === before[i]! - 1, `${name} has ${watch.pipes.size} links left`)
  await fleet.check(rest)
  fleet.remove(first)
  const newcomer = fleet.add('newcomer', { bootstrap: [sim.random.pick(rest).address] })
  await fleet.start([newcomer])
  await fleet.untilWhole(2000)
  await fleet.check()
})

const moved = nodes('moved', async (fleet, sim) => {
  const members = fleet.star(4)
  await fleet.start()
  await fleet.untilWhole(2000)
  await sim.pass(sim.random.below(30_000))
  const member = sim.random.pick(members.slice(1))
  const { peerId } = member.node
  if (sim.random.chance(0.5)) member.host.crash()
  else member.host.kill()
  await sim.pass(sim.random.below(5000))
  member.host = sim.host('elsewhere')
  await fleet.start([member])
  claim(member.node.peerId === peerId, 'the identity moved along')
  await fleet.untilWhole(5000)
  await fleet.check()
})

const wrongClock = nodes('wrong-clock', async (fleet, sim) => {
  const offset = 3_600_000 * (sim.random.chance(0.5) ? 1 : -1)
  sim.weather({ delay: 50 })
  const first = fleet.add('n1')
  await fleet.start()
  await sim.pass(130_000) // from here on n1 asks nobody for a cookie who has the right time
  const linkedAfter = async (member: Member): Promise<number> => {
    const start = sim.now
    await fleet.start([member])
    await sim.run(() => member.node.peers.length > 0, { limit: 5000 })
    return Math.round(sim.now - start)
  }
  const right = await linkedAfter(fleet.add('right', { bootstrap: [first.address] }))
  const host = sim.host('wrong', { clockOffset: offset })
  const wrong = await linkedAfter(fleet.add('wrong', { bootstrap: [first.address] }, host))
  claim(right === 300, `connect, message 1 and 2, message 3 and ACCEPTED take ${right} ms`)
  claim(wrong === 400, `one round trip more for the cookie: ${wrong} ms`)
  await fleet.untilWhole(5000)
  await fleet.check()
})

const oneWayCut = nodes('one-way-cut', async (fleet, sim) => {
  const [n1, n2] = fleet.star(4) as [Member, Member]
  await fleet.start()
  await fleet.untilWhole(2000)
  const [from, to] = sim.random.chance(0.5) ? [n1, n2] : [n2, n1]
  sim.cutOneWay(from.host, to.host)
  const apart = (): boolean => fleet.members.filter(({ node }) => node.peers.length === 2).length === 2
  await sim.run(apart, { limit: 130_000 })
  await sim.pass(5000) // MESH has told the others who lacks whom
  await fleet.checkChat() // by way of them
  await sim.pass(sim.random.below(60_000))
  sim.heal()
  await fleet.untilWhole(60_000)
  await fleet.check()
})

const partition = nodes('partition', async (fleet, sim) => {
  const members = fleet.star(5)
  await fleet.start()
  await fleet.untilWhole(2000)
  const mixed = sim.random.shuffle(members)
  const middle = sim.random.between(1, 4)
  const [here, there] = [mixed.slice(0, middle), mixed.slice(middle)]
  const hostsOf = (group: readonly Member[]) => group.map(({ host }) => host)
  sim.partition(hostsOf(here), hostsOf(there))
  await sim.pass(600_000)
  for (const group of [here, there]) if (group.length > 1) await fleet.check(group)
  sim.heal()
  await fleet.untilWhole(60_000)
  await fleet.check()
})

const comeAndGo = nodes('come-and-go', async (fleet, sim) => {
  const members = fleet.star(5)
  sim.weather({ delay: 1 + sim.random.below(60), jitter: sim.random.below(30) })
  await fleet.start()
  const away = new Set<Member>()
  const until = sim.now + 60_000
  const leave = (): void => {
    if (sim.now > until) return
    const member = sim.random.pick(members)
    if (!away.has(member)) {
      away.add(member)
      // Now and then at once after it came, and back before the others have seen it go.
      const back = (): Promise<void> =>
        sim.world
          .sleep(sim.random.below(8000))
          .then(() => member.start())
          .then(() => void away.delete(member))
      member.node
        .stop()
        .then(back)
        .catch((error: unknown) => sim.world.fail(error))
    }
    sim.world.after(sim.random.below(3000), () => sim.world.enter(leave))
  }
  sim.world.enter(leave)
  await sim.run(until + 1)
  await sim.run(() => away.size === 0, { limit: 20_000 })
  await fleet.untilWhole(40_000)
  await fleet.check()
})

const fullNodes = nodes('full-nodes', async (fleet, sim) => {
  const members = fleet.star(8, { maxPeers: 3 })
  sim.weather({ delay: 1 + sim.random.below(30), jitter: sim.random.below(20) })
  await fleet.start()
  await sim.pass(90_000)
  for (const { name, peers } of members)
    claim(peers.length >= 1 && peers.length <= 3, `${name} has ${peers.length} peers`)
  await fleet.checkChat()
})

const roughStart = nodes('rough-start', async (fleet, sim) => {
  sim.weather(drawWeather(sim.random))
  const members = fleet.star(5)
  for (const member of sim.random.shuffle(members)) {
    sim.world.after(sim.random.below(10_000), () => sim.world.enter(() => member.startSoon()))
  }
  await sim.run(() => members.every(({ running }) => running), { limit: 20_000 })
  await fleet.untilWhole(240_000)
  await fleet.check(members, 120_000)
})

export const nodeCases: readonly Scenario[] = [
  threeTerminals,
  churn,
  storm,
  allAtOnce,
  stranger,
  lateBootstrap,
  lostBootstrap,
  moved,
  wrongClock,
  oneWayCut,
  partition,
  comeAndGo,
  fullNodes,
  roughStart,
  nodes('bulk', bulk),
  nodes('swarm', (fleet, sim) => new Swarm(fleet, sim).play()),
]
