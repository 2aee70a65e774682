/**
 * Keys and directories on disk, for programs that hold them themselves, as the command does.
 *
 * The store's own functions with this machine's randomness and cryptography filled in.
 *
 * Floor: node.
 */
import { nativeSuite } from '../crypto/native.ts'
import { systemRandom } from '../runtime/system.ts'
import * as dataDir from '../store/data-dir.ts'
import * as keyFiles from '../store/key-files.ts'
import * as keyRotation from '../store/key-rotation.ts'

export type { DataDir, DataDirOptions } from '../store/data-dir.ts'
export { defaultSwarmKeyPath, type IdentityKeyFile, type SwarmKeyFile } from '../store/key-files.ts'
export type { FinishedRotation, RotatedSwarmKey } from '../store/key-rotation.ts'
export { encodeSwarmKey } from '../wire/swarm-key.ts'

/** Takes the lock of a data directory, or of the first free slot. GH_STORE_LOCKED when a live node holds it. */
export const openDataDir: typeof dataDir.openDataDir = dataDir.openDataDir

/** The swarm key in a file; the user's own one without a path, made when missing if `create`. */
export function loadSwarmKey(
  options: { path?: string; create?: boolean } = {},
): Promise<keyFiles.SwarmKeyFile> {
  return keyFiles.loadSwarmKey({ ...options, random: systemRandom })
}

/** The key before the one in a file, while a rotation lasts: at most 7 days. */
export function loadPreviousSwarmKey(options: { path?: string } = {}): Promise<Uint8Array | undefined> {
  return keyRotation.loadPreviousSwarmKey({ ...options, random: systemRandom })
}

/** A new key in a file's place; the old one stays beside it as `<file>.previous`. */
export function rotateSwarmKey(options: { path?: string } = {}): Promise<keyRotation.RotatedSwarmKey> {
  return keyRotation.rotateSwarmKey({ ...options, random: systemRandom })
}

/** Removes the previous key. */
export function finishSwarmKeyRotation(
  options: { path?: string } = {},
): Promise<keyRotation.FinishedRotation> {
  return keyRotation.finishSwarmKeyRotation({ ...options, random: systemRandom })
}

/** The Ed25519 seed in a key file. */
export function loadIdentityKey(options: {
  path: string
  create: boolean
}): Promise<keyFiles.IdentityKeyFile> {
  return keyFiles.loadIdentityKey({ ...options, random: systemRandom, suite: nativeSuite })
}

/** As kubo computes it: safe to show, the same on every machine that holds the key. */
export async function swarmKeyFingerprint(psk: Uint8Array): Promise<string> {
  const { swarmKeyFingerprint: compute } = await import('../crypto/fingerprint.ts')
  return compute(psk)
}
