/**
 * The one driver: feeds machines, drains them, and waits with a single timer.
 *
 *   feed(input) ─▶ handle ─▶ poll … poll ─▶ onOutput     then: the earliest deadline arms the timer
 *
 * Feeding a machine while it is being drained (its output led to another machine, whose
 * output leads back) hands it the input at once, and the outer drain takes what comes of it:
 * whoever is told next finds it done. Inside `handle` the input waits: a machine never sees
 * `handle` inside `handle`.
 * `defer` runs work once at the end of the turn, however often it was asked for: that is
 * how all frames of a turn come to share one record.
 *
 * Floor: runtime.
 */
import { type Machine, type Millis, type Tick, tick } from '../base/machine.ts'
import type { Clock, Scheduler } from '../base/ports.ts'
import { TimerTable } from '../base/timers.ts'

export interface Driven<Input> {
  feed(input: Input): void
  /** Looks at the machine's deadline again: for one that was told something by a direct call. */
  rearm(): void
  /** The machine is not driven any more. */
  stop(): void
}

interface Entry {
  wake: () => void
}

const nothing = (): void => {}

export class Drive {
  readonly #clock: Clock
  readonly #scheduler: Scheduler
  readonly #timers = new TimerTable<Entry>()
  #deferred: (() => void)[] = []
  #armed: Millis | undefined
  #stopped = false

  constructor(clock: Clock, scheduler: Scheduler) {
    this.#clock = clock
    this.#scheduler = scheduler
  }

  now(): Millis {
    return this.#clock.now()
  }

  run<Input, Output>(
    machine: Machine<Input | Tick, Output>,
    onOutput: (output: Output) => void,
  ): Driven<Input> {
    const waiting: (Input | Tick)[] = []
    let busy = false
    let handling = false
    let stopped = false
    const drain = (): void => {
      for (let output = machine.poll(); output !== undefined; output = machine.poll()) onOutput(output)
    }
    const handle = (input: Input | Tick): void => {
      handling = true
      try {
        machine.handle(input, this.#clock.now())
        while (waiting.length > 0) machine.handle(waiting.shift()!, this.#clock.now())
      } finally {
        handling = false
      }
    }
    const take = (input: Input | Tick): void => {
      if (stopped) return
      if (handling) {
        waiting.push(input)
        return
      }
      if (busy) return handle(input)
      busy = true
      try {
        drain()
        handle(input)
        drain()
      } finally {
        busy = false
      }
      if (!stopped) wait()
    }
    /** A deadline that moves later, as with every packet, costs nothing: it is looked at again at the old time. */
    const wait = (): void => {
      const at = machine.deadline()
      const known = this.#timers.at(entry)
      if (at === undefined || known === undefined || at < known) this.#wait(entry, at)
    }
    const entry: Entry = {
      wake: () => {
        const at = machine.deadline()
        if (at !== undefined && at <= this.#clock.now()) take(tick)
        else this.#wait(entry, at)
      },
    }
    wait()
    return {
      feed: take,
      rearm: () => {
        if (!stopped && !busy) wait()
      },
      stop: () => {
        stopped = true
        this.#forget(entry)
      },
    }
  }

  /** Runs `work` once after `wait` milliseconds; the returned function calls it off. */
  after(wait: Millis, work: () => void): () => void {
    const entry: Entry = { wake: work }
    this.#wait(entry, this.#clock.now() + wait)
    return () => this.#forget(entry)
  }

  /** Runs `work` once when this turn has done its reading; asking twice is asking once. */
  defer(work: () => void): void {
    // About one for each link: to look through them costs less than a set that is filled and emptied every turn.
    if (this.#deferred.includes(work)) return
    if (this.#deferred.push(work) === 1) this.#scheduler.defer(this.#turned)
  }

  stop(): void {
    this.#stopped = true
    this.#scheduler.disarm()
  }

  /** The table keeps a cleared entry until it surfaces, which must not keep a machine alive (P15). */
  #forget(entry: Entry): void {
    this.#timers.clear(entry)
    entry.wake = nothing
  }

  #wait(entry: Entry, at: Millis | undefined): void {
    if (at === undefined) this.#timers.clear(entry)
    else if (this.#timers.at(entry) !== at) this.#timers.set(entry, at)
    this.#arm()
  }

  #arm(): void {
    const next = this.#timers.next()
    if (this.#stopped || next === undefined || (this.#armed !== undefined && this.#armed <= next)) return
    this.#armed = next
    this.#scheduler.arm(next, () => this.#wake())
  }

  readonly #turned = (): void => {
    const all = this.#deferred
    this.#deferred = []
    if (!this.#stopped) for (const one of all) one()
  }

  #wake(): void {
    this.#armed = undefined
    const now = this.#clock.now()
    for (let entry = this.#timers.due(now); entry !== undefined; entry = this.#timers.due(now)) entry.wake()
    this.#arm()
  }
}
