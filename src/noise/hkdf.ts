/**
 * HKDF (RFC 5869) over the HMAC of a suite.
 *
 *   extract   prk  = HMAC(salt, secret)
 *   expand    T(1) = HMAC(prk, info ‖ 01)
 *             T(i) = HMAC(prk, T(i-1) ‖ info ‖ i)      output: T(1) ‖ T(2) ‖ …
 *
 * Noise's own HKDF(chaining key, secret, n) is this with an empty info and n outputs
 * of one hash length, so one function serves the handshake, cookies and datagram MACs.
 *
 * Refuses: more than 255 hash lengths, as the RFC says.
 * Page: protocol/handshake.md · Vectors: wycheproof hkdf_sha256. Floor: noise.
 */
import { GuildError } from '../base/errors.ts'
import type { NoiseSuite } from '../base/ports.ts'

/** `length` bytes from `secret`. An empty salt means a hash length of zeros. */
export function hkdf(
  suite: NoiseSuite,
  salt: Uint8Array,
  secret: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  if (length > 255 * suite.hashLength) throw new GuildError('GH_WIRE_LENGTH', `HKDF of ${length} bytes`)
  // HMAC pads its key with zeros, so an empty salt already is the salt of zeros.
  const prk = suite.hmac(salt, secret)
  const out = new Uint8Array(length)
  let block: Uint8Array = new Uint8Array(0)
  for (let at = 0, i = 1; at < length; at += suite.hashLength, i++) {
    const next = suite.hmac(prk, block, info, Uint8Array.of(i))
    block.fill(0)
    block = next
    out.set(block.length > length - at ? block.subarray(0, length - at) : block, at)
  }
  block.fill(0)
  prk.fill(0)
  return out
}
