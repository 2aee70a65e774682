/** `connect` on real sockets: every way it can end, at once and with its own code. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import t from 'tap'
import { at, failure, Nodes, until } from '../support/nodes.ts'

t.test('connect resolves with the peer; a second time with the same one', async t => {
  const nodes = new Nodes(t)
  const [a, b] = [await nodes.start({ name: 'a' }), await nodes.start({ name: 'b' })]
  const peer = await a.connect(at(b))
  t.match(peer, { peerId: b.peerId, name: 'b', direction: 'out', transport: 'tcp' })
  t.equal((await a.connect(at(b))).peerId, b.peerId)
  t.equal((await a.connect(b.addresses[0]!)).peerId, b.peerId, 'as b itself writes it')
  t.equal((await failure(a.connect(`localhost:${b.port}`))).code, 'GH_REFUSED_DUPLICATE')
  t.equal(a.peers.length, 1)
})

t.test('HS-12 an address with a peer id leads to that peer or to none', async t => {
  const nodes = new Nodes(t)
  const [a, b, c] = [await nodes.start(), await nodes.start(), await nodes.start()]
  const wrong = `/ip4/127.0.0.1/tcp/${a.port}/p2p/${b.peerId}`
  const error = await failure(c.connect(wrong))
  t.equal(error.code, 'GH_HANDSHAKE_IDENTITY')
  t.match(error.message, `expected ${b.peerId}, met ${a.peerId}`)
  t.strictSame([a.peers, c.peers], [[], []])
  const d = await nodes.start({ bootstrap: [wrong] })
  const report = await new Promise(resolve => d.on('bootstrap-failed', resolve))
  t.match(report, { code: 'GH_HANDSHAKE_IDENTITY' })
  t.strictSame([a.peers, d.peers], [[], []])
  await c.connect(at(a))
  t.equal((await failure(c.connect(wrong))).code, 'GH_HANDSHAKE_IDENTITY', 'linked to who is there: still no')
})

t.test('HS-08 a node does not connect to itself, by whatever address', async t => {
  const a = await new Nodes(t).start()
  for (const address of [at(a), `localhost:${a.port}`, a.addresses[0]!])
    t.equal((await failure(a.connect(address))).code, 'GH_HANDSHAKE_SELF', address)
})

t.test('HS-16 both dial at once: both resolve, and one link stands, the same at both', async t => {
  const nodes = new Nodes(t)
  for (let round = 0; round < 20; round++) {
    const [a, b] = [await nodes.start(), await nodes.start()]
    const heard: string[] = []
    for (const node of [a, b]) node.on('chat-message', ({ message }) => heard.push(message))
    const [there, here] = await Promise.all([a.connect(at(b)), b.connect(at(a))])
    t.strictSame([there.peerId, here.peerId], [b.peerId, a.peerId])
    a.broadcast('from a')
    b.broadcast('from b')
    await until(() => heard.length === 2)
    t.strictSame([a.peers.length, b.peers.length], [1, 1])
    t.not(a.peers[0]!.direction, b.peers[0]!.direction, 'out at one side, in at the other: one link')
    await Promise.all([a.stop(), b.stop()])
  }
})

t.test('connect to what is no node of ours: the exact reason, at once', async t => {
  const nodes = new Nodes(t)
  const a = await nodes.start()
  const stranger = await nodes.start({ swarmKey: randomBytes(32) })
  const swarm = /^closed before message 2: wrong swarm key, or not a guild-home node/
  const ours = /not a guild-home node/
  const port = await closedPort()
  const cases: [what: string, address: string, code: string, message: RegExp][] = [
    ['another swarm', at(stranger), 'GH_HANDSHAKE_SWARM', swarm],
    ['it hangs up', await nodes.server(socket => socket.end()), 'GH_HANDSHAKE_SWARM', swarm],
    ['it resets', await nodes.server(socket => socket.resetAndDestroy()), 'GH_HANDSHAKE_SWARM', swarm],
    ['an echo', await nodes.server(socket => socket.pipe(socket)), 'GH_HANDSHAKE_FAILED', ours],
    [
      'garbage',
      await nodes.server(socket => socket.write(randomBytes(9000).fill(0xfe, 0, 1))),
      'GH_HANDSHAKE_FAILED',
      ours,
    ],
    [
      'a web server',
      await nodes.server(socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
      'GH_HANDSHAKE_FAILED',
      ours,
    ],
    ['nobody', `127.0.0.1:${port}`, 'GH_DIAL_REFUSED', /^nobody answers at this address: 127/],
    ['no such name', 'no-such-host.invalid:1', 'GH_DIAL_NAME', /does not resolve/],
    ['no address', 'nowhere', 'GH_ADDRESS_INVALID', /the port is missing/],
  ]
  for (const [what, address, code, message] of cases) {
    const begun = performance.now()
    const error = await failure(a.connect(address))
    t.equal(error.code, code, what)
    t.match(error.message, message, what)
    t.ok(performance.now() - begun < 2500, `${what}: well before the connect timeout`)
  }
  const tcp = await nodes.start({ transport: ['tcp'] })
  t.match(await failure(tcp.connect('/ip4/127.0.0.1/udp/1')), {
    code: 'GH_DIAL_FAILED',
    message: /does not dial udp/,
  })
  t.equal(stranger.stats().strangers_refused, 1)
  t.equal(stranger.stats().bytes_out, 0, 'HS-01 not a byte to the stranger')
  t.strictSame(a.peers, [])
})

t.test('a black hole ends with its timeout, an abort sooner, a stop at once', async t => {
  const nodes = new Nodes(t)
  const hole = await nodes.server(() => {})
  const a = await nodes.start({ connectTimeout: 0.3 })
  const begun = performance.now()
  const late = await failure(a.connect(hole))
  t.match(late, { code: 'GH_HANDSHAKE_TIMEOUT', message: /after message 1/ })
  t.ok(performance.now() - begun < 1500)
  const b = await nodes.start()
  const enough = new AbortController()
  const waiting = failure(b.connect(hole, { signal: enough.signal }))
  enough.abort(new Error('enough'))
  const aborted = await waiting
  t.match(aborted, { code: 'GH_ABORTED', cause: { message: 'enough' } })
  t.equal((await failure(b.connect(hole, { signal: AbortSignal.abort() }))).code, 'GH_ABORTED')
  const stopped = failure(b.connect(hole))
  await b.stop()
  t.equal((await stopped).code, 'GH_NODE_STATE')
  t.equal((await failure(b.connect(hole))).code, 'GH_NODE_STATE')
})

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
