/**
 * How much of the address book what is merely told may take up.
 *
 * Counts over unproven gossip entries: by teller and its network, by host, by prefix. One
 * member then places at most 62 of 1,000, and so do all members of one public network; at one
 * public network lie at most 32, at a public host 8 (spec: PT-03, P18). Private and loopback hosts get more room, because a
 * whole LAN, or a whole swarm on one machine, shares one prefix or one host.
 *
 * Host: an IPv4 address, an IPv6 /56 (what one customer gets), a name.
 * Prefix: IPv4 /16, IPv6 /32; all names together are one.
 *
 * Floor: membership. Page: protocol/membership.md (spec: MEM-6).
 */
import { toHex } from '../base/bytes.ts'
import { type Address, hostKind } from '../wire/address.ts'
import { parseIp } from '../wire/ip.ts'
import { defaults } from './defaults.ts'

export interface Caps {
  readonly perTeller: number
  readonly perHost: number
  readonly perPrefix: number
  readonly perLocalHost: number
  readonly perLocalPrefix: number
}

export const defaultCaps: Caps = defaults

interface Placed {
  readonly address: Address
  readonly teller: string | undefined
  /** Where the teller is. */
  readonly tellerHost: string | undefined
}

export class Quotas {
  readonly #caps: Caps
  readonly #counts = new Map<string, number>()

  constructor(caps: Caps) {
    this.#caps = caps
  }

  admits(entry: Placed): boolean {
    return this.#claims(entry).every(({ key, cap }) => (this.#counts.get(key) ?? 0) < cap)
  }

  take(entry: Placed): void {
    for (const { key } of this.#claims(entry)) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  give(entry: Placed): void {
    for (const { key } of this.#claims(entry)) {
      const left = this.#counts.get(key)! - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }

  #claims({ address, teller, tellerHost }: Placed): { key: string; cap: number }[] {
    const caps = this.#caps
    const { host, prefix } = groups(address.host)
    const local = isLocal(address.host)
    // On a LAN all tellers are of one network, and a mesh must still form by what they tell.
    const source = tellerHost === undefined || isLocal(tellerHost) ? [] : [groups(tellerHost).prefix]
    return [
      { key: `teller ${teller}`, cap: caps.perTeller },
      ...source.map(prefix => ({ key: `source ${prefix}`, cap: caps.perTeller })),
      { key: `host ${host}`, cap: local ? caps.perLocalHost : caps.perHost },
      { key: `prefix ${prefix}`, cap: local ? caps.perLocalPrefix : caps.perPrefix },
    ]
  }
}

/** A LAN or this machine: a whole swarm may sit there. */
export function isLocal(host: string): boolean {
  const kind = hostKind(host)
  return kind === 'private' || kind === 'loopback' || kind === 'linkLocal'
}

/** What counts as one host, and as one network. */
export function groups(host: string): { host: string; prefix: string } {
  const ip = parseIp(host.split('%', 1)[0]!)
  if (ip === undefined) return { host, prefix: 'name' }
  if (ip.length === 4) return { host, prefix: toHex(ip.subarray(0, 2)) }
  return { host: toHex(ip.subarray(0, 7)), prefix: toHex(ip.subarray(0, 4)) }
}
