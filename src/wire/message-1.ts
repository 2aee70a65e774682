/**
 * What the initiator says in message 1, sealed by the swarm key.
 *
 *   +----------------+-----------------+-------------+------------+--------------+
 *   | version count  | versions …      | time, ms    | parameters | cookie       |
 *   | varint         | varints         | varint      |            | length, bytes|
 *   +----------------+-----------------+-------------+------------+--------------+
 *
 * Versions descend: the one liked best comes first. The time is the wall clock in
 * milliseconds since 1970; it proves freshness, and a wrong one costs a cookie round,
 * never the link. The cookie is empty but on a retry. Nothing here is acted on for
 * more than that before the handshake ends (spec: HS-21).
 *
 * Page: protocol/handshake.md · Floor: wire.
 */
import { WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'
import { decodeParameters, encodeParameters, type Parameters } from './parameters.ts'

export interface Message1 {
  readonly versions: readonly number[]
  readonly time: number
  readonly parameters: Parameters
  readonly cookie: Uint8Array
}

export function encodeMessage1(message: Message1): Uint8Array {
  const w = new ByteWriter()
  w.varint(message.versions.length)
  for (const version of message.versions) w.varint(version)
  w.varint(message.time)
  encodeParameters(w, message.parameters)
  return w.prefixed(message.cookie).view()
}

export function decodeMessage1(bytes: Uint8Array, notes?: Note[]): Message1 {
  const r = new ByteReader(bytes, notes)
  const versions = decodeVersions(r)
  const time = r.varint('time')
  const parameters = decodeParameters(r)
  const cookie = r.prefixed(limits.cookie, 'cookie')
  r.end('message 1 payload')
  return { versions, time, parameters, cookie }
}

/** A list of versions: also the whole content of a version refusal (spec: HAND-15). */
export function decodeVersions(r: ByteReader): number[] {
  const at = r.offset
  const count = r.varint('version count', 16)
  if (count === 0) throw new WireError('GH_WIRE_VALUE', 'version count', at, 'at least one')
  const versions: number[] = []
  for (let i = 0; i < count; i++) versions.push(r.varint('version'))
  return versions
}
