/** TCP and UDP of one node: which carries a link, and that a peer is one peer by either. In virtual time. */
import t from 'tap'
import type { Runtime, Transport } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, type GuildNode, type NodeOptions } from '../../src/index.ts'
import { type Host, type Simulation, simulate } from '../../src/testing/index.ts'
import type { LinkConditions } from '../../src/testing/link.ts'

/** More of them: `SEEDS=300 node dist/test/node/two-ways.test.js`. */
const seeds = Number(process.env.SEEDS ?? 24)
const swarmKey = new Uint8Array(32).fill(7)

/** Hosts and nodes of one simulation. */
class Place {
  readonly sim: Simulation

  constructor(sim: Simulation) {
    this.sim = sim
  }

  async node(name: string, options: NodeOptions = {}, runtime?: Runtime): Promise<GuildNode> {
    const host = this.sim.host(name)
    const node = await createNode({
      runtime: runtime ?? host.runtime(),
      name,
      port: 8000,
      swarmKey,
      ...options,
    })
    await this.sim.settle(node.start())
    return node
  }

  where(name: string): string {
    return `${this.sim.host(name).address}:8000`
  }

  async until(holds: () => boolean, limit = 60_000): Promise<void> {
    await this.sim.run(holds, { limit })
  }
}

async function play(
  work: (place: Place) => Promise<void>,
  conditions: Partial<LinkConditions> = {},
  seed = 1,
): Promise<void> {
  await simulate({ name: 'two ways', seed, suite: nativeSuite, conditions }, sim => work(new Place(sim)))
}

/** A machine whose TCP leads nowhere, as behind a firewall that drops it; and what it tried. */
function withoutTcp(host: Host): { runtime: Runtime; dials: number[] } {
  const runtime = host.runtime()
  const dials: number[] = []
  const [tcp, ...rest] = runtime.network.transports
  const deaf: Transport = {
    name: 'tcp',
    listen: options => tcp!.listen(options),
    dial: ({ signal }) => {
      dials.push(runtime.clock.now())
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
    },
  }
  return { runtime: { ...runtime, network: { ...runtime.network, transports: [deaf, ...rest] } }, dials }
}

t.test(
  'MEM-15 where TCP is not answered a link stands over UDP 250 ms later; the next time UDP goes first',
  async t => {
    await play(
      async place => {
        const { runtime, dials } = withoutTcp(place.sim.host('a'))
        const b = await place.node('b')
        const a = await place.node('a', {}, runtime)
        const begun = place.sim.now
        const peer = await place.sim.settle(a.connect(place.where('b')))
        const took = place.sim.now - begun
        t.equal(peer.transport, 'udp')
        t.match(peer.address, /\/udp\/8000$/)
        t.ok(took >= 250 && took < 250 + 100, `linked after ${took} ms`)
        t.strictSame(dials.length, 1)
        a.disconnect(peer.peerId)
        await place.until(() => a.peers.length + b.peers.length === 0)
        const again = place.sim.now
        t.equal((await place.sim.settle(a.connect(place.where('b')))).transport, 'udp')
        t.ok(place.sim.now - again < 100, `at once: ${place.sim.now - again} ms`)
        t.equal(dials.length, 1, 'TCP was not even tried')
        t.equal(
          (await place.sim.settle(a.connect(place.where('b')))).peerId,
          b.peerId,
          'linked: the same peer',
        )
        await place.sim.settle(Promise.all([a.stop(), b.stop()]))
      },
      { delay: 10 },
    )
  },
)

t.test(
  'MEM-15 host:port leads to a node of UDP alone; a closed port is told within three round trips',
  async t => {
    await play(
      async place => {
        const b = await place.node('b', { transport: ['udp'] })
        const a = await place.node('a')
        t.match(b.addresses, [/\/udp\/8000\//])
        t.equal((await place.sim.settle(a.connect(place.where('b')))).transport, 'udp')
        const begun = place.sim.now
        const nobody = a.connect(`${place.sim.host('b').address}:9`)
        await t.rejects(place.sim.settle(nobody), { code: 'GH_DIAL_REFUSED' })
        t.ok(place.sim.now - begun <= 3 * 40 + 50, `${place.sim.now - begun} ms`)
        await place.sim.settle(Promise.all([a.stop(), b.stop()]))
      },
      { delay: 20 },
    )
  },
)

t.test(
  'HS-16 both dial at once, one by TCP, one by UDP: one link, the same at both, no word lost',
  async t => {
    for (let seed = 1; seed <= seeds; seed++)
      await play(
        async place => {
          const a = await place.node('a', { transport: ['tcp', 'udp'] })
          const b = await place.node('b', { transport: ['udp', 'tcp'] })
          const told: string[] = []
          const heard: string[] = []
          for (const node of [a, b]) {
            node.on('peer-connected', ({ name }) => told.push(name))
            node.on('peer-disconnected', ({ name }) => told.push(`not ${name}`))
            node.on('chat-message', ({ name, message }) => heard.push(`${name} ${message}`))
          }
          const one = a.connect(place.where('b'))
          await place.sim.pass(place.sim.random.below(60))
          const other = b.connect(place.where('a'))
          await place.sim.settle(Promise.allSettled([one, other]))
          await place.until(() => a.peers.length === 1 && b.peers.length === 1)
          for (let i = 0; i < 20; i++) {
            a.broadcast(String(i))
            b.broadcast(String(i))
            await place.sim.pass(place.sim.random.below(30))
          }
          await place.sim.pass(25_000)
          t.same(told.sort(), ['a', 'b'], `seed ${seed}`)
          t.equal(new Set(heard).size, 40, `seed ${seed}`)
          t.equal(heard.length, 40, `seed ${seed}`)
          t.not(a.peers[0]!.direction, b.peers[0]!.direction)
          t.equal(a.peers[0]!.transport, b.peers[0]!.transport)
          await place.sim.settle(Promise.all([a.stop(), b.stop()]))
        },
        { delay: 20, jitter: 15 },
        seed,
      )
  },
)

t.test(
  'MEM-14 who is told of a peer by both its addresses dials it once, and finds it again by either',
  async t => {
    await play(async place => {
      const hub = await place.node('hub')
      const dialled = await place.node('dialled', { transport: ['udp', 'tcp'] })
      await place.sim.settle(hub.connect(place.where('dialled')))
      const came = await place.node('came', { transport: ['udp', 'tcp'], bootstrap: [place.where('hub')] })
      await place.until(() => hub.peers.length === 2 && came.peers.length === 2)
      t.equal(hub.peers.find(({ name }) => name === 'came')?.transport, 'udp')
      const late = await place.node('late', { bootstrap: [place.where('hub')] })
      const narrow = await place.node('narrow', { transport: ['tcp'], bootstrap: [place.where('hub')] })
      const links: string[] = []
      for (const node of [late, narrow])
        node.on('peer-connected', ({ name }) => links.push(`${node.name} ${name}`))
      const failures: unknown[] = []
      for (const node of [late, narrow]) node.on('connection-failed', event => failures.push(event))
      await place.until(() => [late, narrow].every(node => node.peers.length === 4))
      await place.sim.pass(70_000)
      t.equal(new Set(links).size, links.length, 'each peer once')
      t.strictSame(failures, [])
      t.ok(narrow.peers.every(({ transport }) => transport === 'tcp'))
      const nodes = [hub, dialled, came, late, narrow]
      t.ok(nodes.every(node => node.peers.length === 4))
      await place.sim.settle(Promise.all(nodes.map(node => node.stop())))
    })
  },
)

t.test('a goodbye reaches a peer a long way off', async t => {
  await play(
    async place => {
      const b = await place.node('b', { transport: ['udp'] })
      const a = await place.node('a', { transport: ['udp'] })
      const peer = await place.sim.settle(a.connect(place.where('b')))
      await place.until(() => b.peers.length === 1)
      const gone: unknown[] = []
      b.on('peer-disconnected', event => gone.push(event))
      a.broadcast('this is on its way, and nobody says yet that it came')
      await place.sim.settle(a.stop())
      await place.until(() => gone.length === 1, 3_000)
      t.match(gone, [{ peerId: a.peerId, reason: 'goodbye' }])
      t.equal(peer.transport, 'udp')
      await place.sim.settle(b.stop())
    },
    { delay: 750 },
  )
})

t.test('a node of UDP alone announces its name by UDP', async t => {
  await play(async place => {
    const a = await place.node('a', { transport: ['udp'], announce: ['example.org:8000'] })
    t.match(a.addresses, [/^\/dns\/example\.org\/udp\/8000\/p2p\//])
    const both = await place.node('b', { announce: ['example.org:8000'] })
    t.match(both.addresses, [/^\/dns\/example\.org\/tcp\/8000\/p2p\//])
    await place.sim.settle(Promise.all([a.stop(), both.stop()]))
  })
})
