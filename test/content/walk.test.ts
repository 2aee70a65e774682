/** Walks over whole DAGs: each block once, in order, and in bounded memory whatever the shape. */
import { encode } from '@ipld/dag-cbor'
import { encode as encodePb } from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { sha256, sha256Cid } from '../../src/content/block.ts'
import { Visited } from '../../src/content/visited.ts'
import { walk } from '../../src/content/walk.ts'
import { makeCid } from '../../src/wire/cid.ts'
import { contentCodecs } from '../../src/wire/registry.ts'
import { MemoryBlocks } from '../support/blocks.ts'

const { DAG_CBOR, DAG_PB, RAW } = contentCodecs

function node(store: MemoryBlocks, value: unknown): CID {
  const bytes = encode(value)
  return store.put(sha256Cid(DAG_CBOR, bytes), bytes)
}

async function names(
  store: MemoryBlocks,
  roots: CID[],
  options: Parameters<typeof walk>[2] = {},
): Promise<string> {
  const seen: string[] = []
  for await (const { cid, bytes } of walk(store, roots, options))
    seen.push(
      cid.code === RAW
        ? Buffer.from(bytes).toString()
        : (/[A-Z]/.exec(Buffer.from(bytes).toString())?.[0] ?? '?'),
    )
  return seen.join('')
}

t.test('BX-08 BLOCK-6 depth first and breadth first, each block once', async t => {
  const store = new MemoryBlocks()
  const raw = (text: string): CID => store.put(sha256Cid(RAW, utf8(text)), utf8(text))
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(raw) as [CID, CID, CID, CID]
  const left = node(store, ['L', a, b])
  const right = node(store, ['R', left, c, a])
  const root = node(store, ['T', left, right, d, d])
  for (const prefetch of [1, 2, 32]) {
    t.equal(await names(store, [root], { prefetch }), 'TLabRcd')
    t.equal(await names(store, [root], { prefetch, order: 'breadth' }), 'TLRdabc')
    t.equal(await names(store, [d, root, left], { prefetch }), 'dTLabRc')
  }
  const visited = new Visited()
  t.equal(await names(store, [left], { visited }), 'Lab')
  t.equal(await names(store, [root], { visited }), 'TRcd', 'what one walk saw the next one leaves out')
  // An identity block is followed and not handed out.
  const inline = CID.createV1(DAG_CBOR, makeCid(DAG_CBOR, 0, encode([a])).multihash)
  t.equal(await names(store, [node(store, ['I', inline, b])]), 'Iab')
  store.delete(left)
  await t.rejects(names(store, [root]), { code: 'GH_BLOCK_MISSING' })
  const missing: string[] = []
  t.equal(await names(store, [root], { onMissing: cid => missing.push(String(cid)) }), 'TRcad')
  t.strictSame(missing, [String(left)], 'said once')
  const broken = utf8('no cbor')
  await t.rejects(names(store, [store.put(sha256Cid(DAG_CBOR, broken), broken)]), {
    code: 'GH_BLOCK_INVALID',
  })
  const abort = new AbortController()
  abort.abort()
  await t.rejects(names(store, [d], { signal: abort.signal }), { code: 'GH_ABORTED' })
})

const levels = process.env.GUILD_TEST_SLOW === undefined ? 12_000 : 100_000

t.test(`BX-08 BLOCK-6 ${levels} levels`, { timeout: 120_000 }, async t => {
  const store = new MemoryBlocks()
  const leaf = store.put(sha256Cid(RAW, utf8('x')), utf8('x'))
  let top = leaf
  let middle = leaf
  for (let i = 0; i < levels; i++) {
    if (i === 5_000) middle = top
    // On every other level the way down is not the last link, so that the level above waits.
    const bytes = encode(i % 2 === 0 ? [top] : [top, leaf])
    top = store.put(sha256Cid(DAG_CBOR, bytes), bytes)
  }
  let count = 0
  for await (const _ of walk(store, [top])) count++
  t.equal(count, levels + 1)
  count = 0
  for await (const _ of walk(store, [middle], { order: 'breadth' })) count++
  t.equal(count, 5_001)
})

/** Wide nodes on a chain, made when they are asked for: `levels` times `width` links to nothing but leaves. */
function wide(
  levels: number,
  width: number,
): { root: CID; source: Parameters<typeof walk>[0]; reads: () => number } {
  const nodes: { cid: CID; bytes: Uint8Array }[] = []
  let reads = 0
  for (let level = 0; level < levels; level++) {
    const links = Array.from({ length: width }, (_, i) => {
      const bytes = utf8(`${level}.${i}`)
      const digest = sha256(bytes)
      return { Hash: makeCid(RAW, 0x12, digest), Name: '', Tsize: 0 }
    })
    const below = nodes.at(-1)
    if (below !== undefined) links.unshift({ Hash: below.cid, Name: '', Tsize: 0 })
    const bytes = encodePb({ Links: links })
    nodes.push({ cid: sha256Cid(DAG_PB, bytes), bytes })
  }
  const byText = new Map(nodes.map(({ cid, bytes }) => [String(cid), bytes]))
  return {
    root: nodes.at(-1)!.cid,
    reads: () => reads,
    source: {
      *get(cid) {
        if (cid.code === RAW)
          yield utf8('') // what is in a leaf is of no matter here
        else {
          reads++
          yield byText.get(String(cid))!
        }
      },
    },
  }
}

t.test('BX-08 BLOCK-6 many links wait, and few of them in memory', async t => {
  const { root, source, reads } = wide(20, 500)
  let count = 0
  for await (const _ of walk(source, [root], { prefetch: 4, linksWaiting: 2_000 })) count++
  t.equal(count, 20 * 501)
  t.ok(reads() > 30 && reads() <= 40, `${reads()} reads of 20 nodes: links were forgotten and read again`)
  let near = 0
  for await (const _ of walk(source, [root], { order: 'breadth', linksWaiting: 600 })) near++
  t.equal(near, 20 * 501, 'in breadth, what does not fit is walked at once')
})

// GUILD_TEST_SLOW=1: a minute.
const slow = process.env.GUILD_TEST_SLOW === undefined
const long = slow ? { skip: 'GUILD_TEST_SLOW=1 runs it' } : { timeout: 240_000 }
t.test('BX-08 BLOCK-6 a million links', long, async t => {
  const { root, source } = wide(34, 30_000)
  const before = process.memoryUsage().rss
  let [count, most] = [0, 0]
  for await (const _ of walk(source, [root]))
    if (++count % 10_000 === 0) most = Math.max(most, process.memoryUsage().rss - before)
  t.equal(count, 34 * 30_001)
  t.comment(`${(most / 2 ** 20).toFixed(0)} MiB above what the blocks take`)
  t.ok(most < 300 * 2 ** 20)
})

t.test('BLOCK-6 what was seen: a set in 16 bytes each', async t => {
  const visited = new Visited()
  const cid = (i: number, codec: number = RAW): CID => sha256Cid(codec, utf8(String(i)))
  let fresh = 0
  for (let i = 0; i < 5_000; i++) if (visited.add(cid(i))) fresh++
  t.equal(fresh, 5_000)
  let again = 0
  for (let i = 0; i < 5_000; i++) if (visited.add(cid(i)) || !visited.has(cid(i))) again++
  t.equal(again, 0)
  t.equal(visited.has(cid(5_001)), false)
  t.equal(visited.add(cid(7, DAG_PB)), true, 'by another codec it is another visit')
  t.equal(visited.size, 5_001)
  const zero = makeCid(RAW, 0x12, new Uint8Array(32))
  t.strictSame(
    [visited.has(zero), visited.add(zero), visited.add(zero)],
    [false, true, false],
    'a digest of zeros',
  )
})
