/**
 * What happened, as one running hash and the last fifty lines.
 *
 *   entry = time ‖ length ‖ kind ‖ from ‖ to ‖ detail ‖ bytes        SHA-256 over all entries
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

/** A place for an entry, used again and again; its words are made when somebody reads them. */
interface Kept {
  time: Millis
  kind: string
  from: string
  to: string
  length: number
  detail: string
  /** The first bytes, so many of them as are shown. */
  readonly start: Uint8Array
  shown: number
}

/** Bytes that a line shows. */
const SHOWN = 12
const WAITING = 64 * 1024
/** Bytes of the time and the length. */
const NUMBERS = 12

export class Transcript {
  readonly #hash = createHash('sha256')
  /** What is not hashed yet: one long update is much faster than many short ones. */
  readonly #waiting = Buffer.alloc(WAITING)
  #used = 0
  readonly #kept: Kept[] = []
  readonly #keep: number
  #recorded = 0
  #count = 0

  constructor(keep = 50) {
    this.#keep = keep
  }

  /** How many entries there were in all. */
  get count(): number {
    return this.#count
  }

  /** Hashes one event and keeps it among the last ones. `bytes` are not kept. */
  record(time: Millis, kind: string, from: string, to: string, bytes: Uint8Array = empty, detail = ''): void {
    this.tick(time, kind, from, to, bytes, detail)
    const at = this.#recorded++ % this.#keep
    this.#kept[at] ??= { time, kind, from, to, length: 0, detail, start: new Uint8Array(SHOWN), shown: 0 }
    const kept = this.#kept[at]
    kept.time = time
    kept.kind = kind
    kept.from = from
    kept.to = to
    kept.length = bytes.length
    kept.detail = detail
    kept.shown = detail === '' ? Math.min(bytes.length, SHOWN) : 0
    for (let i = 0; i < kept.shown; i++) kept.start[i] = bytes[i]!
  }

  /** Hashes one event without keeping it. */
  tick(time: Millis, kind: string, from: string, to = '', bytes: Uint8Array = empty, detail = ''): void {
    this.#count++
    const line = `${kind}\t${from}\t${to}\t${detail}\n`
    // A character of UTF-16 takes three bytes of UTF-8 at most.
    const room = NUMBERS + 3 * line.length + bytes.length
    if (this.#used + room > WAITING) this.#flush()
    if (room > WAITING) {
      const numbers = Buffer.alloc(NUMBERS)
      numbers.writeDoubleBE(time)
      numbers.writeUInt32BE(bytes.length, 8)
      this.#hash.update(numbers).update(line).update(bytes)
      return
    }
    this.#waiting.writeDoubleBE(time, this.#used)
    this.#waiting.writeUInt32BE(bytes.length, this.#used + 8)
    this.#used += NUMBERS
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
    const first = this.#recorded % this.#kept.length
    return [...this.#kept.slice(first), ...this.#kept.slice(0, first)].map(
      ({ time, kind, from, to, length, detail, start, shown }) => ({
        time,
        kind,
        from,
        to,
        length,
        detail: shown === 0 ? detail : `${toHex(start.subarray(0, shown))}${length > SHOWN ? '…' : ''}`,
      }),
    )
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
