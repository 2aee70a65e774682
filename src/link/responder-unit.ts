/**
 * What a responder may say before message 2, sealed so that only members read it.
 *
 *   +-------------+------------------+----------------------------+
 *   | unit, 1 B   | salt, 16 bytes   | sealed: cookie or versions |
 *   +-------------+------------------+----------------------------+
 *
 * key = first 32 bytes of HKDF(chaining key after message 1, salt); nonce 0; the
 * handshake hash is associated data. The key is never used twice, for the salt is fresh.
 *
 * Page: protocol/handshake.md (spec: HAND-7) · Floor: link.
 */
import { concat, empty } from '../base/bytes.ts'
import type { Cipher, Suite } from '../base/ports.ts'
import { ByteReader } from '../base/reader.ts'
import { hkdf } from '../noise/index.ts'

const SALT_LENGTH = 16

/** The handshake after message 1, as both sides hold it. */
export interface AfterMessage1 {
  /** A copy each time it is asked for; zeroed after use. */
  readonly chainingKey: Uint8Array
  readonly handshakeHash: Uint8Array
}

/** The whole unit. */
export function sealResponderUnit(
  suite: Suite,
  kind: number,
  state: AfterMessage1,
  salt: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const sealed = cipherOf(suite, state, salt).seal(0, state.handshakeHash, plaintext)
  return concat(Uint8Array.of(kind), salt, sealed)
}

/** `body` is the unit without its first byte. Throws GH_NOISE_OPEN or a WireError. */
export function openResponderUnit(suite: Suite, state: AfterMessage1, body: Uint8Array): Uint8Array {
  const r = new ByteReader(body)
  const salt = r.take(SALT_LENGTH, 'salt')
  return cipherOf(suite, state, salt).open(0, state.handshakeHash, r.rest('sealed'))
}

export function freshSalt(random: { bytes(length: number): Uint8Array }): Uint8Array {
  return random.bytes(SALT_LENGTH)
}

function cipherOf(suite: Suite, state: AfterMessage1, salt: Uint8Array): Cipher {
  const { chainingKey } = state
  const key = hkdf(suite, chainingKey, salt, empty, 32)
  const cipher = suite.cipher(key)
  chainingKey.fill(0)
  key.fill(0)
  return cipher
}
