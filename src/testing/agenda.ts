/**
 * What is to happen: a binary heap by time, and of equal times by the order they were set in.
 *
 * The same as base's `TimerTable`, without its map from keys: an event here is never moved, and
 * one that is called off stays where it is until it comes up. Millions pass through.
 *
 * Floor: testing.
 */
import type { Millis } from '../base/machine.ts'

/** A piece of work at its time. */
export interface Planned {
  readonly at: Millis
  readonly order: number
  readonly work: () => void
  /** It was called off. */
  off: boolean
}

export class Agenda {
  #heap: Planned[] = []
  #order = 0
  #off = 0

  add(at: Millis, work: () => void): Planned {
    const planned: Planned = { at, order: this.#order++, work, off: false }
    this.#rise(planned)
    return planned
  }

  callOff(planned: Planned): void {
    if (planned.off) return
    planned.off = true
    this.#off++
    // Mostly such as never come: timers that are set anew each time something is heard.
    if (this.#off > 64 && this.#off > this.#heap.length / 2) this.#rebuild()
  }

  /** The first that still stands. */
  next(): Planned | undefined {
    while (this.#heap[0]?.off) {
      this.#sink()
      this.#off--
    }
    return this.#heap[0]
  }

  /** Takes away what `next` gave. Calling it off does nothing from now on. */
  take(): void {
    this.#heap[0]!.off = true
    this.#sink()
  }

  #rebuild(): void {
    const standing = this.#heap.filter(({ off }) => !off)
    this.#heap = []
    this.#off = 0
    for (const planned of standing) this.#rise(planned)
  }

  #rise(planned: Planned): void {
    const heap = this.#heap
    let i = heap.length
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(planned, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = planned
  }

  /** Removes the first. */
  #sink(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
