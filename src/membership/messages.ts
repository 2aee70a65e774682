/**
 * What membership is told, and what it wants done: the words of its machine.
 *
 *   node ──inputs──▶ Membership ──outputs──▶ node ──▶ links, dials, listeners of events
 *
 * A *link* here is a number the node gave; membership never sees a socket. A link
 * exists for membership from `proved` (they dialled, message 3 was good) or
 * `accepted` (we dialled, ACCEPTED came) until `down`, or until it asked for `close`.
 *
 * Floor: membership.
 */
import type { ErrorCode } from '../base/errors.ts'
import type { Tick } from '../base/machine.ts'
import type { Address } from '../wire/address.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import type { CloseCode, Refusal } from '../wire/registry.ts'
import type { Source } from './address-book.ts'
import type { Remembered } from './remembering.ts'

export type LinkId = number
export type Direction = 'in' | 'out'

/** What a finished handshake showed of the peer. */
export interface Proof {
  readonly link: LinkId
  readonly peerKey: Uint8Array
  readonly peerId: string
  readonly name: string
  /** The Noise static key, made fresh by each process: tells two runs of one identity apart. */
  readonly staticKey: Uint8Array
  /** The other end as we see it: its IP, and the port it uses on this connection. */
  readonly address: Address
  /** The observed host with the port it says it listens on, when it listens. */
  readonly listenAddress?: Address | undefined
  /** The same by the other transport, when it listens there too. */
  readonly otherAddress?: Address | undefined
  /** Its links to others, by its HELLO. */
  readonly linkCount: number
}

export interface Teller {
  readonly name: string
  readonly host: string
}

export type MembershipInput =
  | Tick
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Addresses from anywhere but a PEERS frame. From a person they are dialled at once. */
  | {
      readonly kind: 'learned'
      readonly addresses: readonly Address[]
      readonly source: Source
      /** Who told, where that is one whom a person named, but who may lie: its name and its host. */
      readonly teller?: Teller | undefined
    }
  /** From the peerbook, the most important first. */
  | { readonly kind: 'recalled'; readonly rows: readonly Remembered[] }
  | ({ readonly kind: 'proved' } & Proof)
  | ({ readonly kind: 'accepted'; readonly dialled: Address } & Proof)
  | {
      readonly kind: 'down'
      readonly link: LinkId
      readonly code?: ErrorCode | undefined
      /** The code of the peer's CLOSE, when it sent one. */
      readonly closeCode?: number | undefined
      readonly byPeer: boolean
      readonly goodbye: boolean
      readonly detail: string
    }
  | {
      readonly kind: 'dialFailed'
      readonly address: Address
      readonly code: ErrorCode
      readonly message: string
      /** It led back to this node. */
      readonly self?: boolean | undefined
      /** Who answered, when message 2 showed it. */
      readonly peerId?: string | undefined
    }
  /** REFUSED came, with the PEERS behind it. */
  | {
      readonly kind: 'refused'
      readonly address: Address
      readonly reason: Refusal
      readonly detail?: string | undefined
      readonly peerId: string
      readonly entries: readonly PeerEntry[]
    }
  | { readonly kind: 'pong'; readonly link: LinkId; readonly nonce: Uint8Array }
  | { readonly kind: 'requestPeers'; readonly link: LinkId }
  | { readonly kind: 'peers'; readonly link: LinkId; readonly entries: readonly PeerEntry[] }
  | { readonly kind: 'mesh'; readonly link: LinkId; readonly linked: number; readonly known: number }
  /** The peer sent DRAIN. */
  | { readonly kind: 'drain'; readonly link: LinkId }
  /** No stream is open on a link that drains: it may close before its time. */
  | { readonly kind: 'idle'; readonly link: LinkId }
  /** A person wants REQUEST_PEERS sent to everybody. */
  | { readonly kind: 'discover' }
  /** A person wants no link to this peer. It is not dialled again until a person says so. */
  | { readonly kind: 'disconnect'; readonly peerId: string }

export type MembershipOutput =
  /** Answered by `accepted`, `refused` or `dialFailed`, with the same address. */
  | { readonly kind: 'dial'; readonly address: Address; readonly expect?: string }
  /** Send ACCEPTED: the link stands. */
  | { readonly kind: 'admit'; readonly link: LinkId }
  /** Send REFUSED and PEERS, then close. */
  | {
      readonly kind: 'refuse'
      readonly link: LinkId
      readonly reason: Refusal
      readonly detail: string
      readonly entries: readonly PeerEntry[]
    }
  | { readonly kind: 'ping'; readonly link: LinkId; readonly nonce: Uint8Array }
  | { readonly kind: 'requestPeers'; readonly link: LinkId }
  | { readonly kind: 'peers'; readonly link: LinkId; readonly entries: readonly PeerEntry[] }
  | { readonly kind: 'mesh'; readonly link: LinkId; readonly linked: number; readonly known: number }
  /** Send DRAIN; open no more streams there while another link to the peer stands. */
  | { readonly kind: 'drain'; readonly link: LinkId }
  /** Send CLOSE and end the link. Membership has forgotten it already. */
  | { readonly kind: 'close'; readonly link: LinkId; readonly code: CloseCode; readonly detail: string }
  | { readonly kind: 'event'; readonly message: MembershipEvent }

/** Facts for people and programs. Names, reasons and details may hold text of a peer. */
export type MembershipEvent =
  | {
      readonly event: 'peer-connected'
      readonly peerId: string
      readonly name: string
      readonly address: string
      readonly transport: string
      readonly direction: Direction
      readonly peers: number
      readonly maxPeers: number
    }
  | {
      readonly event: 'peer-disconnected'
      readonly peerId: string
      readonly name: string
      readonly reason: string
      readonly peers: number
    }
  | {
      readonly event: 'peers-discovered'
      readonly from: string
      readonly name: string
      readonly count: number
      readonly known: number
    }
  | {
      readonly event: 'connection-failed'
      readonly address: string
      readonly code: ErrorCode
      readonly message: string
    }
  | { readonly event: 'bootstrap-success'; readonly address: string }
  | {
      readonly event: 'bootstrap-failed'
      readonly address: string
      readonly code: ErrorCode
      readonly message: string
    }
  | {
      readonly event: 'maintenance-cleanup'
      readonly peerId: string
      readonly name: string
      readonly reason: string
    }
  /** For `--log debug`: one protocol act, in words. */
  | { readonly event: 'debug'; readonly message: string }

/** Where the parts of membership put what they want done. */
export type Emit = (output: MembershipOutput) => void
