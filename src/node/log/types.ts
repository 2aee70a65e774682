/**
 * What programs see of the log.
 *
 * Floor: node. Page: README.md.
 */
import type { CborValue } from '../../wire/dag-cbor.ts'

/** One entry, as a program reads it. */
export interface LogRecord {
  /** Its place in this node's log. */
  readonly seq: number
  /** 64 hex digits: SHA-256 of what its author signed. */
  readonly id: string
  /** PeerId of its author. */
  readonly author: string
  /** Its number among the author's own. */
  readonly authorSeq: number
  readonly deviceId: string
  readonly userId: string
  /** Milliseconds since 1970, by the author's clock. */
  readonly timestamp: number
  /** What was appended. Bytes are a Uint8Array, links a CID, whole numbers beyond 2^53 a bigint. */
  readonly data: CborValue
}

/** Two entries of one author with one number: it ran twice at once, was restored from an old copy, or lies. */
export interface LogFork {
  readonly author: string
  readonly authorSeq: number
  readonly ids: readonly [string, string]
}

/** What one round with one peer came to. */
export interface SyncResult {
  readonly peerId: string
  /** Entries that are new here. */
  readonly pulled: number
  /** Entries of this device that were brought to the peer. */
  readonly pushed: number
  /** How far the peer's log is read. */
  readonly cursor: number
  /** Transport of the link: `tcp`, `udp`, later `relay`. */
  readonly via: string
}

export interface EntriesOptions {
  /** Behind this `seq`. Default 0: from the beginning. */
  readonly after?: number
  /** Most entries. Default: all there are. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

export interface SyncOptions {
  /** PeerIds or addresses. Default: every connected peer. */
  readonly peers?: readonly string[]
  /** Most entries in one message. Default 1,000. 1 to 4,096. */
  readonly limit?: number
  /** Bring this device's entries too. Default false. */
  readonly push?: boolean
  readonly signal?: AbortSignal
  /** Told after each peer; the error, where it failed. Without it the first failure rejects. */
  readonly onPeer?: (peer: string, outcome: SyncResult | Error) => void
}
