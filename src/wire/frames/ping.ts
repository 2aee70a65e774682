/**
 * PING asks for a PONG with the same nonce: it proves life and measures the RTT.
 *
 *   +------------------+------------------+
 *   | 0x01 or 0x02     | nonce, 8 bytes   |
 *   +------------------+------------------+
 *
 * A PONG whose nonce was not asked for is ignored (spec: PING-2, PT-11).
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { frameTypes } from '../registry.ts'

export const NONCE_LENGTH = 8

export function encodePing(w: ByteWriter, nonce: Uint8Array): void {
  w.varint(frameTypes.PING.type).raw(nonce)
}

export function encodePong(w: ByteWriter, nonce: Uint8Array): void {
  w.varint(frameTypes.PONG.type).raw(nonce)
}

export function decodeNonce(r: ByteReader): Uint8Array {
  return r.take(NONCE_LENGTH, 'nonce')
}
