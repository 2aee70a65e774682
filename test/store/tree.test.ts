/** Folders from disk into blocks and back: byte for byte, and never outside the target. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { importCar } from '../../src/content/car/import.ts'
import { exportTree } from '../../src/content/unixfs/export.ts'
import { profiles } from '../../src/content/unixfs/profiles.ts'
import { importTree } from '../../src/content/unixfs/tree.ts'
import { PIECE } from '../../src/store/pages.ts'
import { Folder } from '../../src/store/tree/folder.ts'
import { checkName, PART_PREFIX } from '../../src/store/tree/names.ts'
import { readTree } from '../../src/store/tree/read.ts'
import { type WriteEntry, writeTree } from '../../src/store/tree/write.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { MemoryBlocks } from '../support/blocks.ts'
import { Seeded } from '../support/seeded.ts'
import { sharedBytes } from '../support/shared.ts'

const kubo = profiles['kubo-v1']

/** A new folder each time it is asked: `testdir` empties the one it gave before. */
const given = new WeakMap<Test, string>()
function fresh(t: Test): string {
  const base = given.get(t) ?? t.testdir({})
  given.set(t, base)
  return mkdtempSync(join(base, 'x'))
}

/** What is in a folder: kinds, contents, targets. */
function picture(path: string, prefix = ''): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of readdirSync(path).sort()) {
    const at = join(path, name)
    const stats = lstatSync(at)
    if (stats.isDirectory())
      Object.assign(out, { [`${prefix}${name}/`]: '' }, picture(at, `${prefix}${name}/`))
    else
      out[prefix + name] = stats.isSymbolicLink()
        ? `-> ${readlinkSync(at)}`
        : readFileSync(at).toString('base64')
  }
  return out
}

function sample(t: Test): string {
  const root = join(fresh(t), 'sample')
  const dice = new Seeded(9)
  for (const folder of ['', 'a', 'a/b', 'empty', '.hidden']) mkdirSync(join(root, folder))
  for (const [name, length] of [
    ['z', 0],
    ['a/one', 1],
    ['a/b/large', 600_000],
    ['ü', 20],
    ['.hidden/secret', 9],
    ['a/.dot', 3],
  ] as const)
    writeFileSync(join(root, name), dice.bytes(length))
  symlinkSync('../z', join(root, 'a/link'))
  symlinkSync('/nowhere/at all', join(root, 'dangling'))
  return root
}

t.test('TREE-2 TREE-3 UNIXFS-2 a folder in and out again, byte for byte', async t => {
  const root = sample(t)
  for (const hidden of [false, true]) {
    const store = new MemoryBlocks()
    const { cid } = await importTree(readTree(root, { hidden }), store, kubo)
    const out = join(fresh(t), 'out')
    const written = await writeTree(exportTree(store, cid), out)
    const expected = picture(root)
    if (!hidden) for (const name of Object.keys(expected)) if (/(^|\/)\./.test(name)) delete expected[name]
    t.strictSame(picture(out), expected, `hidden: ${hidden}`)
    t.equal(written.symlinks, 2)
    t.same(await writeTree(exportTree(store, cid), out), written, 'once more: all is there already')
    const again = await importTree(readTree(out, { hidden }), new MemoryBlocks(), kubo)
    t.equal(formatCid(again.cid), formatCid(cid))
  }
})

t.test('TREE-2 sorted by bytes, symlinks as they are, pipes refused by name', async t => {
  const root = sample(t)
  const names: string[] = []
  for await (const entry of readTree(root)) names.push(entry.kind === 'end' ? '..' : entry.name)
  t.strictSame(names, [
    'sample',
    'a',
    'b',
    'large',
    '..',
    'link',
    'one',
    '..',
    'dangling',
    'empty',
    '..',
    'z',
    'ü',
    '..',
  ])
  const only: string[] = []
  for await (const entry of readTree(join(root, 'a/link'))) only.push(entry.kind)
  t.strictSame(only, ['symlink'], 'the one that was named is not followed either')
  execFileSync('mkfifo', [join(root, 'pipe')])
  const all = async (path: string): Promise<void> => {
    for await (const _ of readTree(path));
  }
  await t.rejects(all(root), { code: 'GH_PATH_UNSAFE', message: /pipe: a named pipe/ })
  await t.rejects(all('/dev/null'), { code: 'GH_PATH_UNSAFE', message: /a device/ })
  await t.rejects(all(join(root, 'nowhere')), { code: 'GH_STORE_FAILED', message: /nowhere/ })
  writeFileSync(Buffer.concat([Buffer.from(`${root}/empty/`), Buffer.of(0xff)]), '')
  await t.rejects(all(join(root, 'empty')), { code: 'GH_PATH_UNSAFE', message: /not a name in UTF-8/ })
})

t.test('TREE-2 TREE-3 permissions and times when they are asked for, never set-user bits', async t => {
  const root = sample(t)
  chmodSync(join(root, 'z'), 0o4751)
  chmodSync(join(root, 'a'), 0o711)
  utimesSync(join(root, 'z'), 1_000_000_000.5, 1_000_000_000.5)
  utimesSync(join(root, 'a'), 1_000_000, 1_000_000)
  const store = new MemoryBlocks()
  const both = { mode: true, mtime: true }
  const { cid } = await importTree(readTree(root, both), store, kubo)
  const out = join(fresh(t), 'out')
  await writeTree(exportTree(store, cid), out, both)
  t.strictSame(
    [statSync(join(out, 'z')).mode & 0o7777, statSync(join(out, 'a')).mode & 0o7777],
    [0o751, 0o711],
  )
  t.strictSame(
    [statSync(join(out, 'z')).mtimeMs, statSync(join(out, 'a')).mtimeMs],
    [1_000_000_000_500, 1_000_000_000],
  )
  const plain = join(fresh(t), 'plain')
  await writeTree(exportTree(store, cid), plain)
  t.equal(statSync(join(plain, 'z')).mode & 0o111, 0, 'nobody asked')
})

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text)
}
const file = (path: string[], text: string, length = text.length): WriteEntry => ({
  kind: 'file',
  path,
  length,
  read: () => bytesOf(text),
})
const folder = (...path: string[]): WriteEntry => ({ kind: 'directory', path })
const link = (path: string[], target: string): WriteEntry => ({ kind: 'symlink', path, target })
const unsafe = { code: 'GH_PATH_UNSAFE' }

t.test('UX-01 UX-02 TREE-1 nothing is written outside of the target', async t => {
  const base = t.testdir({ victim: { kept: 'kept' } })
  const victim = join(base, 'victim')
  const hostile: [string, WriteEntry[]][] = [
    ...['', '.', '..', 'a/b', '../x', '/etc/x', 'a\0b', `${PART_PREFIX}x`, '\ud800', 'x'.repeat(256)].map(
      (name): [string, WriteEntry[]] => [JSON.stringify(name), [folder(), file([name], 'evil')]],
    ),
    ['a way in the middle', [folder(), folder('..'), file(['..', 'x'], 'evil')]],
    ['through a symlink', [folder(), link(['x'], victim), file(['x', 'evil'], 'evil')]],
    [
      'a folder where a symlink is',
      [folder(), link(['x'], victim), folder('x'), file(['x', 'evil'], 'evil')],
    ],
    ['a folder that is not there', [folder(), file(['x', 'y'], 'evil')]],
    ['a folder that was left', [folder(), folder('a'), folder('b'), file(['a', 'x'], 'evil')]],
    ['a second root', [folder(), folder()]],
  ]
  for (const [i, [what, entries]] of hostile.entries()) {
    await t.rejects(writeTree(entries, join(base, `out${i}`)), unsafe, what)
    t.strictSame(
      picture(victim),
      { kept: Buffer.from('kept').toString('base64') },
      `${what}: the victim is untouched`,
    )
  }
  t.notOk(existsSync(join(base, 'x')))
  // A symlink that lies there before.
  mkdirSync(join(base, 'here'))
  symlinkSync(victim, join(base, 'here/x'))
  await t.rejects(writeTree([folder(), folder('x'), file(['x', 'evil'], 'evil')], join(base, 'here')), unsafe)
  symlinkSync(victim, join(base, 'as target'))
  await t.rejects(writeTree([folder(), file(['evil'], 'evil')], join(base, 'as target')), unsafe)
  t.strictSame(Object.keys(picture(victim)), ['kept'])
  // A part that is another name of somebody's file.
  mkdirSync(join(base, 'parts'))
  await t.rejects(writeTree([folder(), file(['f'], 'ab', 3)], join(base, 'parts')), {
    code: 'GH_UNIXFS_INVALID',
  })
  t.strictSame(readdirSync(join(base, 'parts')), [], 'of what can never be whole nothing stays')
  const failing: WriteEntry = {
    kind: 'file',
    path: ['f'],
    length: 9,
    async *read() {
      yield utf8('part')
      throw new Error('gone')
    },
  }
  await t.rejects(writeTree([folder(), failing], join(base, 'parts')))
  const [part] = readdirSync(join(base, 'parts'))
  t.ok(part!.startsWith(PART_PREFIX))
  renameSync(join(base, 'parts', part!), join(base, 'old'))
  linkSync(join(victim, 'kept'), join(base, 'parts', part!))
  await t.rejects(writeTree([folder(), file(['f'], 'evil')], join(base, 'parts')), unsafe)
  t.equal(readFileSync(join(victim, 'kept'), 'utf8'), 'kept')
})

t.test('UX-01 the CAR that climbs out of its root', async t => {
  for (const name of ['outside-root', 'inside-root']) {
    const bytes = sharedBytes(`vectors/unixfs/gateway-conformance/${name}.car`)
    if (bytes === undefined) {
      t.comment('the shared vectors are not beside this checkout')
      continue
    }
    const store = new MemoryBlocks()
    const { roots } = await importCar([bytes], store)
    const base = fresh(t)
    await t.rejects(writeTree(exportTree(store, roots[0]!), join(base, 'deep')), unsafe, name)
    t.strictSame(readdirSync(base), ['deep'], 'nothing beside it')
  }
})

t.test('UX-02 TREE-1 a folder that is exchanged while it is written to', async t => {
  const base = t.testdir({ real: {}, victim: {} })
  const open = await Folder.open(join(base, 'real'))
  renameSync(join(base, 'real'), join(base, 'moved'))
  symlinkSync(join(base, 'victim'), join(base, 'real'))
  const at = await open.at('x').catch(error => error.code)
  if (at !== 'GH_PATH_UNSAFE') writeFileSync(at, 'x')
  await open.close()
  t.strictSame(readdirSync(join(base, 'victim')), [])
})

t.test('UX-01 TREE-1 names that are names elsewhere', async t => {
  for (const name of ['a\\b', 'c:', 'CON', 'nul.txt', 'com1', 'a.', 'a ', 'a\nb', '?']) {
    t.throws(() => checkName(name, 'win32'), unsafe, name)
    t.doesNotThrow(() => checkName(name, 'linux'), name)
  }
  for (const name of ['console', 'com', 'a b', '…', '...']) t.doesNotThrow(() => checkName(name, 'linux'))
})

t.test('TREE-3 TREE-4 UX-03 what is there is kept or replaced, what is too long is cut short', async t => {
  const base = t.testdir({ out: { f: 'old', same: 'same' } })
  const out = join(base, 'out')
  await t.rejects(writeTree([folder(), file(['f'], 'new')], out), {
    code: 'GH_STORE_FAILED',
    message: /something else/,
  })
  t.equal(readFileSync(join(out, 'f'), 'utf8'), 'old')
  const before = statSync(join(out, 'same')).ino
  await writeTree([folder(), file(['same'], 'same'), file(['f'], 'new'), link(['l'], 'x')], out, {
    replace: true,
  })
  t.equal(readFileSync(join(out, 'f'), 'utf8'), 'new')
  t.equal(statSync(join(out, 'same')).ino, before, 'what is the same stays')
  await t.rejects(writeTree([folder(), link(['l'], 'y')], out), { code: 'GH_STORE_FAILED' })
  await writeTree([folder(), link(['l'], 'y')], out, { replace: true })
  t.equal(readlinkSync(join(out, 'l')), 'y')
  for (const length of [0, 3, 5])
    await t.rejects(writeTree([folder(), file(['g'], 'four', length)], out), { code: 'GH_UNIXFS_INVALID' })
  t.strictSame(readdirSync(out).sort(), ['f', 'l', 'same'])
  await writeTree([file([], 'alone')], join(base, 'alone'))
  t.equal(readFileSync(join(base, 'alone'), 'utf8'), 'alone')
  await t.rejects(writeTree([file([], 'x')], join(base, 'no/such')), { code: 'GH_STORE_FAILED' })
})

/** Writes a file of so many chunks of 64 KiB, each of its number, and says 'half' behind chunk `stop`, for ever. */
const child = (count: number, stop: number): string => `
  import { writeTree } from ${JSON.stringify(new URL('../../src/store/tree/write.js', import.meta.url).href)}
  const piece = i => new Uint8Array(65536).fill(i)
  await writeTree([{ kind: 'file', path: [], length: 65536 * ${count}, async *read() {
    for (let i = 0; i < ${count}; i++) {
      yield piece(i)
      if (i === ${stop}) { process.stdout.write('half'); await new Promise(() => { setInterval(() => {}, 1000) }) }
    }
  } }], process.argv[1])
`

/** What the child writes, in chunks of another length. */
function chunked(count: number): { bytes: Buffer; whole: WriteEntry & { kind: 'file' } } {
  const bytes = Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.alloc(65_536, i)))
  const whole = {
    kind: 'file' as const,
    path: [],
    length: bytes.length,
    async *read() {
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
    },
  }
  return { bytes, whole }
}

/** The name of the part that it leaves in this folder. */
async function killedAt(folder: string, count: number, stop: number): Promise<string> {
  const args = ['--input-type=module', '-e', child(count, stop), join(folder, 'file')]
  const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(writer.stdout, 'data')
  writer.kill('SIGKILL')
  await once(writer, 'exit')
  const [part] = readdirSync(folder)
  return part!
}

t.test('TREE-4 a file is written on after kill -9, and is right whatever the part holds', async t => {
  const base = fresh(t)
  const out = join(base, 'file')
  const part = await killedAt(base, 200, 99)
  t.ok(part.startsWith(PART_PREFIX), 'only the part is there')
  t.ok(statSync(join(base, part)).size >= 99 * 65_536)
  const began = statSync(join(base, part)).ino
  const { bytes, whole } = chunked(200)
  await writeTree([whole], out)
  t.equal(statSync(out).ino, began, 'the part became the file')
  t.ok(readFileSync(out).equals(bytes))
  t.strictSame(readdirSync(base), ['file'])
  // Damaged, too long, or of another file: compared, and written over.
  for (const lie of [
    bytes.subarray(0, 300_000).fill(7, 150_000),
    Buffer.concat([bytes, bytes]),
    Buffer.from('x'),
  ]) {
    const other = fresh(t)
    writeFileSync(join(other, part), lie)
    const right = Buffer.concat(Array.from({ length: 200 }, (_, i) => Buffer.alloc(65_536, i)))
    await writeTree(
      [
        {
          ...whole,
          async *read() {
            yield* [right]
          },
        } as WriteEntry,
      ],
      join(other, 'file'),
    )
    t.ok(readFileSync(join(other, 'file')).equals(right))
    t.strictSame(readdirSync(other), ['file'])
  }
  // Killed right behind the link: both names are there, and one goes.
  linkSync(out, join(base, part))
  await writeTree(
    [
      {
        ...whole,
        async *read() {
          yield readFileSync(out)
        },
      } as WriteEntry,
    ],
    out,
  )
  t.strictSame(readdirSync(base), ['file'])
})

t.test('TREE-4 of a large file no more than two pieces are written again after kill -9', async t => {
  const base = fresh(t)
  const out = join(base, 'file')
  const part = await killedAt(base, 512, 399)
  t.ok(part.startsWith(PART_PREFIX), 'only the part is there')
  const { size, ino } = statSync(join(base, part))
  t.ok(size >= 400 * 65_536 - 2 * PIECE, `${size} bytes`)
  const { bytes, whole } = chunked(512)
  const written: number[] = []
  await writeTree([whole], out, { onProgress: count => written.push(count) })
  t.equal(statSync(out).ino, ino, 'the part became the file')
  t.ok(readFileSync(out).equals(bytes))
  t.equal(
    written.reduce((sum, count) => sum + count, 0),
    bytes.length,
  )
  t.strictSame(readdirSync(base), ['file'])
})
