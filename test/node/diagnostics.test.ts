/** The diagnostics channels: who listens hears, from when he listens; and the figures of `peers`. */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { createNode, type PeerInfo, type TraceEvent, type TraceKind } from '../../src/index.ts'
import { somebodyListens } from '../../src/node/diagnostics.ts'
import { Turn } from '../../src/node/turn.ts'
import { watchedPair } from '../support/watched-pair.ts'

const kinds: readonly TraceKind[] = [
  'packet-sent',
  'packet-received',
  'packet-dropped',
  'packet-lost',
  'metrics',
  'path',
  'handshake',
  'ended',
]

/** What is heard until the test ends, or `stop`. */
function listen(t: Test, which: readonly TraceKind[]) {
  const heard: TraceEvent[] = []
  const listener: ChannelListener = event => void heard.push(event as TraceEvent)
  for (const kind of which) subscribe(`guild-home:${kind}`, listener)
  const stop = (): void => {
    for (const kind of which) unsubscribe(`guild-home:${kind}`, listener)
  }
  t.teardown(stop)
  return { heard, stop }
}

const weather = { delay: 20, loss: 0.02, duplicate: 0.02 }

t.test('OBS-1 OBS-4 channels: each event on its own, with its link', async t => {
  const { heard, stop } = listen(t, kinds)
  let seen: PeerInfo | undefined
  let ids: string[] = []
  await watchedPair({ conditions: weather }, async ({ pour, rebind, sim, alice, bob }) => {
    await pour(256 * 1024)
    rebind()
    await pour(256 * 1024)
    await sim.pass(1_000)
    seen = bob.peers[0]
    ids = [alice.peerId, bob.peerId]
    sim.weather({ delay: 20, loss: 0, duplicate: 0 })
  })
  stop()
  t.equal(somebodyListens(), false)
  t.strictSame(new Set(heard.map(one => one.kind)), new Set(kinds), 'every kind happened')
  const links = [...new Set(heard.map(one => one.link))]
  t.equal(links.length, 2, 'one object a link')
  t.match(
    links.toSorted((a, b) => (a.direction < b.direction ? -1 : 1)),
    [
      { node: ids[0], peer: ids[1], direction: 'in' },
      { node: ids[1], peer: ids[0], direction: 'out' },
    ],
  )
  const ofBob = heard.filter(one => one.link.node === ids[1])
  const sent = ofBob.filter(one => one.kind === 'packet-sent')
  t.equal(sent.length, seen!.packets!.packetsSent + 1, 'and CLOSE')
  t.match(ofBob[0], { kind: 'handshake', step: 'begun' })
  const lost = ofBob.filter(one => one.kind === 'packet-lost')
  const numbers = new Map(sent.map(one => [one.number, one]))
  for (const one of lost) t.match(numbers.get(one.number), { size: one.size, time: one.sentAt })
  t.equal(lost.filter(one => !one.mtuProbe).length, seen!.packets!.packetsLost)
  t.match(
    heard.filter(one => one.kind === 'ended' && one.link.direction === 'out'),
    [{ by: 'local', stage: 'open', code: 'GH_LINK_CLOSED', closeCode: 0 }],
  )
})

t.test('OBS-4 channels: whoever comes late hears from the next datagram on', async t => {
  await watchedPair({ conditions: { delay: 20 } }, async ({ pour, sim, alice, bob }) => {
    await pour(16 * 1024)
    await sim.pass(500)
    t.equal(somebodyListens(), false)
    const { heard, stop } = listen(t, ['metrics', 'packet-received'])
    await pour(16 * 1024)
    await sim.pass(200) // acknowledgements come
    const peers = new Set(heard.map(one => one.link.peer))
    t.strictSame(peers, new Set([alice.peerId, bob.peerId]))
    const metrics = heard.filter(one => one.kind === 'metrics' && one.link.node === bob.peerId)
    t.match(metrics.at(-1), { figures: { congestion: 'bbr', leastRttMs: 40, mtu: 1_472 } })
    stop()
    const before = heard.length
    await pour(16 * 1024)
    t.equal(heard.length, before)
  })
})

t.test('a dial that met somebody else tells who answered', async t => {
  const { heard } = listen(t, ['ended'])
  await watchedPair({}, async ({ sim, alice, bob }) => {
    const wanted = bob.peerId
    const address = `/ip4/198.51.100.1/udp/8000/p2p/${wanted}`
    const carol = await createNode({
      ...{ transport: ['udp'], mdns: false, host: false, swarmKey: new Uint8Array(32).fill(3) },
      runtime: sim.host('carol').runtime(),
    })
    await sim.settle(carol.start())
    const error = await sim.settle(carol.connect(address).catch((reason: unknown) => reason))
    t.match(error, { code: 'GH_HANDSHAKE_IDENTITY' })
    t.match(
      heard.filter(one => one.link.node === carol.peerId),
      [{ by: 'handshake', code: 'GH_HANDSHAKE_IDENTITY', link: { peer: alice.peerId } }],
    )
    await sim.settle(carol.stop())
  })
})

t.test('OBS-1 the same seed takes the same course, watched or not', async t => {
  const run = () => watchedPair({ conditions: weather, seed: 7 }, ({ pour }) => pour(128 * 1024))
  const alone = await run()
  const { heard } = listen(t, kinds)
  t.equal(await run(), alone)
  t.ok(heard.length > 300)
})

t.test('peers: the figures of a path over packets; over records there are none', async t => {
  for (const congestion of ['bbr', 'cubic', 'newreno'] as const)
    await watchedPair({ conditions: { delay: 20, loss: 0.01 }, options: { congestion } }, async pair => {
      await pair.pour(256 * 1024)
      const [peer] = pair.bob.peers
      t.match(peer, { transport: 'udp', carrier: 'packets' })
      const packets = peer!.packets!
      t.equal(packets.congestion, congestion)
      t.ok(peer!.rttMs! >= packets.leastRttMs! && packets.leastRttMs! >= 40, `${peer!.rttMs}`)
      t.ok(packets.congestionWindow >= 2 * 1_200 && packets.bytesInFlight >= 0)
      t.equal(packets.mtu, 1_472)
      t.ok(packets.packetsSent > 180 && packets.packetsReceived > 10)
      t.equal(packets.lossShare, packets.packetsLost / packets.packetsSent)
    })
  const [a, b] = await Promise.all(
    [1, 2].map(n =>
      createNode({
        ...{ host: '127.0.0.1', mdns: false, transport: ['tcp'], swarmKey: new Uint8Array(32).fill(9) },
        identityKey: new Uint8Array(32).fill(n),
      }),
    ),
  )
  t.teardown(() => Promise.all([a!.stop(), b!.stop()]))
  await a!.start()
  await b!.start()
  t.match(await b!.connect(`127.0.0.1:${a!.port}`), { carrier: 'records', packets: undefined })
})

t.test('congestion and qlog are checked before anything starts', async t => {
  const swarmKey = new Uint8Array(32)
  await t.rejects(createNode({ swarmKey, congestion: 'reno' as 'bbr' }), { code: 'GH_OPTION_INVALID' })
  await t.rejects(createNode({ swarmKey, qlog: '' }), { code: 'GH_OPTION_INVALID' })
})

t.test('P15 channels: a datagram for which a turn has no time is told as dropped', async t => {
  await watchedPair({ conditions: { delay: 20 } }, async ({ pour, sim, bob }) => {
    const { heard } = listen(t, ['packet-dropped'])
    const { hears } = Turn.prototype
    Turn.prototype.hears = () => false // time stands still in a turn of the simulated network
    try {
      bob.broadcast('into deaf ears')
      await sim.pass(100)
    } finally {
      Turn.prototype.hears = hears
    }
    t.ok(heard.some(one => one.link.direction === 'in'))
    for (const one of heard) t.match(one, { reason: 'busy' })
    await pour(16 * 1024)
  })
})
