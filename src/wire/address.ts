/**
 * Addresses that can be dialled: where a node is, and who is expected there.
 *
 *   127.0.0.1:8000      [2001:db8::7]:8000      node-2:8000                  what people type
 *   /ip4/127.0.0.1/tcp/8000      /dns4/node-2/udp/8000/p2p/12D3KooW…         what programs pass on
 *   04 7f000001 06 1f40                                                      what PEERS carries
 *
 * This is the small part of multiaddr that we dial: one host, one port, tcp or udp, and
 * perhaps a peer id, which the handshake then insists on. `host:port` means tcp.
 *
 * A host has one form: IPv6 compressed and lower-case, IPv4 inside IPv6 as IPv4, names
 * lower-case without the last dot. So equal addresses have equal keys, and a filter on
 * hosts cannot be walked around with `0177.0.0.1`: what looks like a number is an IP
 * address or nothing. A zone (`fe80::1%eth0`) means something on this machine only, so it
 * is never sent, and refused when a peer sends one.
 *
 * Page: protocol/addresses.md (spec: ADDR-1, ADDR-2) · Vectors: multiformats/multiaddr.json
 * Floor: wire.
 */
import { GuildError, WireError } from '../base/errors.ts'
import { visible } from '../base/text.ts'
import { formatIp, type HostKind, hostKind, parseIp, unmapped } from './ip.ts'
import {
  type Component,
  component,
  decodeMultiaddr,
  encodeMultiaddr,
  formatMultiaddr,
  parseMultiaddr,
} from './multiaddr.ts'
import { keyFromPeerId, peerIdFromKey } from './peer-id.ts'

export { type HostKind, hostKind }

export interface Address {
  readonly transport: string
  /** An IP address without brackets, or a DNS name. */
  readonly host: string
  readonly port: number
  /** The family a name is to be looked up in: `/dns4/` or `/dns6/`. Absent: either. */
  readonly family?: 4 | 6
  readonly peerId?: string
}

/** The longest text of one address, and the most of them in one list. */
const TEXT_MAX = 512
const LIST_MAX = 1_024
const ZONE = /^[\w.~-]{1,32}$/

/** `for: 'listen'` takes port 0, which lets the system choose. */
export interface AddressUse {
  readonly for: 'dial' | 'listen'
}

/** Reads what a person typed. GH_ADDRESS_INVALID names the text and what to write instead. */
export function parseAddress(text: string, use: AddressUse = { for: 'dial' }): Address {
  const trimmed = text.trim()
  if (trimmed === '') throw invalid(text, 'it is empty; write host:port')
  if (trimmed.length > TEXT_MAX)
    throw invalid(text, `it has ${trimmed.length} characters, at most ${TEXT_MAX}`)
  const address = trimmed.startsWith('/') ? fromMultiaddr(trimmed) : fromHostPort(trimmed)
  if (address.port === 0 && use.for === 'dial') throw invalid(text, 'nobody can be reached at port 0')
  return address
}

/** A comma list; spaces and empty items do no harm. */
export function parseAddressList(text: string, use?: AddressUse): Address[] {
  const items = text.split(',').filter(item => item.trim() !== '')
  if (items.length > LIST_MAX)
    throw new GuildError('GH_ADDRESS_INVALID', `${items.length} addresses in one list, at most ${LIST_MAX}`)
  return items.map(item => parseAddress(item, use))
}

/** Multiaddr text, with `/p2p/…` when the peer is known. */
export function formatAddress(address: Address): string {
  const { host, transport, port, peerId } = address
  const percent = host.indexOf('%')
  const place =
    percent < 0
      ? `/${hostProtocol(address)}/${canonicalHost(host)}`
      : `/ip6zone/${host.slice(percent + 1)}/ip6/${canonicalHost(host.slice(0, percent))}`
  return `${place}/${transport}/${port}${peerId === undefined ? '' : `/p2p/${peerId}`}`
}

/** `1.2.3.4:8000`, `[::1]:8000`, `node-2:8000`. */
export function hostPort(address: { readonly host: string; readonly port: number }): string {
  const { host, port } = address
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Multiaddr bytes without `/p2p` and without a zone: what PEERS carries. */
export function encodeAddress(address: Address): Uint8Array {
  const host = canonicalHost(address.host.split('%', 1)[0]!)
  return encodeMultiaddr([
    component(hostProtocol({ ...address, host }), host),
    component(address.transport, String(address.port)),
  ])
}

/** Reads multiaddr bytes from a peer. A WireError on anything that we would not dial. */
export function decodeAddress(bytes: Uint8Array): Address {
  const components = decodeMultiaddr(bytes)
  const address = fromComponents(components)
  if (typeof address === 'string') throw new WireError('GH_WIRE_VALUE', 'address', 0, address)
  if (address.peerId !== undefined || address.host.includes('%') || address.port === 0)
    throw new WireError('GH_WIRE_VALUE', 'address', 0, `${visible(formatMultiaddr(components), 120)}`)
  return address
}

/** Canonical text for maps: equal addresses have equal keys, whoever is expected there. */
export function addressKey(address: Address): string {
  const { transport, port, family, host } = address
  const percent = host.indexOf('%')
  const ip = parseIp(percent < 0 ? host : host.slice(0, percent))
  const zone = percent < 0 ? '' : host.slice(percent).split('%', 2).join('%')
  if (ip === undefined) {
    const name = percent < 0 ? host : host.slice(0, percent)
    return `/dns${family ?? ''}/${name.toLowerCase()}${zone}/${transport}/${port}`
  }
  const plain = unmapped(ip)
  return `/${plain.length === 4 ? 'ip4' : 'ip6'}/${formatIp(plain)}${zone}/${transport}/${port}`
}

function fromHostPort(text: string): Address {
  if (text.includes('://')) throw invalid(text, 'a URL is not an address; write host:port')
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(text)
  const colon = text.lastIndexOf(':')
  if (bracketed === null && colon !== text.indexOf(':'))
    throw invalid(
      text,
      `an IPv6 address stands in brackets: [${visible(text.slice(0, colon), 60)}]:${visible(text.slice(colon + 1), 10)}`,
    )
  const host = bracketed === null ? text.slice(0, colon < 0 ? undefined : colon) : bracketed[1]!
  const digits = bracketed === null ? (colon < 0 ? undefined : text.slice(colon + 1)) : bracketed[2]
  if (digits === undefined || digits === '')
    throw invalid(
      text,
      /^[0-9]+$/.test(text)
        ? `the host is missing; write 127.0.0.1:${visible(text, 10)}`
        : `the port is missing; write ${visible(text.replace(/:$/, ''), 60)}:8000`,
    )
  if (!/^(0|[1-9][0-9]{0,4})$/.test(digits) || Number(digits) > 65_535)
    throw invalid(text, 'a port is a number from 1 to 65535')
  const port = Number(digits)
  const percent = host.indexOf('%')
  const ip = parseIp(percent < 0 ? host : host.slice(0, percent))
  if (bracketed !== null && (ip === undefined || ip.length !== 16))
    throw invalid(text, 'only an IPv6 address stands in brackets')
  if (percent >= 0) {
    const zone = host.slice(percent + 1)
    if (ip === undefined || hostKind(host) !== 'linkLocal' || !ZONE.test(zone))
      throw invalid(text, 'a zone belongs to an fe80:: address: [fe80::1%eth0]:8000')
    return { transport: 'tcp', host: `${formatIp(ip)}%${zone}`, port }
  }
  if (ip !== undefined) return { transport: 'tcp', host: formatIp(unmapped(ip)), port }
  const name = hostName(host)
  if (name === undefined)
    throw invalid(text, `"${visible(host, 60)}" is neither an IP address nor a host name`)
  return { transport: 'tcp', host: name, port }
}

function fromMultiaddr(text: string): Address {
  let components: readonly Component[]
  try {
    components = parseMultiaddr(text)
  } catch (error) {
    if (error instanceof GuildError && error.code === 'GH_PEER_ID_INVALID') throw invalid(text, error.message)
    throw error
  }
  const address = fromComponents(components)
  if (typeof address === 'string') throw invalid(text, address)
  return address
}

/** The address these components make, or why they make none. */
function fromComponents(components: readonly Component[]): Address | string {
  const rest = [...components]
  const zone = rest[0]?.name === 'ip6zone' ? rest.shift()!.value! : undefined
  const [place, carrier, who, ...more] = rest
  if (place?.name === 'dnsaddr')
    return '/dnsaddr/ is followed as a bootstrap only; here write one of the addresses its TXT records hold'
  if (rest.some(({ name }) => name === 'p2p-circuit'))
    return 'relay circuits are not dialled; write /ip4/…/tcp/…'
  if (carrier !== undefined && carrier.name !== 'tcp' && carrier.name !== 'udp')
    return `/${carrier.name} is not spoken here; write /tcp/<port> or /udp/<port>`
  if (place === undefined || carrier === undefined)
    return 'host and port are missing; write /ip4/…/tcp/<port>'
  // spec: ADDR-4
  if (more.length > 0 || (who !== undefined && who.name !== 'p2p'))
    return `/${(who?.name === 'p2p' ? more[0] : who)?.name} is not spoken here; only /p2p/<id> may follow the port`
  const host = hostOf(place, zone)
  if (host === undefined)
    return `/${place.name}/${visible(place.value ?? '', 60)} is not a host we could dial`
  const family = place.name === 'dns4' ? 4 : place.name === 'dns6' ? 6 : undefined
  let peerId: string | undefined
  if (who !== undefined) {
    try {
      peerId = peerIdFromKey(keyFromPeerId(who.value!))
    } catch (error) {
      return (error as Error).message
    }
  }
  return {
    transport: carrier.name,
    host,
    port: Number(carrier.value),
    ...(family === undefined ? {} : { family }),
    ...(peerId === undefined ? {} : { peerId }),
  }
}

function hostOf(place: Component, zone: string | undefined): string | undefined {
  const { name, value } = place
  if (zone !== undefined)
    return name === 'ip6' && hostKind(value!) === 'linkLocal' && ZONE.test(zone)
      ? `${value}%${zone}`
      : undefined
  if (name === 'ip4' || name === 'ip6') return formatIp(unmapped(place.bytes))
  if (name !== 'dns' && name !== 'dns4' && name !== 'dns6') return undefined
  return hostName(value!)
}

/** Lower case, no last dot, at most 253 bytes of letters, digits, `-` and `_`; or undefined. */
function hostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, '')
  if (name.length > 253 || !/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name)) return undefined
  // The system's resolver reads 127.1, 0177.1 and 0x7f.1 as IPv4 addresses.
  return /(^|\.)([0-9]+|0x[0-9a-f]*)$/.test(name) ? undefined : name
}

function canonicalHost(host: string): string {
  const ip = parseIp(host)
  return ip === undefined ? host.toLowerCase() : formatIp(unmapped(ip))
}

function hostProtocol(address: { readonly host: string; readonly family?: 4 | 6 }): string {
  const ip = parseIp(address.host)
  if (ip !== undefined) return unmapped(ip).length === 4 ? 'ip4' : 'ip6'
  return `dns${address.family ?? ''}`
}

function invalid(text: string, why: string): GuildError {
  return new GuildError('GH_ADDRESS_INVALID', `"${visible(text, 120)}": ${why}`)
}
