/**
 * How much may wait in the system for a UDP socket: under a flood, as much as is read in a twentieth of a second.
 *
 *   turn of 32 ─▶ turn of 32 ─▶ … a streak, half of it good for nothing ─▶ what it read in its time is the size
 *   a turn of fewer: the queue was empty, and after a second without a streak the size is the largest again
 *
 * The system hands out 32 datagrams a turn. Where more come than are read the queue is full however long
 * it is, and as many are lost; but what is not lost has waited for all that stood before it, and 8 MiB of
 * small datagrams that each cost 40 µs to refuse are half a second (P15). What peers send is of use, and where it
 * comes in bursts, or we are slow, the size stays the largest.
 *
 * Sizes are as the system counts them, what it keeps beside a datagram included. Floor: transport.
 */
import type { Millis } from '../base/machine.ts'

/** What the system hands out in a turn at most. */
const BURST = 32
/** What it keeps beside the bytes of each datagram: 768 on Linux. */
const BESIDE = 768
/** How long the last in the queue may wait. */
const WAIT: Millis = 50
/** A streak says something after so long, and then every so often. */
const LONG: Millis = 50
/** Without a streak for so long the queue may be long again. */
const QUIET: Millis = 1_000
/** No less than a few of the largest datagrams. */
const LEAST = 256 * 1024

export class ReceiveRoom {
  readonly #most: number
  #size: number
  /** When the streak began, and what it read since. */
  #since: Millis | undefined
  #read = 0
  #datagrams = 0
  #wasted = 0
  #lastStreak: Millis = 0

  /** `most`: what the system granted. */
  constructor(most: number) {
    this.#most = most
    this.#size = most
  }

  /** A turn has read so many datagrams with so many bytes, of which so many came to nothing. Another size for the queue, or undefined. */
  turned(datagrams: number, bytes: number, wasted: number, now: Millis): number | undefined {
    if (datagrams < BURST) {
      this.#since = undefined
      if (this.#size === this.#most || now - this.#lastStreak < QUIET) return undefined
      return this.#resize(this.#most)
    }
    this.#lastStreak = now
    // The turn that begins a streak found a queue that grew before anybody looked.
    if (this.#since === undefined) {
      this.#begin(now)
      return undefined
    }
    this.#read += bytes + datagrams * BESIDE
    this.#datagrams += datagrams
    this.#wasted += wasted
    const took = now - this.#since
    if (took < LONG) return undefined
    const flooded = 2 * this.#wasted >= this.#datagrams
    const read = Math.max(LEAST, (this.#read / took) * WAIT)
    const fits = flooded ? Math.min(this.#most, read) : this.#most
    this.#begin(now)
    return Math.abs(fits - this.#size) > this.#size / 4 ? this.#resize(fits) : undefined
  }

  #begin(now: Millis): void {
    this.#since = now
    this.#read = 0
    this.#datagrams = 0
    this.#wasted = 0
  }

  #resize(size: number): number {
    this.#size = Math.round(size)
    return this.#size
  }
}
