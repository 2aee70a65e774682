/**
 * NEW_CONNECTION_ID gives the peer a name for us to write on packets; RETIRE_CONNECTION_ID lets go of one.
 *
 *   NEW_CONNECTION_ID     0x0c | sequence | retire prior to | id, 12 bytes | reset token, 16 bytes
 *   RETIRE_CONNECTION_ID  0x0d | sequence
 *
 * Sequence 0 is the id of the handshake datagrams; its frame tells the token only. Whoever
 * changes its address takes an unused id, so that the two paths cannot be told to be one link
 * (RFC 9000 §5.1, §19.15). "Retire prior to" asks the peer to let go of all older ones.
 *
 * Refuses: "retire prior to" above the sequence (spec: CID-1).
 * Page: protocol/frames.md · Vectors: protocol/vectors/packet-frames.json · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { ByteReader } from '../../base/reader.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

/** `id` and `resetToken` are views, valid during the call. */
export interface ConnectionIdSink {
  newConnectionId(sequence: number, retirePriorTo: number, id: Uint8Array, resetToken: Uint8Array): void
  retireConnectionId(sequence: number): void
}

export function encodeNewConnectionId(
  w: ByteWriter,
  sequence: number,
  retirePriorTo: number,
  id: Uint8Array,
  resetToken: Uint8Array,
): void {
  w.varint(frameTypes.NEW_CONNECTION_ID.type).varint(sequence).varint(retirePriorTo).raw(id).raw(resetToken)
}

export function decodeNewConnectionId(r: ByteReader, sink: ConnectionIdSink): void {
  const sequence = r.varint('sequence')
  const at = r.offset
  const retirePriorTo = r.varint('retire prior to')
  if (retirePriorTo > sequence)
    throw new WireError('GH_WIRE_VALUE', 'retire prior to', at, `${retirePriorTo} of ${sequence}`)
  const id = r.take(limits.connectionId, 'connection id')
  sink.newConnectionId(sequence, retirePriorTo, id, r.take(limits.resetToken, 'reset token'))
}

export function encodeRetireConnectionId(w: ByteWriter, sequence: number): void {
  w.varint(frameTypes.RETIRE_CONNECTION_ID.type).varint(sequence)
}
