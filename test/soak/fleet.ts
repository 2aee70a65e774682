/**
 * The processes of a soak, in a folder of their own: started, asked, stopped, killed.
 *
 *   fleet ── fork ──▶ member.js   one node each; SIGSTOP, SIGCONT, SIGTERM, SIGKILL by its id
 *     └───── fork ──▶ guard.js    kills what is left when this process is gone
 */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeOptions } from '../../src/index.ts'
import type { Guarded } from './guard.ts'
import type { Order, Sample, Started, Told } from './orders.ts'

/** An answer that takes longer is a failure: the longest pause is far below. */
const ANSWER_PATIENCE = 90_000
/** From SIGTERM to the end of the process (P28). */
export const END_PATIENCE = 5_000

/** How a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly after: number
  /** What it still held after it stopped in order; undefined when it did not say. */
  readonly left: readonly string[] | undefined
}

export interface FleetEvents {
  chat(member: Member, text: string, direct: boolean): void
  lost(member: Member, peerId: string, reason: string): void
  error(member: Member, message: string): void
}

export class Fleet {
  readonly folder: string
  readonly swarmKey: Uint8Array = randomBytes(32)
  readonly members = new Set<Member>()
  readonly started: number[] = []
  readonly #events: FleetEvents
  readonly #guard: ChildProcess
  #closed = false

  constructor(events: FleetEvents) {
    this.#events = events
    this.folder = mkdtempSync(join(tmpdir(), 'guild-soak-'))
    this.#guard = fork(join(import.meta.dirname, 'guard.js'), [], { execArgv: [], detached: true })
    this.#guard.on('error', () => {}) // it is told of no more; its end is looked for below
    this.#tell({ folder: this.folder })
  }

  /** A process with a node that runs. Rejects, and the process is gone, when it does not come up. */
  async start(name: string, dataDir: string, options: NodeOptions): Promise<Member> {
    if (this.#closed) throw new Error('the fleet is closed')
    const child = fork(join(import.meta.dirname, 'member.js'), [], {
      serialization: 'advanced',
      // V8 throws away the code of functions that did not run of late, and makes it again: megabytes that come and go.
      execArgv: ['--expose-gc', '--no-flush-bytecode'],
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const member = new Member(child, name, dataDir, this.#events)
    if (child.pid !== undefined) {
      this.started.push(child.pid)
      this.#tell({ started: child.pid })
    }
    this.members.add(member)
    void member.ended.then(() => {
      this.members.delete(member)
      if (child.pid !== undefined) this.#tell({ ended: child.pid })
    })
    try {
      const { swarmKey } = this
      const { peerId, port } = await member.ask<Started>({
        do: 'start',
        options: { host: '127.0.0.1', mdns: false, swarmKey, dataDir, name, ...options },
      })
      member.up(peerId, port)
      return member
    } catch (error) {
      await member.end('SIGKILL')
      throw error
    }
  }

  /** Kills what runs and removes the folder. At once, so that it can be the last thing a process does. */
  close(): void {
    this.#closed = true
    for (const member of this.members) {
      member.until = Math.min(member.until, performance.now())
      member.child.kill('SIGKILL')
    }
    if (this.#guard.connected) this.#guard.disconnect() // kills again, and then removes the folder
  }

  /** As `close`, and waits until all of it is gone. Answers the ids of processes that are not. */
  async gone(): Promise<number[]> {
    const guard = new Promise(resolve => this.#guard.once('exit', resolve))
    const members = [...this.members].map(member => member.ended)
    this.close()
    await Promise.all(members)
    if (this.#guard.exitCode === null) await guard
    rmSync(this.folder, { recursive: true, force: true })
    return this.started.filter(isAlive)
  }

  #tell(what: Guarded): void {
    if (this.#guard.connected) this.#guard.send(what)
  }
}

export class Member {
  readonly child: ChildProcess
  readonly name: string
  readonly dataDir: string
  readonly ended: Promise<Ended>
  peerId = ''
  port = 0
  /** When it had started, and when a signal to end was sent to it, on the clock of `performance`. */
  since = Number.POSITIVE_INFINITY
  until = Number.POSITIVE_INFINITY
  paused = false
  #nextId = 1
  #left: readonly string[] | undefined
  readonly #waiting = new Map<number, { ok(value: unknown): void; fail(error: Error): void }>()

  constructor(child: ChildProcess, name: string, dataDir: string, events: FleetEvents) {
    this.child = child
    this.name = name
    this.dataDir = dataDir
    child.on('message', (told: Told) => {
      if ('id' in told) {
        const waiting = this.#waiting.get(told.id)
        this.#waiting.delete(told.id)
        if ('ok' in told) waiting?.ok(told.ok)
        else waiting?.fail(new Error(told.error))
      } else if (told.event === 'chat') events.chat(this, told.text, told.direct)
      else if (told.event === 'lost') events.lost(this, told.peerId, told.reason)
      else if (told.event === 'error') events.error(this, told.message)
      else this.#left = told.left
    })
    this.ended = new Promise(resolve => {
      const over = (code: number | null, signal: NodeJS.Signals | null): void => {
        const now = performance.now()
        if (this.alive) events.error(this, `its end, which nobody asked for: ${code ?? signal}`)
        const after = now - Math.min(this.until, now)
        this.until = Math.min(this.until, now)
        for (const { fail } of this.#waiting.values()) fail(new Error(`${name} ended: ${code ?? signal}`))
        this.#waiting.clear()
        resolve({ code, signal, after, left: this.#left })
      }
      child.once('exit', over)
      child.once('error', () => over(null, null))
    })
  }

  get alive(): boolean {
    return this.until === Number.POSITIVE_INFINITY
  }

  /** Milliseconds since it came up; 0 before, and once it was told to end. */
  age(now: number): number {
    return this.alive ? Math.max(0, now - this.since) : 0
  }

  up(peerId: string, port: number): void {
    this.peerId = peerId
    this.port = port
    this.since = performance.now()
  }

  ask<T>(order: Order): Promise<T> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new Error(`${this.name} does not answer to ${order.do}`))
      }, ANSWER_PATIENCE)
      const settle = (work: () => void): void => {
        clearTimeout(timer)
        work()
      }
      this.#waiting.set(id, {
        ok: value => settle(() => resolve(value as T)),
        fail: error => settle(() => reject(error)),
      })
      if (this.child.connected)
        this.child.send({ ...order, id }, error => {
          if (error !== null) this.#waiting.get(id)?.fail(error)
        })
      else this.#waiting.get(id)!.fail(new Error(`${this.name} ended`))
    })
  }

  pause(): void {
    this.paused = this.child.kill('SIGSTOP')
  }

  resume(): void {
    this.paused = false
    this.child.kill('SIGCONT')
  }

  /** Sends the signal; SIGKILL follows when nothing came of it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ended> {
    this.until = Math.min(this.until, performance.now())
    this.child.kill(signal)
    if (this.paused) this.resume()
    const late = setTimeout(() => this.child.kill('SIGKILL'), 2 * END_PATIENCE)
    const ended = await this.ended
    clearTimeout(late)
    return ended
  }

  sample(): Promise<Sample> {
    return this.ask<Sample>({ do: 'sample' })
  }

  /** Descriptors the system says it has open; undefined where it does not say. */
  descriptors(): number | undefined {
    const path = `/proc/${this.child.pid}/fd`
    if (!existsSync(path)) return undefined
    try {
      return readdirSync(path).length
    } catch {
      return undefined
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
