/**
 * Our want-list: every block that some session waits for, and which comes first.
 *
 * Counted by session: the want leaves with the last of them (B6: also when it failed). Of equal priority
 * the first come is first. A want put in line twice, for its priority rose, is taken once.
 *
 * Floor: protocols.
 */
import { TimeHeap } from '../../base/heap.ts'
import type { CID } from '../../wire/cid.ts'
import type { Session } from './session.ts'
import { Wanted } from './wanted.ts'

interface Place {
  /** The heap gives the least first. */
  readonly at: number
  readonly order: number
  readonly want: Wanted
}

export class WantList {
  readonly #wants = new Map<string, Wanted>()
  readonly #line = new TimeHeap<Place>()
  #order = 0

  get size(): number {
    return this.#wants.size
  }

  [Symbol.iterator](): IterableIterator<Wanted> {
    return this.#wants.values()
  }

  get(key: string): Wanted | undefined {
    return this.#wants.get(key)
  }

  /** The want, new or known; a higher priority than before moves it forward. */
  add(session: Session, key: string, cid: CID, priority: number): Wanted {
    let want = this.#wants.get(key)
    if (want === undefined) {
      want = new Wanted(key, cid, priority, this.#order++)
      this.#wants.set(key, want)
      this.queue(want)
    } else if (priority > want.priority) {
      want.priority = priority
      if (want.state === 'queued') this.queue(want)
    }
    want.sessions.add(session)
    session.wants.add(key)
    return want
  }

  /** True when nobody wants it any more; it is gone then. */
  release(session: Session, want: Wanted): boolean {
    want.sessions.delete(session)
    session.wants.delete(want.key)
    return want.sessions.size === 0 && this.#wants.delete(want.key)
  }

  /** It is here: gone for everybody. */
  remove(want: Wanted): void {
    for (const session of want.sessions) session.wants.delete(want.key)
    this.#wants.delete(want.key)
  }

  /** Puts it in line, to be asked of somebody. */
  queue(want: Wanted): void {
    want.state = 'queued'
    this.#line.push({ at: -want.priority, order: want.order, want })
  }

  /** The next in line, taken out of it; undefined when nobody waits. */
  next(): Wanted | undefined {
    for (;;) {
      const place = this.#line.first
      if (place === undefined) return undefined
      this.#line.pop()
      const { want } = place
      if (want.state === 'queued' && -place.at === want.priority && this.#wants.get(want.key) === want)
        return want
    }
  }
}
