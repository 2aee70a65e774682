/**
 * `/dnsaddr/<name>`: addresses that somebody keeps in the TXT records of a name.
 *
 *   /dnsaddr/mesh.example[/p2p/<id>]
 *        └─▶ TXT _dnsaddr.mesh.example   "dnsaddr=/ip4/192.0.2.7/tcp/8000/p2p/12D3KooW…"
 *                                        "dnsaddr=/dnsaddr/eu.mesh.example"
 *
 * With a peer id only records that end in the same id are meant. A record that we cannot dial
 * (QUIC, relays, other people's notes) is no error: the list serves other programs, too.
 *
 * Page: protocol/addresses.md (spec: ADDR-6) · Source: multiformats/multiaddr, protocols/DNSADDR.md. Floor: wire.
 */
import { GuildError } from '../base/errors.ts'
import { visible } from '../base/text.ts'
import { type Address, parseAddress } from './address.ts'
import { type Component, parseMultiaddr } from './multiaddr.ts'
import { keyFromPeerId, peerIdFromKey } from './peer-id.ts'

export interface Dnsaddr {
  /** Lower case, without a last dot and without `_dnsaddr.` */
  readonly name: string
  /** Only this peer is meant. */
  readonly peerId?: string
}

/** The longest record that is read. */
export const RECORD_MAX = 512
/** A name of DNS has 253 bytes, and `_dnsaddr.` stands before ours. */
const NAME = /^(?=.{1,244}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/

/** What a person may give as bootstrap. GH_ADDRESS_INVALID says what to write instead. */
export function parseBootstrap(text: string): Address | Dnsaddr {
  return text.trim().startsWith('/dnsaddr/') ? parseDnsaddr(text.trim()) : parseAddress(text)
}

export function isDnsaddr(one: Address | Dnsaddr): one is Dnsaddr {
  return 'name' in one
}

export function formatDnsaddr({ name, peerId }: Dnsaddr): string {
  return `/dnsaddr/${name}${peerId === undefined ? '' : `/p2p/${peerId}`}`
}

/** What a TXT record says; undefined when it is not for us. */
export function readRecord(text: string): Address | Dnsaddr | undefined {
  if (!text.startsWith('dnsaddr=') || text.length > RECORD_MAX) return undefined
  try {
    return parseBootstrap(text.slice('dnsaddr='.length))
  } catch {
    return undefined
  }
}

function parseDnsaddr(text: string): Dnsaddr {
  const fail = (why: string): never => {
    throw new GuildError('GH_ADDRESS_INVALID', `"${visible(text, 120)}": ${why}`)
  }
  if (text.length > RECORD_MAX) return fail(`it has ${text.length} characters, at most ${RECORD_MAX}`)
  let parts: readonly Component[] = []
  try {
    parts = parseMultiaddr(text)
  } catch (error) {
    if (!(error instanceof GuildError) || error.code !== 'GH_PEER_ID_INVALID') throw error
    return fail(error.message)
  }
  const [place, who, ...more] = parts
  const name = place!.value!.toLowerCase().replace(/\.$/, '')
  if (!NAME.test(name)) return fail('this is not a name that can be looked up')
  if (more.length > 0 || (who !== undefined && who.name !== 'p2p'))
    return fail('only /p2p/<id> may follow the name; the port stands in the TXT record')
  if (who === undefined) return { name }
  try {
    return { name, peerId: peerIdFromKey(keyFromPeerId(who.value!)) }
  } catch (error) {
    return fail((error as Error).message)
  }
}
