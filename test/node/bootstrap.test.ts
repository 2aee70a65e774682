/** Every form in which a first peer can be named, with nodes that listen. */
import { createServer } from 'node:net'
import t from 'tap'
import type { Runtime } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { txtResolver } from '../../src/discovery/dnsaddr.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { type Lookup, tcpTransport } from '../../src/transport/tcp.ts'
import { DnsServer } from '../support/dns-server.ts'
import { at, Nodes, next, until } from '../support/nodes.ts'

/** Addresses of names, as a test wants them. */
const names = new Map<string, readonly { address: string; family: 4 | 6 }[]>()
const lookup: Lookup = (name, { family }, found) => {
  const all = (names.get(name) ?? []).filter(one => family === 0 || one.family === family)
  const error = Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' })
  setImmediate(() => (all.length === 0 ? found(error, []) : found(null, [...all])))
}

const runtime = (servers: readonly string[] = []): Runtime =>
  systemRuntime({
    suite: nativeSuite,
    transports: [tcpTransport(lookup)],
    ...(servers.length === 0 ? {} : { resolveTxt: txtResolver({ servers, timeout: 200 }) }),
  })

const hasV6 = await new Promise<boolean>(resolve => {
  const server = createServer().once('error', () => resolve(false))
  server.listen(0, '::1', () => server.close(() => resolve(true)))
})

t.test('A3 B24 host:port, [v6]:port, multiaddrs with and without a peer id', async t => {
  const nodes = new Nodes(t)
  const host = hasV6 ? ['127.0.0.1', '::1'] : '127.0.0.1'
  const a = await nodes.start({ name: 'a', host })
  const forms = [
    at(a),
    `localhost:${a.port}`,
    `/ip4/127.0.0.1/tcp/${a.port}`,
    `/ip4/127.0.0.1/tcp/${a.port}/p2p/${a.peerId}`,
    ...(hasV6 ? [`[::1]:${a.port}`, `/ip6/::1/tcp/${a.port}`] : []),
  ]
  if (!hasV6) t.comment('this machine has no IPv6 loopback')
  for (const form of forms) {
    const b = await nodes.start({ bootstrap: [form] })
    await until(() => b.peers.length === 1, form)
    t.equal(b.peers[0]!.peerId, a.peerId, form)
    await b.stop()
  }
  const stranger = (await nodes.start()).peerId
  const pinned = await nodes.start({ bootstrap: [`/ip4/127.0.0.1/tcp/${a.port}/p2p/${stranger}`] })
  t.match(await next(pinned, 'bootstrap-failed'), { code: 'GH_HANDSHAKE_IDENTITY' })
  t.equal(pinned.peers.length, 0, 'who is pinned and not there is nobody')
})

t.test('ADDR-5 B23 a name with several addresses: each is tried; /dns4, /dns6 keep to a family', async t => {
  const nodes = new Nodes(t)
  const host = hasV6 ? ['127.0.0.1', '::1'] : '127.0.0.1'
  const a = await nodes.start({ name: 'a', host })
  const nobody = ['127.0.0.9', '127.0.0.8'].map(address => ({ address, family: 4 as const }))
  const here = { address: '127.0.0.1', family: 4 as const }
  const six = { address: '::1', family: 6 as const }
  names.set('many.example', [...nobody, here])
  names.set('both.example', [six, here])
  names.set('four.example', [here])
  const open = (form: string) => nodes.start({ bootstrap: [form], runtime: runtime() })
  for (const form of ['/dns/many.example', '/dns4/many.example', '/dns4/both.example']) {
    const b = await open(`${form}/tcp/${a.port}`)
    await until(() => b.peers.length === 1, form)
    t.match(b.networkInfo().observedAddrs[0], /^\/ip4\/127\.0\.0\.1\//, `${form}: over IPv4`)
    await b.stop()
  }
  if (hasV6) {
    const b = await open(`/dns6/both.example/tcp/${a.port}`)
    await until(() => b.peers.length === 1)
    t.match(b.networkInfo().observedAddrs[0], /^\/ip6\/::1\//)
  }
  const none = await open(`/dns6/four.example/tcp/${a.port}`)
  t.match(await next(none, 'bootstrap-failed'), {
    code: 'GH_DIAL_NAME',
    address: `/dns6/four.example/tcp/${a.port}`,
  })
})

t.test('ADDR-7 a UDP address is passed over with a clear word, and is in nobody’s way', async t => {
  const nodes = new Nodes(t)
  const a = await nodes.start({ name: 'a' })
  const b = await nodes.start({ transport: ['tcp'], bootstrap: [`/ip4/127.0.0.1/udp/${a.port}`, at(a)] })
  await until(() => b.peers.length === 1)
  const said: string[] = []
  for await (const message of b.messages) {
    if (message.event === 'bootstrap-failed') said.push(message.message)
    if (message.event === 'bootstrap-success') break
  }
  t.strictSame(said, ['dialling failed: passed over, this node does not dial udp, but tcp'])
  await t.rejects(b.connect(`/ip4/127.0.0.1/udp/${a.port}`), {
    code: 'GH_DIAL_FAILED',
    message: /passed over/,
  })
})

t.test('ADDR-6 B24 /dnsaddr: looked up at the start, and again while nobody is linked', async t => {
  const server = new DnsServer()
  const address = await server.start()
  t.teardown(() => server.stop())
  const nodes = new Nodes(t)
  const a = await nodes.start({ name: 'a' })
  server.records.set('_dnsaddr.mesh.example', [
    `dnsaddr=/ip4/127.0.0.1/udp/${a.port}/p2p/${a.peerId}`,
    'dnsaddr=/dnsaddr/eu.mesh.example',
  ])
  server.records.set('_dnsaddr.eu.mesh.example', [`dnsaddr=/ip4/127.0.0.1/tcp/${a.port}/p2p/${a.peerId}`])
  const b = await nodes.start({ bootstrap: ['/dnsaddr/mesh.example'], runtime: runtime([address]) })
  await until(() => b.peers.length === 1)
  t.equal(b.peers[0]!.peerId, a.peerId)

  const lost = await nodes.start({ bootstrap: ['/dnsaddr/nowhere.example'], runtime: runtime([address]) })
  t.match(await next(lost, 'bootstrap-failed'), {
    address: '/dnsaddr/nowhere.example',
    code: 'GH_DIAL_NAME',
    message: /no such name/,
  })
  const blind = await nodes.start({ bootstrap: ['/dnsaddr/mesh.example'], runtime: runtime() })
  t.match(await next(blind, 'bootstrap-failed'), { code: 'GH_DIAL_NAME', message: /no DNS/ })
})
