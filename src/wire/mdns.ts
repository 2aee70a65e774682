/**
 * What a node tells the local network by mDNS: one sealed string of a TXT record.
 *
 *   TXT     "txtvers=1"   "s=" ‖ sealed, 224 bytes
 *
 *   sealed  +-----------------+-----------------+------------------------------+
 *           | salt            | tag             | ciphertext                   |
 *           | 16 bytes        | 16 bytes        | 192 bytes                    |
 *           +-----------------+-----------------+------------------------------+
 *   opened  +-----------------+-----------------+------------------------------+
 *           | identity key    | name            | TCP, UDP port                |
 *           | 32 bytes        | length, UTF-8   | two varints, 0 = none        |
 *           +-----------------+-----------------+------------------------------+
 *           | hosts: count, then each as its length (4 or 16) and its bytes    |
 *           +------------------------------------------------------------------+
 *           | zeros up to 192 bytes: a long name looks like a short one        |
 *           +------------------------------------------------------------------+
 *
 * Addresses and port stand inside as well as in the clear SRV and A records, and members
 * believe the inside only: who repeats a TXT record elsewhere leads nobody astray.
 * Sealing is in link/announcement.ts.
 *
 * Refuses: another length, padding that is not zero, a host that is neither 4 nor 16 bytes.
 * Page: protocol/mdns.md · Vectors: vectors/mdns.json · Faults: MD-03 · Floor: wire.
 */
import { concat, equal, utf8 } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { formatIp, parseIp } from './ip.ts'
import { limits } from './limits.ts'

export interface Announcement {
  readonly identityKey: Uint8Array
  readonly name: string
  readonly tcpPort: number
  readonly udpPort: number
  /** IP addresses on this link, without zones. */
  readonly hosts: readonly string[]
}

export const ANNOUNCEMENT_LENGTH = 192
export const ANNOUNCEMENT_SALT_LENGTH = 16
export const ANNOUNCEMENT_TAG_LENGTH = 16
export const SEALED_ANNOUNCEMENT_LENGTH: number =
  ANNOUNCEMENT_SALT_LENGTH + ANNOUNCEMENT_TAG_LENGTH + ANNOUNCEMENT_LENGTH

/** Always 192 bytes. */
export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const { identityKey, name, tcpPort, udpPort, hosts } = announcement
  const w = new ByteWriter(ANNOUNCEMENT_LENGTH)
  w.raw(identityKey).text(name).varint(tcpPort).varint(udpPort).varint(hosts.length)
  for (const host of hosts) {
    const ip = parseIp(host)
    if (ip === undefined) throw new GuildError('GH_INTERNAL', `${host} is announced and no IP address`)
    w.prefixed(ip)
  }
  return w.raw(new Uint8Array(ANNOUNCEMENT_LENGTH - w.length)).view()
}

export function decodeAnnouncement(bytes: Uint8Array, notes?: Note[]): Announcement {
  const r = new ByteReader(bytes, notes)
  const identityKey = r.take(32, 'identity key')
  const name = r.text(limits.name, 'name')
  const tcpPort = r.varint('TCP port', 65_535)
  const udpPort = r.varint('UDP port', 65_535)
  const count = r.varint('host count', limits.announcedHosts)
  const hosts: string[] = []
  while (hosts.length < count) {
    const at = r.offset
    const ip = r.prefixed(16, 'host')
    if (ip.length !== 4 && ip.length !== 16) throw new WireError('GH_WIRE_LENGTH', 'host length', at)
    hosts.push(formatIp(ip))
  }
  const at = r.offset
  const padding = r.take(Math.max(0, ANNOUNCEMENT_LENGTH - at), 'padding')
  if (padding.some(byte => byte !== 0)) throw new WireError('GH_WIRE_RESERVED', 'padding', at) // spec: MDNS-3
  r.end('announcement')
  return { identityKey, name, tcpPort, udpPort, hosts }
}

/** The strings of the TXT record (spec: MDNS-2). */
export function encodeTxt(sealed: Uint8Array): Uint8Array[] {
  return [version, concat(prefix, sealed)]
}

/** The sealed bytes in the strings of a TXT record; undefined where it is none of ours. */
export function decodeTxt(strings: readonly Uint8Array[]): Uint8Array | undefined {
  for (const string of strings)
    if (string.length === prefix.length + SEALED_ANNOUNCEMENT_LENGTH && equal(string.subarray(0, 2), prefix))
      return string.subarray(prefix.length)
  return undefined
}

const version = utf8('txtvers=1')
const prefix = utf8('s=')
