/**
 * The fingerprint of a swarm key, as go-ipfs, kubo and rust-libp2p print it.
 *
 *   SHAKE128( 64 bytes of Salsa20 keystream under the key, nonce "finprint" ), 16 bytes, as hex
 *
 * Two people compare it by phone; it tells nothing about the key. No standard writes
 * the rule down: it is what those programs do.
 *
 * Page: protocol/swarm-key.md · Vectors: pnet/swarm-key. Floor: crypto.
 */
import { salsa20 } from '@noble/ciphers/salsa.js'
import { shake128 } from '@noble/hashes/sha3.js'
import { toHex, utf8 } from '../base/bytes.ts'
import { requireSecret } from './strict.ts'

/** 32 hex digits for the 32 bytes of a swarm key. */
export function swarmKeyFingerprint(psk: Uint8Array): string {
  requireSecret(psk)
  const keystream = salsa20(psk, utf8('finprint'), new Uint8Array(64))
  return toHex(shake128(keystream, { dkLen: 16 }))
}
