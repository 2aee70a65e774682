/**
 * Frames on the life of a link: let in, turned away, emptied, ended.
 *
 *   ACCEPTED  0x20 | observed address            first frame of a responder that lets the peer in
 *   REFUSED   0x21 | reason | detail             first frame of one that does not; PEERS follow
 *   DRAIN     0x22                               this link lost the tie-break: no new streams on it
 *   CLOSE     0x23 | code | detail               the link ends; nothing follows
 *   REKEY     0x24                               last frame of the last record under the old key
 *
 * The observed address is a multiaddr in bytes, behind its length, empty where it
 * means nothing: how the responder sees the initiator. Details are for people, and
 * are escaped where they are shown.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes, type Refusal, refusals } from '../registry.ts'

export function encodeAccepted(w: ByteWriter, observed: Uint8Array): void {
  w.varint(frameTypes.ACCEPTED.type).prefixed(observed)
}

export function decodeAccepted(r: ByteReader): Uint8Array {
  return r.prefixed(limits.address, 'observed address')
}

export function encodeRefused(w: ByteWriter, reason: Refusal, detail: string): void {
  w.varint(frameTypes.REFUSED.type).varint(refusals[reason]).text(detail)
}

export function decodeRefused(r: ByteReader): { reason: Refusal; detail: string } {
  const at = r.offset
  const number = r.varint('reason')
  const reason = (Object.keys(refusals) as Refusal[]).find(name => refusals[name] === number)
  if (reason === undefined) throw new WireError('GH_WIRE_VALUE', 'reason', at, String(number))
  return { reason, detail: r.text(limits.detail, 'detail') }
}

export function encodeDrain(w: ByteWriter): void {
  w.varint(frameTypes.DRAIN.type)
}

export function encodeClose(w: ByteWriter, code: number, detail: string): void {
  w.varint(frameTypes.CLOSE.type).varint(code).text(detail)
}

export function decodeClose(r: ByteReader): { code: number; detail: string } {
  return { code: r.varint('code'), detail: r.text(limits.detail, 'detail') }
}

export function encodeRekey(w: ByteWriter): void {
  w.varint(frameTypes.REKEY.type)
}
