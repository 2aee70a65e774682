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

/** An entry whose words are made when somebody reads them. */
interface Kept extends Entry {
  /** The first bytes, where there is no other detail. */
  readonly start: Uint8Array
}

/** Bytes that a line shows. */
const SHOWN = 12
const WAITING = 64 * 1024

export class Transcript {
  readonly #hash = createHash('sha256')
  /** What is not hashed yet: one long update is much faster than many short ones. */
  readonly #waiting = Buffer.alloc(WAITING)
  #used = 0
  readonly #recent: BoundedQueue<Kept>
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
    const start = bytes.length === 0 || detail !== '' ? empty : bytes.slice(0, SHOWN)
    this.#recent.push({ time, kind, from, to, length: bytes.length, detail, start })
  }

  /** Hashes one event without keeping it. */
  tick(time: Millis, kind: string, from: string, to = '', bytes: Uint8Array = empty, detail = ''): void {
    this.#count++
    const line = `${time}\t${kind}\t${from}\t${to}\t${detail}\t${bytes.length}\n`
    // A character of UTF-16 takes three bytes of UTF-8 at most.
    if (this.#used + 3 * line.length + bytes.length > WAITING) this.#flush()
    if (3 * line.length + bytes.length > WAITING) {
      this.#hash.update(line)
      this.#hash.update(bytes)
      return
    }
    this.#used += this.#waiting.write(line, this.#used)
    this.#waiting.set(bytes, this.#used)
    this.#used += bytes.length
  }

  /** The hash so far, in hex. More may be recorded after. */
  hash(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  /** The last entries, oldest first. */
  recent(): Entry[] {
    const out: Entry[] = []
    for (let left = this.#recent.length; left > 0; left--) {
      const kept = this.#recent.shift()!
      const { time, kind, from, to, length, start } = kept
      const hex = `${toHex(start)}${length > SHOWN ? '…' : ''}`
      const detail = start.length === 0 ? kept.detail : hex
      out.push({ time, kind, from, to, length, detail })
      this.#recent.push(kept)
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

  #flush(): void {
    if (this.#used > 0) this.#hash.update(this.#waiting.subarray(0, this.#used))
    this.#used = 0
  }
}
