/**
 * STREAM carries bytes of one stream at an offset; STREAM_FIN says they are the last.
 *
 *   +--------------+-----------+--------+--------+---------+
 *   | 0x08 or 0x09 | stream id | offset | length | bytes … |
 *   +--------------+-----------+--------+--------+---------+
 *
 * The offset stands on every carrier (decision 10), so that a stream can move from
 * one to another. The first bytes of a stream name its protocol: see
 * `stream-header.ts`. An empty STREAM without FIN says nothing and costs budget.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import { varintLength } from '../../base/varint.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

/** Bytes a STREAM frame takes before its data. */
export function streamOverhead(id: number, offset: number, length: number): number {
  return 1 + varintLength(id) + varintLength(offset) + varintLength(length)
}

/** The head of a STREAM frame; the caller writes `length` bytes behind it. */
export function encodeStreamHead(
  w: ByteWriter,
  id: number,
  offset: number,
  length: number,
  fin: boolean,
): void {
  w.varint(fin ? frameTypes.STREAM_FIN.type : frameTypes.STREAM.type)
  w.varint(id).varint(offset).varint(length)
}

/** Where a STREAM frame's data goes: a direct call, no object per frame. */
export interface StreamSink {
  stream(id: number, offset: number, data: Uint8Array, fin: boolean): void
}

export function decodeStream(r: ByteReader, fin: boolean, sink: StreamSink): void {
  const id = r.varint('stream id')
  const at = r.offset
  const offset = r.varint('offset')
  const data = r.prefixed(limits.recordPlaintext, 'data')
  if (offset + data.length > Number.MAX_SAFE_INTEGER) throw new WireError('GH_WIRE_VALUE', 'offset', at)
  sink.stream(id, offset, data, fin)
}
