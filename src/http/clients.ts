/**
 * Who asks: the other end of the connection, or who stands behind a proxy that we believe.
 *
 *   203.0.113.7 ─▶ proxy 10.0.0.2 ─▶ here      X-Forwarded-For: 198.51.100.9, 203.0.113.7
 *                                                               said by anybody   said by the proxy
 *
 * Only what a named proxy has added is believed: the header is read from its right end, past
 * proxies of ours, to the first address that is none of them.
 *
 * All limits go by *place*: an IPv4 address, or the IPv6 /56 that one customer gets. Each has a
 * budget of requests (spec: TR-09), and the table of them has a bound.
 *
 * Floor: http. Page: protocol/tracker.md (spec: TRACKER-8).
 */
import { BlockList, isIP } from 'node:net'
import { Budget } from '../base/budget.ts'
import { formatIp, parseIp, unmapped } from '../wire/ip.ts'

export interface Client {
  readonly address: string
  readonly place: string
  /** The connection is a proxy's and carries many clients. */
  readonly shared: boolean
}

/** An address, or a network such as `10.0.0.0/8`. Throws a RangeError that says what would fit. */
export function proxyList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits, more] = network.split('/')
    const family = isIP(address)
    const width = family === 4 ? 32 : 128
    const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
    if (family === 0 || more !== undefined || !(prefix <= width))
      throw new RangeError('give IP addresses or networks such as 10.0.0.0/8')
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

export function clientOf(remote: string, forwarded: string | undefined, proxies: BlockList): Client {
  let address = plain(remote) ?? '0.0.0.0'
  if (!isProxy(address, proxies)) return { address, place: placeOf(address), shared: false }
  const hops = (forwarded ?? '').slice(-1024).split(',').slice(-16).reverse()
  for (const hop of hops) {
    const said = plain(hop.trim())
    if (said === undefined) break
    address = said
    if (!isProxy(said, proxies)) break
  }
  return { address, place: placeOf(address), shared: true }
}

/** Places that are remembered: the one heard of longest ago goes, its budget full again by then. */
const PLACES_MAX = 10_000

export interface Rate {
  readonly perSecond: number
  /** At once. */
  readonly burst: number
}

export class Rates {
  readonly #rate: Rate
  readonly #budgets = new Map<string, Budget>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** One more request of this place; false when it has to wait. */
  spend(place: string, now: number): boolean {
    const budget = this.#budgets.get(place) ?? new Budget(this.#rate.perSecond, this.#rate.burst, now)
    this.#budgets.delete(place)
    this.#budgets.set(place, budget)
    if (this.#budgets.size > PLACES_MAX) this.#budgets.delete(this.#budgets.keys().next().value!)
    return budget.spend(1, now)
  }
}

/** Canonical, IPv4 inside IPv6 as IPv4, without a zone. */
function plain(text: string): string | undefined {
  const ip = parseIp(text.split('%', 1)[0]!)
  return ip === undefined ? undefined : formatIp(unmapped(ip))
}

function placeOf(address: string): string {
  const ip = parseIp(address)
  return ip?.length === 16 ? `${formatIp(Uint8Array.from(ip, (byte, i) => (i < 7 ? byte : 0)))}/56` : address
}

function isProxy(address: string, proxies: BlockList): boolean {
  return proxies.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
}
