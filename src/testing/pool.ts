/**
 * Memory for many small pieces: views of one large buffer.
 *
 * V8 keeps an array of up to 64 bytes in its own heap and moves it out when somebody takes a view of
 * it, and readers here do nothing else. Views of what is outside already are cheap.
 *
 * Floor: testing.
 */
const POOL = 64 * 1024
/** Of more bytes than these the memory costs more than its view. */
const SMALL = 8 * 1024

let pool = new ArrayBuffer(POOL)
let taken = 0

/** So many bytes that nobody else has. */
export function pooled(length: number): Uint8Array {
  if (length > SMALL) return new Uint8Array(length)
  if (taken + length > POOL) {
    pool = new ArrayBuffer(POOL)
    taken = 0
  }
  taken += length
  return new Uint8Array(pool, taken - length, length)
}
