/**
 * PADDING says nothing: a byte of 0, as many as a packet needs to be as long as it should.
 *
 * Page: protocol/frames.md · Floor: wire.
 */
import type { ByteWriter } from '../../base/writer.ts'

const zeros = new Uint8Array(65_535)

/** Fills what room is left, up to a whole datagram. */
export function encodePadding(w: ByteWriter): void {
  if (w.room > 0) w.raw(zeros.subarray(0, w.room))
}
