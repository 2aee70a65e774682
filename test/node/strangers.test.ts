/** Strangers on real sockets: no byte for them, an end in time, and nobody else is disturbed. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import type { GuildNode } from '../../src/index.ts'
import { at, failure, Nodes, until } from '../support/nodes.ts'

interface Visit {
  readonly socket: Socket
  /** Bytes that came back. */
  got(): number
  /** Milliseconds until the other side had ended it. */
  readonly closed: Promise<number>
}

function visit(node: GuildNode, first?: Uint8Array | string): Visit {
  const begun = performance.now()
  const socket = connect({ port: node.port, host: '127.0.0.1' })
  let got = 0
  socket.on('data', bytes => {
    got += bytes.length
  })
  socket.on('error', () => {}) // a reset is how a stranger is told to go
  const closed = new Promise<number>(resolve => socket.on('close', () => resolve(performance.now() - begun)))
  if (first !== undefined) socket.write(first)
  return { socket, got: () => got, closed }
}

/** The first bytes of a TLS 1.2 client hello, as curl sends them. */
const clientHello = Buffer.concat([
  Buffer.from('16030102000100 01fc0303'.replace(/ /g, ''), 'hex'),
  randomBytes(504),
])

t.test('HS-01 HS-05 what is no message 1 gets no byte and a prompt end', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ name: 'quiet' })
  const message1 = Buffer.concat([Buffer.from([0, 112]), randomBytes(112)])
  const openings: [what: string, bytes: Uint8Array | string][] = [
    ['a length of zero', Buffer.from([0, 0])],
    ['a length above the maximum', Buffer.from([0xff, 0xff, 1, 2, 3])],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.7\r\n'],
    ['TLS', clientHello],
    ['noise of the right length', message1],
    ['random bytes', Buffer.concat([Buffer.from([0x04]), randomBytes(100_000)])],
  ]
  for (const [what, bytes] of openings) {
    const before = node.stats().strangers_refused
    const visitor = visit(node, bytes)
    const after = await visitor.closed
    t.ok(after < 2500, `${what}: closed`)
    t.comment(`${what}: closed after ${after.toFixed(1)} ms`)
    t.equal(visitor.got(), 0, `${what}: no byte`)
    t.equal(node.stats().strangers_refused, before + 1, `${what}: counted`)
  }
  t.equal(node.stats().bytes_out, 0)
  const friend = await nodes.start()
  t.equal((await friend.connect(at(node))).name, 'quiet', 'a member connects as ever')
})

t.test('HS-03 HS-04 silence and one byte a second end at the same fixed time', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start({ name: 'quiet' })
  const silent = visit(node)
  const halfOpen = visit(node, Buffer.from([0]))
  halfOpen.socket.end()
  const slow = visit(node, Buffer.from([0]))
  const drip = setInterval(() => slow.socket.write(Buffer.from([112])), 1000)
  const begun = performance.now()
  const friend = await nodes.start()
  await friend.connect(at(node))
  t.comment(`a member was linked ${(performance.now() - begun).toFixed(0)} ms later`)
  t.ok((await halfOpen.closed) < 2500, 'who hangs up first is not waited for')
  const times = await Promise.all([silent.closed, slow.closed])
  clearInterval(drip)
  for (const time of times) {
    t.comment(`closed after ${time.toFixed(0)} ms (fixed: 5000)`)
    t.ok(time > 4500 && time < 25_000)
  }
  t.equal(silent.got() + slow.got() + halfOpen.got(), 0, 'no byte')
  t.equal(node.peers.length, 1, 'the member is still there')
})

t.test(
  'P3 three hundred half-open connections: members connect meanwhile, all are gone at the end',
  async t => {
    const nodes = new Nodes(t)
    const node = await nodes.start()
    const visitors = Array.from({ length: 300 }, () => visit(node, randomBytes(1)))
    const begun = performance.now()
    const friend = await nodes.start()
    await friend.connect(at(node))
    const took = performance.now() - begun
    t.comment(`linked in ${took.toFixed(0)} ms among 300 half-open ones (bound 2000)`)
    t.ok(took < 10_000)
    await node.stop()
    await Promise.all(visitors.map(one => one.closed))
    t.equal(
      visitors.reduce((sum, one) => sum + one.got(), 0),
      0,
    )
  },
)

t.test('HS-01 a node of another swarm knows why, and is told by no byte', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start()
  const other = await nodes.start({ swarmKey: randomBytes(32), bootstrap: [at(node)] })
  const failed = await new Promise(resolve => other.on('bootstrap-failed', resolve))
  t.match(failed, {
    code: 'GH_HANDSHAKE_SWARM',
    message: 'closed before message 2: wrong swarm key, or not a guild-home node',
  })
  t.equal((await failure(other.connect(at(node)))).code, 'GH_HANDSHAKE_SWARM')
  await until(() => node.stats().strangers_refused === 2)
  t.equal(node.stats().bytes_out, 0)
  t.match(other.stats(), { peers_connected: 0, strangers_refused: 0 })
})
