/** Files out of blocks, folders listed, paths followed: also of DAGs that are made to mislead. */
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import { concat, equal, utf8 } from '../../src/base/bytes.ts'
import { type BlockSource, readBlock, sha256Cid } from '../../src/content/block.ts'
import { importCar } from '../../src/content/car/import.ts'
import { decodeUnixData, encodeUnixData, type UnixData } from '../../src/content/unixfs/data.ts'
import { exportTree } from '../../src/content/unixfs/export.ts'
import { importFile } from '../../src/content/unixfs/file.ts'
import { listDirectory } from '../../src/content/unixfs/list.ts'
import { murmur3 } from '../../src/content/unixfs/murmur3.ts'
import { encodeNode, putNode, type UnixLink } from '../../src/content/unixfs/node.ts'
import { type Profile, profiles } from '../../src/content/unixfs/profiles.ts'
import { readFile } from '../../src/content/unixfs/read.ts'
import { resolvePath, splitPath, statContent } from '../../src/content/unixfs/resolve.ts'
import { importTree, type TreeEntry } from '../../src/content/unixfs/tree.ts'
import { formatCid, makeCid } from '../../src/wire/cid.ts'
import { contentCodecs } from '../../src/wire/registry.ts'
import { MemoryBlocks } from '../support/blocks.ts'
import { Seeded } from '../support/seeded.ts'
import { sharedBytes, sharedJson } from '../support/shared.ts'

const { DAG_PB, RAW } = contentCodecs
const kubo = profiles['kubo-v1']
/** Small nodes, so that small files have many levels. */
const tiny: Profile = { ...kubo, name: 'tiny', chunk: 5, links: 3 }
const old: Profile = { ...tiny, rawLeaves: false, version: 0 }

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return concat(...all)
}

t.test('UNIXFS-2 UNIXFS-3 every range of files of every shape, by each profile and window', async t => {
  const dice = new Seeded(1)
  for (const profile of [tiny, old, kubo])
    for (const length of [0, 1, 4, 5, 6, 15, 16, 44, 45, 46, 300]) {
      const bytes = dice.bytes(length)
      const store = new MemoryBlocks()
      const built = await importFile(bytes, store, profile)
      t.equal(built.length, length)
      let fine = true
      for (let i = 0; i < 40; i++) {
        const offset = i === 0 ? 0 : dice.below(length + 3) - (i % 5 === 0 ? length : 0)
        const want = i === 0 ? undefined : dice.below(length + 3)
        const prefetch = [undefined, 1, 2, 7][i % 4]
        const got = await whole(readFile(store, built.cid, { offset, length: want, prefetch }))
        const begin = offset < 0 ? Math.max(0, length + offset) : offset
        fine &&= equal(got, bytes.subarray(begin, want === undefined ? undefined : begin + want))
      }
      t.ok(fine, `${profile.name} ${profile.version}, ${length} bytes`)
    }
  const store = new MemoryBlocks()
  const { cid } = await importFile(dice.bytes(3_000), store, tiny)
  store.reads = 0
  await whole(readFile(store, cid, { offset: 1_500, length: 2 }))
  t.ok(store.reads < 10, `${store.reads} blocks for two bytes`)
})

/** Answers each question some turns later, and remembers how many were open at once. */
function distant(store: MemoryBlocks): { source: BlockSource; most: () => number; open: () => number } {
  let [open, most] = [0, 0]
  return {
    source: {
      async *get(cid: CID, { signal }: { signal?: AbortSignal } = {}) {
        open++
        most = Math.max(most, open)
        try {
          for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
          signal?.throwIfAborted()
          yield* store.get(cid)
        } finally {
          open--
        }
      },
    },
    most: () => most,
    open: () => open,
  }
}

t.test('reading asks ahead, across nodes, within its window, and lets go', async t => {
  const store = new MemoryBlocks()
  const bytes = new Seeded(2).bytes(5 * 400)
  const { cid } = await importFile(bytes, store, tiny)
  for (const prefetch of [1, 8, 32]) {
    const { source, most } = distant(store)
    t.ok(equal(await whole(readFile(source, cid, { prefetch })), bytes))
    // Siblings of a node that were asked for before its children came are there besides: one or two a level.
    t.ok(most() <= prefetch + 4 && most() >= prefetch - 1, `${most()} at once of ${prefetch}`)
  }
  const { source, open } = distant(store)
  for await (const chunk of readFile(source, cid)) {
    t.equal(chunk.length, 5)
    break
  }
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
  t.equal(open(), 0, 'nothing is asked any more')
  const abort = new AbortController()
  const reading = whole(readFile(source, cid, { signal: abort.signal }))
  abort.abort()
  await t.rejects(reading, { code: 'GH_ABORTED' })
})

const file = (name: string, text: string): TreeEntry => ({ kind: 'file', name, content: utf8(text) })
const end: TreeEntry = { kind: 'end' }

async function names(store: MemoryBlocks, cid: CID): Promise<string[]> {
  const all: string[] = []
  for await (const { name } of listDirectory(store, cid)) all.push(name)
  return all
}

t.test(
  'UNIXFS-2 UNIXFS-5 a folder of thousands is sharded, listed whole, and each name is found',
  async t => {
    const store = new MemoryBlocks()
    const all = Array.from({ length: 3_000 }, (_, i) => `file ${i} ${'x'.repeat(50 + (i % 40))}`)
    const { cid } = await importTree(
      [{ kind: 'directory', name: '' }, ...all.map(name => file(name, name)), end],
      store,
      kubo,
    )
    t.equal((await statContent(store, cid)).type, 'shard')
    t.strictSame((await names(store, cid)).sort(), [...all].sort())
    for (const name of [all[0]!, all[1_500]!, all[2_999]!]) {
      const found = await resolvePath(store, cid, [name])
      t.strictSame(Buffer.from(await whole(readFile(store, found))).toString(), name)
    }
    await t.rejects(resolvePath(store, cid, 'file 1'), { code: 'GH_PATH_MISSING', message: /there is none/ })
    const { source, most } = distant(store)
    let count = 0
    for await (const _ of listDirectory(source, cid)) count++
    t.equal(count, 3_000)
    t.ok(most() > 20, 'shards are asked for ahead')
  },
)

const link = (name: string, cid: CID, size = 0): UnixLink => ({ name, cid, size })
const dir = (store: MemoryBlocks, ...links: UnixLink[]) => putNode(store, kubo, { type: 'directory' }, links)

t.test('UNIXFS-5 paths: folders, codecs, and where they end', async t => {
  const store = new MemoryBlocks()
  const leaf = (await importFile(utf8('leaf'), store, kubo)).cid
  const target = encodeNode({ type: 'symlink', data: utf8('../leaf') }, [])
  const symlink = sha256Cid(DAG_PB, target)
  store.put(symlink, target)
  const inner = await dir(store, link('leaf', leaf), link('way', symlink))
  const root = (await dir(store, link('..', leaf), link('a', inner.cid))).cid
  t.equal(formatCid(await resolvePath(store, root, '/a//leaf/')), formatCid(leaf))
  t.equal(formatCid(await resolvePath(store, root, '')), formatCid(root))
  for (const [path, why] of [
    ['b', /there is none/],
    ['a/leaf/x', /"leaf" is no folder/],
    ['a/way/x', /"way" is no folder/],
    ['a/../a', /there is none/],
    ['a/./leaf', /there is none/],
  ] as const)
    await t.rejects(resolvePath(store, root, path), { code: 'GH_PATH_MISSING', message: why }, path)
  await t.rejects(resolvePath(store, root, 'x/'.repeat(600)), {
    code: 'GH_PATH_MISSING',
    message: /600 names/,
  })
  t.throws(() => splitPath('x'.repeat(9_000)), { code: 'GH_PATH_MISSING' })
  t.strictSame((await statContent(store, symlink)).target, '../leaf')
  await t.rejects(whole(readFile(store, symlink)), {
    code: 'GH_UNIXFS_INVALID',
    message: /a symlink, not a file/,
  })
  await t.rejects(whole(readFile(store, root)), { code: 'GH_UNIXFS_INVALID' })
  const identity = makeCid(RAW, 0, utf8('inline'))
  t.equal(Buffer.from(await whole(readFile(store, identity))).toString(), 'inline')
  t.strictSame(await statContent(store, identity).then(({ type, size }) => [type, size]), ['raw', 6])
  await t.rejects(readBlock(store, sha256Cid(RAW, utf8('nowhere'))), { code: 'GH_BLOCK_MISSING' })
})

const expected = sharedJson('vectors/unixfs/expected-cids.json')?.gateway_conformance_cars

t.test('UX-01 UNIXFS-4 UNIXFS-5 the folders of the gateway', { skip: expected === undefined }, async t => {
  const load = async (name: string): Promise<[MemoryBlocks, CID]> => {
    const store = new MemoryBlocks()
    const { roots } = await importCar([sharedBytes(`vectors/unixfs/gateway-conformance/${name}`)!], store)
    return [store, roots[0]!]
  }
  const paths = async (store: MemoryBlocks, cid: CID): Promise<string[]> => {
    const all: string[] = []
    for await (const entry of exportTree(store, cid)) {
      all.push(`${entry.kind} ${entry.path.join('/')}`)
      if (entry.kind === 'file') t.equal((await whole(entry.read(0))).length, entry.length)
    }
    return all
  }
  const [files, filesRoot] = await load('dir-with-files.car')
  for (const [name, cid] of Object.entries(expected['dir-with-files.car'].entries))
    t.equal(formatCid(await resolvePath(files, filesRoot, name)), cid)
  const [more, moreRoot] = await load('fixtures.car')
  const found = await resolvePath(more, moreRoot, 'ą/ę/file-źł.txt')
  t.equal(formatCid(found), expected['fixtures.car'].fileCid)
  t.equal((await statContent(more, found)).size, expected['fixtures.car'].size)
  const [percent, percentRoot] = await load('dir-with-percent-encoded-filename.car')
  t.strictSame(await names(percent, percentRoot), [expected['dir-with-percent-encoded-filename.car'].name])
  const [hamt, hamtRoot] = await load('single-layer-hamt-with-multi-block-files.car')
  t.equal((await paths(hamt, hamtRoot)).length, 1_001)
  const [links, linksRoot] = await load('symlink.car')
  t.strictSame(await paths(links, linksRoot), ['directory ', 'symlink bar', 'file foo'])
  const [cbor, cborRoot] = await load('dag-cbor-traversal.car')
  await t.rejects(resolvePath(cbor, cborRoot, 'nowhere'), { code: 'GH_PATH_MISSING' })
  const [mixed, mixedRoot] = await load('dir-with-dag-cbor-with-links.car')
  const throughCbor = await names(mixed, mixedRoot)
  t.ok(throughCbor.length > 0)
  const [lacking, lackingRoot] = await load('file-3k-and-3-blocks-missing-block.car')
  const seen: number[] = []
  await t.rejects(
    async () => {
      for await (const chunk of readFile(lacking, lackingRoot)) seen.push(chunk.length)
    },
    { code: 'GH_BLOCK_MISSING' },
    'the middle third fails cleanly',
  )
  t.strictSame(seen, [1024])
  t.equal(
    (await whole(readFile(lacking, lackingRoot, { offset: 2_048 }))).length,
    1_024,
    'the last third is there',
  )
  for (const name of ['outside-root.car', 'inside-root.car']) {
    const [store, root] = await load(name)
    await t.rejects(paths(store, root), { code: 'GH_PATH_UNSAFE' }, name)
  }
})

const invalid = { code: 'GH_UNIXFS_INVALID' }

t.test('UX-03 UNIXFS-3 sizes that disagree are refused before a byte too much', async t => {
  const store = new MemoryBlocks()
  const put = (cid: CID, bytes: Uint8Array): CID => store.put(cid, bytes)
  const a = put(sha256Cid(RAW, utf8('aaaa')), utf8('aaaa'))
  const fileOf = async (blockSizes: number[], ...links: CID[]): Promise<CID> =>
    (
      await putNode(
        store,
        kubo,
        { type: 'file', blockSizes },
        links.map(cid => link('', cid)),
      )
    ).cid
  t.equal((await whole(readFile(store, await fileOf([4, 4], a, a)))).length, 8)
  for (const sizes of [
    [3, 4],
    [4, 5],
    [2 ** 50, 4],
  ]) {
    let out = 0
    await t.rejects(
      async () => {
        for await (const chunk of readFile(store, await fileOf(sizes, a, a))) out += chunk.length
      },
      invalid,
      String(sizes),
    )
    t.ok(out <= 4)
  }
  await t.rejects(fileOf([2 ** 53 - 1, 1], a, a), invalid, 'a sum above 2^53 - 1')
  for (const [sizes, links] of [
    [[4], [a, a]],
    [[4, 4], [a]],
  ] as const)
    await t.rejects(whole(readFile(store, await fileOf([...sizes], ...links))), {
      ...invalid,
      message: /children/,
    })
  // The field itself says 9, its parts are 8.
  const lying = encodeNode({ type: 'file', blockSizes: [4, 4] }, [link('', a), link('', a)])
  const at = lying.findIndex((byte, i) => byte === 0x18 && lying[i + 1] === 8 && lying[i + 2] === 0x20)
  lying[at + 1] = 9
  const liar = put(sha256Cid(DAG_PB, lying), lying)
  await t.rejects(whole(readFile(store, liar)), { ...invalid, message: /size of 9/ })
  // Empty children are never asked for: they could be without number.
  const none = sha256Cid(RAW, utf8('not in the store'))
  t.equal((await whole(readFile(store, await fileOf([0, 4, 0], none, a, none)))).length, 4)
  // A gigabyte of one block: read as far as is wanted.
  let big = a
  let size = 4
  for (let level = 0; level < 20; level++, size *= 3) big = await fileOf([size, size, size], big, big, big)
  t.equal((await whole(readFile(store, big, { offset: size - 10, length: 100 }))).length, 10)
  let deep = a
  for (let level = 0; level < 70; level++) deep = await fileOf([4], deep)
  await t.rejects(whole(readFile(store, deep)), { ...invalid, message: /64 deep/ })
})

t.test('UX-01 UNIXFS-4 folders that are made to mislead', async t => {
  const store = new MemoryBlocks()
  const { cid } = await importFile(utf8('x'), store, kubo)
  const list = async (root: CID): Promise<unknown> => {
    for await (const _ of exportTree(store, root));
    return undefined
  }
  for (const name of ['', '.', '..', 'a/b', '/etc/passwd', 'a\0b', 'x'.repeat(256)]) {
    await t.rejects(
      list((await dir(store, link(name, cid))).cid),
      { code: 'GH_PATH_UNSAFE' },
      JSON.stringify(name.slice(0, 20)),
    )
    const add = importTree([{ kind: 'directory', name: '' }, file(name, 'x'), end], store, kubo)
    await t.rejects(add, { code: 'GH_PATH_UNSAFE' })
  }
  await t.rejects(list((await dir(store, link('a', cid), link('a', cid))).cid), {
    ...invalid,
    message: /twice/,
  })
  const shard = (links: UnixLink[], more: Partial<UnixData> = {}): Promise<CID> =>
    putNode(store, kubo, { type: 'shard', hash: 0x22, fanout: 256, ...more }, links).then(built => built.cid)
  const place = (name: string): string =>
    Buffer.from(murmur3(utf8(name)).subarray(0, 1))
      .toString('hex')
      .toUpperCase()
  t.equal(await list(await shard([link(`${place('a')}a`, cid)])), undefined, 'an honest one')
  const wrong = place('a') === '00' ? '01' : '00'
  for (const [what, root] of [
    ['not at its place', await shard([link(`${wrong}a`, cid)])],
    ['no place', await shard([link('zza', cid)])],
    ['lower case', await shard([link('aab', cid)])],
    ['twice', await shard([link(`${place('a')}a`, cid), link(`${place('a')}a`, cid)])],
    ['a fanout of 255', await shard([], { fanout: 255 })],
    ['a fanout of 2^40', await shard([], { fanout: 2 ** 40 })],
    ['another hash', await shard([], { hash: 0x12 })],
    ['a file inside', await shard([link('00', cid)])],
  ] as const)
    await t.rejects(list(root), invalid, what)
  let deep = await shard([])
  for (let i = 0; i < 9; i++) deep = await shard([link('00', deep)])
  await t.rejects(list(deep), { ...invalid, message: /deeper/ })
  const bomb = await dir(store)
  let folders = bomb.cid
  for (let i = 0; i < 600; i++) folders = (await dir(store, link('a', folders))).cid
  await t.rejects(list(folders), { ...invalid, message: /512 folders/ })
})

t.test('UNIXFS-3 the data of a node, as the reference encoder writes and reads it', async t => {
  for (const name of ['directory', 'file.txt', 'raw', 'symlink.txt']) {
    const bytes = sharedBytes(`vectors/unixfs/${name}.unixfs`)
    if (bytes === undefined) continue
    const ours = decodeUnixData(bytes)
    const theirs = UnixFS.unmarshal(bytes)
    t.equal(ours.type, theirs.type)
    t.strictSame(Buffer.from(ours.data), Buffer.from(theirs.data ?? new Uint8Array()))
    t.equal(BigInt(ours.size), ours.type === 'directory' ? 0n : theirs.fileSize())
  }
  const dice = new Seeded(3)
  // Sizes from 2^31 to 2^32 are left out: those the reference encoder writes wrongly.
  for (let i = 0; i < 300; i++) {
    const type = (['file', 'raw', 'directory', 'symlink', 'shard'] as const)[i % 5]!
    const data = type === 'directory' ? new Uint8Array() : dice.bytes(dice.below(40))
    const blockSizes =
      type === 'file'
        ? Array.from({ length: dice.below(5) }, () => (dice.u32() >>> 4) * (i % 7 === 0 ? 99_999 : 1))
        : []
    const mode = i % 3 === 0 ? dice.below(0o10000) : undefined
    const mtime =
      i % 4 === 0 ? { seconds: dice.u32() - 2 ** 31, nanoseconds: dice.below(1_000_000_000) } : undefined
    const fanout = type === 'shard' ? 256 : undefined
    const hash = type === 'shard' ? 0x22 : undefined
    const ours = encodeUnixData({ type, data, blockSizes, mode, mtime, fanout, hash })
    const theirs = new UnixFS({
      type: type === 'shard' ? 'hamt-sharded-directory' : type,
      data,
      blockSizes: blockSizes.map(BigInt),
      ...(mode === undefined ? {} : { mode }),
      ...(mtime === undefined
        ? {}
        : {
            mtime: {
              secs: BigInt(mtime.seconds),
              ...(mtime.nanoseconds > 0 ? { nsecs: mtime.nanoseconds } : {}),
            },
          }),
      ...(fanout === undefined ? {} : { fanout: BigInt(fanout), hashType: BigInt(hash!) }),
    }).marshal()
    if (!equal(ours, theirs))
      t.fail(`${type} ${i}: ${Buffer.from(ours).toString('hex')} ${Buffer.from(theirs).toString('hex')}`)
    const back = decodeUnixData(ours)
    const usual = type === 'directory' || type === 'shard' ? 0o755 : 0o644
    t.strictSame(
      [back.type, back.blockSizes, back.mode, back.mtime],
      [type, blockSizes, mode === usual ? undefined : mode, mtime],
    )
  }
  for (const hex of [
    '',
    '08',
    '0809',
    '080220',
    '0802120541',
    '0801200a',
    '08ffffffffffffffffffff01',
    '08024207150000ffff08',
    '080243',
  ])
    if (hex !== '0803') t.throws(() => decodeUnixData(new Uint8Array(Buffer.from(hex, 'hex'))), invalid, hex)
})

t.test('UNIXFS-1 a mode or a time makes another block, and is read again', async t => {
  const store = new MemoryBlocks()
  const mtime = { seconds: -5, nanoseconds: 7 }
  const plain = await importFile(utf8('x'), store, kubo)
  const dressed = await importFile(utf8('x'), store, kubo, { mode: 0o4755, mtime })
  t.not(formatCid(plain.cid), formatCid(dressed.cid))
  const { mode, mtime: read, size, type } = await statContent(store, dressed.cid)
  t.strictSame([mode, read, size, type], [0o4755, mtime, 1, 'file'])
  t.strictSame(Buffer.from(await whole(readFile(store, dressed.cid))).toString(), 'x')
})
