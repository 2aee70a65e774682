/**
 * Which keys and signatures both backends refuse, before either does any arithmetic.
 *
 * Libraries differ at the edges: one takes a coordinate above 2^255 - 19, another a
 * point of order eight. A signature that half of a mesh accepts splits the mesh, so
 * the edges are cut off here, the same for all:
 *
 *   X25519    a public key is 32 bytes and below 2^255 - 19 (RFC 7748 would reduce it;
 *             an honest node never sends such a key). A shared secret of zeros is
 *             refused too, by the backends: that catches every point of low order.
 *   Ed25519   a public key is canonical and not of low order; S is below the order L;
 *             R is compared as bytes, without the cofactor (RFC 8032 section 5.1.7).
 *
 * Page: protocol/handshake.md · Vectors: wycheproof x25519, ed25519. Faults: HS-06. Floor: crypto.
 */
import { compare, fromHex } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'

/** Little-endian numbers, as both curves write them. */
const prime = fromHex(`ed${'ff'.repeat(30)}7f`)!
const order = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010')!

/** y of the points of order 1, 2, 4 and 8, sign bit cleared. */
const lowOrder: readonly Uint8Array[] = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(hex => fromHex(hex)!)

/** Throws GH_NOISE_KEY on a public key that is not 32 canonical bytes. */
export function requireX25519Key(publicKey: Uint8Array): void {
  if (publicKey.length !== 32) throw new GuildError('GH_NOISE_KEY', `public key of ${publicKey.length} bytes`)
  if (!below(publicKey, prime)) throw new GuildError('GH_NOISE_KEY', 'public key is not canonical')
}

/** Throws GH_NOISE_KEY on a secret (a scalar, a seed, a cipher key) that is not 32 bytes. */
export function requireSecret(secret: Uint8Array): void {
  if (secret.length !== 32) throw new GuildError('GH_NOISE_KEY', `secret of ${secret.length} bytes, not 32`)
}

/** Throws GH_NOISE_KEY on a key of header protection that is not 16 bytes. */
export function requireMaskKey(key: Uint8Array): void {
  if (key.length !== 16) throw new GuildError('GH_NOISE_KEY', `mask key of ${key.length} bytes, not 16`)
}

/** What can be said of a signature without arithmetic; public values, so not in constant time. */
export function isEd25519Shaped(publicKey: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  const y = new Uint8Array(publicKey)
  y[31]! &= 0x7f
  if (!below(y, prime) || lowOrder.some(point => compare(point, y) === 0)) return false
  return below(signature.subarray(32), order)
}

function below(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return a[i]! < b[i]!
  return false
}
