/**
 * How much of the address book what is merely told may take up.
 *
 * Three counts over unproven gossip entries: by teller, by host, by prefix. One
 * member then places at most 64 of 1,000, a public network at most 32 and a public
 * host 8 (spec: PT-03, P18). Private and loopback hosts get more room, because a
 * whole LAN, or a whole swarm on one machine, shares one prefix or one host.
 *
 * Host: an IPv4 address, an IPv6 /56 (what one customer gets), a name.
 * Prefix: IPv4 /16, IPv6 /32; all names together are one.
 *
 * Floor: membership.
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

  #claims({ address, teller }: Placed): { key: string; cap: number }[] {
    const caps = this.#caps
    const { host, prefix } = groups(address.host)
    const kind = hostKind(address.host)
    const local = kind === 'private' || kind === 'loopback' || kind === 'linkLocal'
    return [
      { key: `teller ${teller}`, cap: caps.perTeller },
      { key: `host ${host}`, cap: local ? caps.perLocalHost : caps.perHost },
      { key: `prefix ${prefix}`, cap: local ? caps.perLocalPrefix : caps.perPrefix },
    ]
  }
}

/** What counts as one host, and as one network. */
export function groups(host: string): { host: string; prefix: string } {
  const ip = parseIp(host.split('%', 1)[0]!)
  if (ip === undefined) return { host, prefix: 'name' }
  if (ip.length === 4) return { host, prefix: toHex(ip.subarray(0, 2)) }
  return { host: toHex(ip.subarray(0, 7)), prefix: toHex(ip.subarray(0, 4)) }
}
