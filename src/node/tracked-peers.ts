/**
 * Peers as trackers know them, for a program that asks a node.
 *
 * Floor: node. Page: protocol/tracker.md.
 */
import type { Trackers } from './trackers.ts'

/** Who is there proves itself when it is dialled. */
export interface TrackedPeer {
  readonly peerId: string
  /** Multiaddrs, as the peer gave them; untrusted. */
  readonly addresses: readonly string[]
  /** No tracker tells of anybody now; this one was told of before. */
  readonly remembered: boolean
}

type Finds = Pick<Trackers, 'find'>

/** By the trackers among a node's companions; nobody without any. */
export async function toldBy(companions: readonly object[], signal?: AbortSignal): Promise<TrackedPeer[]> {
  const trackers = companions.find((one): one is Finds => 'find' in one)
  if (trackers === undefined) return []
  const { told, remembered } = await trackers.find(signal)
  return told.map(({ peerId, addrs }) => ({ peerId, addresses: addrs, remembered }))
}
