/**
 * A set of block numbers as bits, in pieces that are made when they are needed.
 *
 *   number 70,000 ─▶ piece 2, bit 4,464        a piece is 4 KiB: 32,768 numbers
 *
 * Ten million blocks are 1.25 MB, where a set of their names would be a gigabyte.
 *
 * Floor: store.
 */
const BITS = 32_768

export class Marks {
  readonly #pieces = new Map<number, Uint8Array>()

  /** False when it was in already. */
  add(number: number): boolean {
    const at = Math.floor(number / BITS)
    let piece = this.#pieces.get(at)
    if (piece === undefined) {
      piece = new Uint8Array(BITS / 8)
      this.#pieces.set(at, piece)
    }
    const [byte, bit] = place(number)
    if ((piece[byte]! & bit) !== 0) return false
    piece[byte]! |= bit
    return true
  }

  has(number: number): boolean {
    const [byte, bit] = place(number)
    return ((this.#pieces.get(Math.floor(number / BITS))?.[byte] ?? 0) & bit) !== 0
  }
}

function place(number: number): readonly [byte: number, bit: number] {
  return [(number % BITS) >> 3, 1 << (number & 7)]
}
