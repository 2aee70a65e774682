/**
 * Files and folders between nodes: as they were, whoever sends them and however often they are asked for.
 *
 * The folder of many files has 1,000 of them here; `FILES=10000 node dist/test/node/files.test.js` is the long form.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { type AddProgress, createNode, type GetProgress, type GuildNode } from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/random.ts'
import { failure, Nodes } from '../support/nodes.ts'

const many = Number(process.env.FILES ?? 1_000)
if (many > 1_000) t.setTimeout(600_000)

interface Ends {
  teardown(work: () => unknown): void
}

function folder(t: Ends): string {
  const path = mkdtempSync(join(tmpdir(), 'guild-files-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.from(concat(...parts))
}

/** Every entry below: path → what it is, with all that is promised to be kept. */
function described(root: string, modes: boolean, at = ''): [string, string][] {
  return readdirSync(join(root, at)).flatMap((name): [string, string][] => {
    const path = at === '' ? name : `${at}/${name}`
    const stats = lstatSync(join(root, path))
    const mode = modes ? ` ${(stats.mode & 0o777).toString(8)} ${stats.mtimeMs / 1000}` : ''
    if (stats.isSymbolicLink()) return [[path, `→ ${readlinkSync(join(root, path))}`]]
    if (stats.isDirectory()) return [[path, `folder${mode}`], ...described(root, modes, path)]
    return [[path, `${readFileSync(join(root, path), 'base64')}${mode}`]]
  })
}

/** A node without a network, for what a store alone can do. */
async function alone(t: Ends, dataDir?: string): Promise<GuildNode> {
  const node = await createNode({
    host: false,
    mdns: false,
    swarmKey: randomBytes(32),
    ...(dataDir === undefined ? {} : { dataDir }),
  })
  t.teardown(() => node.stop())
  return node
}

t.test(`a folder of ${many} files from one disk to another: all of it, byte for byte`, async t => {
  const path = folder(t)
  const dice = new SeededRandom(1)
  for (let i = 0; i < many; i++) {
    const at = join(path, 'tree', `d${i % 17}`, `e${i % 5}`)
    mkdirSync(at, { recursive: true })
    // Mostly small, some of a few blocks, some empty.
    const length = i % 100 === 7 ? 600_000 : dice.below(2_000)
    writeFileSync(join(at, `file-${i} ä`), randomBytes(length))
  }
  mkdirSync(join(path, 'tree/empty'))
  symlinkSync('../d1', join(path, 'tree/empty/../link'))
  const [a, b] = await new Nodes(t).pair({ dataDir: join(path, 'a') }, { dataDir: join(path, 'b') })
  const seen: AddProgress[] = []
  const cid = await a.files.add(join(path, 'tree'), { onProgress: at => seen.push(at) })
  const { bytes, of, blocks } = seen.at(-1)!
  t.equal(bytes, of, 'how much there was to do was known')
  t.ok(blocks > many)
  const got: GetProgress[] = []
  const { sources, duplicateBytes, ...rest } = await b.files.get(cid, join(path, 'copy'), {
    onProgress: at => got.push(at),
  })
  t.strictSame([rest.bytes, duplicateBytes, sources.length], [bytes, 0, 1])
  t.equal(got.at(-1)!.bytes, bytes)
  t.ok(Math.abs(got.at(-1)!.of! - bytes) < bytes / 10, 'and how much there is to come')
  t.strictSame(described(join(path, 'copy'), false), described(join(path, 'tree'), false))
  t.ok((await a.files.add(join(path, 'copy'))).equals(cid), 'the same folder has the same CID')
  const again = await b.files.get(cid, join(path, 'copy'))
  t.strictSame([again.bytes, again.sources], [bytes, []], 'a second time nothing is fetched')
})

t.test('modes, times, symlinks, names: kept where it was asked for', async t => {
  const path = folder(t)
  const from = join(path, 'from')
  mkdirSync(join(from, 'private'), { recursive: true })
  writeFileSync(join(from, 'private/script'), '#!/bin/sh\n')
  writeFileSync(join(from, '.env'), 'SECRET=1')
  writeFileSync(join(from, 'read-only'), 'x')
  symlinkSync('/etc/passwd', join(from, 'absolute'))
  symlinkSync('gone', join(from, 'dangling'))
  chmodSync(join(from, 'private/script'), 0o750)
  chmodSync(join(from, 'read-only'), 0o440)
  for (const name of ['private/script', 'read-only', '.env', 'private'])
    utimesSync(join(from, name), 1e9, 1e9 + 0.25)
  chmodSync(join(from, 'private'), 0o700)
  utimesSync(from, 1e9, 1e9)
  const node = await alone(t, join(path, 'data'))
  const plain = await node.files.add(from)
  const kept = await node.files.add(from, { mode: true, mtime: true, hidden: true })
  t.notOk(plain.equals(kept))
  const names = async (cid: typeof plain): Promise<string[]> => {
    const found: string[] = []
    for await (const { name, type } of node.files.ls(cid)) found.push(`${name} ${type}`)
    return found
  }
  t.strictSame(await names(plain), [
    'absolute symlink',
    'dangling symlink',
    'private directory',
    'read-only file',
  ])
  t.equal((await names(kept))[0], '.env file')
  t.match(await node.files.stat(`${kept}/private/script`), {
    type: 'file',
    size: 10,
    mode: 0o750,
    mtime: 1e9 + 0.25,
  })
  t.match(await node.files.stat(`${plain}/private/script`), { mode: undefined, mtime: undefined })
  t.match(await node.files.stat(`${kept}/dangling`), { type: 'symlink', target: 'gone' })
  await node.files.get(kept, join(path, 'to'))
  t.strictSame(described(join(path, 'to'), true), described(from, true))
  const wrapped = await node.files.add(from, { wrap: true })
  t.strictSame(await names(wrapped), ['from directory'])
  t.ok((await node.files.stat(`${wrapped}/from`)).cid.equals(plain))
})

t.test('bytes and streams in, ranges out; profiles; what does not fit is refused', async t => {
  const node = await alone(t)
  const bytes = randomBytes(700_000)
  const cid = await node.files.add(bytes)
  const stream = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 33_333) yield bytes.subarray(at, at + 33_333)
  }
  t.ok((await node.files.add(stream())).equals(cid), 'however it is cut')
  t.ok((await all(node.files.cat(cid))).equals(bytes))
  t.ok(
    (await all(node.files.cat(String(cid), { offset: 262_000, length: 1_000 }))).equals(
      bytes.subarray(262_000, 263_000),
    ),
  )
  t.equal((await all(node.files.cat(cid, { offset: 700_000 }))).length, 0)
  const profile = 'unixfs-v0-2015'
  t.match(String(await node.files.add(Buffer.from('hello world\n'), { profile })), /^QmT78zSuBmuS4z925WZf/)
  const bad: readonly [() => Promise<unknown>, string][] = [
    [() => node.files.add(bytes, { profile: 'nonsense' as 'kubo-v1' }), 'GH_OPTION_INVALID'],
    [() => node.files.add(bytes, { wrap: true }), 'GH_OPTION_INVALID'],
    [() => node.files.add('/nonexistent/file'), 'GH_PATH_MISSING'],
    [() => node.files.add(stream(), { signal: AbortSignal.abort() }), 'GH_ABORTED'],
    [() => node.files.stat('nonsense/a'), 'GH_CID_INVALID'],
    [() => node.files.stat(`${cid}/a`), 'GH_PATH_MISSING'],
    [async () => all(node.files.cat(await node.files.add(import.meta.dirname))), 'GH_UNIXFS_INVALID'],
  ]
  for (const [work, code] of bad) t.equal((await failure(work())).code, code)
})

t.test('an add that is cut leaves nothing that a collection does not take', async t => {
  const node = await alone(t)
  const abort = new AbortController()
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    for (let i = 0; ; i++) {
      if (i === 30) abort.abort()
      yield randomBytes(300_000)
    }
  }
  t.equal((await failure(node.files.add(endless(), { signal: abort.signal }))).code, 'GH_ABORTED')
  const { blocks } = await node.blocks.stat()
  t.ok(blocks > 0)
  t.match(await node.blocks.gc(), { removed: blocks })
})

t.test('a CAR: out of one store and into another; damaged, nothing of it is kept', async t => {
  const [one, other] = [await alone(t), await alone(t)]
  const cid = await one.files.add(randomBytes(1_000_000))
  const car = await all(one.files.exportCar([cid]))
  const whole = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const damaged = Buffer.from(car)
  damaged[damaged.length - 1]! ^= 1
  t.equal((await failure(other.files.importCar(whole(damaged)))).code, 'GH_BLOCK_MISMATCH')
  t.equal((await other.blocks.stat()).blocks, 0, 'CA-02')
  t.equal((await failure(other.files.importCar(whole(car.subarray(0, 900_000))))).code, 'GH_CAR_INVALID')
  t.equal((await other.blocks.stat()).blocks, 0, 'CA-03')
  const imported = await other.files.importCar(whole(car))
  t.match(imported, { blocks: 5, roots: [{}] })
  t.ok(imported.roots[0]!.equals(cid))
  t.ok((await all(other.files.cat(cid))).equals(await all(one.files.cat(cid))))
})
