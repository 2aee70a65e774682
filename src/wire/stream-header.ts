/**
 * The first bytes of every stream: which protocol is spoken on it.
 *
 *   +-----------------+--------------------+
 *   | length, varint  | protocol id, UTF-8 |   then the protocol's own bytes
 *   +-----------------+--------------------+
 *
 * The opener writes it in front of its first data, so opening costs no round trip;
 * an unknown id is answered with RESET_STREAM and STOP_SENDING, code PROTOCOL_UNKNOWN.
 * An id begins with `/` and is printable ASCII without spaces (spec: STREAM-3).
 *
 * Page: protocol/streams.md · Floor: wire.
 */
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader } from '../base/reader.ts'
import { varintWidth } from '../base/varint.ts'
import { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'

const shape = /^\/[\x21-\x7e]+$/

export function isProtocolId(id: string): boolean {
  return id.length <= limits.protocolId && shape.test(id)
}

export function encodeStreamHeader(protocol: string): Uint8Array {
  if (!isProtocolId(protocol))
    throw new GuildError(
      'GH_OPTION_INVALID',
      `protocol id "${protocol}": use /name/version in printable ASCII`,
    )
  return new ByteWriter().text(protocol).view()
}

/** How long the header is that begins like this; undefined while its own length is not whole. */
export function streamHeaderLength(bytes: Uint8Array): number | undefined {
  const first = bytes[0]
  if (first === undefined || bytes.length < varintWidth(first)) return undefined
  return varintWidth(first) + new ByteReader(bytes).varint('protocol id length', limits.protocolId)
}

/** The protocol id; the stream's own bytes follow. */
export function decodeStreamHeader(r: ByteReader): string {
  const at = r.offset
  const protocol = r.text(limits.protocolId, 'protocol id')
  if (!isProtocolId(protocol)) throw new WireError('GH_WIRE_VALUE', 'protocol id', at)
  return protocol
}
