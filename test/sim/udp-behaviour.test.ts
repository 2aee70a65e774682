/** Whole nodes on datagrams, one behaviour each: what cases once found broken. */
import t from 'tap'
import { play, type Simulation } from '../../src/testing/index.ts'
import type { Fleet, Member } from './fleet.ts'
import { nodes } from './nodes.ts'
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
