/**
 * Where a node's two keys come from: bytes handed in, a file, or made new.
 *
 * Floor: node.
 */
import type { Runtime } from '../base/ports.ts'
import { openNetworkKey } from '../link/swarm.ts'
import { loadIdentityKey, loadSwarmKey } from '../store/key-files.ts'
import type { Config } from './config.ts'

/** The 32-byte swarm key. */
export async function swarmKeyOf(config: Config, { suite, random }: Runtime): Promise<Uint8Array> {
  if (config.open !== undefined) return openNetworkKey(suite, config.open)
  if (config.swarmKey instanceof Uint8Array) return config.swarmKey
  const { psk } = await loadSwarmKey({ path: config.swarmKey, random })
  return psk
}

/** The 32-byte seed of the identity. */
export async function identitySeedOf(
  config: Config,
  dataDir: string | undefined,
  { suite, random }: Runtime,
): Promise<Uint8Array> {
  if (config.identityKey instanceof Uint8Array) return config.identityKey
  const path = config.identityKey ?? (dataDir === undefined ? undefined : `${dataDir}/identity.key`)
  if (path === undefined) return random.bytes(32)
  const create = config.identityKey === undefined
  const { seed } = await loadIdentityKey({ path, create, random, suite })
  return seed
}
