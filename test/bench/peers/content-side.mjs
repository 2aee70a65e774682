/**
 * A process that holds contents or fetches them: `node content-side.mjs <way>`, started by `contents.mjs`
 * through `pair.mjs`, never by hand.
 *
 * @import { BlockWay, FileWay, Getter } from './types.ts'
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { tuneCollector } from '../../../dist/src/runtime/collector.js'
import { answer, cpu, now } from './channel.mjs'

/** @type {{ files: FileWay, blocks?: BlockWay }} */
const way = await import(`./contents/${process.argv[2]}.mjs`)

// All ways alike: see README.md.
tuneCollector()

/** @type {Getter<unknown> | undefined} */
let getter
/** @type {readonly Uint8Array[]} */
let came = []
/** Where the fetched file is, and what there is to remove behind the pass. */
let out = ''
let folder = ''

answer({
  cpu,
  /** @param {string} file @param {string} store */
  holdFile: async (file, store) => {
    await mkdir(store)
    return (await way.files.hold(file, store)).told
  },
  /** @param {unknown} told @param {string} place */
  linkFile: async (told, place) => {
    folder = place
    out = join(place, 'out')
    const store = join(place, 'store')
    await mkdir(store, { recursive: true })
    getter = await way.files.getter(told, store, out)
  },
  /** Every way pays for the same end: what came is on disk. */
  getFile: async () => {
    const begun = now()
    await getter?.get()
    const handle = await open(out, 'r+')
    await handle.sync()
    const seconds = (now() - begun) / 1_000
    await handle.close()
    return seconds
  },
  /** The SHA-256 of what came, in hex. */
  hashFile: () => hashOf(out),
  /** @param {number} size @param {number} count */
  holdBlocks: async (size, count) => (await blocksOf().hold(madeBlocks(size, count))).told,
  /** @param {unknown} told */
  linkBlocks: async told => {
    getter = await blocksOf().getter(told)
  },
  getBlocks: async () => {
    const begun = now()
    came = /** @type {readonly Uint8Array[]} */ (await getter?.get())
    return (now() - begun) / 1_000
  },
  /** Are these the blocks that came? @param {number} size @param {number} count */
  areBlocks: (size, count) =>
    came.length === count &&
    madeBlocks(size, count).every((block, at) => Buffer.compare(block, came[at] ?? Buffer.of()) === 0),
  /** @param {boolean} keep */
  unlink: async keep => {
    came = []
    await getter?.close()
    getter = undefined
    if (folder !== '' && !keep) await rm(folder, { recursive: true, force: true })
    globalThis.gc?.()
  },
})

function blocksOf() {
  if (way.blocks === undefined) throw new Error('has no blocks in memory')
  return way.blocks
}

/**
 * The same in every process, no two alike.
 *
 * @param {number} size
 * @param {number} count
 */
function madeBlocks(size, count) {
  return Array.from({ length: count }, (_, number) => {
    const block = Buffer.alloc(size, number + 1)
    block.writeUInt32BE(number)
    return block
  })
}

/** @param {string} path */
async function hashOf(path) {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(piece)
  return hash.digest('hex')
}
