/**
 * PADDING: a byte of 0, as often as there is room.
 *
 * Probes of a path's size and challenges are as long as what they try; the rest of them is this.
 *
 * Floor: packets.
 */
import type { ByteWriter } from '../base/writer.ts'

/** As long as the longest datagram. */
const zeros = new Uint8Array(65_535)

export function pad(w: ByteWriter): void {
  if (w.room > 0) w.raw(zeros.subarray(0, w.room))
}
