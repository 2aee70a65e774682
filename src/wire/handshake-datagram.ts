/**
 * The handshake in datagrams: the units of TCP, each with a MAC and the connection ids.
 *
 *   +------+-----------+------------------+-------------------------------------------------+
 *   | type | MAC, 16 B | initiator id, 12 | by type                                         |
 *   +------+-----------+------------------+-------------------------------------------------+
 *    0x01 MESSAGE_1                       | length, u16 | Noise message 1 | zeros to 1,200 B |
 *    0x02 RESPONDER_UNIT                  | responder id, 12 | unit                          |
 *    0x03 MESSAGE_3                       | responder id, 12 | Noise message 3               |
 *
 * The MAC is over the type and all that is behind the MAC, under a key of the swarm: who has
 * not the swarm key costs us one hash, and gets no byte (decision 5). Message 1 is padded, so that
 * no answer is larger than its question, and so that a path that is too narrow shows at once
 * (RFC 9000 §14.1). A unit begins with the byte that says message 2, cookie or version refusal;
 * before message 2 the responder has no id, and twelve zeros stand for it.
 *
 * Refuses (spec: PKT-2): any other type, a message 1 that is not of 1,200 bytes or not padded with zeros, and
 * the others beyond 1,200.
 * Page: protocol/handshake.md · Vectors: protocol/vectors/handshake-datagram.json · Floor: wire.
 */
import { concat } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'
import { handshakeDatagrams } from './registry.ts'

export const DATAGRAM_MAC_LENGTH = 16

export type HandshakeDatagram =
  | {
      readonly kind: 'MESSAGE_1'
      readonly initiatorId: Uint8Array
      /** Noise message 1: at most 1,169 bytes. */
      readonly body: Uint8Array
    }
  | {
      readonly kind: 'RESPONDER_UNIT' | 'MESSAGE_3'
      readonly initiatorId: Uint8Array
      /** Twelve zeros in front of a cookie or a version refusal. */
      readonly responderId: Uint8Array
      /** The unit, or Noise message 3: at most 1,159 bytes, and not empty. */
      readonly body: Uint8Array
    }

const { MESSAGE_1, RESPONDER_UNIT, MESSAGE_3 } = handshakeDatagrams
const MAC_END = 1 + DATAGRAM_MAC_LENGTH
const BODY_1 = MAC_END + limits.connectionId + 2
const BODY = MAC_END + 2 * limits.connectionId

/** The longest Noise message 1, and the longest of what else a handshake datagram holds. */
export const MESSAGE_1_ROOM: number = limits.datagramLeast - BODY_1
export const HANDSHAKE_ROOM: number = limits.datagramLeast - BODY

/** Has it the type and a length of a handshake datagram? To be asked before its MAC. */
export function isHandshakeDatagram(datagram: Uint8Array): boolean {
  const { length } = datagram
  switch (datagram[0]) {
    case MESSAGE_1:
      return length === limits.datagramLeast
    case RESPONDER_UNIT:
    case MESSAGE_3:
      return length > BODY && length <= limits.datagramLeast
    default:
      return false
  }
}

/** The whole datagram. `macOf` is handed what the MAC is made over, and gives its 16 bytes. */
export function encodeHandshakeDatagram(
  datagram: HandshakeDatagram,
  macOf: (covered: Uint8Array) => Uint8Array,
): Uint8Array {
  const { kind, initiatorId, body } = datagram
  const w = new ByteWriter(new Uint8Array(limits.datagramLeast))
  w.u8(handshakeDatagrams[kind]).raw(initiatorId)
  const room = datagram.kind === 'MESSAGE_1' ? MESSAGE_1_ROOM : HANDSHAKE_ROOM
  if (body.length > room) throw new GuildError('GH_INTERNAL', `${kind} of ${body.length} bytes`)
  if (datagram.kind === 'MESSAGE_1') {
    w.u16(body.length).raw(body)
    w.raw(new Uint8Array(room - body.length))
  } else {
    w.raw(datagram.responderId).raw(body)
  }
  const covered = w.view()
  return concat(covered.subarray(0, 1), macOf(covered), covered.subarray(1))
}

/** The MAC a handshake datagram came with: a view. The caller has asked `isHandshakeDatagram`. */
export function macOfDatagram(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(1, MAC_END)
}

/** What the MAC is made over: type ‖ all behind the MAC. */
export function macCovers(datagram: Uint8Array): Uint8Array {
  return concat(datagram.subarray(0, 1), datagram.subarray(MAC_END))
}

/** The MAC is skipped: it was checked before, or these bytes are only explained. */
export function decodeHandshakeDatagram(datagram: Uint8Array, notes?: Note[]): HandshakeDatagram {
  const r = new ByteReader(datagram, notes)
  const type = r.u8('type')
  if (type !== MESSAGE_1 && type !== RESPONDER_UNIT && type !== MESSAGE_3)
    throw new WireError('GH_WIRE_VALUE', 'type', 0, `0x${type.toString(16)}`)
  if (datagram.length > limits.datagramLeast)
    throw new WireError('GH_WIRE_LONG', 'datagram', 1, `${datagram.length} bytes`)
  r.take(DATAGRAM_MAC_LENGTH, 'MAC')
  const initiatorId = r.take(limits.connectionId, 'initiator id')
  if (type === MESSAGE_1) return { kind: 'MESSAGE_1', initiatorId, body: decodeBody1(r) }
  const responderId = r.take(limits.connectionId, 'responder id')
  if (r.remaining === 0) throw new WireError('GH_WIRE_SHORT', 'message', r.offset)
  if (type === MESSAGE_3) return { kind: 'MESSAGE_3', initiatorId, responderId, body: r.rest('message 3') }
  return { kind: 'RESPONDER_UNIT', initiatorId, responderId, body: r.rest('unit') }
}

function decodeBody1(r: ByteReader): Uint8Array {
  const at = r.offset
  const length = r.u16('message 1 length')
  if (length > MESSAGE_1_ROOM)
    throw new WireError('GH_WIRE_LENGTH', 'message 1 length', at, `${length}, at most ${MESSAGE_1_ROOM}`)
  const body = r.take(length, 'message 1')
  const padding = r.offset
  const short = limits.datagramLeast - r.bytes.length
  if (short > 0) throw new WireError('GH_WIRE_SHORT', 'padding', padding, `${short} bytes are missing`)
  if (r.rest('padding').some(byte => byte !== 0)) throw new WireError('GH_WIRE_RESERVED', 'padding', padding)
  return body
}
