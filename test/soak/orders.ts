/** What the soak and its members say to each other, over the channel of `child_process`. */
import type { NodeOptions } from '../../src/index.ts'

/** What a member is told to do; the answer carries the same number. */
export type Order =
  | { readonly do: 'start'; readonly options: NodeOptions }
  /** Chat to all. Answer: PeerIds that were linked at that moment. */
  | { readonly do: 'say'; readonly text: string }
  /** Bytes to a peer and back, compared. Answer: how many. */
  | { readonly do: 'echo'; readonly to: string; readonly bytes: number; readonly seed: number }
  /** Streams that are written to until somebody ends. Answer: once each has carried bytes. */
  | { readonly do: 'busy'; readonly to: string; readonly streams: number }
  | { readonly do: 'sample' }

export interface Started {
  readonly peerId: string
  readonly port: number
}

/** One look at a process. Sizes are bytes. */
export interface Sample {
  /** Reachable from JavaScript after a collection: the heap and what it holds outside of it. */
  readonly kept: number
  readonly resident: number
  /** What would keep the process alive: sockets, servers, timers, pipes. */
  readonly handles: number
  readonly peers: readonly string[]
}

export type Told =
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly event: 'chat'; readonly text: string; readonly direct: boolean }
  | { readonly event: 'lost'; readonly peerId: string; readonly reason: string }
  | { readonly event: 'error'; readonly message: string }
  /** It stopped in order. What it holds then that it did not hold before it started. */
  | { readonly event: 'stopped'; readonly left: readonly string[] }

/** Sends back what comes. */
export const ECHO = '/soak/echo/1'
/** Reads what comes. */
export const SINK = '/soak/sink/1'
