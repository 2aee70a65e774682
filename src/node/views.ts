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
  ): Omit<NodeStats, 'events_dropped'> {
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
      blocks_sent: 0,
      blocks_received: 0,
      peers_connected: peers + guests.count,
      want_list_size: 0,
      strangers_refused: this.#strangers,
      bytes_in: bytesIn,
      bytes_out: bytesOut,
      messages_dropped: dropped,
    }
  }
}
