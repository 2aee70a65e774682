/** CAR files: other people's fixtures, what is refused, and nothing kept of what was not whole. */
import { CarBlockIterator, CarWriter } from '@ipld/car'
import { encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import t, { type Test } from 'tap'
import { concat, equal, fromHex, utf8 } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { sha256Cid } from '../../src/content/block.ts'
import { importCar } from '../../src/content/car/import.ts'
import { openCar } from '../../src/content/car/read.ts'
import { carHeader, exportCar, sectionHead } from '../../src/content/car/write.ts'
import { profiles } from '../../src/content/unixfs/profiles.ts'
import { importTree } from '../../src/content/unixfs/tree.ts'
import { formatCid, makeCid } from '../../src/wire/cid.ts'
import { limits } from '../../src/wire/limits.ts'
import { mutate } from '../fuzz/mutate.ts'
import { MemoryBlocks } from '../support/blocks.ts'
import { pieces, Seeded } from '../support/seeded.ts'
import { sharedBytes, sharedNames, sharedText } from '../support/shared.ts'

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return concat(...all)
}

const raw = (text: string): { cid: CID; bytes: Uint8Array } => ({
  cid: sha256Cid(0x55, utf8(text)),
  bytes: utf8(text),
})
const carOf = (roots: CID[], ...blocks: { cid: CID; bytes: Uint8Array }[]): Uint8Array =>
  concat(carHeader(roots), ...blocks.flatMap(({ cid, bytes }) => [sectionHead(cid, bytes.length), bytes]))

/** Refused, and nothing of it is in the store. */
async function refuses(
  t: Test,
  bytes: Uint8Array,
  code: string | RegExp,
  what: string,
  why = /./,
): Promise<void> {
  const store = new MemoryBlocks()
  const there = raw('there before')
  store.put(there.cid, there.bytes)
  await t.rejects(importCar([bytes], store), { code: code as string, message: why }, what)
  t.strictSame(
    store.blocks().map(({ cid }) => formatCid(cid)),
    [formatCid(there.cid)],
    `${what}: nothing is kept`,
  )
}

const cars = 'vectors/car'
const gateway = 'vectors/unixfs/gateway-conformance'
const absent = sharedText('vectors/README.md') === undefined

t.test(
  'CA-01 CA-03 CAR-1 CAR-2 the broken fixtures are refused, the others read',
  { skip: absent },
  async t => {
    const broken: [string, string, RegExp][] = [
      ['badheaderlength', 'GH_CAR_INVALID', /header of [0-9]+ bytes/],
      ['badsectionlength', 'GH_CAR_INVALID', /section of [0-9]+ bytes/],
      ['sample-corrupt-pragma', 'GH_CAR_INVALID', /ends inside/],
      ['sample-rootless-v42', 'GH_CAR_INVALID', /version 42/],
      ['sample-v1-with-zero-len-section2', 'GH_CID_UNSUPPORTED', /0xb220/],
    ]
    for (const [name, code, why] of broken)
      await refuses(t, sharedBytes(`${cars}/${name}.car`)!, code, name, why)
    for (const name of sharedNames(`${cars}/go-car-fuzz-corpus`)) {
      const [, quoted] = sharedText(`${cars}/go-car-fuzz-corpus/${name}`)!.split('\n')
      await refuses(t, unquoted(/\("(.*)"\)/.exec(quoted!)![1]!), /GH_CAR_INVALID|GH_BLOCK_MISMATCH/, name)
    }
    const good: [string, number, number][] = [
      ['simple-unixfs', 1, 22],
      ['simple-unixfs-missing-blocks', 1, 17],
      ['sample-unixfs-v2', 1, 3],
      ['sample-rw-bs-v2', 3, 3],
    ]
    for (const [name, roots, blocks] of good) {
      const store = new MemoryBlocks()
      const bytes = sharedBytes(`${cars}/${name}.car`)!
      // In pieces of any size the same comes out.
      const done = await importCar(pieces(new Seeded(7), bytes), store)
      t.strictSame([done.roots.length, done.blocks, store.size], [roots, blocks, blocks], name)
    }
  },
)

t.test(
  'CA-02 CAR-3 CAR-4 the CARs of the gateway: in, and out again byte for byte',
  { skip: absent },
  async t => {
    let again = 0
    for (const name of sharedNames(gateway)) {
      const bytes = sharedBytes(`${gateway}/${name}`)!
      const store = new MemoryBlocks()
      const { roots, blocks } = await importCar([bytes], store)
      const theirs = await CarBlockIterator.fromBytes(bytes)
      t.strictSame(roots.map(String), (await theirs.getRoots()).map(String), `${name}: its roots`)
      let count = 0
      for await (const { cid } of theirs) if (store.has(cid as CID)) count++
      t.equal(count, blocks, `${name}: each block the reference reader finds`)
      if (name === 'file-3k-and-3-blocks-missing-block.car') {
        await t.rejects(collect(exportCar(store, roots)), { code: 'GH_BLOCK_MISSING' }, name)
        continue
      }
      const out = await collect(exportCar(store, roots))
      t.ok(out.length <= bytes.length, `${name}: nothing is added`)
      if (equal(out, bytes)) again++
      const read = await importCar([out], new MemoryBlocks())
      t.equal(read.blocks, blocks, `${name}: and in again`)
    }
    t.ok(again >= 10, `${again} come out as the tools wrote them`)
  },
)

/** Go's quoted bytes. */
function unquoted(text: string): Uint8Array {
  const escapes: Record<string, number> = { n: 10, r: 13, t: 9, f: 12, b: 8, a: 7, v: 11, '\\': 92, '"': 34 }
  const parts = text.match(/\\x[0-9a-f]{2}|\\.|[^\\]+/g)!.map(part => {
    if (!part.startsWith('\\')) return utf8(part)
    return part[1] === 'x' ? fromHex(part.slice(2))! : Uint8Array.of(escapes[part[1]!]!)
  })
  return concat(...parts)
}

t.test('CA-01 CAR-1 a length is refused by its claim', async t => {
  const { cid, bytes } = raw('x')
  const head = carHeader([cid])
  for (const [what, length] of [
    ['a byte above a block and its CID', Buffer.from('8e808001', 'hex')],
    ['2^56', Buffer.from('808080808080808001', 'hex')],
    ['ten bytes', Buffer.from('80808080808080808001', 'hex')],
    ['longer than it need be', Buffer.from('8500', 'hex')],
  ] as const)
    await refuses(t, concat(head, length, bytes), 'GH_CAR_INVALID', what)
  await refuses(
    t,
    concat(Buffer.from('818040', 'hex'), new Uint8Array(40)),
    'GH_CAR_INVALID',
    'a header above 1 MiB',
  )
  // What never ends is not read to its end.
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (yield concat(head, Buffer.from('ffffffff0f', 'hex')); ; ) {
      read++
      yield new Uint8Array(1024)
    }
  }
  await t.rejects(importCar(endless(), new MemoryBlocks()), { code: 'GH_CAR_INVALID' })
  t.equal(read, 0)
  const large = new Uint8Array(limits.block)
  const store = new MemoryBlocks()
  await importCar([carOf([], { cid: sha256Cid(0x55, large), bytes: large })], store)
  t.equal(store.size, 1, 'a block of 2 MiB goes in')
})

t.test('CA-02 CAR-3 a block that is not what its CID says: all is undone but what was there', async t => {
  const [a, b, c] = ['a', 'b', 'c'].map(raw) as [
    ReturnType<typeof raw>,
    ReturnType<typeof raw>,
    ReturnType<typeof raw>,
  ]
  const lie = { cid: b.cid, bytes: utf8('lie') }
  await refuses(t, carOf([a.cid], a, lie, c), 'GH_BLOCK_MISMATCH', 'a lie', new RegExp(formatCid(b.cid)))
  const store = new MemoryBlocks()
  store.put(a.cid, a.bytes)
  await t.rejects(importCar([carOf([a.cid], a, c, lie)], store), { code: 'GH_BLOCK_MISMATCH' })
  t.strictSame([store.has(a.cid), store.has(c.cid)], [true, false], 'a was there before and stays')
  const full = new MemoryBlocks()
  const failing = {
    has: full.has.bind(full),
    delete: full.delete.bind(full),
    put: async (cid: CID, bytes: Uint8Array) => {
      if (full.size === 2) throw new GuildError('GH_STORE_FAILED', 'the disk is full')
      return full.put(cid, bytes)
    },
  }
  await t.rejects(importCar([carOf([], a, b, c)], failing), { code: 'GH_STORE_FAILED' })
  t.equal(full.size, 0, 'a store that fails keeps nothing either')
  const abort = new AbortController()
  abort.abort()
  await t.rejects(importCar([carOf([], a)], store, { signal: abort.signal }), { code: 'GH_ABORTED' })
  for (const [cid, code] of [
    [makeCid(0x55, 0x1e, new Uint8Array(32)), 'GH_CID_UNSUPPORTED'],
    [makeCid(0x55, 0x00, utf8('other')), 'GH_BLOCK_MISMATCH'],
  ] as const)
    await refuses(t, carOf([], { cid, bytes: utf8('some') }), code, formatCid(cid))
  const identity = { cid: makeCid(0x55, 0, utf8('here')), bytes: utf8('here') }
  t.strictSame((await importCar([carOf([], identity)], store)).added, 0, 'an identity block is no block')
})

t.test('CA-03 CAR-2 cut anywhere: whole sections, then a clean error, and nothing kept', async t => {
  const blocks = ['one', 'two', 'three'].map(raw)
  const car = carOf([blocks[0]!.cid], ...blocks)
  const ends = new Set<number>()
  let at = carHeader([blocks[0]!.cid]).length
  ends.add(at)
  for (const { cid, bytes } of blocks) {
    at += sectionHead(cid, bytes.length).length + bytes.length
    ends.add(at)
  }
  for (let cut = 1; cut <= car.length; cut++) {
    const part = car.subarray(0, cut)
    if (ends.has(cut)) {
      t.ok((await importCar([part], new MemoryBlocks())).blocks <= 3, `whole at ${cut}`)
      continue
    }
    const store = new MemoryBlocks()
    await t.rejects(importCar([part], store), { code: 'GH_CAR_INVALID' })
    t.equal(store.size, 0)
  }
  const opened = await openCar([car.subarray(0, car.length - 1)])
  const seen: string[] = []
  await t.rejects(
    async () => {
      for await (const { bytes } of opened.blocks) seen.push(Buffer.from(bytes).toString())
    },
    { code: 'GH_CAR_INVALID', message: /ends inside/ },
  )
  t.strictSame(seen, ['one', 'two'], 'a reader had what was whole')
  await refuses(t, concat(car, Uint8Array.of(0)), 'GH_CAR_INVALID', 'a section of no bytes', /no bytes/)
  await refuses(t, new Uint8Array(), 'GH_CAR_INVALID', 'nothing', /empty/)
})

t.test('CA-01 CAR-1 headers: what is not one', async t => {
  const framed = (value: unknown): Uint8Array => {
    const header = encode(value)
    return concat(Uint8Array.of(header.length), header)
  }
  const { cid } = raw('x')
  for (const value of [
    1,
    {},
    { version: 1 },
    { version: 2, roots: [cid] },
    { version: 1, roots: 1 },
    { version: 1, roots: [1] },
    { version: 1, roots: [cid], more: 1 },
  ])
    await refuses(t, framed(value), 'GH_CAR_INVALID', JSON.stringify(value))
  t.strictSame(
    (await importCar([framed({ version: 1, roots: [] })], new MemoryBlocks())).roots,
    [],
    'no roots are allowed',
  )
  const v2 = (offset: number, length: number, index: number, behind: Uint8Array): Uint8Array => {
    const head = new Uint8Array(40)
    const view = new DataView(head.buffer)
    for (const [i, value] of [offset, length, index].entries())
      view.setBigUint64(16 + 8 * i, BigInt(value), true)
    return concat(fromHex('0aa16776657273696f6e02')!, head, behind)
  }
  const v1 = carOf([cid], raw('x'))
  t.equal((await importCar([v2(51, v1.length, 0, v1)], new MemoryBlocks())).blocks, 1)
  t.equal(
    (await importCar([v2(60, v1.length, 0, concat(new Uint8Array(9), v1))], new MemoryBlocks())).blocks,
    1,
    'padded',
  )
  for (const [offset, length, index] of [
    [50, v1.length, 0],
    [51, 0, 0],
    [51, v1.length, 60],
    [51, v1.length + 1, 0],
    [51, v1.length - 1, 0],
    [9_000, v1.length, 0],
  ] as const)
    await refuses(t, v2(offset, length, index, v1), 'GH_CAR_INVALID', `${offset} ${length} ${index}`)
})

t.test('CAR-4 what is exported the reference reader reads; the same roots, the same file', async t => {
  const store = new MemoryBlocks()
  const { cid } = await importTree(
    [
      { kind: 'directory', name: '' },
      { kind: 'file', name: 'b', content: new Uint8Array(600_000).fill(1) },
      { kind: 'file', name: 'a', content: new Uint8Array(600_000).fill(1) },
      { kind: 'file', name: 'z', content: utf8('z') },
      { kind: 'end' },
    ],
    store,
    profiles['kubo-v1'],
  )
  const out = await collect(exportCar(store, [cid]))
  t.ok(equal(out, await collect(exportCar(store, [cid], { prefetch: 1 }))))
  const { writer, out: theirs } = CarWriter.create([cid])
  const written = collect(theirs)
  let count = 0
  for await (const { cid: one, bytes } of await CarBlockIterator.fromBytes(out)) {
    count++
    await writer.put({ cid: one, bytes })
  }
  await writer.close()
  t.equal(count, store.size, 'each block once')
  t.ok(equal(await written, out), 'the reference writer writes the same')
})

t.test('P14 P25 CAR files in every state of damage: a typed error, and nothing kept', async t => {
  const blocks = ['one', 'two', 'three'].map(raw)
  const corpus = [
    carOf([blocks[0]!.cid], ...blocks),
    ...['simple-unixfs', 'sample-unixfs-v2'].flatMap(name => sharedBytes(`${cars}/${name}.car`) ?? []),
  ]
  const dice = new Seeded(20_260_101)
  const allowed = ['GH_CAR_INVALID', 'GH_BLOCK_MISMATCH', 'GH_CID_UNSUPPORTED', 'GH_BLOCK_TOO_LARGE']
  let [taken, refused] = [0, 0]
  for (let i = 0; i < Number(process.env.GUILD_TEST_CARS ?? 1_000); i++) {
    const store = new MemoryBlocks()
    const input = mutate(dice, { entries: corpus, words: [], text: false, most: 4_096 })
    try {
      await importCar(pieces(dice, input), store)
      taken++
    } catch (error) {
      refused++
      const code = error instanceof GuildError ? error.code : String(error)
      if (!allowed.includes(code) || store.size !== 0)
        t.fail(`${code}, ${store.size} kept: ${Buffer.from(input).toString('hex')}`)
    }
  }
  t.ok(taken > 0 && refused > 100, `${taken} taken, ${refused} refused`)
})
