/**
 * A short list of numbers a node tells about itself.
 *
 *   +-----------+--------------------------------+
 *   | count     | count × ( id, value )          |
 *   +-----------+--------------------------------+
 *
 * All are QUIC integers. Ids ascend and do not repeat; an id nobody knows is
 * ignored (on purpose: it is how the protocol grows; spec: HAND-17).
 *
 * Page: protocol/handshake.md · Floor: wire.
 */
import { WireError } from '../base/errors.ts'
import type { ByteReader } from '../base/reader.ts'
import type { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'

export type Parameters = ReadonlyMap<number, number>

export function encodeParameters(w: ByteWriter, parameters: Parameters): void {
  w.varint(parameters.size)
  for (const [id, value] of [...parameters].sort((a, b) => a[0] - b[0])) w.varint(id).varint(value)
}

export function decodeParameters(r: ByteReader): Parameters {
  const count = r.varint('parameter count', limits.parameters)
  const out = new Map<number, number>()
  let last = -1
  for (let i = 0; i < count; i++) {
    const at = r.offset
    const id = r.varint('parameter id')
    if (id <= last) throw new WireError('GH_WIRE_VALUE', 'parameter id', at, 'ids must ascend')
    last = id
    out.set(id, r.varint('parameter value'))
  }
  return out
}
