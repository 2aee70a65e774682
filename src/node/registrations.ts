/**
 * What a tracker needs of this machine: a place for its rows, and a check of signatures.
 *
 * The database loads when it is asked for; nothing else of a node needs it.
 *
 * Floor: node.
 */
import { nativeSuite } from '../crypto/native.ts'
import type { RegistrationShelf } from '../store/registrations.ts'
import { keyFromPeerId } from '../wire/peer-id.ts'

export type { RegistrationShelf } from '../store/registrations.ts'

/** Registrations in an SQLite file, made where it is missing. GH_STORE_*. */
export async function openRegistrations(path: string): Promise<RegistrationShelf> {
  const { openRegistrations: open } = await import('../store/registrations.ts')
  return open(path)
}

/** Did this peer sign these bytes? Strict Ed25519 (RFC 8032). GH_PEER_ID_INVALID when the id is none. */
export function isSignedBy(peerId: string, message: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && nativeSuite.verify(keyFromPeerId(peerId), message, signature)
}
