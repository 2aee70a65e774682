/**
 * What a node tells of itself: its peers and its figures.
 *
 * Floor: node.
 */
import type { LinkCore } from '../link/link-core.ts'
import type { Membership } from '../membership/membership.ts'
import type { Figures } from '../packets/figures.ts'
import { formatAddress } from '../wire/address.ts'
import type { Connection } from './connection.ts'
import type { Connections } from './connections.ts'
import type { NodeStats, PacketInfo, PeerInfo } from './types.ts'

/** Connected peers, in the order they came. */
export function peerInfos(membership: Membership, connections: Pick<Connections, 'get'>): PeerInfo[] {
  return membership.peers().map(peer => {
    const link = connections.get(peer.link)?.link
    const figures = link?.figures
    return {
      peerId: peer.peerId,
      name: peer.name,
      address: formatAddress(peer.address),
      transport: peer.transport,
      direction: peer.direction,
      rttMs: figures?.rttMs ?? peer.rttMs,
      bytesIn: link?.bytesIn ?? 0,
      bytesOut: link?.bytesOut ?? 0,
      carrier: figures === undefined ? 'records' : 'packets',
      packets: figures && packetInfo(figures),
    }
  })
}

function packetInfo(figures: Figures): PacketInfo {
  const { leastRttMs, congestion, window, inFlight, mtu } = figures
  const { packetsSent, packetsReceived, packetsLost } = figures
  return {
    leastRttMs,
    congestion,
    congestionWindow: window,
    bytesInFlight: inFlight,
    mtu,
    packetsSent,
    packetsReceived,
    packetsLost,
    lossShare: packetsSent === 0 ? 0 : packetsLost / packetsSent,
  }
}

/** What guests add to the figures, those that left included. */
export interface GuestTotals {
  readonly count: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly dropped: number
}

/** What of the figures is about links. */
export type LinkStats = Omit<NodeStats, 'events_dropped' | BlockKeys>
type BlockKeys = 'blocks_sent' | 'blocks_received' | 'want_list_size' | 'blocks_provided'

/** All of them, in the order of the contract. */
export function statsOf(
  mesh: { stats(): LinkStats },
  contents: { stats(): Pick<NodeStats, BlockKeys> },
  happenings: { readonly dropped: number },
): NodeStats {
  const { peers_connected, ...links } = mesh.stats()
  const { blocks_sent, blocks_received, want_list_size, blocks_provided } = contents.stats()
  const events_dropped = happenings.dropped
  return {
    ...{ blocks_sent, blocks_received, peers_connected, want_list_size, blocks_provided },
    ...links,
    events_dropped,
  }
}

/** Sums over links that are gone; those that live are added when somebody asks. */
export class Totals {
  #bytesIn = 0
  #bytesOut = 0
  #dropped = 0
  #strangers = 0

  ended(link: LinkCore, stranger: boolean): void {
    this.#bytesIn += link.bytesIn
    this.#bytesOut += link.bytesOut
    this.#dropped += link.dropped
    if (stranger) this.#strangers++
  }

  stats(
    peers: number,
    connections: Iterable<Connection>,
    chatDropped: number,
    guests: GuestTotals,
  ): LinkStats {
    let bytesIn = this.#bytesIn + guests.bytesIn
    let bytesOut = this.#bytesOut + guests.bytesOut
    let dropped = this.#dropped + chatDropped + guests.dropped
    for (const { link } of connections) {
      if (link.ended) continue // counted already; its pipe still closes
      bytesIn += link.bytesIn
      bytesOut += link.bytesOut
      dropped += link.dropped
    }
    return {
      peers_connected: peers + guests.count,
      strangers_refused: this.#strangers,
      bytes_in: bytesIn,
      bytes_out: bytesOut,
      messages_dropped: dropped,
    }
  }
}
