/**
 * Puts under way: a few at once, so that a store can write them together.
 *
 * `put` returns when there is room, not when the block is written; `settle` waits for all of them and
 * throws the first failure. After a failure nothing more is put.
 *
 * Floor: content.
 */
import { setImmediate } from 'node:timers/promises'
import type { CID } from 'multiformats/cid'
import type { BlockSink } from './block.ts'

/** At once: enough for a store that groups its writes, and 16 MiB of memory at most. */
const COUNT_MAX = 64
const BYTES_MAX = 16 * 1024 * 1024

/** Hashing is done on the event loop, in slices: every so many bytes others have a turn. */
const SLICE = 1024 * 1024

export class Puts implements BlockSink {
  readonly #sink: BlockSink
  readonly #signal: AbortSignal | undefined
  readonly #underway = new Set<Promise<void>>()
  #bytes = 0
  #failure: { readonly error: unknown } | undefined

  constructor(sink: BlockSink, signal?: AbortSignal) {
    this.#sink = sink
    this.#signal = signal
  }

  async put(cid: CID, bytes: Uint8Array): Promise<CID> {
    while (this.#underway.size >= COUNT_MAX || (this.#bytes > 0 && this.#bytes + bytes.length > BYTES_MAX))
      await Promise.race(this.#underway)
    if (this.#failure !== undefined) throw this.#failure.error
    const written = this.#sink.put(cid, bytes, this.#signal === undefined ? {} : { signal: this.#signal })
    if (!(written instanceof Promise)) return cid
    this.#bytes += bytes.length
    const one: Promise<void> = written
      .then(
        () => {},
        error => {
          this.#failure ??= { error }
        },
      )
      .finally(() => {
        this.#bytes -= bytes.length
        this.#underway.delete(one)
      })
    this.#underway.add(one)
    return cid
  }

  /** All are written, or the first failure is thrown. */
  async settle(): Promise<void> {
    await Promise.all(this.#underway)
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

let since = 0

/** Called with what was just worked on; now and then it lets the event loop turn. */
export async function pause(bytes: number): Promise<void> {
  since += bytes + 256
  if (since < SLICE) return
  since = 0
  await setImmediate()
}
