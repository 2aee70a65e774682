/**
 * DATAGRAM carries some bytes once: never sent again, never put in order (RFC 9221).
 *
 *   +------+--------+---------+
 *   | 0x0e | length | bytes … |
 *   +------+--------+---------+
 *
 * It holds at most 1,100 bytes on every carrier, so that whoever sends one need not know
 * whether it leaves in a record or in the smallest packet (spec: DGRAM-1, decision 11). It has its length
 * also where it is the last frame: the other form of QUIC would save two bytes and cost a case.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/packet-frames.json · Floor: wire.
 */
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

/** `bytes` are a view, valid during the call. */
export interface DatagramSink {
  datagram(bytes: Uint8Array): void
}

/** At most 1,100 bytes; the caller has checked. */
export function encodeDatagram(w: ByteWriter, bytes: Uint8Array): void {
  w.varint(frameTypes.DATAGRAM.type).prefixed(bytes)
}

export function decodeDatagram(r: ByteReader): Uint8Array {
  return r.prefixed(limits.datagramFrame, 'datagram')
}
