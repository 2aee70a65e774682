/** Simulated datagrams: one queue for all flows of a path, weather that changes, NAT boxes. */
import t from 'tap'
import type { DatagramSocket, Endpoint } from '../../src/base/ports.ts'
import { type Host, Simulation } from '../../src/testing/index.ts'

interface Ear {
  readonly socket: DatagramSocket
  /** First byte, when, from whom, and how long. */
  readonly heard: {
    readonly tag: number
    readonly at: number
    readonly from: Endpoint
    readonly length: number
  }[]
  send(to: Endpoint, tag: number, length?: number): void
}

async function open(sim: Simulation, host: Host, port = 0): Promise<Ear> {
  const heard: { tag: number; at: number; from: Endpoint; length: number }[] = []
  const socket = await host.datagrams().open({
    host: '0.0.0.0',
    port,
    onDatagram: (bytes, from) => heard.push({ tag: bytes[0]!, at: sim.now, from, length: bytes.length }),
    onError: t.fail,
  })
  const send = (to: Endpoint, tag: number, length = 1): void => {
    socket.send(to, new Uint8Array(length).fill(tag))
  }
  return { socket, heard, send }
}

const endpoint = (host: Host, port: number): Endpoint => ({ host: host.address, port })

t.test('P11 all sockets of a host share the queue to another, and what finds it full is dropped', async t => {
  const sim = new Simulation({
    seed: 1,
    conditions: { delay: 10, rate: 1_000_000, queue: 20_000, mtu: 9000 },
  })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const server = await open(sim, b, 7)
  const [one, two] = [await open(sim, a), await open(sim, a)]
  const to = endpoint(b, 7)
  for (let i = 0; i < 20; i++) {
    one.send(to, 1, 1000)
    two.send(to, 2, 1000)
  }
  await sim.pass(1000)
  t.equal(server.heard.length, 20, 'of 40,000 bytes the 20,000 that fit')
  t.equal(server.heard.filter(({ tag }) => tag === 1).length, 10, 'of each flow those that came first')
  t.same(
    server.heard.map(({ at }) => Math.round(at)),
    Array.from({ length: 20 }, (_, i) => 11 + i),
    'one after the other, a millisecond each',
  )
  // The queue drains while the flows go on: what is offered at twice the rate gets through at the rate.
  server.heard.length = 0
  const start = sim.now
  for (let i = 0; i < 500; i++)
    sim.world.after(i, () => {
      one.send(to, 1, 1000)
      two.send(to, 2, 1000)
    })
  await sim.pass(490)
  const passed = server.heard.length
  t.ok(Math.abs(passed - 480) <= 2, `${passed} in 480 ms at one a millisecond`)
  t.ok(
    server.heard.every(({ at }) => at - start <= 490),
    'nothing waits longer than the queue is long',
  )
})

t.test('a black hole opens and closes again while datagrams are under way', async t => {
  const sim = new Simulation({ seed: 1, conditions: { delay: 50 } })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const server = await open(sim, b, 7)
  const client = await open(sim, a)
  for (let i = 0; i < 100; i++) sim.world.after(i * 10, () => client.send(endpoint(b, 7), i))
  sim.world.after(205, () => sim.weather({ loss: 1 }))
  sim.world.after(405, () => sim.weather({ loss: 0 }))
  sim.world.after(605, () => sim.cut(a, b))
  sim.world.after(805, () => sim.heal(a, b))
  await sim.pass(2000)
  const missing = Array.from({ length: 100 }, (_, i) => i).filter(
    i => !server.heard.some(({ tag }) => tag === i),
  )
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
  t.same(missing, [...range(21, 41), ...range(56, 76)], 'lost when sent; cut when they would arrive')
})

t.test('a datagram is the receiver’s for the call only, and the sender’s bytes stay as they are', async t => {
  const sim = new Simulation({ seed: 1, conditions: { duplicate: 1 } })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const kept: Uint8Array[] = []
  const first: number[] = []
  await b.datagrams().open({
    host: b.address,
    port: 7,
    onDatagram: bytes => {
      first.push(bytes[0]!)
      kept.push(bytes)
    },
    onError: t.fail,
  })
  const client = await open(sim, a)
  const mine = Uint8Array.of(5, 6)
  client.socket.send(endpoint(b, 7), mine)
  await sim.pass(10)
  t.same(first, [5, 5])
  for (const bytes of kept) t.not(bytes[0], 5)
  t.same(mine, Uint8Array.of(5, 6))
})

t.test('a paused program finds what came, but not by a socket it closed first', async t => {
  const sim = new Simulation({ seed: 1 })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const server = await open(sim, b, 7)
  const client = await open(sim, a)
  b.pause()
  client.send(endpoint(b, 7), 1)
  await sim.pass(100)
  t.equal(server.heard.length, 0)
  b.resume()
  await sim.pass(1)
  t.equal(server.heard.length, 1)
  b.pause()
  client.send(endpoint(b, 7), 2)
  await sim.pass(100)
  server.socket.close()
  b.resume()
  await sim.pass(1)
  t.equal(server.heard.length, 1)
  sim.weather({ mtu: 65_535, queue: 10 << 20 })
  const full = await open(sim, b, 8)
  for (let i = 0; i < 2; i++) {
    b.pause()
    for (let n = 0; n < 100; n++) client.send(endpoint(b, 8), 5, 65_507)
    await sim.pass(100)
    b.resume()
    await sim.pass(1)
  }
  t.equal(full.heard.length, 2 * 64, 'four megabytes wait each time, and no more')
  b.crash()
  client.send(endpoint(b, 7), 3)
  b.restart()
  await sim.pass(100)
  const again = await open(sim, b, 7)
  client.send(endpoint(b, 7), 4)
  await sim.pass(100)
  t.same(
    again.heard.map(({ tag }) => tag),
    [4],
  )
})

async function behindABox() {
  const sim = new Simulation({ seed: 1, conditions: { delay: 10 } })
  const box = sim.nat('box', ['203.0.113.1', '203.0.113.2', '2001:db8::1'])
  const inside = sim.host('inside', { behind: box })
  const [b, c] = [sim.host('b'), sim.host('c')]
  return {
    sim,
    box,
    inside,
    b,
    client: await open(sim, inside, 5000),
    server: await open(sim, b, 7),
    other: await open(sim, c, 8),
    toServer: endpoint(b, 7),
    toOther: endpoint(c, 8),
  }
}

t.test('NAT: seen at the box by everybody alike, and anybody gets in there', async t => {
  const { sim, inside, client, server, other, toServer, toOther } = await behindABox()
  client.send(toServer, 1)
  client.send(toOther, 2)
  await sim.pass(10)
  const seen = server.heard[0]!.from
  t.equal(seen.host, '203.0.113.1')
  t.not(seen.port, 5000)
  t.same(other.heard[0]!.from, seen, 'endpoint-independent mapping')
  server.send(seen, 3)
  other.send(seen, 4)
  await sim.pass(10)
  t.same(
    client.heard.map(({ tag, from }) => [tag, from]),
    [
      [3, toServer],
      [4, toOther],
    ],
  )
  const second = await open(sim, inside)
  second.send(toServer, 5)
  await sim.pass(10)
  t.equal(server.heard[1]!.from.host, seen.host)
  t.not(server.heard[1]!.from.port, seen.port, 'each socket has its own')
  server.send({ host: inside.address, port: 5000 }, 6)
  server.send({ host: seen.host, port: 1 }, 7)
  await sim.pass(10)
  t.equal(client.heard.length, 2, 'nobody outside reaches what is inside but by a mapping')
})

t.test('NAT: rebound to another port, or another address, in the middle of a conversation', async t => {
  const { sim, box, client, server, toServer } = await behindABox()
  const ask = async (tag: number): Promise<Endpoint> => {
    client.send(toServer, tag)
    await sim.pass(10)
    t.equal(server.heard.at(-1)!.tag, tag)
    return server.heard.at(-1)!.from
  }
  const first = await ask(1)
  server.send(first, 2)
  await sim.pass(5)
  sim.rebind(box, 'port')
  await sim.pass(5)
  t.equal(client.heard.length, 0, 'what was on its way to the old port is dropped')
  server.send(first, 3)
  await sim.pass(10)
  t.equal(client.heard.length, 0)
  const second = await ask(4)
  t.equal(second.host, first.host)
  t.not(second.port, first.port)
  sim.rebind(box, 'address')
  const third = await ask(5)
  t.equal(third.host, '203.0.113.2')
  for (const from of [first, second, third]) server.send(from, 6)
  await sim.pass(10)
  t.equal(client.heard.length, 1, 'the newest alone')
  sim.rebind(box, 'address')
  t.equal((await ask(7)).host, first.host, 'round and round')
})

t.test(
  'NAT: two behind one box meet directly, or by the box; two boxes may hold equal addresses',
  async t => {
    const { sim, box, inside, client, server, toServer } = await behindABox()
    const near = sim.host('near', { behind: box })
    const nearby = await open(sim, near, 9)
    nearby.send(endpoint(inside, 5000), 1)
    client.send(toServer, 2)
    await sim.pass(10)
    t.same(client.heard[0]!.from, endpoint(near, 9))
    nearby.send(server.heard[0]!.from, 3)
    await sim.pass(10)
    t.equal(client.heard[1]!.tag, 3)
    t.ok(box.addresses.includes(client.heard[1]!.from.host), 'through the box it comes from the box')

    const second = sim.nat('second', ['198.51.100.1'])
    const twin = sim.host('twin', { behind: second, addresses: [inside.address] })
    const far = await open(sim, twin, 5000)
    far.send(server.heard[0]!.from, 4)
    await sim.pass(10)
    t.equal(client.heard[2]!.from.host, '198.51.100.1')
    client.send(client.heard[2]!.from, 5)
    await sim.pass(10)
    t.same(
      far.heard.map(({ tag }) => tag),
      [5],
    )
    t.throws(() => sim.nat('third', ['198.51.100.1']), { code: 'GH_OPTION_INVALID' })
    t.throws(() => sim.host('thief', { addresses: ['198.51.100.1'] }), { code: 'GH_OPTION_INVALID' })
  },
)

t.test('NAT: a box keeps no more mappings than it can, and forgets the oldest', async t => {
  const { sim, inside, client, server, toServer } = await behindABox()
  client.send(toServer, 1)
  await sim.pass(10)
  const { from } = server.heard[0]!
  const udp = inside.datagrams()
  const options = { host: '0.0.0.0', port: 0, onDatagram: () => {}, onError: t.fail }
  for (let i = 0; i < 4096; i++) {
    const socket = await udp.open(options)
    socket.send(toServer, new Uint8Array(1))
    socket.close()
  }
  await sim.pass(10)
  server.send(from, 2)
  await sim.pass(10)
  t.equal(client.heard.length, 0)
  t.equal(new Set(server.heard.map(one => one.from.port)).size, 4097)
})

t.test('bulk: ten megabytes of datagrams pass with few events each', async t => {
  const sim = new Simulation({ seed: 1, conditions: { delay: 20, rate: 12_500_000, queue: 1 << 20 } })
  const [a, b] = [sim.host('a'), sim.host('b')]
  const server = await open(sim, b, 7)
  const client = await open(sim, a)
  const count = 7000
  for (let i = 0; i < count; i++) sim.world.after(i / 8, () => client.send(endpoint(b, 7), 1, 1472))
  await sim.run(() => server.heard.length === count, { limit: 2000, events: 3 * count })
  t.equal(
    server.heard.reduce((sum, { length }) => sum + length, 0),
    count * 1472,
  )
})
