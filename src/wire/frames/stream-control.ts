/**
 * Frames that steer streams: cut them, and grant credit.
 *
 *   RESET_STREAM     0x04 | stream id | code | final size     the sender gives up
 *   STOP_SENDING     0x05 | stream id | code                  the reader gives up
 *   MAX_DATA         0x10 | maximum                           link credit, absolute
 *   MAX_STREAM_DATA  0x11 | stream id | maximum               stream credit, absolute
 *   MAX_STREAMS      0x12 | count                             streams the peer may have opened, absolute
 *
 * All fields are QUIC integers. Credit is absolute, never a delta: a lower value
 * than before is ignored (spec: FR-11), and nothing can overflow.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import type { ByteWriter } from '../../base/writer.ts'
import { frameTypes } from '../registry.ts'

export function encodeResetStream(w: ByteWriter, id: number, code: number, finalSize: number): void {
  w.varint(frameTypes.RESET_STREAM.type).varint(id).varint(code).varint(finalSize)
}

export function encodeStopSending(w: ByteWriter, id: number, code: number): void {
  w.varint(frameTypes.STOP_SENDING.type).varint(id).varint(code)
}

export function encodeMaxData(w: ByteWriter, maximum: number): void {
  w.varint(frameTypes.MAX_DATA.type).varint(maximum)
}

export function encodeMaxStreamData(w: ByteWriter, id: number, maximum: number): void {
  w.varint(frameTypes.MAX_STREAM_DATA.type).varint(id).varint(maximum)
}

export function encodeMaxStreams(w: ByteWriter, count: number): void {
  w.varint(frameTypes.MAX_STREAMS.type).varint(count)
}
