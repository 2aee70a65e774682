/**
 * What lives beside the mesh while a node runs: LAN discovery, the line port, the control socket.
 *
 * Each is loaded only when its option asks for it, started after the node listens and before
 * it looks for peers, and stopped before the goodbyes.
 *
 * Floor: node.
 */
import { join } from 'node:path'
import type { Runtime } from '../base/ports.ts'
import type { NodeContents } from './blocks/node-contents.ts'
import { loadContentParts } from './blocks/parts.ts'
import type { Config } from './config.ts'
import type { DirectMessages } from './direct-messages.ts'
import type { Happenings } from './emitter.ts'
import type { NodeLog } from './log/lazy-log.ts'
import type { Mesh } from './mesh.ts'
import { PeerbookCompanion, shelfAt, shelfIn } from './peerbook.ts'

export interface Companion {
  start(): Promise<void>
  /** Ends everything it holds; may be called after a failed start. */
  stop(): Promise<void>
}

export interface Surroundings {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKeys: readonly Uint8Array[]
  readonly mesh: Mesh
  readonly happenings: Happenings
  readonly direct: DirectMessages
  readonly contents: NodeContents
  readonly log: NodeLog
  /** Absolute path, where there is a data directory. */
  readonly dataDir: string | undefined
  /** 32 bytes. */
  readonly identitySeed: Uint8Array
}

const loaded: { linePort?: typeof import('./line-port.ts') } = {}

/**
 * Loads those that belong in a simulated network too, before the node starts: what `start` waits
 * for there must come from that network, not from a disk.
 */
export async function loadCompanions(config: Config): Promise<void> {
  if (config.linePort !== undefined) loaded.linePort ??= await import('./line-port.ts')
  if (config.runtime !== undefined) await loadContentParts()
}

export async function companionsOf(around: Surroundings): Promise<Companion[]> {
  const companions: Companion[] = []
  const { config, dataDir, mesh, happenings, runtime } = around
  const { linePort: port, dnsaddrs, connectTimeout: timeout } = config
  if (port !== undefined) {
    const { LinePort } = loaded.linePort ?? (await import('./line-port.ts'))
    companions.push(new LinePort({ ...around, port }))
  }
  if (dataDir !== undefined && process.platform !== 'win32') {
    const { ControlSocket } = await import('./control-socket.ts')
    companions.push(new ControlSocket({ ...around, dataDir }))
  }
  if (dataDir !== undefined || runtime.files !== undefined) {
    const shelf = dataDir === undefined ? shelfIn(runtime.files!) : shelfAt(join(dataDir, 'peers.json'))
    companions.push(new PeerbookCompanion({ mesh, happenings, clock: runtime.clock, shelf }))
  }
  if (dnsaddrs.length > 0) {
    const { DnsaddrCompanion } = await import('./dnsaddr.ts')
    const { resolveTxt } = runtime.network
    companions.push(new DnsaddrCompanion({ mesh, happenings, dnsaddrs, resolveTxt, timeout }))
  }
  if (config.trackers.length > 0) companions.push(new (await import('./trackers.ts')).Trackers(around))
  if (config.mdns) companions.push((await import('./lan.ts')).lanDiscovery(around))
  return companions
}
