/** The exchange on real sockets: large blocks, other hashes, a store that fails, memory of what came. */
import { createHash, randomBytes } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import t from 'tap'
import type { Exchange } from '../../src/index.ts'
import { GuildError } from '../../src/index.ts'
import { blockKey, type CID, limits, makeCid } from '../../src/wire/index.ts'
import { Nodes } from '../support/nodes.ts'

class Store {
  readonly blocks = new Map<string, Uint8Array>()
  broken = false
  readonly #slow: boolean

  /** `slow`: it answers with promises, as one on a disk does. */
  constructor(slow = false) {
    this.#slow = slow
  }

  read(cid: CID): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.#answer(this.blocks.get(blockKey(cid)))
  }

  size(cid: CID): number | undefined | Promise<number | undefined> {
    return this.#answer(this.blocks.get(blockKey(cid))?.length)
  }

  put(cid: CID, bytes: Uint8Array): void | Promise<void> {
    if (this.broken) {
      const error = new GuildError('GH_STORE_FAILED', 'the disk is full')
      if (this.#slow) return Promise.reject(error)
      throw error
    }
    this.blocks.set(blockKey(cid), bytes)
    if (this.#slow) return Promise.resolve()
  }

  has(cid: CID): boolean {
    return this.blocks.has(blockKey(cid))
  }

  *get(cid: CID): Generator<Uint8Array> {
    const bytes = this.blocks.get(blockKey(cid))
    if (bytes === undefined) return
    yield bytes.subarray(0, 10)
    yield bytes.subarray(10)
  }

  #answer<T>(value: T): T | Promise<T> {
    return this.#slow ? new Promise(resolve => setImmediate(resolve, value)) : value
  }
}

const sha256 = (bytes: Uint8Array): CID =>
  makeCid(0x55, 0x12, new Uint8Array(createHash('sha256').update(bytes).digest()))

async function pair(
  t: Parameters<typeof nodesOf>[0],
  here: object = new Store(),
  there: object = new Store(),
): Promise<[Exchange, Exchange]> {
  const [a, b] = await nodesOf(t).pair()
  return [await a.exchange(here as Store), await b.exchange(there as Store)]
}
const nodesOf = (t: ConstructorParameters<typeof Nodes>[0]): Nodes => new Nodes(t)

t.test('blocks of every size up to 2 MiB, by every hash, also from a store that takes its time', async t => {
  const there = new Store(true)
  const here = new Store(true)
  const [exchange] = await pair(t, here, there)
  const all = [0, 1, 1_000, 65_535, 65_536, 65_537, 300_000, limits.block].map(
    size => new Uint8Array(randomBytes(size)),
  )
  const cids = all.map(bytes => sha256(bytes))
  const text = new Uint8Array(randomBytes(5_000))
  const others = [
    makeCid(0x55, 0x13, new Uint8Array(createHash('sha512').update(text).digest())),
    makeCid(0x55, 0x1e, blake3(text)),
    makeCid(0x55, 0x12, new Uint8Array(createHash('sha256').update(text).digest()).subarray(0, 20)),
  ]
  for (const [i, cid] of cids.entries()) there.blocks.set(blockKey(cid), all[i]!)
  for (const cid of others) there.blocks.set(blockKey(cid), text)
  const session = exchange.session()
  session.prefetch(cids)
  const got = await Promise.all(cids.map(cid => session.get(cid)))
  for (const [i, bytes] of got.entries()) t.ok(Buffer.compare(bytes, all[i]!) === 0, `${bytes.length} bytes`)
  for (const cid of others) t.same(await session.get(cid), text)
  t.match(session.close(), { blocks: 11, duplicateBytes: 0, sources: [{ blocks: 11 }] })
  t.match(exchange.stats(), { blocksReceived: 11, wantListSize: 0 })
  t.same(await exchange.want(cids[3]!), all[3], 'from the store now')
  t.equal(exchange.stats().blocksReceived, 11)
  const inside = makeCid(0x55, 0, Uint8Array.of(1, 2, 3))
  t.same(await exchange.want(inside), Uint8Array.of(1, 2, 3), 'a block that its CID holds is asked of nobody')
})

t.test('any interface-blockstore serves: sizes by reading, blocks in chunks', async t => {
  const there = new Store()
  const bytes = new Uint8Array(randomBytes(100_000))
  const cid = sha256(bytes)
  there.blocks.set(blockKey(cid), bytes)
  const plain = { get: (one: CID) => there.get(one), has: (one: CID) => there.has(one), put: () => {} }
  const [exchange] = await pair(t, new Store(), plain)
  t.same(await exchange.want(cid), bytes)
})

for (const slow of [false, true])
  t.test(
    `a store that fails${slow ? ' with a promise' : ' at once'}: who waits is told why, nothing is wanted on, and it works again`,
    async t => {
      const there = new Store()
      const here = new Store(slow)
      const [exchange] = await pair(t, here, there)
      const bytes = new Uint8Array(randomBytes(1_000))
      const cid = sha256(bytes)
      there.blocks.set(blockKey(cid), bytes)
      here.broken = true
      await t.rejects(exchange.want(cid), { code: 'GH_STORE_FAILED' })
      t.equal(exchange.stats().wantListSize, 0)
      here.broken = false
      t.same(await exchange.want(cid), bytes)
    },
  )

t.test('a node that stops: whoever waits is told, also in a session', async t => {
  const [a] = await nodesOf(t).pair()
  const exchange = await a.exchange(new Store())
  await t.rejects(a.exchange(new Store()), { code: 'GH_NODE_STATE' })
  const waits = exchange.want(sha256(Uint8Array.of(7)), { wait: true })
  const rejected = t.rejects(waits, { code: 'GH_NODE_STATE' })
  await new Promise(resolve => setImmediate(resolve))
  await a.stop()
  await rejected
  t.throws(() => exchange.session(), { code: 'GH_NODE_STATE' })
})
