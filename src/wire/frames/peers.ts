/**
 * REQUEST_PEERS asks whom a peer knows; PEERS tells. MESH says how whole one's mesh is.
 *
 *   REQUEST_PEERS  0x18
 *   PEERS          0x19 | count | count × ( identity key, 32 bytes | name | age, s | address count | addresses )
 *   MESH           0x1b | linked | known
 *
 * An address is a multiaddr in bytes, behind its length. The age is how many seconds
 * ago the teller last heard that peer. MESH tells to how many peers a node is linked and
 * how many it knows: where the two differ, chat is passed on (decision 15).
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import { utf8Length } from '../../base/bytes.ts'
import type { ByteReader } from '../../base/reader.ts'
import { varintLength } from '../../base/varint.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

export interface PeerEntry {
  readonly identityKey: Uint8Array
  readonly name: string
  /** Seconds since the teller last heard of it. */
  readonly age: number
  /** Multiaddrs, in bytes, without a /p2p part. */
  readonly addresses: readonly Uint8Array[]
}

export function encodeRequestPeers(w: ByteWriter): void {
  w.varint(frameTypes.REQUEST_PEERS.type)
}

export function encodePeers(w: ByteWriter, entries: readonly PeerEntry[]): void {
  w.varint(frameTypes.PEERS.type).varint(entries.length)
  for (const entry of entries) encodeEntry(w, entry)
}

/** Bytes one entry takes in a frame. */
export function peerEntryLength({ identityKey, name, age, addresses }: PeerEntry): number {
  const text = utf8Length(name)
  let length = identityKey.length + varintLength(text) + text
  length += varintLength(age) + varintLength(addresses.length)
  for (const address of addresses) length += varintLength(address.length) + address.length
  return length
}

export function decodePeers(r: ByteReader): PeerEntry[] {
  const count = r.varint('peer count', limits.peersPerFrame)
  const entries: PeerEntry[] = []
  for (let i = 0; i < count; i++) {
    const identityKey = r.take(32, 'identity key')
    const name = r.text(limits.name, 'name')
    const age = r.varint('age')
    const addressCount = r.varint('address count', limits.addressesPerPeer)
    const addresses: Uint8Array[] = []
    for (let k = 0; k < addressCount; k++) addresses.push(r.prefixed(limits.address, 'address'))
    entries.push({ identityKey, name, age, addresses })
  }
  return entries
}

function encodeEntry(w: ByteWriter, { identityKey, name, age, addresses }: PeerEntry): void {
  w.raw(identityKey).text(name).varint(age).varint(addresses.length)
  for (const address of addresses) w.prefixed(address)
}

export function encodeMesh(w: ByteWriter, linked: number, known: number): void {
  w.varint(frameTypes.MESH.type).varint(linked).varint(known)
}
