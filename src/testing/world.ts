/**
 * Virtual time: a heap of events, and the one loop that runs them.
 *
 *   next event ─▶ its work ─▶ (a program was called? one turn of the real event loop,
 *        ▲                     so that its promises settle)
 *        └──────────────────── until the time, or what was waited for, has come
 *
 * Equal times run in the order they were scheduled. Time moves in steps of 1/1024 ms, an
 * exact binary fraction, so that no sum of times ever rounds and a timer never wakes a hair
 * early. The one turn per event is deterministic because nothing else is pending: no socket,
 * no thread, no real timer belongs to a simulation.
 *
 * Refuses to hang: running without end, or waiting for what can no longer happen, is an
 * error that says when it got stuck.
 *
 * Floor: testing.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { Agenda, type Planned } from './agenda.ts'
import { Turns } from './turns.ts'

/** A scheduled piece of work; give it to `cancel` to call it off. */
export interface Scheduled {
  readonly work: () => void
}

export interface RunOptions {
  /** Most virtual time a wait may take. Default ten minutes. */
  readonly limit?: Millis
  /** Most events one run may take. Default 5,000,000. */
  readonly events?: number
}

export class World {
  readonly #events = new Agenda()
  readonly #turns = new Turns()
  #now: Millis = 0
  #touched = false
  #running = false
  #failure: { readonly error: unknown } | undefined

  /** Virtual time since the start. */
  get now(): Millis {
    return this.#now
  }

  /** Runs `work` at this time, or now when it is past: after everything already due then. */
  at(time: Millis, work: () => void): Scheduled {
    return this.#events.add(Math.max(this.#now, Math.ceil(time * STEPS) / STEPS), this.#now, work)
  }

  after(wait: Millis, work: () => void): Scheduled {
    return this.at(this.#now + wait, work)
  }

  cancel(event: Scheduled | undefined): void {
    if (event !== undefined) this.#events.callOff(event as Planned)
  }

  /** Calls into a program: its promises settle before the next event; what it throws fails the run. */
  enter(work: () => void): void {
    this.#touched = true
    try {
      work()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Makes the current run fail with this error. The first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error }
  }

  /**
   * Lets virtual time pass: until that time since the start, or until `until()` is true,
   * which is asked after every event.
   */
  async run(until: Millis | (() => boolean), options: RunOptions = {}): Promise<void> {
    if (this.#running) throw new GuildError('GH_NODE_STATE', 'the simulation is already running')
    this.#running = true
    try {
      await this.#loop(until, options)
    } finally {
      this.#running = false
    }
  }

  /** Lets time pass until the promise settles, and gives what it gave. */
  async settle<T>(promise: Promise<T>, options: RunOptions = {}): Promise<T> {
    let settled = false
    const done = () => {
      settled = true
    }
    promise.then(done, done)
    await this.run(() => settled, options)
    return promise
  }

  /** Lets this much time pass. */
  async pass(wait: Millis, options: RunOptions = {}): Promise<void> {
    await this.run(this.#now + wait, options)
  }

  /** A promise for a moment of virtual time, for programs that wait inside a run. */
  sleep(wait: Millis): Promise<void> {
    return new Promise(resolve => this.after(wait, () => this.enter(resolve)))
  }

  /** By callbacks: a promise for every turn would be a tenth of what millions of events allocate. */
  #loop(until: Millis | (() => boolean), options: RunOptions): Promise<void> {
    const waiting = typeof until === 'function'
    const end = waiting ? this.#now + (options.limit ?? DEFAULT_LIMIT) : until
    let left = options.events ?? DEFAULT_EVENTS
    /** Runs events up to the next turn; true when the time has come. */
    const advance = (): boolean => {
      for (;;) {
        this.#throwFailure()
        if (waiting && until()) return true
        const next = this.#events.next()
        if (next === undefined || next.at > end) {
          if (waiting)
            throw stuck(next === undefined ? 'nothing is left to happen' : 'still waiting', this.#now)
          this.#now = Math.max(this.#now, Math.ceil(end * STEPS) / STEPS)
          return true
        }
        if (left-- <= 0) throw stuck('too many events', this.#now)
        this.#now = next.at
        this.#events.take(next)
        next.work()
        if (this.#touched) {
          this.#touched = false
          return false
        }
      }
    }
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          if (advance()) resolve()
          else this.#turns.next(turn)
        } catch (error) {
          reject(error)
        }
      }
      this.#turns.next(turn) // whoever called may have left promises
    })
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return
    const { error } = this.#failure
    this.#failure = undefined
    throw error
  }
}

const STEPS = 1024
const DEFAULT_LIMIT: Millis = 600_000
const DEFAULT_EVENTS = 5_000_000

function stuck(why: string, now: Millis): GuildError {
  return new GuildError('GH_SIMULATION_STUCK', `${why} at ${(now / 1000).toFixed(3)} s`)
}
