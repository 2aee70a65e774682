/**
 * What happened, as one running hash and the last fifty lines.
 *
 *   entry = time ‖ kind ‖ from ‖ to ‖ length ‖ bytes        SHA-256 over all entries
 *
 * Two runs of one seed are the same run when their hashes are the same. The bytes go into
 * the hash, only their number and first few into the lines: fifty lines are for reading.
 * Timers are hashed but not kept: they would push everything else out.
 *
 * Floor: testing.
 */
import { createHash } from 'node:crypto'
import { empty, toHex } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import { BoundedQueue } from '../base/queue.ts'

/** One thing that happened. */
export interface Entry {
  readonly time: Millis
  readonly kind: string
  readonly from: string
  readonly to: string
  /** How many bytes were carried. */
  readonly length: number
  readonly detail: string
}

export class Transcript {
  readonly #hash = createHash('sha256')
  readonly #recent: BoundedQueue<Entry>
  #count = 0

  constructor(keep = 50) {
    this.#recent = new BoundedQueue(keep)
  }

  /** How many entries there were in all. */
  get count(): number {
    return this.#count
  }

  /** Hashes one event and keeps it among the last ones. `bytes` are not kept. */
  record(time: Millis, kind: string, from: string, to: string, bytes: Uint8Array = empty, detail = ''): void {
    this.tick(time, kind, from, to, bytes, detail)
    const start = bytes.length === 0 ? '' : `${toHex(bytes.subarray(0, 12))}${bytes.length > 12 ? '…' : ''}`
    this.#recent.push({ time, kind, from, to, length: bytes.length, detail: detail === '' ? start : detail })
  }

  /** Hashes one event without keeping it. */
  tick(time: Millis, kind: string, from: string, to = '', bytes: Uint8Array = empty, detail = ''): void {
    this.#count++
    this.#hash.update(`${time}\t${kind}\t${from}\t${to}\t${detail}\t${bytes.length}\n`)
    if (bytes.length > 0) this.#hash.update(bytes)
  }

  /** The hash so far, in hex. More may be recorded after. */
  hash(): string {
    return this.#hash.copy().digest('hex')
  }

  /** The last entries, oldest first. */
  recent(): Entry[] {
    const out: Entry[] = []
    for (let left = this.#recent.length; left > 0; left--) {
      const entry = this.#recent.shift()!
      out.push(entry)
      this.#recent.push(entry)
    }
    return out
  }

  /** The last entries as lines for a person. */
  lines(): string[] {
    return this.recent().map(entry => {
      const time = (entry.time / 1000).toFixed(6).padStart(12)
      const way = entry.to === '' ? entry.from : `${entry.from} > ${entry.to}`
      const size = entry.length === 0 ? '' : ` ${entry.length} bytes`
      return `${time}  ${entry.kind.padEnd(9)} ${way}${size} ${entry.detail}`.trimEnd()
    })
  }
}
