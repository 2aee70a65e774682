/**
 * CONTROL carries bytes of one ordered stream in packets: frames that must not overtake each other.
 *
 *   +------+--------+--------+---------+
 *   | 0x06 | offset | length | bytes … |
 *   +------+--------+--------+---------+
 *
 *   those bytes, put in order:   | length | frame | length | frame | …
 *
 * What a link says of itself and of the mesh may be larger than a packet and must come in the
 * order it was said; records give both, packets neither. So these frames stand inside CONTROL,
 * each behind its length, which tells where to wait.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/packet-frames.json · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import { varintLength } from '../../base/varint.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

/** Where CONTROL's bytes go: a direct call. `bytes` are a view, valid during the call. */
export interface ControlSink {
  control(offset: number, bytes: Uint8Array): void
}

/** Bytes a CONTROL frame takes before its data. */
export function controlOverhead(offset: number, length: number): number {
  return 1 + varintLength(offset) + varintLength(length)
}

/** The head of a CONTROL frame; the caller writes `length` bytes behind it. */
export function encodeControlHead(w: ByteWriter, offset: number, length: number): void {
  w.varint(frameTypes.CONTROL.type).varint(offset).varint(length)
}

export function decodeControl(r: ByteReader, sink: ControlSink): void {
  const at = r.offset
  const offset = r.varint('offset')
  const bytes = r.prefixed(limits.datagram, 'control')
  if (offset + bytes.length > Number.MAX_SAFE_INTEGER) throw new WireError('GH_WIRE_VALUE', 'offset', at)
  sink.control(offset, bytes)
}
