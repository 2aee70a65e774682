/**
 * What the bitswap engine is told, and what it wants done.
 *
 *   host ── peer-up, said, found, block, stored, want … ──▶ engine ── speak, look, serve, store … ──▶ host
 *        ── accepts, progress, take (direct calls) ───────▶
 *
 * The engine knows names of blocks and their sizes and never looks at their bytes: those go from
 * a store into a stream and from a stream into a hash by the host's hands. A block is known by the key
 * of its multihash (`blockKey`), so that two CIDs of the same bytes are one block.
 *
 * Floor: protocols. Page: protocol/bitswap.md.
 */
import type { Tick } from '../../base/machine.ts'
import type { BitswapHead } from '../../wire/bitswap.ts'
import type { CID } from '../../wire/cid.ts'

export type BitswapInput =
  | Tick
  /** A link to a peer stands; what was told before over another is forgotten at both ends. */
  | { readonly kind: 'peer-up'; readonly peer: string }
  | { readonly kind: 'peer-down'; readonly peer: string }
  /** The peer has no bitswap, as far as it says. */
  | { readonly kind: 'deaf'; readonly peer: string }
  /** Our stream to a peer is a new one: everything has to be told again. */
  | { readonly kind: 'retold'; readonly peer: string }
  /** The peer's stream to us ended: it wants nothing any more. */
  | { readonly kind: 'hung-up'; readonly peer: string }
  /** The head of a message. Whatever blocks it has are asked about with `accepts`. */
  | { readonly kind: 'said'; readonly peer: string; readonly head: BitswapHead }
  /** The peer sent what is no bitswap. */
  | { readonly kind: 'broke'; readonly peer: string }
  /** Answer to `look`: all at once, so that what goes together leaves together. */
  | { readonly kind: 'found'; readonly peer: string; readonly blocks: readonly Found[] }
  /** Answer to `serve`, once the stream takes more. `missing` are keys of blocks that are not here after all. */
  | {
      readonly kind: 'served'
      readonly peer: string
      readonly serving: Serving
      readonly missing: readonly string[]
    }
  /** A block that came was hashed. */
  | {
      readonly kind: 'block'
      readonly peer: string
      readonly key: string
      /** Handed on with `store`, and not looked at. */
      readonly bytes: Uint8Array
      readonly good: boolean
    }
  /** A block that `accepts` let in will not come: its stream ended. */
  | { readonly kind: 'cut'; readonly peer: string; readonly key: string }
  /** Answer to `store`. Not `kept`: the store would not, and the want is given up. */
  | { readonly kind: 'stored'; readonly key: string; readonly length: number; readonly kept: boolean }
  /** A block is here, by whatever way. `announce`: every peer is told. */
  | { readonly kind: 'have'; readonly cid: CID; readonly size: number; readonly announce: boolean }
  | { readonly kind: 'open'; readonly session: number }
  | {
      readonly kind: 'want'
      readonly session: number
      readonly cids: readonly CID[]
      readonly priority: number
    }
  | { readonly kind: 'unwant'; readonly session: number; readonly keys: readonly string[] }
  | { readonly kind: 'close'; readonly session: number }

export interface Found {
  readonly key: string
  /** Undefined: it is not here. */
  readonly size: number | undefined
}

/** Blocks that go to a peer in one message. */
export interface Serving {
  readonly blocks: readonly { readonly cid: CID; readonly key: string; readonly size: number }[]
  readonly bytes: number
}

export type BitswapOutput =
  /** There is something to say to a peer: call `take` soon, as often as it answers. Said once until then. */
  | { readonly kind: 'speak'; readonly peer: string }
  /** How large are these blocks, and are they here? */
  | { readonly kind: 'look'; readonly peer: string; readonly cids: readonly CID[] }
  /** Send these blocks, then say `served`. */
  | {
      readonly kind: 'serve'
      readonly peer: string
      readonly serving: Serving
      /** Bytes that wait for this peer behind them. */
      readonly pendingBytes: number
    }
  /** The block just told as good is wanted still: keep it, then say `stored`. */
  | { readonly kind: 'store'; readonly cid: CID; readonly key: string; readonly bytes: Uint8Array }
  /** Every peer was asked and none has it; it stays wanted. `peers`: how many there are. */
  | { readonly kind: 'nowhere'; readonly session: number; readonly key: string; readonly peers: number }
  /** A peer did what no honest one does. `refused`: from now on it is neither asked nor served. */
  | { readonly kind: 'misdeed'; readonly peer: string; readonly why: string; readonly refused: boolean }

/** What became of the blocks of one session. */
export interface SessionFigures {
  /** In the order of their first block. */
  readonly sources: readonly { readonly peerId: string; readonly blocks: number; readonly bytes: number }[]
  readonly blocks: number
  readonly bytes: number
  readonly duplicateBlocks: number
  readonly duplicateBytes: number
}

export interface BitswapFigures {
  readonly blocksSent: number
  readonly bytesSent: number
  readonly blocksReceived: number
  readonly bytesReceived: number
  readonly duplicateBlocks: number
  readonly duplicateBytes: number
  /** Blocks that did not hash to their name. */
  readonly badBlocks: number
  /** Blocks nobody had asked for. */
  readonly strayBlocks: number
  readonly wantListSize: number
}

export interface LedgerFigures {
  readonly peerId: string
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly blocksSent: number
  readonly blocksReceived: number
  /** Wants of the peer that stand. */
  readonly wants: number
  /** Bytes sent for each received. */
  readonly debtRatio: number
}
