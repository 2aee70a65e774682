/**
 * What lives beside the mesh while a node runs: LAN discovery, the line port, the control socket.
 *
 * Each is loaded only when its option asks for it, started after the node listens and before
 * it looks for peers, and stopped before the goodbyes.
 *
 * Floor: node.
 */
import type { Runtime } from '../base/ports.ts'
import type { Config } from './config.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'

export interface Companion {
  start(): Promise<void>
  /** Ends everything it holds; may be called after a failed start. */
  stop(): Promise<void>
}

export interface Surroundings {
  readonly config: Config
  readonly runtime: Runtime
  readonly mesh: Mesh
  readonly happenings: Happenings
  /** Absolute path, where there is a data directory. */
  readonly dataDir: string | undefined
}

export async function companionsOf(surroundings: Surroundings): Promise<Companion[]> {
  const companions: Companion[] = []
  if (surroundings.dataDir !== undefined) {
    const { PeerbookCompanion } = await import('./peerbook.ts')
    const { mesh, happenings, runtime, dataDir } = surroundings
    companions.push(new PeerbookCompanion({ mesh, happenings, clock: runtime.clock, dataDir }))
  }
  if (surroundings.config.dnsaddrs.length > 0) {
    const { DnsaddrCompanion } = await import('./dnsaddr.ts')
    const { mesh, happenings, runtime, config } = surroundings
    const { resolveTxt } = runtime.network
    const { dnsaddrs, connectTimeout: timeout } = config
    companions.push(new DnsaddrCompanion({ mesh, happenings, dnsaddrs, resolveTxt, timeout }))
  }
  return companions
}
