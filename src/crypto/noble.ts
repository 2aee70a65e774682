/**
 * The suite on @noble/*: plain JavaScript, what browsers run, and the reference that
 * the native suite is compared with, byte for byte.
 *
 * Verification is written out here rather than left to noble's `verify`, which
 * multiplies by the cofactor where OpenSSL does not: on a crafted signature the two
 * would disagree.
 *
 * Refuses: what `strict.ts` lists; says GH_NOISE_KEY or GH_NOISE_OPEN, never more.
 * Page: protocol/handshake.md · Vectors: noise, wycheproof. Twin: native.ts. Floor: crypto.
 */
import { ecb } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { copy, equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Identity, KeyPair, Suite } from '../base/ports.ts'
import { MASK_LENGTH } from '../wire/packet.ts'
import { type Aead, CounterCipher, opened, TAG_LENGTH } from './cipher.ts'
import { isEd25519Shaped, requireMaskKey, requireSecret, requireX25519Key } from './strict.ts'

class NobleKeyPair implements KeyPair {
  readonly publicKey: Uint8Array
  readonly #secret: Uint8Array

  constructor(secret: Uint8Array) {
    requireSecret(secret)
    this.#secret = copy(secret)
    this.publicKey = x25519.getPublicKey(secret)
  }

  shared(publicKey: Uint8Array): Uint8Array {
    return x25519.getSharedSecret(this.#secret, publicKey)
  }
}

export const nobleSuite: Suite = {
  name: '25519_ChaChaPoly_SHA256',
  hashLength: 32,
  blockLength: 64,

  keyPair(secret) {
    return new NobleKeyPair(secret)
  },

  dh(pair, publicKey) {
    if (!(pair instanceof NobleKeyPair)) throw new GuildError('GH_NOISE_KEY', 'a key pair of another suite')
    requireX25519Key(publicKey)
    try {
      return pair.shared(publicKey)
    } catch (cause) {
      // noble throws when the secret comes out as zeros.
      throw new GuildError('GH_NOISE_KEY', 'no shared secret', { cause })
    }
  },

  hash(...parts) {
    const hash = sha256.create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  },

  hmac(key, ...parts) {
    const mac = hmac.create(sha256, key)
    for (const part of parts) mac.update(part)
    return mac.digest()
  },

  cipher(key) {
    return new CounterCipher(nobleAead, key)
  },

  identity(seed): Identity {
    requireSecret(seed)
    const secret = copy(seed)
    return { publicKey: ed25519.getPublicKey(secret), sign: message => ed25519.sign(message, secret) }
  },

  verify(publicKey, message, signature) {
    if (!isEd25519Shaped(publicKey, signature)) return false
    try {
      // R = S·B - H(R ‖ A ‖ M)·A
      const { Point } = ed25519
      const r = signature.subarray(0, 32)
      const a = Point.fromBytes(publicKey)
      const h = sha512.create().update(r).update(publicKey).update(message).digest()
      const k = Point.Fn.create(littleEndian(h))
      const s = littleEndian(signature.subarray(32))
      return equal(Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes(), r)
    } catch {
      return false // not a point of the curve
    }
  },

  headerMask(key) {
    requireMaskKey(key)
    const own = copy(key)
    return {
      mask: sample => ecb(own, { disablePadding: true }).encrypt(sample).subarray(0, MASK_LENGTH),
    }
  },
}

/** ChaCha20-Poly1305 under one key, which is copied. */
export function nobleAead(key: Uint8Array): Aead {
  requireSecret(key)
  const own = copy(key)
  return seamless((nonce, associated) => chacha20poly1305(own, nonce, associated))
}

interface NobleCipher {
  encrypt(plaintext: Uint8Array): Uint8Array
  decrypt(sealed: Uint8Array): Uint8Array
}

/** An Aead of any noble cipher that puts its tag behind the ciphertext. */
export function seamless(make: (nonce: Uint8Array, associated: Uint8Array) => NobleCipher): Aead {
  const seal: Aead['seal'] = (nonce, associated, plaintext) => make(nonce, associated).encrypt(plaintext)
  return {
    seal,
    sealParts(nonce, associated, plaintext) {
      const sealed = seal(nonce, associated, plaintext)
      return { body: sealed.subarray(0, plaintext.length), tag: sealed.subarray(plaintext.length) }
    },
    open(nonce, associated, sealed) {
      if (sealed.length < TAG_LENGTH) throw new GuildError('GH_NOISE_OPEN', 'shorter than a tag')
      return opened(() => make(nonce, associated).decrypt(sealed))
    },
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!)
  return value
}
