/**
 * PATH_CHALLENGE asks over one path; PATH_RESPONSE answers over it with the same bytes.
 *
 *   +------------------+------------------+
 *   | 0x0a or 0x0b     | data, 8 bytes    |
 *   +------------------+------------------+
 *
 * Whoever sends the 8 random bytes back has received there what was sent there
 * (RFC 9000 §8.2): so an address is proved, before it gets more than 3 times what came from it.
 * Neither is ever sent again as it was: a new challenge has new bytes.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/packet-frames.json · Floor: wire.
 */
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { frameTypes } from '../registry.ts'

export const PATH_DATA_LENGTH = 8

/** `data` is a view, valid during the call. */
export interface PathSink {
  pathChallenge(data: Uint8Array): void
  pathResponse(data: Uint8Array): void
}

export function encodePathChallenge(w: ByteWriter, data: Uint8Array): void {
  w.varint(frameTypes.PATH_CHALLENGE.type).raw(data)
}

export function encodePathResponse(w: ByteWriter, data: Uint8Array): void {
  w.varint(frameTypes.PATH_RESPONSE.type).raw(data)
}

export function decodePathData(r: ByteReader): Uint8Array {
  return r.take(PATH_DATA_LENGTH, 'data')
}
