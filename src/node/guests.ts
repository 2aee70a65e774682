/**
 * Guests: people at the line port, as the mesh sees them.
 *
 * A guest is no node: it has no key, no link and no streams. It takes a place of `maxPeers`, stands
 * in the list of peers behind the nodes, with transport `line` and the id
 * `line:<id>@<our PeerId>`, and its chat goes out under our signature (decision 18).
 *
 * Floor: node. Page: protocol/line.md.
 */
import type { Endpoint } from '../base/ports.ts'
import type { Self } from '../link/self.ts'
import type { Membership } from '../membership/membership.ts'
import { hostKind } from '../wire/address.ts'
import type { Connection } from './connection.ts'
import type { PeerInfo } from './types.ts'
import type { GuestTotals } from './views.ts'

/** What the mesh wants of a line port. */
export interface Guests extends GuestTotals {
  /** `host:port` of the line port. */
  readonly where: string | undefined
  /** In the order they came. */
  peers(): PeerInfo[]
  /** Shows chat to every guest; `from` is the author's id, who is not shown its own. */
  tell(name: string, text: string, from: string): void
  /** False when no guest has this id. */
  disconnect(peerId: string): boolean
  /** Gives the newest guest's place away. */
  makeRoom(): boolean
  /** Our line port as this host can reach it; 0: not at all. HELLO tells it. */
  linePortFor(host: string): number
}

/** Without a line port. */
export const nobody: Guests = Object.freeze({
  where: undefined,
  count: 0,
  bytesIn: 0,
  bytesOut: 0,
  dropped: 0,
  peers: () => [],
  tell: () => {},
  disconnect: () => false,
  makeRoom: () => false,
  linePortFor: () => 0,
})

/** A line port of this machine only is told to nodes of this machine only (spec: LINE-11). */
export function portFor(endpoints: readonly Endpoint[], host: string): number {
  const near = hostKind(host) === 'loopback'
  return endpoints.find(one => near || hostKind(one.host) !== 'loopback')?.port ?? 0
}

/** Who we are, as one peer is told it. */
export function toward(self: Self, linePort: () => number): Self {
  return { ...self, hello: () => ({ ...self.hello(), linePort: linePort() }) }
}

/** The line ports of linked nodes: the observed host with the port their HELLO told. */
export function linePortsOf(
  membership: Membership,
  connections: { get(key: number): Connection | undefined },
): Endpoint[] {
  return membership.peers().flatMap(({ link }) => {
    const connection = connections.get(link)
    const port = connection?.proved?.hello.linePort ?? 0
    return connection === undefined || port === 0 ? [] : [{ host: connection.carrier.remote.host, port }]
  })
}
