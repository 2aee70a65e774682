/**
 * What carries a link: a pipe with records in it, or datagrams that are packets.
 *
 *   connection ── link ──▶ output ──▶ carrier ──▶ network
 *       ▲                                │
 *       └── read, feed, flushSoon ── host ◀── what comes
 *
 * Floor: node.
 */
import type { Endpoint } from '../base/ports.ts'
import type { Proved } from '../link/handshake.ts'
import type { LinkCore } from '../link/link-core.ts'
import type { Carried, LinkInput, LinkOutput } from '../link/link-io.ts'

export interface Carrier {
  readonly transport: string
  /** Where the peer is, as we see it; on datagrams it may move. */
  readonly remote: Endpoint
  readonly link: LinkCore
  /** Sealed, and not yet taken by the system. */
  readonly buffered: number
  /** The system takes no more for now. */
  readonly blocked: boolean
  /** Does what the link wants of its carrier. */
  output(output: Extract<LinkOutput, { kind: 'write' | 'end-carrier' }>): void
  /** The link holds bytes back (P15), or lets them come again. */
  hold(held: boolean): void
  destroy(): void
}

/** What a carrier tells its connection. */
export interface CarrierHost {
  /** Bytes or a datagram came: they are read, and what they made us say leaves with them. */
  read(input: LinkInput): void
  feed(input: LinkInput): void
  flushSoon(): void
  /** A rate is set for what leaves. */
  readonly paced: boolean
  carry(proved: Proved, observed: Uint8Array | undefined): Carried
  /** Somebody else has come to where the peer was, and the peer has not been heard since. */
  displaced(): boolean
  /** The carrier is gone: the last call. */
  gone(): void
}

export type MakeCarrier = (host: CarrierHost) => Carrier
