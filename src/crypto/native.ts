/**
 * The suite on node:crypto: the default on Node, some 20 times as fast as noble.
 *
 * Keys are imported once and kept as KeyObjects, and imported as JWK: OpenSSL 3 takes
 * 76 µs to decode a public key in DER and 370 µs for a private one, as JWK 8 and 42.
 * A private JWK needs a public part, which Node does not look at: zeros do.
 * A peer's ephemeral key is used twice in a handshake and imported once.
 *
 * Refuses: what `strict.ts` lists; says GH_NOISE_KEY or GH_NOISE_OPEN, never more.
 * Page: protocol/handshake.md · Vectors: noise, wycheproof. Twin: noble.ts. Floor: crypto.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { concat, copy, equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Identity, KeyPair, Suite } from '../base/ports.ts'
import { MASK_LENGTH } from '../wire/packet.ts'
import { type Aead, CounterCipher, opened, TAG_LENGTH } from './cipher.ts'
import { hmacSha256, sha256 } from './sha256.ts'
import { sodiumAead } from './sodium.ts'
import { isEd25519Shaped, requireMaskKey, requireSecret, requireX25519Key } from './strict.ts'

/** Bytes up to which libsodium is the faster one, with a good margin. */
const SHORT = 8192

type Curve = 'X25519' | 'Ed25519'

class NativeKeyPair implements KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject

  constructor(secret: Uint8Array) {
    this.privateKey = importPrivate('X25519', secret)
    this.publicKey = exportPublic(this.privateKey)
  }
}

export const nativeSuite: Suite = {
  name: '25519_ChaChaPoly_SHA256',
  hashLength: 32,
  blockLength: 64,

  keyPair(secret) {
    return new NativeKeyPair(secret)
  },

  dh(pair, publicKey) {
    if (!(pair instanceof NativeKeyPair)) throw new GuildError('GH_NOISE_KEY', 'a key pair of another suite')
    requireX25519Key(publicKey)
    try {
      return plain(diffieHellman({ privateKey: pair.privateKey, publicKey: importedX25519(publicKey) }))
    } catch (cause) {
      // OpenSSL fails when the secret comes out as zeros.
      throw new GuildError('GH_NOISE_KEY', 'no shared secret', { cause })
    }
  },

  hash: sha256,

  hmac: hmacSha256,

  cipher(key) {
    return new CounterCipher(nativeAead, key)
  },

  identity(seed): Identity {
    const privateKey = importPrivate('Ed25519', seed)
    return {
      publicKey: exportPublic(privateKey),
      sign: message => plain(sign(null, message, privateKey)),
    }
  },

  verify(publicKey, message, signature) {
    if (!isEd25519Shaped(publicKey, signature)) return false
    try {
      return verify(null, message, importPublic('Ed25519', publicKey), signature)
    } catch {
      return false // not a point of the curve
    }
  },

  headerMask(key) {
    requireMaskKey(key)
    // One object for the life of the link: 0.5 µs a block. A new one for each would cost seven times that.
    const block = createCipheriv('aes-128-ecb', key, null).setAutoPadding(false)
    const mask = new Uint8Array(MASK_LENGTH)
    return {
      mask(sample) {
        const out = block.update(sample)
        for (let i = 0; i < MASK_LENGTH; i++) mask[i] = out[i]! // five bytes are copied sooner than two views made
        return mask
      },
    }
  },
}

/** ChaCha20-Poly1305 under one key: by OpenSSL, and what is short by libsodium where that is installed. */
export function nativeAead(key: Uint8Array): Aead {
  requireSecret(key)
  const long = opensslAead('chacha20-poly1305', createSecretKey(key))
  const short = sodiumAead(key)
  if (short === undefined) return long
  const by = (length: number): Aead => (length <= SHORT ? short : long)
  return {
    seal: (nonce, associated, plaintext) => by(plaintext.length).seal(nonce, associated, plaintext),
    sealParts: (nonce, associated, plaintext) => by(plaintext.length).sealParts(nonce, associated, plaintext),
    // Where the memory is there already it is the cheaper one at any length.
    sealInto: short.sealInto,
    open: (nonce, associated, sealed) => by(sealed.length).open(nonce, associated, sealed),
  }
}

/** Any AEAD of OpenSSL with 12-byte nonces and 16-byte tags. */
export function opensslAead(algorithm: 'chacha20-poly1305' | 'aes-256-gcm', key: KeyObject): Aead {
  const options = { authTagLength: TAG_LENGTH }
  // The types know no AEAD by a name that is not a literal; both of these are.
  const name = algorithm as 'chacha20-poly1305'

  const sealParts: Aead['sealParts'] = (nonce, associated, plaintext) => {
    const cipher = createCipheriv(name, key, nonce, options)
    if (associated.length > 0) cipher.setAAD(associated, { plaintextLength: plaintext.length })
    const body = plain(cipher.update(plaintext))
    cipher.final()
    return { body, tag: plain(cipher.getAuthTag()) }
  }

  return {
    sealParts,
    seal(nonce, associated, plaintext) {
      const { body, tag } = sealParts(nonce, associated, plaintext)
      return concat(body, tag)
    },
    open(nonce, associated, sealed) {
      const split = sealed.length - TAG_LENGTH
      if (split < 0) throw new GuildError('GH_NOISE_OPEN', 'shorter than a tag')
      const decipher = createDecipheriv(name, key, nonce, options)
      if (associated.length > 0) decipher.setAAD(associated, { plaintextLength: split })
      decipher.setAuthTag(sealed.subarray(split))
      const plaintext = plain(decipher.update(sealed.subarray(0, split)))
      opened(() => {
        try {
          decipher.final()
        } catch (error) {
          plaintext.fill(0)
          throw error
        }
      })
      return plaintext
    },
  }
}

const noPublicPart = base64url(new Uint8Array(32))

function importPrivate(crv: Curve, secret: Uint8Array): KeyObject {
  requireSecret(secret)
  return createPrivateKey({
    key: { kty: 'OKP', crv, d: base64url(secret), x: noPublicPart },
    format: 'jwk',
  })
}

function importPublic(crv: Curve, publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv, x: base64url(publicKey) }, format: 'jwk' })
}

/**
 * Peers' keys, imported: 256 of them, placed by their first byte. A handshake needs one of them
 * twice. They are compared whole, so none is ever taken for another.
 */
const imported: { bytes: Uint8Array; key: KeyObject }[] = []

function importedX25519(publicKey: Uint8Array): KeyObject {
  const place = publicKey[0]!
  const known = imported[place]
  if (known !== undefined && equal(known.bytes, publicKey)) return known.key
  const key = importPublic('X25519', publicKey)
  imported[place] = { bytes: copy(publicKey), key }
  return key
}

function exportPublic(privateKey: KeyObject): Uint8Array {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  return new Uint8Array(Buffer.from(x!, 'base64url'))
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')
}

/** The same memory as a Uint8Array: a Buffer's `slice` and equality are not what cores expect. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}
