/**
 * Contents: a file between two stores on disk, blocks in memory.
 *
 *   here ── hold ──▶ far     the file, once; blocks, once
 *        ── link ──▶ near    for each pass a store that is empty, and a link: neither is timed
 *        ── get  ──▶ near    to the last byte on disk, or hashed in memory
 *
 * @import { Run } from './measures.mjs'
 * @import { Figure } from './types.ts'
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Side } from './pair.mjs'
import { blockWays, fileWays } from './report/figures.mjs'
import { figures, inTurn } from './rounds.mjs'

const MIB = 1024 * 1024
const BLOCK = 256 * 1024
/** Longest that one question may take: so much, and a second for each of so many MiB. */
const DEADLINE_MS = 40_000
const MIB_A_SECOND = 4

/** @param {Run} run @returns {Promise<Figure[]>} */
export async function file(run) {
  const folder = await mkdtemp(join(tmpdir(), 'guild-home-beside-'))
  try {
    const path = join(folder, 'file')
    const sha256 = await writeRandom(path, run.mebibytes)
    let pass = 0
    return await measured(run, 'file', fileWays, {
      hold: ({ way, far }) => far.ask('holdFile', path, join(folder, way)),
      link: ({ near, told }) => near.ask('linkFile', told, join(folder, `near-${++pass}`)),
      get: ({ near }) => near.ask('getFile'),
      same: async ({ near }) => (await near.ask('hashFile')) === sha256,
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** @param {Run} run @returns {Promise<Figure[]>} */
export async function blocks(run) {
  const count = (run.mebibytes * MIB) / BLOCK
  return await measured(run, 'blocks', blockWays, {
    hold: ({ far }) => far.ask('holdBlocks', BLOCK, count),
    link: ({ near, told }) => near.ask('linkBlocks', told),
    get: ({ near }) => near.ask('getBlocks'),
    same: ({ near }) => near.ask('areBlocks', BLOCK, count),
  })
}

/**
 * @typedef {object} Two two processes of a way, and what the far one said of what it holds
 * @property {string} way
 * @property {Side} near
 * @property {Side} far
 * @property {unknown} told
 */

/**
 * @param {Run} run
 * @param {string} measure
 * @param {readonly string[]} ways
 * @param {{
 *   hold: (of: Two) => Promise<unknown>,
 *   link: (of: Two) => Promise<void>,
 *   get: (of: Two) => Promise<number>,
 *   same: (of: Two) => Promise<boolean>,
 * }} steps `get` tells its seconds
 */
async function measured(run, measure, ways, { hold, link, get, same }) {
  const bytes = run.mebibytes * MIB
  /** @type {Map<string, Two>} */
  const pairs = new Map()
  /** @type {Side[]} */
  const sides = []
  /** @param {string} way */
  const started = async way => {
    const deadline = DEADLINE_MS + (run.mebibytes / MIB_A_SECOND) * 1_000
    const side = await Side.start(way, run.env, { program: 'content-side.mjs', deadline })
    sides.push(side)
    return side
  }
  try {
    for (const way of ways) {
      /** @type {Two} */
      const two = { way, near: await started(way), far: await started(way), told: undefined }
      two.told = await hold(two)
      pairs.set(way, two)
    }
    const passes = await inTurn(ways, run.rounds, async way => {
      const two = /** @type {Two} */ (pairs.get(way))
      const { near, far } = two
      await link(two)
      const before = [await near.ask('cpu'), await far.ask('cpu')]
      const seconds = await get(two)
      const after = [await near.ask('cpu'), await far.ask('cpu')]
      if (!(await same(two))) throw new Error(`${way}: what came is not what was held`)
      await near.ask('unlink', run.keep)
      return {
        seconds,
        near: after[0].seconds - before[0].seconds,
        far: after[1].seconds - before[1].seconds,
        peak: after[0].peak,
      }
    })
    return [
      ...figures(measure, passes, ({ seconds }) => bytes / seconds / 1e6),
      ...figures(`${measure}-send-cpu`, passes, ({ far }) => far / (bytes / 1e9)),
      ...figures(`${measure}-receive-cpu`, passes, ({ near }) => near / (bytes / 1e9)),
      ...(measure === 'file' ? figures('file-memory', passes, ({ peak }) => peak / 1e6) : []),
    ]
  } finally {
    await Promise.all(sides.map(side => side.close()))
  }
}

/**
 * @param {string} path
 * @param {number} mebibytes
 * @returns {Promise<string>} its SHA-256, in hex
 */
async function writeRandom(path, mebibytes) {
  const hash = createHash('sha256')
  const handle = await open(path, 'wx')
  try {
    for (let i = 0; i < mebibytes; i++) {
      const piece = randomBytes(MIB)
      hash.update(piece)
      await handle.writeFile(piece)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  return hash.digest('hex')
}
