/**
 * HELLO: who a node is and how it can be reached; the payload of messages 2 and 3.
 *
 *   +----------------+-----------------+--------------+-----------------------------+
 *   | identity key   | signature       | name         | TCP, UDP, line port         |
 *   | 32 bytes       | 64 bytes        | length, UTF-8| three varints, 0 = none     |
 *   +----------------+-----------------+--------------+-----------------------------+
 *   | parameters     | link count      | link id      | flags, one byte             |
 *   |                | varint          | 8 bytes      | bit 0 resumable, others 0   |
 *   +----------------+-----------------+--------------+-----------------------------+
 *
 * The signature is Ed25519 over  domain ‖ role ‖ h, where h is the handshake hash
 * just before this payload is encrypted: it binds the identity to this very
 * handshake, in this role. The link id is chosen by the initiator; a responder
 * sends eight zero bytes.
 *
 * Page: protocol/handshake.md · Floor: wire.
 */
import { concat, utf8 } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'
import { decodeParameters, encodeParameters, type Parameters } from './parameters.ts'

export type Role = 'initiator' | 'responder'

export interface Hello {
  readonly identityKey: Uint8Array
  readonly signature: Uint8Array
  readonly name: string
  readonly tcpPort: number
  readonly udpPort: number
  readonly linePort: number
  readonly parameters: Parameters
  /** Links to other peers at this moment. */
  readonly linkCount: number
  readonly linkId: Uint8Array
  readonly resumable: boolean
}

export const LINK_ID_LENGTH = 8

const domain = utf8('guild-home identity v1')
const roleByte = { initiator: Uint8Array.of(0x01), responder: Uint8Array.of(0x02) } as const

/** The bytes a HELLO's signature is made over (spec: HAND-10). */
export function helloSignedBytes(role: Role, handshakeHash: Uint8Array): Uint8Array {
  return concat(domain, roleByte[role], handshakeHash)
}

export function encodeHello(hello: Hello): Uint8Array {
  const w = new ByteWriter(256)
  w.raw(hello.identityKey).raw(hello.signature).text(hello.name)
  w.varint(hello.tcpPort).varint(hello.udpPort).varint(hello.linePort)
  encodeParameters(w, hello.parameters)
  w.varint(hello.linkCount).raw(hello.linkId)
  return w.u8(hello.resumable ? 1 : 0).view()
}

export function decodeHello(bytes: Uint8Array, notes?: Note[]): Hello {
  const r = new ByteReader(bytes, notes)
  const identityKey = r.take(32, 'identity key')
  const signature = r.take(64, 'signature')
  const name = r.text(limits.name, 'name')
  const tcpPort = r.varint('TCP port', 65_535)
  const udpPort = r.varint('UDP port', 65_535)
  const linePort = r.varint('line port', 65_535)
  const parameters = decodeParameters(r)
  const linkCount = r.varint('link count')
  const linkId = r.take(LINK_ID_LENGTH, 'link id')
  const flagsAt = r.offset
  const flags = r.u8('flags')
  if (flags > 1)
    // spec: HAND-17
    throw new WireError('GH_WIRE_RESERVED', 'flags', flagsAt)
  r.end('HELLO')
  return {
    identityKey,
    signature,
    name,
    tcpPort,
    udpPort,
    linePort,
    parameters,
    linkCount,
    linkId,
    resumable: flags === 1,
  }
}
