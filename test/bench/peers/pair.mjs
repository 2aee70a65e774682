/**
 * The two processes of a way, started, asked, and gone with us whatever happens.
 *
 *   run.mjs ── Side ──▶ side.mjs   near: dials, writes, asks
 *          └── Side ──▶ side.mjs   far: listens, counts, answers
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Longest that one question may take, unless it is said. */
const DEADLINE_MS = 40_000
const PATIENCE_MS = 1_000

export class Side {
  /**
   * @param {string} way
   * @param {NodeJS.ProcessEnv} env
   * @param {{ program?: string, deadline?: number }} [options] a file of this folder; milliseconds
   */
  static async start(way, env, { program = 'side.mjs', deadline = DEADLINE_MS } = {}) {
    const side = new Side(way, env, fileURLToPath(new URL(program, import.meta.url)), deadline)
    await side.#answer('start')
    return side
  }

  /**
   * @param {string} way
   * @param {NodeJS.ProcessEnv} env
   * @param {string} program
   * @param {number} deadline
   * @private
   */
  constructor(way, env, program, deadline) {
    this.way = way
    this.deadline = deadline
    this.child = fork(program, [way], { serialization: 'advanced', execArgv: ['--expose-gc'], env })
    this.child.on('error', () => {})
  }

  /**
   * Asks one thing; rejects with what went wrong there, or when it takes too long.
   *
   * @param {string} task
   * @param {unknown[]} args
   * @returns {Promise<any>}
   */
  ask(task, ...args) {
    const answer = this.#answer(task)
    this.child.send({ task, args })
    return answer
  }

  /** @param {string} task @returns {Promise<any>} */
  #answer(task) {
    return new Promise((resolve, reject) => {
      /** @param {() => void} settle */
      const over = settle => {
        clearTimeout(late)
        this.child.off('message', onMessage)
        this.child.off('exit', onExit)
        settle()
      }
      const fail = (/** @type {string} */ why) =>
        over(() => reject(new Error(`${this.way}, ${task}: ${why}`)))
      const late = setTimeout(() => fail(`no answer in ${this.deadline / 1_000} s`), this.deadline)
      const onMessage = (/** @type {any} */ { result, error }) =>
        error === undefined ? over(() => resolve(result)) : fail(error)
      const onExit = (/** @type {number | null} */ code) => fail(`the process ended with ${code}`)
      this.child.once('message', onMessage)
      this.child.once('exit', onExit)
    })
  }

  /** Asks the process to end by closing its channel, then does not ask. */
  close() {
    const { child } = this
    return new Promise(resolve => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve(undefined)
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      child.once('exit', () => {
        clearTimeout(late)
        resolve(undefined)
      })
      if (child.connected) child.disconnect()
    })
  }
}

export class Pair {
  /** @param {string} way @param {NodeJS.ProcessEnv} env */
  static async start(way, env) {
    const [near, far] = await Promise.all([Side.start(way, env), Side.start(way, env)])
    await near.ask('near', await far.ask('far'))
    return new Pair(way, near, far)
  }

  /** @param {string} way @param {Side} near @param {Side} far @private */
  constructor(way, near, far) {
    this.way = way
    this.near = near
    this.far = far
  }

  /** CPU seconds so far, and the resident set of the near side. */
  async used() {
    const [near, far] = await Promise.all([this.near.ask('cpu'), this.far.ask('cpu')])
    return { near: near.seconds, far: far.seconds, rss: near.rss }
  }

  async close() {
    await Promise.all([this.near.close(), this.far.close()])
  }
}
