/**
 * What a program wrote to a simulated connection and the system has not sent: chunks in, pieces of any length out.
 *
 *   push ─▶ [chunk][chunk][chunk] ─▶ take(n): a copy, across the chunks they came in
 *
 * Floor: testing.
 */
import { pooled } from './pool.ts'

export class Written {
  #chunks: Uint8Array[] = []
  /** Bytes that wait. */
  length = 0

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
  }

  /** A copy of the next bytes; `length` of them must be here. */
  take(length: number): Uint8Array {
    const out = pooled(length)
    this.length -= length
    // Mostly all there is, in one chunk.
    if (this.#chunks.length === 1 && this.length === 0) {
      out.set(this.#chunks.pop()!)
      return out
    }
    let at = 0
    let used = 0
    while (at < length) {
      const chunk = this.#chunks[used]!
      const part = chunk.subarray(0, length - at)
      out.set(part, at)
      at += part.length
      if (part.length === chunk.length) used++
      else this.#chunks[used] = chunk.subarray(part.length)
    }
    this.#chunks.splice(0, used)
    return out
  }

  clear(): void {
    this.#chunks = []
    this.length = 0
  }
}
