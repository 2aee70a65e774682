/**
 * What is measured, and how.
 *
 * @import { Pair } from './pair.mjs'
 * @import { Figure } from './types.ts'
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { blocks, file } from './contents.mjs'
import { Side } from './pair.mjs'
import { quantile, ways } from './report/figures.mjs'
import { figures, inTurn } from './rounds.mjs'

const FILL_MS = 300
const TRIPS = 4_000
const SHAKES_MS = 800
const LANES = 32
const MESHES = [10, 25]
/** Meshes and starts take long and vary little. */
const SLOW_ROUNDS = 3
const MOST_QUEUED = 16 * 1024 * 1024
const MOST_GROWTH = 512 * 1024 * 1024
const START_MS = 20_000

/**
 * @typedef {object} Run
 * @property {number} rounds
 * @property {number} mebibytes of a file, and of blocks
 * @property {boolean} keep what a pass wrote stays until the end of the run
 * @property {NodeJS.ProcessEnv} env of the processes
 * @property {(way: string) => Promise<Pair>} pair the two processes of a way, made when first asked for
 */

/** @type {Record<string, (run: Run) => Promise<Figure[]>>} */
export const measures = {
  bulk: async run => {
    const passes = await inTurn(ways, run.rounds, way => filled(run, way, 'bulk'))
    return [
      ...figures('bulk', passes, ({ amount, seconds }) => amount / seconds / 1e6),
      ...figures('bulk-send-cpu', passes, ({ amount, near }) => near / (amount / 1e9)),
      ...figures('bulk-receive-cpu', passes, ({ amount, far }) => far / (amount / 1e9)),
    ]
  },
  messages: async run => {
    const passes = await inTurn([...ways, 'net-together'], run.rounds, way => filled(run, way, 'messages'))
    return figures('messages', passes, ({ amount, seconds }) => amount / seconds)
  },
  requests: async run => {
    for (const way of ways) await (await run.pair(way)).near.ask('dial', 'echo')
    const passes = await inTurn(ways, run.rounds, async way => (await run.pair(way)).near.ask('trips', TRIPS))
    for (const way of ways) await (await run.pair(way)).near.ask('hangUp')
    return [
      ...figures('request-p50', passes, times => quantile(times, 0.5)),
      ...figures('request-p99', passes, times => quantile(times, 0.99)),
    ]
  },
  handshakes: async run => {
    for (const way of ways) await (await run.pair(way)).near.ask('shaker', LANES)
    const passes = await inTurn(ways, run.rounds, async way => {
      const pair = await run.pair(way)
      const before = await pair.used()
      const { count, seconds } = await pair.near.ask('shakes', LANES, SHAKES_MS)
      return { count, seconds, near: (await pair.used()).near - before.near }
    })
    for (const way of ways) await (await run.pair(way)).near.ask('endShaker')
    return [
      ...figures('handshakes', passes, ({ count, seconds }) => count / seconds),
      ...figures('handshake-cpu', passes, ({ count, near }) => (near / count) * 1_000),
    ]
  },
  mesh: async run => {
    const passes = await inTurn(ways, SLOW_ROUNDS, way => meshes(run, way), 0)
    const [small, large] = /** @type {[number, number]} */ (MESHES)
    return [
      ...figures(`mesh-${small}`, passes, made => made[0]?.milliseconds ?? Number.NaN),
      ...figures(`mesh-${large}`, passes, made => made[1]?.milliseconds ?? Number.NaN),
      ...figures(
        'link-memory',
        passes,
        made => (made[1]?.bytes ?? Number.NaN) / ((large * (large - 1)) / 2) / 1_000,
      ),
    ]
  },
  start: async run => figures('start', await inTurn(ways, SLOW_ROUNDS, way => started(run, way)), ms => ms),
  file,
  blocks,
}

/**
 * One connection of its own, written to until the time is over and read to the end.
 *
 * @param {Run} run
 * @param {string} way
 * @param {'bulk' | 'messages'} task
 */
async function filled(run, way, task) {
  const pair = await run.pair(way)
  const { near, far } = pair
  await far.ask('count', task)
  await near.ask('dial', task)
  const before = await pair.used()
  const { begun, amount, queued } = await near.ask('fill', task, FILL_MS)
  const over = await far.ask('arrived', amount)
  const after = await pair.used()
  await near.ask('hangUp')
  refuseUnbounded(way, queued, after.rss - before.rss)
  return {
    amount,
    seconds: (over - begun) / 1_000,
    near: after.near - before.near,
    far: after.far - before.far,
  }
}

/**
 * What is not bounded is no figure: a sender may be as fast as it likes into its own memory.
 *
 * @param {string} way
 * @param {number} queued bytes that waited in the sender at most
 * @param {number} growth of its resident set
 */
export function refuseUnbounded(way, queued, growth) {
  if (queued > MOST_QUEUED) throw new Error(`${way}: ${queued} bytes waited in the sender`)
  if (growth > MOST_GROWTH) throw new Error(`${way}: the sender grew by ${growth} bytes`)
}

/**
 * In a process of its own, so that memory is that of these links; a first mesh, dropped, loads
 * what there is to load.
 *
 * @param {Run} run
 * @param {string} way
 * @returns {Promise<{ milliseconds: number, bytes: number }[]>}
 */
async function meshes(run, way) {
  const side = await Side.start(way, run.env)
  try {
    await side.ask('mesh', MESHES[0])
    const made = []
    for (const count of MESHES) made.push(await side.ask('mesh', count))
    return made
  } finally {
    await side.close()
  }
}

/**
 * Milliseconds from the start of a process to the moment when it says that it listens.
 *
 * @param {Run} run
 * @param {string} way
 */
async function started(run, way) {
  const begun = performance.now()
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('./side.mjs', import.meta.url)), way, 'listen'],
    {
      env: run.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  try {
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(START_MS) })
    return performance.now() - begun
  } finally {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}
