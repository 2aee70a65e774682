/**
 * Memory for datagrams on their way out, used again as soon as the system has sent one.
 *
 *   room(n)   ┌──────────┬───── n ─────┬────────────┐    sent at once: the next one is written over it
 *             └─ kept ───┴─────────────┴── free ────┘    kept: the next one stands behind it
 *
 * A datagram may be 64 KiB, and memory that is made new for each costs more than its seal: it is
 * zeroed, it pushes everything else out of the cache, and it makes the collector run every few
 * milliseconds. Nearly always the system has its own copy when `send` returns.
 *
 * Shared by all links of a node: a datagram is sealed and sent before the next is begun.
 * Floor: packets.
 */
/** Some datagrams of the largest size, and many of the usual. */
const SIZE = 4 * 65_536

export class Slab {
  #bytes: Uint8Array | undefined
  #at = 0

  /** `length` bytes to write to, at most four datagrams; what was there is still there. */
  room(length: number): Uint8Array {
    if (this.#bytes === undefined || this.#at + length > SIZE) {
      this.#bytes = new Uint8Array(SIZE)
      this.#at = 0
    }
    return this.#bytes.subarray(this.#at, this.#at + length)
  }

  /** Somebody holds what was given out last, so long. */
  keep(length: number): void {
    this.#at += length
  }
}
