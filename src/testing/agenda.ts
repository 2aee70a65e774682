/**
 * What is to happen, by time, and of equal times by the order they were set in.
 *
 * As base's `TimerTable`, without its map from keys: an event here is never moved, and
 * one that is called off stays where it is until it comes up. Millions pass through.
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
  #order = 0
  #off = 0

  add(at: Millis, work: () => void): Planned {
    const planned: Planned = { at, order: this.#order++, work, off: false }
    this.#heap.push(planned)
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
    return this.#heap.first
  }

  /** Takes away what `next` gave. Calling it off does nothing from now on. */
  take(): void {
    this.#heap.first!.off = true
    this.#heap.pop()
  }
}
