/** Whole nodes and their trackers, on loopback. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { AddressBook } from '../../src/membership/address-book.ts'
import { routesOf, takenAddresses, toldAddresses } from '../../src/node/tracker-addresses.ts'
import { openGuildDb } from '../../src/store/guild-db.ts'
import { TrackerCache } from '../../src/store/tracker-cache.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { PEERS_PATH } from '../../src/wire/tracker.ts'
import { at, failure, Nodes, next, until } from '../support/nodes.ts'
import { ask, Signer, shelfAt, startTracker } from '../support/trackers.ts'

const listed = async (url: string): Promise<Record<string, unknown>[]> =>
  (await ask(`${url}${PEERS_PATH}`)).json.peers as Record<string, unknown>[]

t.test('TRACKER-9 two nodes that know one tracker find each other, signed, and stay registered', async t => {
  const tracker = await startTracker(t, { ttlSec: 1 })
  const nodes = new Nodes(t)
  const a = await nodes.start({ name: 'a', trackers: [tracker.url], userId: 'ann', deviceId: 'laptop' })
  await until(() => tracker.size === 1)
  // Beside one that is not there.
  const trackers = ['http://127.0.0.1:1', `${tracker.url}/`]
  const b = await nodes.start({ name: 'b', trackers, userId: 'ann' })
  t.match(await next(b, 'peers-discovered'), {
    from: tracker.url,
    name: `tracker 127.0.0.1:${tracker.port}`,
    count: 1,
    known: 1,
  })
  await until(() => a.peers.length === 1 && b.peers.length === 1)
  await until(() => tracker.size === 2)
  const rows = await listed(tracker.url)
  t.match(
    rows.find(row => row.peer_id === a.peerId),
    { addrs: [...a.addresses], meta: { user_id: 'ann', device_id: 'laptop' } },
  )
  t.match(
    rows.find(row => row.peer_id === b.peerId),
    { meta: { device_id: b.peerId } },
  )
  const seen = rows[0]!.last_seen as number
  await until(() => Date.now() / 1000 > seen + 2.2)
  t.equal((await listed(tracker.url)).length, 2, 'renewed beyond the time to live')
  t.strictSame(
    await a.lookup(),
    [{ peerId: b.peerId, addresses: [...b.addresses], remembered: false }],
    'as it was told',
  )
  await b.stop()
  await until(() => tracker.size === 1)
  t.strictSame(await a.lookup(), [], 'asked anew')
})

t.test('TRACKER-11 only nodes of the same user are taken, where one was given', async t => {
  const tracker = await startTracker(t)
  const nodes = new Nodes(t)
  const options = { trackers: [tracker.url], discoveryInterval: 0.1 }
  const ann = await nodes.start({ ...options, name: 'ann', userId: 'ann' })
  const bob = await nodes.start({ ...options, name: 'bob', userId: 'bob' })
  const other = await nodes.start({ ...options, name: 'other', userId: 'ann' })
  await until(() => ann.peers.length === 1 && other.peers.length === 1)
  await new Promise(resolve => setTimeout(resolve, 300))
  t.strictSame(
    ann.peers.map(({ name }) => name),
    ['other'],
  )
  t.equal(bob.peers.length, 0)
  // A tracker that tells of everybody all the same is not followed there.
  const liar = createServer(async (request, response) => {
    const answer = await fetch(`${tracker.url}${request.url!.split('?')[0]}`)
    response.end(await answer.text())
  })
  await new Promise<void>(resolve => liar.listen(0, '127.0.0.1', resolve))
  t.teardown(() => liar.close())
  const url = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`
  const carol = await nodes.start({ name: 'carol', userId: 'carol', trackers: [url] })
  t.strictSame(await carol.lookup(), [])
  t.equal(carol.peers.length, 0)
})

t.test(
  'TR-11 BOOK-6 a tracker that dies costs no peer, and who starts without it dials whom it told of',
  async t => {
    const tracker = await startTracker(t)
    const nodes = new Nodes(t)
    const dbPath = join(t.testdir(), 'b', 'guild.db')
    const identityKey = new Uint8Array(32).fill(9)
    const trackers = [tracker.url]
    const options = { name: 'b', trackers, dbPath, identityKey, discoveryInterval: 0.1 }
    const a = await nodes.start({ name: 'a', trackers, discoveryInterval: 0.1 })
    await until(() => tracker.size === 1)
    const b = await nodes.start(options)
    await until(() => b.peers.length === 1 && a.peers.length === 1)
    await until(() => tracker.size === 2)
    t.equal((await a.lookup()).length, 1)
    const said: string[] = []
    a.on('error', ({ code, message }) => said.push(`${code} ${message}`))
    await tracker.stop()
    await until(() => said.length > 0)
    t.equal(said[0], `GH_TRACKER_FAILED a tracker cannot be used: ${tracker.url}: nobody listens there`)
    t.equal(a.peers.length, 1, 'the link stands')
    await b.stop()
    await until(() => a.peers.length === 0)
    const again = await nodes.start(options)
    await until(() => again.peers.length === 1, 'by the book')
    t.strictSame(await again.lookup(), [{ peerId: a.peerId, addresses: [...a.addresses], remembered: true }])
    await again.stop()
    const db = await openGuildDb(dbPath)
    db.prepare('UPDATE peer_book SET heard_at = heard_at - 8 * 86400000').run()
    db.close()
    const late = await nodes.start({ ...options, identityKey: new Uint8Array(32).fill(8) })
    t.match(await failure(late.lookup()), { code: 'GH_TRACKER_FAILED' }, 'eight days later nobody is known')
    t.equal(said.length, 1, 'and the failure was told once')
    const begun = performance.now()
    t.equal((await a.lookup()).length, 1, 'who was told of last')
    t.ok(performance.now() - begun < 2_000, 'without waiting for a tracker that rests')
  },
)

t.test('TRACKER-11 the book is asked for nodes of the same user, and an empty tracker opens it', async t => {
  const tracker = await startTracker(t)
  const dbPath = join(t.testdir(), 'guild.db')
  const db = await openGuildDb(dbPath)
  const [mine, theirs] = [new Signer().peerId, new Signer().peerId]
  new TrackerCache(db).keep(
    [
      { peerId: mine, userId: 'ann', addrs: ['/ip4/127.0.0.1/tcp/1'] },
      { peerId: theirs, userId: 'bob', addrs: ['/ip4/127.0.0.1/tcp/2'] },
    ],
    Date.now(),
  )
  db.close()
  const nodes = new Nodes(t)
  const ann = await nodes.start({ host: false, trackers: [tracker.url], dbPath, userId: 'ann' })
  t.strictSame(
    (await ann.lookup()).map(({ peerId }) => peerId),
    [mine],
  )
  const all = await nodes.start({ host: false, trackers: [tracker.url], dbPath })
  t.equal((await all.lookup()).length, 2)
})

t.test('TRACKER-6 TRACKER-3 a wrong token is told once and clearly; a wrong clock heals itself', async t => {
  const tracker = await startTracker(t, { token: 'right' })
  const nodes = new Nodes(t)
  const node = await nodes.start({ trackers: [tracker.url], trackerToken: 'wrong' })
  t.match(await next(node, 'error'), {
    code: 'GH_TRACKER_REFUSED',
    message: `a tracker refused: ${tracker.url} answered 401: the token is missing or wrong; check --tracker-token`,
  })
  t.match(await failure(node.lookup()), { code: 'GH_TRACKER_REFUSED' })
  t.equal(tracker.size, 0)
  // A tracker whose clock is a day ahead of everybody's.
  let asked = 0
  const times: number[] = []
  const ahead = createServer((request, response) => {
    if (request.method === 'GET') return response.end('{"peers":[]}')
    asked++
    times.push(Number(/t=(\d+)/.exec(String(request.headers['guild-signature']))?.[1]))
    const now = Date.now() + 86_400_000
    if (Math.abs(times.at(-1)! - now) < 600_000) return response.end('{"ok":true,"ttl_sec":60}')
    response.setHeader('date', new Date(now).toUTCString())
    return response.writeHead(403).end('{"ok":false,"code":"clock","error":"off"}')
  })
  await new Promise<void>(resolve => ahead.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    ahead.closeAllConnections()
    ahead.close()
  })
  const url = `http://127.0.0.1:${(ahead.address() as AddressInfo).port}`
  await nodes.start({ trackers: [url] })
  await until(() => asked === 2)
  t.ok(times[1]! - times[0]! > 86_000_000)
})

t.test('TRACKER-4 BOOK-6 a disk that has no room for the book costs the book', async t => {
  const tracker = await startTracker(t, shelfAt(join(t.testdir(), 'tracker.db')))
  const nodes = new Nodes(t)
  await nodes.start({ name: 'a', trackers: [tracker.url] })
  await until(() => tracker.size === 1)
  const b = await nodes.start({ name: 'b', trackers: [tracker.url], dbPath: '/dev/null/guild.db' })
  const [error] = await Promise.all([next(b, 'error'), until(() => b.peers.length === 1)])
  t.match(error, { code: 'GH_STORE_FAILED' })
})

t.test(
  'TRACKER-12 one peer behind several addresses: the first that leads there, or the first reason',
  async t => {
    const nodes = new Nodes(t)
    const a = await nodes.start({ name: 'a' })
    const b = await nodes.start({ name: 'b' })
    const circuit = `/ip4/127.0.0.1/tcp/1/p2p/${b.peerId}/p2p-circuit/p2p/${b.peerId}`
    const peer = await a.reach([circuit, '127.0.0.1:1', at(b)], { peerId: b.peerId })
    t.match(peer, { name: 'b', peerId: b.peerId })
    t.equal((await a.reach([at(b)], { peerId: b.peerId })).peerId, b.peerId, 'who is linked is reached')
    const tries: string[] = []
    const c = await nodes.start({ name: 'c', dial: 'relay-first' })
    c.on('debug', ({ message }) => {
      if (message.startsWith('Try')) tries.push(message)
    })
    const error = await failure(c.reach(['127.0.0.1:1', circuit]))
    t.match(error, {
      code: 'GH_DIAL_FAILED',
      message: /this version dials no relay circuits \(the first of 6 tries/,
    })
    t.strictSame(
      tries.flatMap(line => /^Try (\d) of 3, (\w+)/.exec(line)?.slice(1).join(' ') ?? []),
      ['1 relay', '2 relay', '3 relay', '1 direct', '2 direct', '3 direct'],
    )
    t.match(await failure(c.reach([])), { code: 'GH_ADDRESS_INVALID' })
    const abort = AbortSignal.timeout(20)
    t.match(await failure(c.reach(['127.0.0.1:1'], { signal: abort })), { code: 'GH_ABORTED' })
  },
)

t.test('PT-02 TRACKER-11 addresses on their way to a tracker, and back', async t => {
  const peerId = new Signer().peerId
  const listening = ['127.0.0.1:8000', '192.168.1.7:8000', '[fe80::1%eth0]:8000'].map(one =>
    parseAddress(one),
  )
  const own = {
    peerId,
    announce: [],
    listening,
    observed: ['/ip4/203.0.113.7/tcp/50123', '/ip4/203.0.113.7/udp/41000', '/ip4/192.168.1.7/tcp/50124'].map(
      one => parseAddress(one),
    ),
    ports: { tcpPort: 8_000, udpPort: 8_000 },
  }
  const end = `/p2p/${peerId}`
  t.strictSame(toldAddresses(own, 'tracker.example'), [
    `/ip4/192.168.1.7/tcp/8000${end}`,
    `/ip4/203.0.113.7/tcp/8000${end}`,
    `/ip4/203.0.113.7/udp/8000${end}`,
    `/ip4/203.0.113.7/udp/41000${end}`,
  ])
  t.match(toldAddresses(own, '127.0.0.1')[0], '/ip4/127.0.0.1/', 'loopback is told on this machine')
  t.strictSame(toldAddresses({ ...own, announce: [parseAddress('home.example:443')] }, 'x.example'), [
    `/dns/home.example/tcp/443${end}`,
  ])
  const many = Array.from({ length: 50 }, (_, i) => parseAddress(`203.0.114.${i + 1}:1`))
  t.ok(toldAddresses({ ...own, observed: many }, 'x.example').length <= 12, 'a liar’s word is bounded')

  const from = (trackerHost: string, ...addrs: string[]): string[] =>
    takenAddresses([{ peerId, addrs }], { trackerHost, own: listening }).direct.map(({ host }) => host)
  const addrs = [
    '/ip4/203.0.113.7/tcp/1',
    '/ip4/127.0.0.1/tcp/1',
    '/ip4/192.168.9.9/tcp/1',
    '/ip6/fe80::1/tcp/1',
    '/ip4/224.0.0.1/tcp/1',
    '/ip4/0.0.0.0/tcp/1',
    '/ip4/203.0.113.8/udp/1/quic-v1',
    `/ip4/203.0.113.9/tcp/1/p2p/${new Signer().peerId}`,
  ]
  t.strictSame(from('198.51.100.1', ...addrs), ['203.0.113.7', '192.168.9.9'])
  t.strictSame(from('127.0.0.1', ...addrs), ['203.0.113.7', '127.0.0.1', '192.168.9.9'])
  const outside = { trackerHost: '198.51.100.1', own: [parseAddress('198.51.100.2:1')] }
  t.strictSame(
    takenAddresses([{ peerId, addrs }], outside).direct.map(({ host }) => host),
    ['203.0.113.7'],
    'private ones only where there is such a network',
  )
  t.strictSame(
    takenAddresses([{ peerId, addrs: listening.map(() => '/ip4/192.168.1.7/tcp/8000') }], {
      trackerHost: '192.168.1.1',
      own: listening,
    }).direct,
    [],
    'nor ourselves',
  )
  const lots = Array.from({ length: 32 }, (_, i) => `/ip4/203.0.113.${i + 1}/tcp/1`)
  t.equal(from('198.51.100.1', ...lots).length, 8)
  const two = [peerId, new Signer().peerId].map(id => ({ peerId: id, addrs: lots.slice(0, 2) }))
  t.strictSame(
    takenAddresses(two, outside).direct.map(
      one => `${one.host} ${two.findIndex(({ peerId: id }) => id === one.peerId)}`,
    ),
    ['203.0.113.1 0', '203.0.113.1 1', '203.0.113.2 0', '203.0.113.2 1'],
    'one of each before the second of any',
  )
  t.strictSame(
    routesOf(undefined, ['192.0.2.1:1', 'nonsense', '/x/p2p-circuit']).map(({ stage }) => stage),
    ['direct', 'relay'],
  )
})

t.test('TRACKER-11 one tracker fills no more than its share of the address book', async t => {
  const book = new AddressBook({ limit: 1_000, busy: () => false })
  const add = (teller: string, network: number, port: number) =>
    book.add({ ...parseAddress(`${network}.113.7.9:${port}`), peerId: new Signer().peerId }, 'tracker', 0, {
      teller,
      tellerHost: teller === 'http://one' ? '198.51.100.1' : '203.0.113.1',
    })
  let taken = 0
  for (let i = 0; i < 100; i++) if (add('http://one', 11 + i, 1) !== undefined) taken++
  t.equal(taken, 62)
  t.ok(add('http://other', 201, 1), 'another has its own')
})
