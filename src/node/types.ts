/**
 * What a program sees of a node: events, peers, figures.
 *
 * The names are part of the outer contract; a new field may join, none changes.
 * Durations are seconds unless a name ends in `Ms`; sizes are bytes.
 *
 * Floor: node. Page: README.md.
 */
import type { ErrorCode } from '../base/errors.ts'
import type { Direction, MembershipEvent } from '../membership/messages.ts'

export type { Direction } from '../membership/messages.ts'

/** One connected peer. */
export interface PeerInfo {
  readonly peerId: string
  /** As the peer calls itself. Untrusted text: escape it where you show it. */
  readonly name: string
  /** A multiaddr: the observed host with the announced port. */
  readonly address: string
  /** `tcp`; of a person at the line port `line`, with a peer id `line:<id>@<PeerId of the gateway>`. */
  readonly transport: string
  readonly direction: Direction
  /** The round trip: over packets the smoothed one; otherwise the last that was measured, when the link was new and whenever this side has PINGed since. Undefined before the first. */
  readonly rttMs: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** What the link's frames travel in. Of a person at the line port `lines`. */
  readonly carrier: 'records' | 'packets' | 'lines'
  /** Present where the carrier is packets: with records the system knows such things, and does not tell. */
  readonly packets: PacketInfo | undefined
}

/** How the path of one link over packets does. */
export interface PacketInfo {
  /** The shortest round trip on this path. Undefined before the first. */
  readonly leastRttMs: number | undefined
  /** Name of the congestion controller. */
  readonly congestion: string
  /** Bytes that may be in flight, and bytes that are. */
  readonly congestionWindow: number
  readonly bytesInFlight: number
  /** Largest datagram in use, in bytes. */
  readonly mtu: number
  readonly packetsSent: number
  readonly packetsReceived: number
  /** Declared lost: what they carried was sent again, where it still mattered. */
  readonly packetsLost: number
  /** Lost of sent, from 0 to 1. */
  readonly lossShare: number
}

export interface NodeStats {
  /** Blocks sent to peers, each time one left. */
  readonly blocks_sent: number
  /** Blocks that peers sent, that were wanted, and that hash to their CID. */
  readonly blocks_received: number
  readonly peers_connected: number
  /** Blocks that are wanted now. A want that failed is none any more. */
  readonly want_list_size: number
  /** Blocks that the peers were told of. */
  readonly blocks_provided: number
  /** Connections since the start that never proved the swarm key. */
  readonly strangers_refused: number
  readonly bytes_in: number
  readonly bytes_out: number
  /** Chat that was dropped because a peer read too slowly or sent too much. */
  readonly messages_dropped: number
  /** Events nobody read in time from `messages`. */
  readonly events_dropped: number
}

/** A node in one piece, as its control socket tells it. */
export interface NodeStatus {
  readonly peerId: string
  readonly name: string
  readonly addresses: readonly string[]
  readonly port: number
  readonly uptimeSeconds: number
  readonly maxPeers: number
  readonly peers: readonly PeerInfo[]
  readonly stats: NodeStats
}

export interface NetworkInfo {
  readonly localPeerId: string
  readonly connectedPeers: readonly { id: string; connected: boolean; address: string }[]
  readonly listenAddrs: readonly string[]
  /** How peers say they see us. */
  readonly observedAddrs: readonly string[]
}

/**
 * Everything that happens on a node, as one union; also what `node.messages` yields. What
 * happens to peers is told by membership, in the same words.
 */
export type NodeMessage =
  | MembershipEvent
  | {
      readonly event: 'system-start'
      readonly peerId: string
      readonly name: string
      readonly port: number
      readonly addresses: readonly string[]
      /** Where people can type, `host:port`; absent without a line port. */
      readonly linePort?: string
    }
  | {
      readonly event: 'chat-message'
      readonly id: string
      readonly from: string
      /** Our own PeerId, when it was meant for us alone. */
      readonly to?: string
      readonly name: string
      readonly message: string
      readonly timestamp: number
    }
  /** The log has grown; `from` the peer that brought them, absent for our own. */
  | {
      readonly event: 'log-entries'
      readonly count: number
      readonly head: number
      readonly from?: string
    }
  /** An author said two things under one number: both are kept. */
  | {
      readonly event: 'log-fork'
      readonly author: string
      readonly authorSeq: number
      readonly ids: readonly [string, string]
    }
  | { readonly event: 'error'; readonly code: ErrorCode; readonly message: string }

export type EventName = NodeMessage['event']

/** The payload of one event. */
export type EventOf<Name extends EventName> = Extract<NodeMessage, { event: Name }>
