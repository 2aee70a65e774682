/** The UDP proxy: what it promises of its weather, over real sockets. */
import t from 'tap'
import { copy } from '../../src/base/bytes.ts'
import type { DatagramSocket, Endpoint } from '../../src/base/ports.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'
import { type ProxyOptions, UdpProxy } from './udp-proxy.ts'
import { startUdpProxy } from './udp-proxy-process.ts'

const udp = udpDatagrams()
const sleep = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))

interface Heard {
  readonly number: number
  readonly bytes: Uint8Array
  readonly from: Endpoint
  readonly at: number
}

interface Side {
  readonly socket: DatagramSocket
  readonly heard: Heard[]
}

async function side(
  t: Tap,
  answer?: (heard: Heard, socket: DatagramSocket) => boolean | undefined,
): Promise<Side> {
  const heard: Heard[] = []
  const socket = await udp.open({
    host: '127.0.0.1',
    port: 0,
    onDatagram: (bytes, from) => {
      const own = copy(bytes)
      const one = { number: own[0]! * 256 + own[1]!, bytes: own, from, at: performance.now() }
      heard.push(one)
      answer?.(one, socket)
    },
    onError: t.fail,
  })
  t.teardown(() => socket.close())
  return { socket, heard }
}

type Tap = Pick<typeof t, 'teardown' | 'fail'>

const echo = ({ bytes, from }: Heard, socket: DatagramSocket): boolean => socket.send(from, bytes)

async function scene(t: Tap, options: Partial<ProxyOptions>, answer?: typeof echo) {
  const server = await side(t, answer)
  const client = await side(t)
  const proxy = await UdpProxy.start({ seed: 1, target: server.socket.local, ...options })
  t.teardown(() => proxy.close())
  const to = { host: '127.0.0.1', port: proxy.port }
  /** A few at a time, so that no buffer of the system is tried. */
  const send = async (count: number, length = 100): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(length)
      bytes[0] = i >> 8
      bytes[1] = i
      client.socket.send(to, bytes)
      if (i % 32 === 31) await new Promise(resolve => setImmediate(resolve))
    }
  }
  /** Until nothing more has come for a while. */
  const settled = async (...sides: Side[]): Promise<void> => {
    for (let before = -1, tries = 0; tries < 100; tries++) {
      await sleep(60)
      const now = sides.reduce((sum, { heard }) => sum + heard.length, 0)
      if (now === before) return
      before = now
    }
  }
  return { server, client, proxy, to, send, settled }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

t.test('a calm way: everything, in order, there and back, never before its delay', async t => {
  const { client, server, send, settled, proxy } = await scene(t, { conditions: { delay: 20 } }, echo)
  const begun = performance.now()
  await send(500)
  await settled(server, client)
  t.same(
    server.heard.map(({ number }) => number),
    range(500),
  )
  t.same(
    client.heard.map(({ number }) => number),
    range(500),
  )
  t.ok(client.heard[0]!.at - begun >= 40, 'a round trip is two delays')
  t.match(proxy.counts(), { passed: 1000, lost: 0, overflow: 0, missed: 0 })
})

t.test('the same seed loses the same datagrams, alone or in bursts', async t => {
  const lost = async (seed: number, conditions: object): Promise<number[]> => {
    const { server, send, settled, proxy } = await scene(t, { seed, conditions })
    await send(2000)
    await settled(server)
    const came = new Set(server.heard.map(({ number }) => number))
    t.equal(proxy.counts().lost, 2000 - came.size)
    t.equal(proxy.counts().missed, 0)
    return range(2000).filter(number => !came.has(number))
  }
  const [first, again, other] = [
    await lost(7, { loss: 0.3 }),
    await lost(7, { loss: 0.3 }),
    await lost(8, { loss: 0.3 }),
  ]
  t.same(first, again)
  t.notSame(first, other)
  t.ok(first.length > 520 && first.length < 680, `${first.length} of 2000`)
  const bursts = await lost(7, { loss: 0.3, burst: 8 })
  const runs = bursts.filter((number, i) => number !== bursts[i - 1]! + 1).length
  t.ok(bursts.length / runs > 5, `${bursts.length} in ${runs} bursts`)
})

t.test('reordered, doubled, flipped, and too big', async t => {
  const { server, send, settled, proxy } = await scene(t, {
    conditions: { delay: 1, reorder: 0.25, reorderBy: 30, mtu: 1228 },
  })
  await send(400)
  await settled(server)
  const numbers = server.heard.map(({ number }) => number)
  t.notSame(numbers, range(400))
  t.same(
    [...numbers].sort((a, b) => a - b),
    range(400),
  )
  server.heard.length = 0
  proxy.weather({ reorder: 0, duplicate: 0.5 })
  await send(400)
  await settled(server)
  t.equal(server.heard.length, 400 + proxy.counts().duplicated)
  t.ok(proxy.counts().duplicated > 150 && proxy.counts().duplicated < 250)
  server.heard.length = 0
  proxy.weather({ duplicate: 0, corrupt: 1 })
  await send(1, 1200)
  await send(1, 1201)
  await settled(server)
  t.equal(server.heard.length, 1, 'the MTU counts IP and UDP headers')
  const bits = server.heard[0]!.bytes.reduce(
    (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
    0,
  )
  t.equal(bits, 1)
  t.match(proxy.counts(), { tooBig: 1, corrupted: 1 })
})

t.test('P11 a rate, and a queue that drops its tail', async t => {
  const { server, send, settled, proxy } = await scene(t, {
    conditions: { rate: 1_000_000, queue: 100_000 },
  })
  const begun = performance.now()
  await send(100, 1000)
  await settled(server)
  t.equal(server.heard.length, 100)
  t.ok(server.heard.at(-1)!.at - begun >= 100, '100,000 bytes at a megabyte a second')
  await send(300, 1000)
  await settled(server)
  const { queueFull } = proxy.counts()
  t.ok(queueFull > 0)
  t.equal(server.heard.length, 400 - queueFull)
})

t.test('rebound: the server sees another port, another address, and the client the same proxy', async t => {
  const { client, server, to, proxy, settled } = await scene(t, {}, echo)
  const seen: Endpoint[] = []
  for (const change of [undefined, 'port', 'address'] as const) {
    if (change !== undefined) await proxy.rebind(change)
    client.socket.send(to, Uint8Array.of(0, seen.length))
    await settled(server, client)
    seen.push(server.heard.at(-1)!.from)
  }
  t.equal(client.heard.length, 3)
  t.same(new Set(client.heard.map(({ from }) => from.port)).size, 1)
  t.equal(seen[1]!.host, seen[0]!.host)
  t.not(seen[1]!.port, seen[0]!.port)
  t.not(seen[2]!.host, seen[1]!.host)
  server.socket.send(seen[0]!, Uint8Array.of(1, 1))
  await settled(client)
  t.equal(client.heard.length, 3, 'the old place is gone')
  // A black hole, and out of it again.
  proxy.weather({ loss: 1 }, ['back'])
  client.socket.send(to, Uint8Array.of(0, 9))
  await settled(server, client)
  t.equal(server.heard.length, 4)
  t.equal(client.heard.length, 3)
  proxy.weather({ loss: 0 })
  client.socket.send(to, Uint8Array.of(0, 10))
  await settled(server, client)
  t.equal(client.heard.length, 4)
})

t.test('two clients are told apart, also by a proxy in its own process', async t => {
  const server = await side(t, echo)
  const clients = [await side(t), await side(t)]
  const proxy = await startUdpProxy({ seed: 1, target: server.socket.local, conditions: { delay: 2 } })
  t.teardown(() => proxy.close())
  for (const [i, { socket }] of clients.entries())
    for (let n = 0; n < 20; n++) socket.send({ host: '127.0.0.1', port: proxy.port }, Uint8Array.of(i, n))
  for (let tries = 0; clients.some(({ heard }) => heard.length < 20) && tries < 200; tries++) await sleep(5)
  for (const [i, { heard }] of clients.entries())
    t.same(
      heard.map(({ bytes }) => [...bytes]),
      range(20).map(n => [i, n]),
    )
  t.equal(new Set(server.heard.map(({ from }) => from.port)).size, 2)
  await proxy.rebind('port')
  await proxy.weather({ delay: 0 })
  clients[0]!.socket.send({ host: '127.0.0.1', port: proxy.port }, Uint8Array.of(0, 20))
  for (let tries = 0; clients[0]!.heard.length < 21 && tries < 200; tries++) await sleep(5)
  t.equal(new Set(server.heard.map(({ from }) => from.port)).size, 3)
  t.match(await proxy.counts(), { passed: 82, missed: 0, lost: 0 })
})
