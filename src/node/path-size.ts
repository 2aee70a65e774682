/**
 * How large a datagram may become on the way to a host, as far as our own interfaces tell.
 *
 * A probe above the interface's own MTU would not be lost: the system cuts it up, and it arrives (platform
 * of most systems). So the search for a path's size ends where the interface does. This machine's own
 * addresses are reached by loopback, which takes the largest datagram there is. A person may know of a
 * tunnel on the way that takes less.
 *
 * Floor: node.
 */
import type { Interface } from '../base/ports.ts'
import { ceilingOf, loopbackCeiling, type MtuOptions } from '../packets/mtu.ts'
import { hostKind } from '../wire/address.ts'
import { parseIp, samePrefix } from '../wire/ip.ts'
import { limits } from '../wire/limits.ts'

/** What every path must take: 1,200 bytes behind the headers of IPv6 and UDP. */
export const leastMtu: number = limits.datagramLeast + 48
/** Where the system does not tell. */
const USUAL = 1_500

/** `interfaces` costs a system call and more; `most` is the largest IP packet to try, whatever the interface takes. */
export function pathSize(
  host: string,
  interfaces: () => readonly Interface[],
  most: number = 65_535,
): MtuOptions {
  const family = host.includes(':') ? 6 : 4
  const here = { ceiling: Math.min(loopbackCeiling[family], ceilingOf(family, most)), direct: true }
  if (hostKind(host) === 'loopback') return here
  const all = interfaces()
  if (all.some(({ address }) => address === host)) return here
  const outward = all.filter(({ address, internal }) => !internal && address.includes(':') === (family === 6))
  const near = outward.find(one => sameSubnet(one, host))
  const mtus = (near === undefined ? outward : [near]).map(({ mtu }) => mtu ?? USUAL)
  return { ceiling: ceilingOf(family, Math.min(most, mtus.length === 0 ? USUAL : Math.min(...mtus))) }
}

function sameSubnet({ address, prefix }: Interface, host: string): boolean {
  const [ours, theirs] = [parseIp(address), parseIp(host)]
  return ours !== undefined && ours.length === theirs?.length && samePrefix(ours, theirs, prefix)
}
