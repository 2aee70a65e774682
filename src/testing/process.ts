/**
 * One running program on a simulated host: what a crash ends and a pause holds.
 *
 * Everything that calls into a node comes through `enter`. A dead process is called no
 * more; a paused one is called later, in the same order. Its clock has a zero of its own,
 * since a monotonic clock's zero means nothing and code that thinks otherwise should fail.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'
import type { Clock, Scheduler } from '../base/ports.ts'
import type { Place } from './link.ts'
import type { Quartz } from './quartz.ts'
import type { Transcript } from './transcript.ts'
import type { Scheduled, World } from './world.ts'

/** What the operating system holds for a process. */
export interface Resource {
  /** The machine lost power: gone without a word. */
  vanish(): void
  /** The process died, the system lives and tells the other side. */
  release(): void
}

export interface ProcessOptions {
  readonly place: Place
  readonly world: World
  readonly transcript: Transcript
  /** How fast its host's time passes. */
  readonly quartz: Quartz
  /** What the monotonic clock shows at the world's start: a whole number. */
  readonly zero: Millis
  /** What the host's wall clock shows now. */
  readonly wall: () => number
}

export class Process {
  readonly place: Place
  readonly world: World
  readonly transcript: Transcript
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly resources = new Set<Resource>()
  #alive = true
  #held: (() => void)[] | undefined
  #retime: () => void = () => {}

  constructor(options: ProcessOptions) {
    this.place = options.place
    this.world = options.world
    this.transcript = options.transcript
    const { quartz, zero, wall } = options
    this.clock = { now: () => quartz.elapsed() + zero, wall }
    this.scheduler = this.#scheduler(quartz, zero)
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Calls into the program: now, after the pause, or never. */
  enter(work: () => void): void {
    if (!this.#alive) return
    if (this.#held !== undefined) this.#held.push(work)
    else this.world.enter(work)
  }

  pause(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const work of held) this.world.after(0, () => this.enter(work))
  }

  /** The host's clock goes faster or slower from now on: what is armed comes sooner or later. */
  retime(): void {
    this.#retime()
  }

  /** Ends the program. `how` says whether the system lives to tell the others. */
  stop(how: keyof Resource): void {
    if (!this.#alive) return
    this.#alive = false
    this.#held = undefined
    for (const resource of [...this.resources]) resource[how]()
    this.resources.clear()
  }

  #scheduler(quartz: Quartz, zero: Millis): Scheduler {
    let armed: { readonly at: Millis; readonly wake: () => void; readonly event: Scheduled } | undefined
    const disarm = (): void => {
      this.world.cancel(armed?.event)
      armed = undefined
    }
    const arm = (at: Millis, wake: () => void): void => {
      disarm()
      if (!this.#alive) return
      const event = this.world.at(quartz.reached(at - zero), () =>
        this.enter(() => {
          if (armed?.event !== event) return
          armed = undefined
          this.transcript.tick(this.world.now, 'timer', this.place.name)
          wake()
        }),
      )
      armed = { at, wake, event }
    }
    this.#retime = () => {
      if (armed !== undefined) arm(armed.at, armed.wake)
    }
    return {
      arm,
      disarm,
      defer: work => {
        if (this.#alive) this.world.after(0, () => this.enter(work))
      },
    }
  }
}
