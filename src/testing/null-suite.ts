/**
 * Cryptography that protects nothing and costs little, with all lengths as they really are.
 *
 *   seal      plaintext ‖ tag of 16 bytes: which key, which nonce, how much, and a sum of it
 *   dh        the two public keys added up: the same at both ends
 *   identity  signatures of 64 bytes that anybody could make
 *
 * For simulations of very many nodes, where what costs is not what is looked for. Who has
 * another key, another nonce or other bytes is refused all the same, so a fault in the protocol
 * shows as it would with real ciphers. Hashes are real ones. Everything is counted.
 *
 * Refuses nobody who means harm: never for a network.
 * Floor: testing.
 */
import { createHash, createHmac } from 'node:crypto'
import { equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Cipher, KeyPair, Suite } from '../base/ports.ts'
import { pooled } from './pool.ts'

/** How often each was asked for. */
export interface Counts {
  keyPairs: number
  dhs: number
  hashes: number
  seals: number
  opens: number
  signatures: number
  verifications: number
  masks: number
  /** Bytes of plaintext. */
  bytes: number
}

export interface NullSuite extends Suite {
  readonly counts: Counts
}

const TAG_LENGTH = 16

/** A suite with counts of its own. */
export function nullSuite(): NullSuite {
  const counts: Counts = {
    keyPairs: 0,
    dhs: 0,
    hashes: 0,
    seals: 0,
    opens: 0,
    signatures: 0,
    verifications: 0,
    masks: 0,
    bytes: 0,
  }
  return {
    name: '25519_ChaChaPoly_SHA256',
    hashLength: 32,
    blockLength: 64,
    counts,
    keyPair(secret): KeyPair {
      counts.keyPairs++
      return { publicKey: digest('public', secret) }
    },
    dh({ publicKey }, other) {
      counts.dhs++
      if (other.length !== 32) throw new GuildError('GH_NOISE_KEY', `public key of ${other.length} bytes`)
      return digest(
        'shared',
        publicKey.map((byte, i) => byte + other[i]!),
      )
    },
    hash(...parts) {
      counts.hashes++
      return digest('', ...parts)
    },
    hmac(key, ...parts) {
      counts.hashes++
      const hmac = createHmac('sha256', key)
      for (const part of parts) hmac.update(part)
      return new Uint8Array(hmac.digest())
    },
    cipher(key) {
      return new NullCipher(key, counts)
    },
    identity(seed) {
      const publicKey = digest('identity', seed)
      return {
        publicKey,
        sign: message => {
          counts.signatures++
          return signature(publicKey, message)
        },
      }
    },
    verify(publicKey, message, signed) {
      counts.verifications++
      return equal(signature(publicKey, message), signed)
    },
    headerMask(key) {
      if (key.length !== 16) throw new GuildError('GH_NOISE_KEY', `mask key of ${key.length} bytes, not 16`)
      const from = sum(key)
      const out = new Uint8Array(5)
      const view = new DataView(out.buffer)
      return {
        mask: sample => {
          counts.masks++
          view.setUint32(0, sum(sample, from))
          out[4] = out[0]! ^ out[3]!
          return out
        },
      }
    },
  }
}

class NullCipher implements Cipher {
  readonly #key: Uint8Array
  readonly #counts: Counts
  readonly #mark: number

  constructor(key: Uint8Array, counts: Counts) {
    if (key.length !== 32) throw new GuildError('GH_NOISE_KEY', `secret of ${key.length} bytes, not 32`)
    this.#key = key.slice()
    this.#counts = counts
    this.#mark = sum(key, sum(key))
  }

  seal(nonce: number, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const out = new Uint8Array(plaintext.length + TAG_LENGTH)
    out.set(plaintext)
    this.#tag(out, plaintext.length, nonce, associated, plaintext)
    return out
  }

  sealParts(
    nonce: number,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ): { body: Uint8Array; tag: Uint8Array } {
    const tag = new Uint8Array(TAG_LENGTH)
    this.#tag(tag, 0, nonce, associated, plaintext)
    return { body: plaintext.slice(), tag }
  }

  sealInto(nonce: number, associated: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void {
    out.set(plaintext)
    this.#tag(out, plaintext.length, nonce, associated, plaintext)
  }

  open(nonce: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array {
    this.#counts.opens++
    const length = sealed.length - TAG_LENGTH
    if (length < 0) throw new GuildError('GH_NOISE_OPEN', 'shorter than a tag')
    const right =
      word(sealed, length) === this.#mark &&
      word(sealed, length + 4) === Math.floor(nonce / 2 ** 32) &&
      word(sealed, length + 8) === nonce >>> 0 &&
      word(sealed, length + 12) === sum(sealed, sum(associated), length)
    if (!right) throw new GuildError('GH_NOISE_OPEN')
    const plaintext = pooled(length)
    plaintext.set(sealed.subarray(0, length))
    return plaintext
  }

  rekeyed(): Cipher {
    return new NullCipher(digest('rekey', this.#key), this.#counts)
  }

  /** mark ‖ nonce ‖ sum of what is sealed. */
  #tag(out: Uint8Array, at: number, nonce: number, associated: Uint8Array, plaintext: Uint8Array): void {
    this.#counts.seals++
    this.#counts.bytes += plaintext.length
    setWord(out, at, this.#mark)
    setWord(out, at + 4, Math.floor(nonce / 2 ** 32))
    setWord(out, at + 8, nonce >>> 0)
    setWord(out, at + 12, sum(plaintext, sum(associated)))
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

function signature(publicKey: Uint8Array, message: Uint8Array): Uint8Array {
  const out = new Uint8Array(64)
  out.set(digest('signature', publicKey, message))
  return out
}

/** FNV-1a of 32 bits: every byte counts, and nobody is kept from finding another with the same. */
function sum(bytes: Uint8Array, from = 0x811c_9dc5, length = bytes.length): number {
  let hash = from
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193)
  return hash >>> 0
}

function digest(what: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update(what)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}
