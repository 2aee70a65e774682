/**
 * What is to happen, by time, and of equal times by the order they were set in.
 *
 * As base's `TimerTable`, without its map from keys: an event here is never moved, and
 * one that is called off stays where it is until it comes up. Millions pass through, and half
 * of them are for now: those stand in a plain line.
 *
 * Floor: testing.
 */
import { type Timed, TimeHeap } from '../base/heap.ts'
import type { Millis } from '../base/machine.ts'

/** A piece of work at its time. */
export interface Planned extends Timed {
  readonly work: () => void
  /** It was called off. */
  off: boolean
}

export class Agenda {
  readonly #heap = new TimeHeap<Planned>()
  /** Set for the time it was then. */
  #line: Planned[] = []
  #head = 0
  #order = 0
  #off = 0

  /** `at` is no earlier than `now`, which never goes back. */
  add(at: Millis, now: Millis, work: () => void): Planned {
    const planned: Planned = { at, order: this.#order++, work, off: false }
    if (at > now) this.#heap.push(planned)
    else this.#line.push(planned)
    return planned
  }

  callOff(planned: Planned): void {
    if (planned.off) return
    planned.off = true
    this.#off++
    // Mostly such as never come: timers that are set anew each time something is heard.
    if (this.#off > 64 && this.#off > this.#heap.length / 2) {
      this.#heap.keep(({ off }) => !off)
      this.#off = 0
    }
  }

  /** The first that still stands. */
  next(): Planned | undefined {
    while (this.#heap.first?.off) {
      this.#heap.pop()
      this.#off--
    }
    while (this.#line[this.#head]?.off) this.#step()
    const timed = this.#heap.first
    const lined = this.#line[this.#head]
    // What came to its time before the line began was set before it too.
    return timed !== undefined && (lined === undefined || timed.at <= lined.at) ? timed : lined
  }

  /** Takes away what `next` gave. Calling it off does nothing from now on. */
  take(planned: Planned): void {
    planned.off = true
    if (planned === this.#heap.first) this.#heap.pop()
    else this.#step()
  }

  #step(): void {
    if (++this.#head < this.#line.length) return
    this.#line = []
    this.#head = 0
  }
}
