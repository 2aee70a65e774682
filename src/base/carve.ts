/**
 * Small byte arrays cut from large ones: memory outside the heap is dear to make and to clear away.
 *
 *   | entry | entry | entry |  …  free |        64 KiB; the next one begins when it is full
 *
 * For what is made by the thousand and forgotten together. A piece that is kept keeps its whole
 * slab, so what lives long is copied.
 *
 * Floor: base.
 */
const SLAB = 64 * 1024
/** Larger ones have memory of their own. */
const PIECE_MAX = 8 * 1024

let slab: Uint8Array = new Uint8Array(0)
let at = 0

/** So many bytes, all zero. */
export function carve(length: number): Uint8Array {
  if (length > PIECE_MAX) return new Uint8Array(length)
  if (at + length > slab.length) {
    slab = new Uint8Array(SLAB)
    at = 0
  }
  at += length
  return slab.subarray(at - length, at)
}
