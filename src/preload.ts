/**
 * Loads what nodes load when they first need it.
 *
 * A simulated network has no disk to wait for: what a node in it waits for must come from that network,
 * or its promises settle at a time no seed decides.
 *
 * Floor: index.
 */
import { loadContentParts } from './node/blocks/parts.ts'
import { loadLog } from './node/log/lazy-log.ts'

export async function preload(): Promise<void> {
  await Promise.all([
    import('./node/udp-port.ts'),
    import('./node/line-port.ts'),
    loadContentParts(),
    loadLog(),
  ])
}
