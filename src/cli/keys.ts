/**
 * The keys of a start: which network, and who we are on it.
 *
 * A key file that was named by hand must exist, for a typing error must not found
 * a network of its own. Only the user's own key is made when it is missing, and
 * then a person is told: two machines that each made one do not meet.
 *
 * Floor: cli.
 */
import { join } from 'node:path'
import { type Api, type NodeOptions, visible } from './api.ts'
import type { Settings } from './flags.ts'
import type { Output } from './output.ts'

/** The network's key as node options. Says so when it made the user's first one. */
export async function network(
  api: Api,
  settings: Settings,
  output: Output,
): Promise<Pick<NodeOptions, 'open' | 'swarmKey' | 'previousSwarmKey'>> {
  if (settings.open !== undefined) return { open: settings.open }
  const path = settings.swarmKey
  const file = await api.loadSwarmKey(path === undefined ? { create: true } : { path, create: false })
  if (file.created) {
    const fingerprint = await api.swarmKeyFingerprint(file.psk)
    output.trouble(`guild-home: made a new swarm key, ${visible(file.path)}, fingerprint ${fingerprint}`)
    output.trouble('  nodes meet only if they hold the same key: copy this file to your other machines')
  }
  const previousSwarmKey = await api.loadPreviousSwarmKey({ path: file.path })
  return { swarmKey: file.psk, ...(previousSwarmKey === undefined ? {} : { previousSwarmKey }) }
}

/** The identity of a data directory, made on its first use; a file named by hand must exist. */
export async function identity(
  api: Api,
  settings: Settings,
  directory: string,
): Promise<Pick<NodeOptions, 'identityKey'>> {
  const { seed } =
    settings.identityKey === undefined
      ? await api.loadIdentityKey({ path: join(directory, 'identity.key'), create: true })
      : await api.loadIdentityKey({ path: settings.identityKey, create: false })
  return { identityKey: seed }
}

/** Where others are looked for and told of, and whose node it is. */
export function discovery(
  settings: Settings,
): Pick<NodeOptions, 'trackers' | 'trackerToken' | 'userId' | 'deviceId' | 'dbPath' | 'dial'> {
  const { trackers, trackerToken, userId, deviceId, dbPath, dial } = settings
  return {
    ...(trackers.length === 0 ? {} : { trackers }),
    ...(trackerToken === undefined ? {} : { trackerToken }),
    ...(userId === undefined ? {} : { userId }),
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(dbPath === undefined ? {} : { dbPath }),
    ...(dial === 'direct-first' ? {} : { dial }),
  }
}
