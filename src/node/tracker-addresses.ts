/**
 * Addresses on their way to a tracker, and back.
 *
 *   told     --announce, else where this node listens, and how peers see it      signed, to every tracker
 *   taken    of each peer what may be dialled; a circuit for later               claims, like gossip
 *
 * Loopback means something on one machine only: it is told to a tracker on this machine, and taken
 * from one. A private address is taken where this node has such an interface, or the tracker is
 * reached through one. Link-local ones never travel (spec: PT-02, TRACKER-11).
 *
 * Pure functions. Floor: node. Page: protocol/tracker.md.
 */

import type { Route } from '../membership/dial-order.ts'
import { believable } from '../membership/hygiene.ts'
import { type Address, addressKey, formatAddress, hostKind, parseAddress } from '../wire/address.ts'
import { type ListedPeer, trackerLimits } from '../wire/tracker.ts'

export interface Own {
  readonly peerId: string
  /** By hand; empty: what follows. */
  readonly announce: readonly Address[]
  readonly listening: readonly Address[]
  /** How peers see us, as they said. */
  readonly observed: readonly Address[]
  readonly ports: { readonly tcpPort: number; readonly udpPort: number }
}

/** Hosts that only peers have seen: more than a machine has ways out. */
const SEEN_MAX = 4

/** What to register at a tracker on this host (`https://` and a name count as far away). */
export function toldAddresses(own: Own, trackerHost: string): string[] {
  const near = hostKind(trackerHost) === 'loopback' || trackerHost === 'localhost'
  const all = own.announce.length > 0 ? own.announce : [...own.listening, ...seenFrom(own)]
  const fit = all.filter(({ host }) => {
    const kind = hostKind(host)
    return kind === 'public' || kind === 'private' || kind === 'name' || (kind === 'loopback' && near)
  })
  const once = new Map(fit.map(one => [addressKey(one), formatAddress({ ...one, peerId: own.peerId })]))
  return [...once.values()].slice(0, trackerLimits.addrs)
}

/** The host that was seen with the ports we listen on; over UDP also the port that was seen, for that is a mapping. */
function seenFrom({ listening, observed, ports }: Own): Address[] {
  const known = new Set(listening.map(({ host }) => host))
  const hosts = new Map<string, Address[]>()
  for (const seen of observed) {
    const { host, transport, port } = seen
    if (known.has(host) || (hosts.size === SEEN_MAX && !hosts.has(host))) continue
    const here = hosts.get(host) ?? [
      ...(ports.tcpPort === 0 ? [] : [{ transport: 'tcp', host, port: ports.tcpPort }]),
      ...(ports.udpPort === 0 ? [] : [{ transport: 'udp', host, port: ports.udpPort }]),
    ]
    if (transport === 'udp' && ports.udpPort !== 0 && here.length < 4) here.push({ transport, host, port })
    hosts.set(host, here)
  }
  return [...hosts.values()].flat()
}

export interface Taken {
  /** Each with its peer's id. */
  readonly direct: readonly Address[]
  readonly circuits: readonly string[]
}

/** Most addresses of one peer that are looked at. */
const PER_PEER = 8

/** What of a list may be dialled: first one address of each peer, then the second of each, … */
export function takenAddresses(
  peers: readonly Pick<ListedPeer, 'peerId' | 'addrs'>[],
  around: { readonly trackerHost: string; readonly own: readonly Address[] },
): Taken {
  const lists = peers.map(({ peerId, addrs }) => ({
    direct: addrs.slice(0, PER_PEER).flatMap(text => direct(text, peerId, around) ?? []),
    circuits: addrs.slice(0, PER_PEER).filter(isCircuit),
  }))
  const longest = Math.max(0, ...lists.map(one => one.direct.length))
  const rows = Array.from({ length: longest }, (_, i) => lists.flatMap(one => one.direct[i] ?? []))
  return { direct: rows.flat(), circuits: lists.flatMap(one => one.circuits) }
}

/** The ways to one peer, as texts of multiaddrs or `host:port` say them; what is neither is left out. */
export function routesOf(peerId: string | undefined, addrs: readonly string[]): Route[] {
  return addrs.flatMap((text): Route[] => {
    if (isCircuit(text)) return [{ stage: 'relay', circuit: text }]
    try {
      const address = parseAddress(text)
      if (peerId !== undefined && (address.peerId ?? peerId) !== peerId) return []
      return [{ stage: 'direct', address: peerId === undefined ? address : { ...address, peerId } }]
    } catch {
      return []
    }
  })
}

export function isCircuit(text: string): boolean {
  return text.includes('/p2p-circuit')
}

function direct(
  text: string,
  peerId: string,
  { trackerHost, own }: { readonly trackerHost: string; readonly own: readonly Address[] },
): Address | undefined {
  if (isCircuit(text)) return undefined
  let address: Address
  try {
    address = parseAddress(text)
  } catch {
    return undefined // of a transport that we do not speak
  }
  if ((address.peerId ?? peerId) !== peerId) return undefined
  const kind = hostKind(address.host)
  if (kind === 'linkLocal' || (kind === 'loopback' && hostKind(trackerHost) !== 'loopback')) return undefined
  const teller = { transport: 'tcp', host: trackerHost, port: 1 }
  const fit = believable(address, { teller, ofItself: true, own })
  return fit && { ...fit, peerId }
}
