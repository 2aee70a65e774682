/**
 * Typed events with a bounded memory.
 *
 * Listeners get what happens from then on; `messages` gets everything in order, also what
 * happened before somebody began to read: 1,024 are kept, the oldest goes first, and
 * what was lost is counted. A listener that throws hurts nobody else.
 *
 * Floor: node.
 */
import { asGuildError } from '../base/errors.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { EventName, EventOf, NodeMessage } from './types.ts'

const KEPT = 1024

type Listener<Name extends EventName> = (event: EventOf<Name>) => void
type AnyListener = (event: NodeMessage) => void

export class Happenings {
  /** By event: each listener, and whether one time is enough for it. */
  readonly #listeners = new Map<EventName, Map<AnyListener, boolean>>()
  readonly #watchers = new Set<AnyListener>()
  readonly #kept = new BoundedQueue<NodeMessage>(KEPT, 'oldest')
  #reader: ((result: IteratorResult<NodeMessage, undefined>) => void) | undefined
  #ended = false

  /** Messages that nobody read in time. */
  get dropped(): number {
    return this.#kept.dropped
  }

  on<Name extends EventName>(name: Name, listener: Listener<Name>, once = false): void {
    let all = this.#listeners.get(name)
    if (all === undefined) {
      all = new Map()
      this.#listeners.set(name, all)
    }
    all.set(listener as unknown as AnyListener, once)
  }

  off<Name extends EventName>(name: Name, listener: Listener<Name>): void {
    this.#listeners.get(name)?.delete(listener as unknown as AnyListener)
  }

  /** Tells everything but debug from now on; the returned function ends it. */
  watch(listener: (event: NodeMessage) => void): () => void {
    this.#watchers.add(listener)
    return () => void this.#watchers.delete(listener)
  }

  /** Is anybody interested? For events that cost something to make. */
  wanted(name: EventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit(message: NodeMessage): void {
    if (this.#ended) return
    const listeners = this.#listeners.get(message.event)
    for (const [listener, once] of [...(listeners ?? [])]) {
      if (once) listeners?.delete(listener)
      try {
        listener(message)
      } catch (error) {
        if (message.event !== 'error') this.#listenerFailed(message.event, error)
      }
    }
    if (message.event === 'debug') return // a firehose: only for those who listen
    for (const watcher of [...this.#watchers]) watcher(message)
    const reader = this.#reader
    if (reader === undefined) this.#kept.push(message)
    else {
      this.#reader = undefined
      reader({ done: false, value: message })
    }
  }

  /** No more events; readers end once they have read what is kept. */
  end(): void {
    this.#ended = true
    this.#reader?.({ done: true, value: undefined })
    this.#reader = undefined
  }

  /** Everything in order. One reader at a time: each message is given once. */
  messages(): AsyncIterableIterator<NodeMessage> {
    const iterator: AsyncIterableIterator<NodeMessage> = {
      next: () => {
        const kept = this.#kept.shift()
        if (kept !== undefined) return Promise.resolve({ done: false, value: kept })
        if (this.#ended) return Promise.resolve({ done: true, value: undefined })
        this.#reader?.({ done: true, value: undefined })
        return new Promise(resolve => {
          this.#reader = resolve
        })
      },
      return: () => {
        this.#reader?.({ done: true, value: undefined })
        this.#reader = undefined
        return Promise.resolve({ done: true, value: undefined })
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  #listenerFailed(name: EventName, error: unknown): void {
    const { code, message } = asGuildError(error)
    this.emit({ event: 'error', code, message: `a listener of ${name} threw: ${message}` })
  }
}
