/** Large writes past the page cache: the same bytes wherever that can be done, and wherever it cannot. */
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { equal } from '../../src/base/bytes.ts'
import { systemFiles } from '../../src/store/blocks/file-system.ts'
import { giveBackPages, PAGE, PIECE, takePages, writePages } from '../../src/store/pages.ts'
import { Pieces } from '../../src/store/tree/pieces.ts'
import { Seeded } from '../support/seeded.ts'

const LARGE = 16 * 1024 * 1024
const dice = new Seeded(1)

/** No two pages of it are alike. */
function some(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += 509) bytes[at] = 1 + dice.below(255)
  return bytes
}

function takeAll(): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let one = takePages(); one !== undefined; one = takePages()) all.push(one)
  return all
}

function free(): number {
  const all = takeAll()
  for (const one of all) giveBackPages(one)
  return all.length
}

/** Whether this system writes to this folder past its page cache at all. */
async function isPossible(folder: string): Promise<boolean> {
  const pages = takePages()
  if (pages === undefined) return false
  const file = openSync(join(folder, 'probe'), 'w')
  try {
    return (await writePages(file, pages, PAGE, 0)) === PAGE
  } finally {
    closeSync(file)
    giveBackPages(pages)
  }
}

t.test('whole pages go past the cache, and what is no page does not', async t => {
  const path = t.testdir()
  if (!(await isPossible(path)))
    return void t.pass('this system or file system has no O_DIRECT', { skip: true })
  const pages = takePages()!
  const bytes = some(PIECE)
  pages.set(bytes)
  const file = openSync(join(path, 'file'), 'w')
  try {
    t.equal(await writePages(file, pages, PIECE, 0), PIECE)
    t.equal(await writePages(file, pages, 3 * PAGE, PIECE), 3 * PAGE, 'and at a later page')
    for (const [length, position] of [
      [PAGE + 1, 0],
      [PAGE, 1],
      [PAGE - 1, PAGE],
    ] as const)
      t.equal(await writePages(file, pages, length, position), 0, `${length} bytes at ${position}`)
    t.equal(await writePages(file, pages.subarray(1), PAGE, 0), 0, 'memory that does not begin at a page')
  } finally {
    closeSync(file)
    giveBackPages(pages)
  }
  const there = readFileSync(join(path, 'file'))
  t.ok(equal(there.subarray(0, PIECE), bytes))
  t.ok(equal(there.subarray(PIECE), bytes.subarray(0, 3 * PAGE)))
})

t.test('a file that knows no such writes is written to as ever', async t => {
  const pages = takePages()
  if (pages === undefined) return void t.pass('there are no pages here', { skip: true })
  const file = openSync('/dev/null', 'w')
  try {
    t.equal(await writePages(file, pages, PAGE, 0), 0)
  } finally {
    closeSync(file)
    giveBackPages(pages)
  }
})

t.test('LG-03 a write past the cache that fails is said', async t => {
  const path = t.testdir({ file: '' })
  if (!(await isPossible(path)))
    return void t.pass('this system or file system has no O_DIRECT', { skip: true })
  const pages = takePages()!
  const file = openSync(join(path, 'file'), 'w')
  // A position that no file can have.
  await t.rejects(writePages(file, pages, PAGE, 2 ** 52), { code: /EFBIG|EOVERFLOW/ })
  closeSync(file)
  giveBackPages(pages)
})

t.test('P24 a block of any length is written whole, with pages and without', async t => {
  const path = t.testdir()
  const before = free()
  const lengths = [0, 1, PAGE - 1, PAGE, PAGE + 1, 262_144, 262_158, PIECE - PAGE, PIECE]
  for (const taken of [[], takeAll()]) {
    for (const length of lengths) {
      const at = join(path, `${taken.length}-${length}`)
      const bytes = some(length)
      const file = await systemFiles.create(at)
      // In three writes, each going on where the one before it ended.
      const quarter = length >> 2
      for (const [from, to] of [
        [0, quarter],
        [quarter, 2 * quarter],
        [2 * quarter, length],
      ] as const)
        await file.write(bytes.subarray(from, to))
      await file.sync()
      await file.close()
      t.equal(statSync(at).size, length)
      t.ok(equal(await systemFiles.read(at, length), bytes), `${length} bytes`)
    }
    for (const one of taken) giveBackPages(one)
  }
  t.equal(free(), before, 'all pages are back')
})

t.test('P24 a file of another length than it should have is read as such', async t => {
  const at = join(t.testdir({ file: 'abcdef' }), 'file')
  const read = async (size: number): Promise<number> => (await systemFiles.read(at, size)).length
  t.strictSame([await read(0), await read(5), await read(6), await read(7), await read(100)], [1, 6, 6, 6, 6])
})

/** Writes `bytes` from `from` on in chunks of `size`, over what is there. */
async function written(
  path: string,
  bytes: Uint8Array,
  from: number,
  size: () => number,
): Promise<Uint8Array> {
  const file = await open(path, 'r+')
  const pieces = new Pieces(file, from, bytes.length)
  try {
    for (let at = from; at < bytes.length; ) {
      const chunk = bytes.slice(at, at + size())
      await pieces.write(chunk)
      // Whoever handed it in may use it for something else.
      at += chunk.length
      chunk.fill(0xff)
    }
    await pieces.end()
  } finally {
    await pieces.close()
    await file.close()
  }
  return readFileSync(path)
}

t.test('TREE-4 a file of any length, from any position, in chunks of any size', async t => {
  const at = join(t.testdir({ file: '' }), 'file')
  const before = free()
  const sizes = [() => 262_144, () => PIECE, () => 1 + dice.below(3 * PIECE), () => 65_521]
  for (const length of [0, 5, LARGE - 1, LARGE, LARGE + 1, LARGE + PIECE, LARGE + PIECE + 12_345])
    for (const size of sizes) {
      const bytes = some(length)
      writeFileSync(at, '')
      t.ok(equal(await written(at, bytes, 0, size), bytes), `${length} bytes`)
    }
  for (const from of [PAGE, 1, PIECE, 3 * PIECE + 7]) {
    const bytes = some(from + LARGE + 99)
    writeFileSync(at, bytes.subarray(0, from))
    t.ok(equal(await written(at, bytes, from, sizes[2]!), bytes), `from ${from} on`)
  }
  t.equal(free(), before, 'all pages are back')
})

t.test('TREE-4 with one piece free, and with none, a large file is written all the same', async t => {
  const at = join(t.testdir({ file: '' }), 'file')
  const all = takeAll()
  const bytes = some(LARGE + 1)
  t.ok(equal(await written(at, bytes, 0, () => 262_144), bytes))
  const [one, ...rest] = all
  if (one !== undefined) giveBackPages(one)
  writeFileSync(at, '')
  t.ok(equal(await written(at, bytes, 0, () => 262_144), bytes))
  t.equal(free(), one === undefined ? 0 : 1)
  for (const pages of rest) giveBackPages(pages)
})

t.test('LG-02 a large file on a disk that is full: said, and all pages are back', async t => {
  const before = free()
  const full = Object.assign(new Error('ENOSPC: write'), { code: 'ENOSPC' })
  // No descriptor of it can be had, so that every piece comes this way.
  const file = { fd: -1, write: () => Promise.reject(full) } as unknown as FileHandle
  const pieces = new Pieces(file, 0, LARGE)
  const chunk = some(PIECE)
  await t.rejects(
    (async () => {
      for (let i = 0; i < 8; i++) await pieces.write(chunk)
      await pieces.end()
    })(),
    { code: 'ENOSPC' },
  )
  await pieces.close()
  t.equal(free(), before, 'all pages are back')
})
