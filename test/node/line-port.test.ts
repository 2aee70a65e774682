/** The line port on real sockets: guests, their gateway, and the mesh behind it. */
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import type { GuildNode } from '../../src/index.ts'
import { at, failure, Nodes, next, until } from '../support/nodes.ts'
import { Typist } from '../support/typist.ts'

const hasV6 = Object.values(networkInterfaces()).some(list => list?.some(({ address }) => address === '::1'))

/** What a node's console would show. */
function chatOf(node: GuildNode): string[] {
  const heard: string[] = []
  node.on('chat-message', ({ from, name, message }) =>
    heard.push(`${from.split('@')[0]} ${name}: ${message}`),
  )
  return heard
}

t.test('D7 D8 D9 a session over a socket: every line, both ways, split at every byte', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair({ name: 'alice', linePort: 0 }, { name: 'carol', linePort: 0 })
  const heard = chatOf(b)
  const session =
    'bob:Bob\nREQUEST_PEERS\nPEERS:10.0.0.9:7000,[::1]:7\r\nPEERS:\nPING\nPONG\nhello everybody\n PING\n'
  const answers = `${a.peerId}:alice\nPEERS:${b.linePort}\nPONG\n`
  const bytes = utf8(session)
  let sessions = 0
  const play = async (type: (typist: Typist) => Promise<void> | void): Promise<void> => {
    const typist = new Typist(t, a.linePort!)
    await type(typist)
    await until(() => heard.length === 2 * (sessions + 1), 'both texts at carol')
    sessions++
    await until(() => typist.text.length >= answers.length)
    t.equal(typist.text, answers)
    await typist.leaves()
    await until(() => a.peers.length === 1)
  }
  await play(typist => void typist.socket.write(bytes))
  await play(typist => typist.typesBytewise(bytes))
  for (let cut = 1; cut < bytes.length; cut++)
    await play(async typist => {
      typist.socket.write(bytes.subarray(0, cut))
      await new Promise(resolve => setImmediate(resolve))
      typist.socket.write(bytes.subarray(cut))
    })
  t.equal(sessions, bytes.length + 1)
  t.ok(heard.every((line, i) => line === `line:bob Bob: ${i % 2 === 0 ? 'hello everybody' : 'PING'}`))
})

t.test('chat goes everywhere: guests of two gateways, both nodes, once each, and not back', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair({ name: 'alice', linePort: 0 }, { name: 'carol', linePort: 0 })
  const [atA, atB] = [chatOf(a), chatOf(b)]
  const bob = await Typist.join(t, a.linePort, 'bob:Bob')
  const dave = await Typist.join(t, a.linePort, 'dave')
  const erin = await Typist.join(t, b.linePort, 'bob:Erin')
  bob.types('from bob')
  for (const one of [dave, erin]) t.strictSame(await one.reads(1), ['[Bob] from bob'])
  await until(() => atB.length === 1)
  erin.types('from erin')
  for (const one of [bob, dave]) t.strictSame(await one.reads(1), ['[Erin] from erin'])
  a.broadcast('from alice')
  for (const one of [bob, dave, erin]) t.strictSame(await one.reads(1), ['[alice] from alice'])
  b.broadcast('from\ncarol\u001b[2J')
  for (const one of [bob, dave, erin])
    t.strictSame(await one.reads(1), ['[carol] from\\ncarol\\x1b[2J'], 'CL-02')
  t.strictSame(atA, [
    'line:bob Bob: from bob',
    'line:bob Erin: from erin',
    `${b.peerId} carol: from\ncarol\u001b[2J`,
  ])
  t.strictSame(atB, ['line:bob Bob: from bob', 'line:bob Erin: from erin', `${a.peerId} alice: from alice`])
  t.equal(bob.text.split('\n').length, 5, 'own words do not come back')
})

t.test('a guest is a peer: events, the list, figures; it can be sent away', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ name: 'alice', linePort: 0 })
  const events: unknown[][] = []
  node.on('peer-connected', ({ peerId, name, peers }) => events.push(['in', peerId, name, peers]))
  node.on('peer-disconnected', ({ peerId, reason, peers }) => events.push(['out', peerId, reason, peers]))
  const connected = next(node, 'peer-connected')
  const bob = await Typist.join(t, node.linePort, 'bob:Bob')
  const peerId = `line:bob@${node.peerId}`
  const { port } = bob.socket.address() as { port: number }
  const address = `/ip4/127.0.0.1/tcp/${port}`
  const facts = { peerId, name: 'Bob', address, transport: 'line', direction: 'in' }
  t.match(await connected, { ...facts, peers: 1, maxPeers: 20 })
  t.match(node.peers, [{ ...facts, bytesIn: 8, bytesOut: bob.text.length }])
  t.match(node.stats(), { peers_connected: 1, bytes_in: 8, bytes_out: bob.text.length })
  t.match(node.networkInfo().connectedPeers, [{ id: peerId, connected: true, address }])
  t.equal((await failure(node.open(peerId, '/echo/1'))).code, 'GH_PEER_UNKNOWN', 'a guest has no streams')
  const dave = await Typist.join(t, node.linePort, 'dave')
  node.disconnect(peerId)
  await bob.untilEnded()
  await dave.leaves()
  await until(() => node.peers.length === 0)
  t.strictSame(events, [
    ['in', peerId, 'Bob', 1],
    ['in', `line:dave@${node.peerId}`, 'dave', 2],
    ['out', peerId, 'disconnected', 1],
    ['out', `line:dave@${node.peerId}`, 'goodbye', 0],
  ])
  t.equal((await failure(Promise.resolve().then(() => node.disconnect(peerId)))).code, 'GH_PEER_UNKNOWN')
  await until(() => node.stats().bytes_in === 13)
})

t.test('LINE-7 DUPLICATE and MAX_PEERS: byte for byte, then the end', async t => {
  const nodes = new Nodes(t)
  const [node] = await nodes.pair({ linePort: 0, maxPeers: 2 }, {})
  const bob = await Typist.join(t, node.linePort, 'bob:Bob')
  for (const [hello, answer] of [
    ['bob:Another', 'DUPLICATE\n'],
    ['erin:Erin', 'MAX_PEERS\n'],
  ] as const) {
    const typist = new Typist(t, node.linePort!)
    typist.types(hello, 'hello')
    t.equal(await typist.untilEnded(), answer)
  }
  t.strictSame(await bob.reads(1), ['PING'], 'perhaps the old one is dead: it is asked')
})

t.test('decision 14: a node that would be alone takes the place of the newest guest', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ linePort: 0, maxPeers: 2 })
  const bob = await Typist.join(t, node.linePort, 'bob')
  const dave = await Typist.join(t, node.linePort, 'dave')
  const lonely = await nodes.start({ name: 'lonely' })
  await lonely.connect(at(node))
  t.match(await dave.untilEnded(), /\nMAX_PEERS\n$/)
  t.strictSame(
    node.peers.map(({ name }) => name),
    ['lonely', 'bob'],
  )
  const other = await nodes.start({ maxPeers: 1, linePort: 0 })
  await Typist.join(t, other.linePort, 'erin')
  await other.connect(at(lonely))
  t.strictSame(
    other.peers.map(({ name }) => name),
    ['lonely'],
    'nor do guests keep their own gateway from its first link',
  )
  bob.types('still here')
})

t.test('LINE-8 PEERS are line ports of linked nodes, sent also when there are none', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair({ linePort: 0 }, { name: 'sealed' })
  const bob = await Typist.join(t, a.linePort, 'bob')
  bob.types('REQUEST_PEERS')
  t.strictSame(await bob.reads(1), ['PEERS:'])
  t.equal(b.linePort, undefined)
  const c = await nodes.start({ linePort: 0, lineHost: ['127.0.0.1', ...(hasV6 ? ['::1'] : [])] })
  await c.connect(at(a))
  bob.types('REQUEST_PEERS')
  t.strictSame(await bob.reads(1), [`PEERS:${c.linePort}`])
  await c.stop()
  await until(() => a.peers.length === 2)
  bob.types('REQUEST_PEERS')
  t.strictSame(await bob.reads(1), ['PEERS:'])
})

t.test('LINE-9 a guest that falls silent is pinged, then gone', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ linePort: 0, interval: 0.1, peerTimeout: 0.5 })
  const stale = next(node, 'maintenance-cleanup')
  const left = next(node, 'peer-disconnected')
  const bob = await Typist.join(t, node.linePort, 'bob:Bob')
  t.strictSame(await bob.reads(1), ['PING'])
  t.match(await stale, { name: 'Bob', peerId: `line:bob@${node.peerId}`, reason: 'timeout' })
  t.match(await left, { name: 'Bob', reason: 'timeout', peers: 0 })
  await bob.untilEnded()
})

t.test('LINE-4 a web page cannot speak: neither a request nor what it carries is heard', async t => {
  const node = await new Nodes(t).start({ linePort: 0 })
  const heard = chatOf(node)
  const requests = [
    'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nbob:Bob\nhello\n',
    'GET /bob:Bob HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001\nbob:Bob\nhello\n',
  ]
  for (const request of requests) {
    const page = new Typist(t, node.linePort!)
    page.socket.write(request)
    t.match(await page.untilEnded(), /^# Not a message: [^\n]*\n$/)
  }
  const marker = await Typist.join(t, node.linePort, 'marker')
  marker.types('the end')
  await until(() => heard.length > 0)
  t.strictSame(heard, ['line:marker marker: the end'])
})

t.test('LINE-2 LINE-12 floods end the one who sends them; others are served meanwhile', async t => {
  const node = await new Nodes(t).start({ linePort: 0 })
  const bob = await Typist.join(t, node.linePort, 'bob')
  const floods: [what: string, bytes: Uint8Array][] = [
    ['a long line', utf8('x'.repeat(2_000_000))],
    ['binary', new Uint8Array(2_000_000).map((_, i) => (i * 7) & 255)],
    ['a million newlines', new Uint8Array(1_000_000).fill(10)],
    ['a million PINGs', utf8('PING\n'.repeat(1_000_000))],
    ['a long first line', utf8('y'.repeat(2_000_000))],
  ]
  for (const [what, bytes] of floods) {
    const typist =
      what === 'a long first line'
        ? new Typist(t, node.linePort!)
        : await Typist.join(t, node.linePort, 'flood')
    const begun = performance.now()
    typist.socket.write(bytes)
    await typist.untilEnded()
    t.comment(`${what}: ended after ${(performance.now() - begun).toFixed(0)} ms`)
    t.ok(typist.text.length < 8_192, `${what}: a short answer`)
    bob.types('PING')
    t.strictSame(await bob.reads(1), ['PONG'])
  }
  await until(() => node.peers.length === 1)
})

t.test('LINE-12 slow readers: memory stays bounded, and who reads misses nothing', async t => {
  const node = await new Nodes(t).start({ linePort: 0, maxPeers: 100, interval: 5, peerTimeout: 60 })
  const slow = await Promise.all(
    Array.from({ length: 50 }, (_, i) => Typist.join(t, node.linePort, `slow-${i}`)),
  )
  for (const one of slow) one.socket.pause()
  const reader = connect(Number(node.linePort!.split(':')[1]), '127.0.0.1')
  t.teardown(() => reader.destroy())
  reader.write('reader\n')
  await until(() => node.peers.length === 51)
  let bytes = 0
  reader.on('data', chunk => {
    bytes += chunk.length
  })
  const before = process.memoryUsage().rss
  const text = 'x'.repeat(10_000)
  const line = text.length + `[${node.name}] \n`.length
  const count = 2_000 // 20 MB for each of them, 1 GB in all
  for (let i = 1; i <= count; i++) {
    node.broadcast(text)
    if (i % 5 === 0) await until(() => bytes >= i * line, `the reader reads ${i}`)
  }
  const grown = (process.memoryUsage().rss - before) / 2 ** 20
  t.comment(`${grown.toFixed(0)} MiB more for 50 slow readers of 1 GB (bound 64)`)
  t.ok(grown < 5 * 64)
  t.ok(node.stats().messages_dropped > 0, 'what they missed is counted')
  slow[0]!.socket.resume()
  await until(() => /# \d+ lines left out here, for you read too slowly/.test(slow[0]!.text))
})

t.test('1,000 guests: all let in, all hear what one says', async t => {
  const node = await new Nodes(t).start({ linePort: 0, maxPeers: 1_000, interval: 60, peerTimeout: 120 })
  const begun = performance.now()
  const before = process.memoryUsage().rss
  const guests: Typist[] = []
  for (let i = 0; i < 1_000; i += 100)
    guests.push(
      ...(await Promise.all(
        Array.from({ length: 100 }, (_, k) => Typist.join(t, node.linePort, `g${i + k}:Guest ${i + k}`)),
      )),
    )
  const joined = performance.now()
  t.equal(node.peers.length, 1_000)
  const late = new Typist(t, node.linePort!)
  late.types('late')
  t.equal(await late.untilEnded(), 'MAX_PEERS\n')
  guests[0]!.types('hello')
  for (const guest of guests.slice(1)) t.same(await guest.reads(1), ['[Guest 0] hello'])
  const said = performance.now()
  const grown = (process.memoryUsage().rss - before) / 2 ** 20
  t.comment(
    `in: ${(joined - begun).toFixed(0)} ms (bound 2000), said to all: ${(said - joined).toFixed(0)} ms (bound 500), ${grown.toFixed(0)} MiB with both ends (bound 128)`,
  )
  t.ok(joined - begun < 10_000 && said - joined < 2_500 && grown < 640)
})

t.test('stop ends every guest and frees the port; a taken port is a clear failure', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ linePort: 0 })
  const bob = await Typist.join(t, node.linePort, 'bob')
  const waiting = new Typist(t, node.linePort!)
  await until(() => !waiting.socket.connecting)
  const port = Number(node.linePort!.split(':')[1])
  const taken = await failure(nodes.start({ linePort: port }))
  t.equal(taken.code, 'GH_LISTEN_IN_USE')
  const left = next(node, 'peer-disconnected')
  const begun = performance.now()
  await node.stop()
  t.ok(performance.now() - begun < 2_500)
  t.match(await left, { name: 'bob', reason: 'this node stopped', peers: 0 })
  await Promise.all([bob.untilEnded(), waiting.untilEnded()])
  t.equal(waiting.text, '', 'who said nothing is told nothing')
  const again = await nodes.start({ linePort: port })
  t.equal(again.linePort, `127.0.0.1:${port}`)
})

t.test('options: checked before anything is opened; loopback unless told otherwise', async t => {
  const nodes = new Nodes(t)
  for (const options of [{ linePort: -1 }, { linePort: 65_536 }, { linePort: 0, lineHost: 'here' }])
    t.equal((await failure(nodes.start(options))).code, 'GH_OPTION_INVALID')
  const node = await nodes.start({ host: '0.0.0.0', linePort: 0 })
  t.match(node.linePort, /^127\.0\.0\.1:\d+$/)
  if (!hasV6) return t.comment('the rest is left out: this machine has no ::1')
  const six = await nodes.start({ linePort: 0, lineHost: '::1' })
  t.match(six.linePort, /^\[::1\]:\d+$/)
  const socket = connect({ host: '::1', port: Number(six.linePort!.split(':').at(-1)) })
  t.teardown(() => socket.destroy())
  socket.write('bob\n')
  await until(() => six.peers.length === 1)
  t.match(six.peers, [{ address: /^\/ip6\/::1\/tcp\/\d+$/ }])
})
