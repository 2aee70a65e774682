/** Blocks between nodes as programs use them: created, connected, asked for, counted, and what goes wrong. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { type Blockstore, type CID, cidOf, codes, createNode, type GuildNode } from '../../src/index.ts'
import { BITSWAP_PROTOCOL } from '../../src/wire/bitswap.ts'
import { at, failure, Nodes, until } from '../support/nodes.ts'

const hello = Buffer.from('Hello from Alice!')

const figures = (node: GuildNode): readonly number[] => {
  const { blocks_sent, blocks_received, peers_connected, want_list_size } = node.stats()
  return [blocks_sent, blocks_received, peers_connected, want_list_size]
}

t.test('creation: a store in memory, an identity, figures at zero, and nothing loaded', async t => {
  const nodes = new Nodes(t)
  const node = await nodes.start()
  t.match(node.peerId, /^12D3KooW/)
  t.strictSame(figures(node), [0, 0, 0, 0])
  t.equal(node.bitswap.maxBlockSize, 2 * 1024 * 1024)
  t.match(node.bitswap.stats(), {
    peerId: node.peerId,
    addresses: node.addresses,
    blocks_sent: 0,
    blocks_received: 0,
    peers_connected: 0,
    want_list_size: 0,
    blocks_provided: 0,
  })
  t.strictSame(node.bitswap.networkInfo(), {
    localPeerId: node.peerId,
    connectedPeers: [],
    listenAddrs: node.addresses,
    observedAddrs: [],
  })
})

t.test('connection: both sides tell it; a failure has a code and its own text', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  t.match(a.bitswap.networkInfo().connectedPeers, [{ id: b.peerId, connected: true, address: /^\/ip4/ }])
  t.strictSame([figures(a)[2], figures(b)[2]], [1, 1])
  t.equal((await failure(a.connect('nonsense'))).code, 'GH_ADDRESS_INVALID')
  t.equal((await failure(a.connect('127.0.0.1:1'))).code, 'GH_DIAL_REFUSED')
})

for (const transport of ['tcp', 'udp'])
  t.test(`request and provide: a block over ${transport}, counted on both sides`, async t => {
    const nodes = new Nodes(t)
    const [alice, bob] = await nodes.pair({ transport: [transport] }, { transport: [transport] })
    const cid = await alice.bitswap.provide(hello)
    t.ok(cid.equals(await cidOf(hello)))
    t.equal(alice.stats().blocks_provided, 1)
    t.strictSame(Buffer.from(await bob.bitswap.request(cid)), hello)
    await until(() => alice.stats().blocks_sent === 1)
    t.strictSame(figures(alice), [1, 0, 1, 0])
    t.strictSame(figures(bob), [0, 1, 1, 0])
    t.strictSame(Buffer.from(await bob.bitswap.request(String(cid))), hello, 'now it is here')
    t.strictSame(figures(bob), [0, 1, 1, 0], 'and nobody was asked')
    t.match(await bob.bitswap.getBlockInfo(cid), { size: hello.length, local: true })
  })

t.test('request and provide: who waits for it gets it when it is provided at last', async t => {
  const nodes = new Nodes(t)
  const [alice, bob] = await nodes.pair()
  const exchange = await bob.exchange()
  const waiting = exchange.want(await cidOf(hello), { wait: true })
  await until(() => bob.stats().want_list_size === 1)
  await alice.bitswap.provide(hello)
  t.strictSame(Buffer.from(await waiting), hello, 'its HAVE was heard')
  await until(() => bob.stats().want_list_size === 0)
})

t.test('P24 in memory: who changes the bytes that were handed out harms nobody else', async t => {
  const nodes = new Nodes(t)
  const [alice, bob] = await nodes.pair()
  const put = Buffer.from(hello)
  const cid = await alice.bitswap.provide(put)
  put.fill(0)
  for (const session of [alice.blocks.session(), alice.blocks.session()]) {
    const mine = await session.get(cid)
    t.strictSame(Buffer.from(mine), hello)
    mine.fill(0)
    await session.close()
  }
  const fetched = await bob.bitswap.request(cid)
  t.strictSame(Buffer.from(fetched), hello)
  fetched.fill(0)
  t.strictSame(Buffer.from(await bob.bitswap.request(cid)), hello, 'it is asked for anew')
  t.strictSame(figures(bob), [0, 2, 1, 0])
  t.strictSame(figures(alice).slice(0, 2), [2, 0])
})

t.test('stats: right after failures as well', async t => {
  const nodes = new Nodes(t)
  const alone = await nodes.start()
  const nowhere = await cidOf(randomBytes(9))
  const nobody = await failure(alone.bitswap.request(nowhere))
  t.equal(nobody.code, 'GH_BLOCK_NO_PEERS')
  t.match(nobody.message, 'no connected peers to request block from')
  t.strictSame(figures(alone), [0, 0, 0, 0])

  const [a, b] = await nodes.pair()
  const missing = await failure(a.bitswap.request(nowhere))
  t.equal(missing.code, 'GH_BLOCK_NOT_FOUND')
  t.match(missing.message, 'block not found on any connected peer')
  t.strictSame(
    [figures(a), figures(b)],
    [
      [0, 0, 1, 0],
      [0, 0, 1, 0],
    ],
  )
  const abort = new AbortController()
  const waiting = failure((await a.exchange()).want(nowhere, { wait: true, signal: abort.signal }))
  await until(() => a.stats().want_list_size === 1)
  abort.abort()
  t.equal((await waiting).code, 'GH_ABORTED')
  await until(() => a.stats().want_list_size === 0)
  t.equal((await failure(a.bitswap.request('nonsense'))).code, 'GH_CID_INVALID')
  t.equal((await failure(a.bitswap.provide(new Uint8Array(2 * 1024 * 1024 + 1)))).code, 'GH_BLOCK_TOO_LARGE')
  t.equal(a.stats().want_list_size, 0)
})

t.test('error handling: what a store says is passed on, with what was to be done', async t => {
  const nodes = new Nodes(t)
  const full: Blockstore = {
    has: async () => false,
    put: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
    // biome-ignore lint/correctness/useYield: a store that has nothing
    async *get() {
      throw Object.assign(new Error('nothing here'), { name: 'NotFoundError' })
    },
    delete: async () => {},
    async *putMany() {},
    async *getMany() {},
    async *getAll() {},
    async *deleteMany() {},
  }
  const [a, b] = await nodes.pair({ store: full })
  const stored = await failure(a.bitswap.provide(hello))
  t.equal(stored.code, 'GH_STORE_FAILED')
  t.match(stored.message, /failed to store block: .*ENOSPC/)
  const cid = await b.bitswap.provide(hello)
  const received = await failure(a.bitswap.request(cid))
  t.match(received.message, /failed to store received block: .*ENOSPC/)
  await until(() => a.stats().want_list_size === 0)
})

t.test('reconnection: a peer that came back is asked again', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const cid = await a.bitswap.provide(hello)
  b.disconnect(a.peerId)
  await until(() => a.peers.length === 0 && b.peers.length === 0)
  t.equal((await failure(b.bitswap.request(cid))).code, 'GH_BLOCK_NO_PEERS')
  await b.connect(at(a))
  t.strictSame(Buffer.from(await b.bitswap.request(cid)), hello)
})

t.test(
  'a node that nobody asked for content answers the first who does, also from its last life',
  async t => {
    const nodes = new Nodes(t)
    const dataDir = mkdtempSync(join(tmpdir(), 'guild-node-blocks-'))
    t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
    const first = await nodes.start({ dataDir })
    const cid = await first.files.add(hello)
    await first.stop()
    const [again, b] = await nodes.pair({ dataDir })
    t.strictSame(Buffer.from(await b.bitswap.request(cid)), hello)
    const [empty, c] = await nodes.pair()
    t.equal(
      (await failure(c.bitswap.request(cid))).code,
      'GH_BLOCK_NOT_FOUND',
      'and one with nothing says so',
    )
    t.ok(empty.peers.length === 1 && again.peers.length === 1)
    t.equal(BITSWAP_PROTOCOL, '/guild/bitswap/1.2.0', 'the id that waits for the first stream')
  },
)

t.test('a store that cannot be opened is told once, and peers hear that nothing is here', async t => {
  const nodes = new Nodes(t)
  const dataDir = mkdtempSync(join(tmpdir(), 'guild-node-blocks-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  mkdirSync(join(dataDir, 'blocks.db')) // a folder where the database should be
  const [broken, b] = await nodes.pair({ dataDir })
  const told: string[] = []
  broken.on('error', ({ code }) => told.push(code))
  for (let i = 0; i < 5; i++)
    t.equal((await failure(b.bitswap.request(await cidOf(randomBytes(5))))).code, 'GH_BLOCK_NOT_FOUND')
  t.strictSame(told, ['GH_STORE_FAILED'])
  t.equal(
    (await failure(broken.bitswap.provide(hello))).code,
    'GH_STORE_FAILED',
    'whoever runs it is told each time',
  )
})

t.test('a full mesh of five, where every pair was told to connect: ten links, and all have all', async t => {
  const nodes = new Nodes(t)
  const five = await Promise.all([1, 2, 3, 4, 5].map(i => nodes.start({ name: `node-${i}` })))
  await Promise.all(
    five.flatMap(one =>
      five.filter(other => other !== one).map(other => one.connect(at(other)).catch(error => error)),
    ),
  )
  await until(() => five.every(node => node.peers.length === 4))
  t.equal(
    five.reduce((sum, node) => sum + node.peers.length, 0),
    20,
    'ten links, each seen from both ends',
  )
  for (const node of five) t.equal(new Set(node.peers.map(({ peerId }) => peerId)).size, 4, 'no peer twice')
  const cids: CID[] = await Promise.all(five.map((_, i) => five[i]!.bitswap.provide(randomBytes(1_000 + i))))
  for (const node of five)
    for (const [i, cid] of cids.entries()) t.equal((await node.bitswap.request(cid)).length, 1_000 + i)
  t.ok(five.every(node => node.stats().want_list_size === 0 && node.stats().blocks_received === 4))
})

t.test('what is larger than a block comes in pieces; a block of 2 MiB is one', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const most = randomBytes(2 * 1024 * 1024)
  t.match(await b.bitswap.getBlockInfo(await a.bitswap.provide(most)), { size: most.length, local: false })
  const large = randomBytes(5_000_000)
  const cid = await a.files.add(large)
  const pieces: Uint8Array[] = []
  for await (const piece of b.bitswap.requestInChunks(cid)) pieces.push(piece)
  t.ok(pieces.length === 20 && pieces.every(piece => piece.length <= 262_144))
  t.ok(Buffer.from(concat(...pieces)).equals(large))
})

t.test('pins and collection on a node: what is pinned stays, what was only fetched goes', async t => {
  const nodes = new Nodes(t)
  const [a, b] = await nodes.pair()
  const cid = await a.files.add(randomBytes(1_000_000))
  await b.blocks.pins.add(cid)
  t.equal((await b.blocks.stat()).blocks, 5, 'pinning fetched it')
  const loose = await b.bitswap.provide(hello)
  t.match(await b.blocks.gc(), { removed: 1, bytes: hello.length })
  t.equal(await b.blocks.has(loose), false)
  t.equal((await failure(b.blocks.delete(cid))).code, 'GH_BLOCK_PINNED')
  await b.blocks.pins.rm(cid)
  t.match(await b.blocks.gc(), { removed: 5 })
  t.match(await a.blocks.verify(), { checked: 5, damaged: [] })
})

t.test('a node that is not started, or stopped, says so and keeps what it was given', async t => {
  const node = await createNode({ host: false, mdns: false, swarmKey: randomBytes(32) })
  const cid = await node.bitswap.provide(hello)
  t.strictSame(Buffer.from(await node.bitswap.request(cid)), hello)
  const other = await cidOf(randomBytes(3))
  t.equal((await failure(node.bitswap.request(other))).code, 'GH_NODE_STATE')
  t.equal((await failure(node.blocks.get(other, { offline: true }).next())).code, 'GH_BLOCK_MISSING')
  await node.stop()
  t.equal((await failure(node.files.add(hello))).code, 'GH_NODE_STATE')
})

t.test('options: a store that is none and a quota of nothing are refused', async t => {
  for (const options of [{ store: {} }, { store: 7 }, { blockQuota: 0 }, { blockQuota: 1e6 }])
    t.equal((await failure(createNode(options as object))).code, 'GH_OPTION_INVALID')
  t.ok(codes.GH_BLOCK_NO_PEERS === 'no connected peers to request block from')
})
