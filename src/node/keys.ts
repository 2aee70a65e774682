/**
 * Where a node's two keys come from: bytes handed in, a file, or made new.
 *
 * Floor: node.
 */
import { equal } from '../base/bytes.ts'
import type { Runtime } from '../base/ports.ts'
import { openNetworkKey } from '../link/swarm.ts'
import { loadIdentityKey, loadSwarmKey } from '../store/key-files.ts'
import { loadPreviousSwarmKey } from '../store/key-rotation.ts'
import type { Config } from './config.ts'

/** The 32-byte swarm key; behind it the one before, while it is rotated. */
export async function swarmKeysOf(
  config: Config,
  { suite, random }: Runtime,
): Promise<readonly Uint8Array[]> {
  if (config.open !== undefined) return [openNetworkKey(suite, config.open)]
  const { swarmKey, previousSwarmKey } = config
  if (swarmKey instanceof Uint8Array) return inTurn(swarmKey, previousSwarmKey)
  const { psk, path } = await loadSwarmKey({ path: swarmKey, random })
  return inTurn(psk, previousSwarmKey ?? (await loadPreviousSwarmKey({ path, random })))
}

/** A rotation that was cut off left the same key twice. */
function inTurn(current: Uint8Array, previous: Uint8Array | undefined): readonly Uint8Array[] {
  return previous === undefined || equal(previous, current) ? [current] : [current, previous]
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
