/**
 * A process of a measurement: `node side.mjs <way>`, started by `pair.mjs`, never by hand.
 *
 * It does what the channel to its parent asks, one thing at a time, and ends with that channel.
 * `node side.mjs <way> listen` listens, says so on standard output, and waits for its end.
 *
 * @import { Near, Shaker, Way, Pipe } from './types.ts'
 */
import { setTimeout as wait } from 'node:timers/promises'
import { answer, cpu, now } from './channel.mjs'

const MESSAGE = Buffer.alloc(100, 7)
const CHUNK = Buffer.alloc(64 * 1024, 7)
/** The clock is asked once in so many messages: it costs as much as one. */
const A_LOOK = 64
const SETTLE_MS = 300

const [name, listens] = process.argv.slice(2)
/** @type {Way} */
const way = (await import(`./ways/${name}.mjs`)).way

/** What came to the far side, and who waits for how much. */
let came = 0
let wanted = Number.POSITIVE_INFINITY
/** @type {(at: number) => void} */
let enough = () => {}
let countsBytes = true
/** @type {Near | undefined} */
let near
/** @type {Pipe | undefined} */
let pipe
/** @type {Shaker | undefined} */
let shaker
/** @type {(message: Uint8Array) => void} */
let onAnswer = () => {}

/** @param {number} bytes */
function take(bytes) {
  came += countsBytes ? bytes : 1
  if (came >= wanted) {
    wanted = Number.POSITIVE_INFINITY
    enough(now())
  }
}

/** @type {Record<string, (...args: any[]) => unknown>} */
const tasks = {
  far: async () => (await way.far(take)).address,
  /** @param {unknown} address */
  near: async address => {
    near = await way.near(address)
  },
  cpu,
  /** Forgets what came. @param {'bulk' | 'messages'} task */
  count: task => {
    came = 0
    countsBytes = task === 'bulk'
  },
  /** When so much had come. @param {number} amount */
  arrived: amount =>
    new Promise(resolve => {
      if (came >= amount) return resolve(now())
      wanted = amount
      enough = resolve
    }),
  /** @param {'bulk' | 'messages' | 'echo'} task */
  dial: async task => {
    pipe = await near?.dial(task, task === 'echo' ? message => onAnswer(message) : undefined)
  },
  hangUp: () => {
    pipe?.close()
    pipe = undefined
  },
  fill,
  trips,
  /** @param {number} lanes */
  shaker: async lanes => {
    shaker = await near?.shaker(lanes)
  },
  shakes,
  endShaker: async () => {
    await shaker?.close()
    shaker = undefined
  },
  mesh,
}

/**
 * Writes until the time is over.
 *
 * @param {'bulk' | 'messages'} task
 * @param {number} milliseconds
 */
async function fill(task, milliseconds) {
  const open = opened()
  const one = task === 'bulk' ? () => open.write(CHUNK) : () => open.send(MESSAGE)
  const look = task === 'bulk' ? 1 : A_LOOK
  let sent = 0
  let queued = 0
  const begun = now()
  for (;;) {
    let more = true
    for (let i = 0; more && i < look; i++) {
      more = one()
      sent++
    }
    queued = Math.max(queued, open.queued())
    if (now() - begun >= milliseconds) break
    if (!more) await open.drained()
  }
  return { begun, amount: task === 'bulk' ? sent * CHUNK.length : sent, queued }
}

/**
 * One question at a time; microseconds of each.
 *
 * @param {number} count
 * @returns {Promise<number[]>}
 */
function trips(count) {
  const open = opened()
  return new Promise(resolve => {
    /** @type {number[]} */
    const times = []
    let asked = performance.now()
    onAnswer = message => {
      if (message.length !== MESSAGE.length) throw new Error(`an answer of ${message.length} bytes`)
      const at = performance.now()
      times.push((at - asked) * 1_000)
      if (times.length === count) return resolve(times)
      asked = performance.now()
      open.send(MESSAGE)
    }
    open.send(MESSAGE)
  })
}

/**
 * Handshakes in so many lanes until the time is over.
 *
 * @param {number} lanes
 * @param {number} milliseconds
 */
async function shakes(lanes, milliseconds) {
  const begun = now()
  let count = 0
  const lane = async (/** @type {number} */ index) => {
    while (now() - begun < milliseconds) {
      await shaker?.shake(index)
      count++
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)))
  return { count, seconds: (now() - begun) / 1_000 }
}

/**
 * Milliseconds until a mesh stands, and by how many bytes it made this process grow.
 *
 * @param {number} count
 */
async function mesh(count) {
  await settle()
  const before = process.memoryUsage.rss()
  const made = await way.mesh(count)
  const begun = now()
  await made.form()
  const milliseconds = now() - begun
  await settle()
  const bytes = process.memoryUsage.rss() - before
  await made.close()
  return { milliseconds, bytes }
}

async function settle() {
  await wait(SETTLE_MS)
  globalThis.gc?.()
  globalThis.gc?.()
}

function opened() {
  if (pipe === undefined) throw new Error('nothing was dialled')
  return pipe
}

if (listens === 'listen') {
  await way.far(() => {})
  process.stdout.write('listening\n')
} else answer(tasks)
