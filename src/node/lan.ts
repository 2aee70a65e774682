/**
 * Peers on the local network: mDNS beside the mesh.
 *
 * What it announces are the addresses this node listens at on each link, sealed under the
 * swarm key; whom it hears of, membership dials. A node that listens on loopback only, or
 * nowhere, has nothing to announce and stays silent (spec: MDNS-8). While the key is rotated
 * it announces under the new one and hears what is announced under either.
 *
 * Floor: node. Page: protocol/mdns.md.
 */
import { WireError } from '../base/errors.ts'
import type { Interface, Runtime } from '../base/ports.ts'
import type { Mdns } from '../discovery/mdns.ts'
import { openAnnouncement, sealAnnouncement } from '../link/announcement.ts'
import { type Address, hostKind } from '../wire/address.ts'
import { formatIp, parseIp } from '../wire/ip.ts'
import { ANNOUNCEMENT_SALT_LENGTH, type Announcement } from '../wire/mdns.ts'
import { keyFromPeerId, peerIdFromKey } from '../wire/peer-id.ts'
import type { Config } from './config.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'

export interface LanOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKeys: readonly Uint8Array[]
  readonly mesh: Mesh
  readonly happenings: Happenings
}

/** A companion of the mesh. */
export function lanDiscovery({ config, runtime, swarmKeys, mesh, happenings }: LanOptions): {
  start(): Promise<void>
  stop(): Promise<void>
} {
  const { suite, random, network, clock } = runtime
  const { hosts } = config
  let mdns: Mdns | undefined
  return {
    async start() {
      if (hosts === undefined || (hosts.length > 0 && hosts.every(isLoopback))) return
      const { Mdns } = await import('../discovery/mdns.ts')
      mdns = new Mdns({
        after: (wait, work) => mesh.drive.after(wait, work),
        now: () => clock.now(),
        random,
        interfaces: network.interfaces,
        interval: config.discoveryInterval,
        self: { identityKey: keyFromPeerId(mesh.peerId), name: mesh.name, ...mesh.ports },
        uses: one => !one.internal && listensAt(one, hosts),
        ...sealing({ suite, random }, swarmKeys),
        learned: announcement => mesh.learn(placesIn(announcement), 'mdns'),
        fault: error => mesh.fault(error),
        debug: message => {
          if (happenings.wanted('debug')) happenings.emit({ event: 'debug', message })
        },
      })
      await mdns.start()
    },
    async stop() {
      await mdns?.stop()
    },
  }
}

/** The addresses that an announcement tells. */
export function placesIn({ identityKey, tcpPort, udpPort, hosts }: Announcement): Address[] {
  const peerId = peerIdFromKey(identityKey)
  const ports = Object.entries({ tcp: tcpPort, udp: udpPort }).filter(([, port]) => port !== 0)
  return hosts.flatMap(host => ports.map(([transport, port]) => ({ transport, host, port, peerId })))
}

/** Seals under the current key, the first; opens what any of them sealed. */
export function sealing(
  { suite, random }: Pick<Runtime, 'suite' | 'random'>,
  swarmKeys: readonly Uint8Array[],
): {
  seal(instance: string, announcement: Announcement): Uint8Array
  open(instance: string, sealed: Uint8Array): Announcement | undefined
} {
  return {
    seal: (instance, announcement) =>
      sealAnnouncement(
        { suite, psk: swarmKeys[0]!, instance },
        random.bytes(ANNOUNCEMENT_SALT_LENGTH),
        announcement,
      ),
    open(instance, sealed) {
      for (const psk of swarmKeys)
        try {
          return openAnnouncement({ suite, psk, instance }, sealed)
        } catch (error) {
          if (!(error instanceof WireError)) throw error
        }
      return undefined // of another swarm (spec: MD-05)
    },
  }
}

function isLoopback(host: string): boolean {
  return hostKind(host) === 'loopback'
}

/** Does a node with these hosts (empty: all) listen at this address of an interface? */
export function listensAt({ name, address }: Interface, hosts: readonly string[]): boolean {
  if (hosts.length === 0) return true
  const own = canonical(address)
  return hosts.some(host => {
    const [ip, zone] = host.split('%', 2)
    if (hostKind(host) === 'unspecified') return ip!.includes(':') === own.includes(':')
    return canonical(ip!) === own && (zone === undefined || zone === name)
  })
}

function canonical(host: string): string {
  const ip = parseIp(host.split('%', 1)[0]!)
  return ip === undefined ? host : formatIp(ip)
}
