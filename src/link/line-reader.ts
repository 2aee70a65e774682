/**
 * Ordered bytes, cut into lines.
 *
 *   "PI" "NG\r\nhel" "lo\n"  ─▶  "PING\n"  "hello\n"
 *
 * However the bytes were split on their way, the lines are the same. A CR before the LF is
 * taken away. What waits for its LF is kept in one buffer that grows to the longest line
 * there may be, and no further.
 *
 * Refuses: a line above the limit, before it has come to its end (spec: LINE-2).
 * Page: protocol/line.md · Floor: link.
 */
import { WireError } from '../base/errors.ts'
import { limits } from '../wire/limits.ts'

const LF = 0x0a
const CR = 0x0d
/** With a CR that will be taken away. */
const LONGEST = limits.line + 1

export class LineReader {
  #kept = new Uint8Array(256)
  #length = 0

  /** Hands on each whole line with its LF; a view, valid during the call. False ends the reading. */
  take(bytes: Uint8Array, onLine: (line: Uint8Array) => boolean): void {
    let start = 0
    for (;;) {
      const end = bytes.indexOf(LF, start)
      const part = bytes.subarray(start, end < 0 ? bytes.length : end + 1)
      if (this.#length + part.length > LONGEST)
        throw new WireError('GH_WIRE_LENGTH', 'line', 0, `at most ${limits.line}`)
      if (end < 0) return this.#keep(part)
      start = end + 1
      if (!onLine(withoutCr(this.#joined(part)))) return
    }
  }

  #joined(part: Uint8Array): Uint8Array {
    if (this.#length === 0) return part
    this.#keep(part)
    const line = this.#kept.subarray(0, this.#length)
    this.#length = 0
    return line
  }

  #keep(part: Uint8Array): void {
    const length = this.#length + part.length
    if (length > this.#kept.length) {
      const larger = new Uint8Array(Math.min(LONGEST, Math.max(length, 2 * this.#kept.length)))
      larger.set(this.#kept.subarray(0, this.#length))
      this.#kept = larger
    }
    this.#kept.set(part, this.#length)
    this.#length = length
  }
}

function withoutCr(line: Uint8Array): Uint8Array {
  if (line[line.length - 2] !== CR) return line
  const plain = line.slice(0, -1)
  plain[plain.length - 1] = LF
  return plain
}
