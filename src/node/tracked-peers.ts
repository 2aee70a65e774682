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
}

type Finds = Pick<Trackers, 'find'>

/** By the trackers among a node's companions; nobody without any. */
export async function toldBy(companions: readonly object[], signal?: AbortSignal): Promise<TrackedPeer[]> {
  const trackers = companions.find((one): one is Finds => 'find' in one)
  const found = (await trackers?.find(signal)) ?? []
  return found.map(({ peerId, addrs }) => ({ peerId, addresses: addrs }))
}
