/** Whole nodes on datagrams, one behaviour each: what cases once found broken. */
import t from 'tap'
import { play, type Simulation } from '../../src/testing/index.ts'
import type { Fleet, Member } from './fleet.ts'
import { nodes } from './nodes.ts'
import { Parcel } from './parcel.ts'
import { udp } from './udp-cases.ts'

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

const nothing = new Uint8Array(0)
const isPacket = (bytes: Uint8Array): boolean => (bytes[0]! & 0xc0) === 0x40

/** A server and whoever dials it, started. */
async function two(fleet: Fleet, sim: Simulation): Promise<{ server: Member; client: Member }> {
  sim.weather({ delay: 20 })
  const server = fleet.add('server', udp)
  const client = fleet.add('client', { ...udp, bootstrap: [server.address] })
  return { server, client }
}

behaviour(
  'a dial in datagrams that nobody answers is said to have failed, and begins anew',
  async (fleet, sim, t) => {
    const { server, client } = await two(fleet, sim)
    const failed: string[] = []
    fleet.started = ({ node }) => node.on('bootstrap-failed', ({ code }) => void failed.push(code))
    await fleet.start([client])
    await sim.pass(60_000)
    t.same(failed, ['GH_HANDSHAKE_TIMEOUT'])
    await fleet.start([server])
    await fleet.untilWhole(60_000)
    await fleet.check()
  },
)

behaviour(
  'a node that waits for ACCEPTED in vain does not wait for ever, and tells the peer',
  async (fleet, sim, t) => {
    const { server, client } = await two(fleet, sim)
    const failed: string[] = []
    fleet.started = ({ node }) => node.on('bootstrap-failed', ({ code }) => void failed.push(code))
    // What comes through are trials of the path's size: the client knows that its message 3 arrived.
    sim.tamper(server.host, client.host, bytes => (isPacket(bytes) && bytes.length < 1_300 ? nothing : bytes))
    await fleet.start()
    await sim.run(() => server.peers.length === 1, { limit: 5_000 })
    await sim.run(() => failed.length === 1, { limit: 31_000 })
    t.same(failed, ['GH_HANDSHAKE_TIMEOUT'])
    await sim.run(() => server.peers.length === 0, { limit: 1_000 })
    sim.tamper(server.host, client.host, undefined)
    await fleet.untilWhole(60_000)
    await fleet.check()
  },
)

behaviour('a peer is let in with its message 3, not with its first packet', async (fleet, sim, t) => {
  const { server, client } = await two(fleet, sim)
  let packets = 0
  sim.tamper(client.host, server.host, bytes => {
    if (!isPacket(bytes)) return bytes
    packets++
    return server.peers.length === 1 ? bytes : nothing
  })
  await fleet.start()
  await fleet.untilWhole(1_000)
  t.ok(packets > 0)
  await fleet.check()
})

behaviour('while the swarm key is rotated, datagrams are tried with both keys', async (fleet, sim, t) => {
  sim.weather({ delay: 20 })
  const swarmKey = sim.random.bytes(32)
  const server = fleet.add('server', udp)
  const rotated = { ...udp, swarmKey, previousSwarmKey: fleet.swarmKey }
  fleet.add('client', { ...rotated, bootstrap: [server.address] })
  const other = fleet.add('other', { ...rotated, bootstrap: [server.address] })
  await fleet.start()
  await fleet.untilWhole(2_000)
  await fleet.check()
  t.equal(other.peers.length, 2, 'and those with the new key find each other')
})

behaviour(
  'LOSS-8 what is lost at the end of a burst comes with the first probe that arrives',
  async (fleet, sim, t) => {
    const { server, client } = await two(fleet, sim)
    await fleet.start()
    await fleet.untilWhole(2_000)
    await sim.pass(20_000)
    // The question is lost, and so is the answer to the first probe: the probe itself has to carry the question.
    let heard = 0
    const once = (): ((bytes: Uint8Array) => Uint8Array) => {
      let left = 1
      return bytes => (left-- > 0 ? nothing : bytes)
    }
    sim.tamper(client.host, server.host, once())
    sim.tamper(server.host, client.host, once())
    server.node.on('chat-message', () => void heard++)
    sim.world.enter(() => client.node.broadcast('are you there'))
    await sim.run(() => heard === 1, { limit: 200 })
    t.equal(heard, 1)
  },
)

behaviour(
  'UQ-20 a path that takes 1,200 bytes and no more, always or from then on',
  async (fleet, sim, t) => {
    const { server, client } = await two(fleet, sim)
    sim.weather({ mtu: 1_228 })
    await fleet.start()
    await fleet.untilWhole(2_000)
    const narrow = new Parcel(sim, 'narrow', client, server, { length: 300_000 })
    await narrow.deliver()
    sim.weather({ mtu: 9_000 })
    const wide = new Parcel(sim, 'wide', server, client, { length: 2_000_000, piece: 10_000, every: 10 })
    const sent = wide.send()
    await sim.run(() => wide.read > 500_000, { limit: 10_000 })
    sim.weather({ mtu: 1_228 })
    await sim.settle(sent, { limit: 60_000 })
    wide.check()
    t.ok(wide.stall() < 5_000, `${wide.stall().toFixed(0)} ms without a byte`)
    await fleet.check()
  },
)

behaviour(
  'UQ-18 nothing to say for an hour is no silence; half a minute of silence is the end',
  async (fleet, sim, t) => {
    const { server, client } = await two(fleet, sim)
    let left = 0
    fleet.started = ({ node }) => node.on('peer-disconnected', () => void left++)
    await fleet.start()
    await fleet.untilWhole(2_000)
    await sim.pass(3_600_000)
    t.equal(left, 0)
    sim.cut(server.host, client.host)
    // It runs from the first question that nobody answers, which is asked ten seconds later at most.
    const cut = sim.now
    await sim.run(() => left === 2, { limit: 60_000 })
    t.ok(sim.now - cut > 25_000 && sim.now - cut < 41_000, `gone after ${(sim.now - cut).toFixed(0)} ms`)
    sim.heal()
    await fleet.untilWhole(60_000)
  },
)
