/**
 * What is said once, or not at all: DATAGRAM frames on their way out (RFC 9221).
 *
 *   push ──▶ [ 1 … 64 ] ──▶ fill: whole, into a packet, beside control and streams
 *               └ full: the oldest goes, and is counted
 *
 * They are not told of an acknowledgement nor of a loss: nobody sends them again. They wait for the
 * congestion window like everything else, and what waited too long is of no use to anybody.
 *
 * Refuses: more than 64 at a time.
 * Page: protocol/packets.md (spec: DGRAM-1) · Floor: packets.
 */
import { copy } from '../base/bytes.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { ByteWriter } from '../base/writer.ts'
import { encodeDatagram } from '../wire/frames/datagram.ts'

const WAITING = 64
/** Type, and a length of two bytes. */
const HEAD = 3

export class DatagramsOut {
  /** Made when the first one is said: most links never say one. */
  #queue: BoundedQueue<Uint8Array> | undefined

  get waiting(): boolean {
    return this.#queue !== undefined && this.#queue.length > 0
  }

  /** How many gave way to newer ones. */
  get dropped(): number {
    return this.#queue?.dropped ?? 0
  }

  /** Puts a copy in line; at most 1,100 bytes, the caller has checked. */
  push(bytes: Uint8Array): void {
    this.#queue ??= new BoundedQueue(WAITING, 'oldest')
    this.#queue.push(copy(bytes))
  }

  /** Writes those that fit whole. True when one is left that did not. */
  fill(w: ByteWriter): boolean {
    const queue = this.#queue
    for (let one = queue?.peek(); one !== undefined; one = queue!.peek()) {
      if (w.room < HEAD + one.length) return true
      encodeDatagram(w, one)
      queue!.shift()
    }
    return false
  }
}
