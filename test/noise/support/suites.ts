/**
 * Every suite the vectors name, on both backends: our two, and their DH joined with the ciphers
 * and hashes that we do not speak.
 */
import { createHash, createHmac, createSecretKey } from 'node:crypto'
import { gcm } from '@noble/ciphers/aes.js'
import { blake2b, blake2s } from '@noble/hashes/blake2.js'
import { hmac } from '@noble/hashes/hmac.js'
import { toHex } from '../../../src/base/bytes.ts'
import type { KeyPair, NoiseSuite } from '../../../src/base/ports.ts'
import { type Aead, CounterCipher } from '../../../src/crypto/cipher.ts'
import { nativeSuite, opensslAead } from '../../../src/crypto/native.ts'
import { nobleSuite, seamless } from '../../../src/crypto/noble.ts'

export type Backend = 'native' | 'noble'
export const backends: readonly Backend[] = ['native', 'noble']

type Hashing = Pick<NoiseSuite, 'hash' | 'hmac' | 'hashLength' | 'blockLength'>

const base = { native: memoized(nativeSuite), noble: memoized(nobleSuite) }

export const aesGcm: Record<Backend, (key: Uint8Array) => Aead> = {
  native: key => opensslAead('aes-256-gcm', createSecretKey(key)),
  noble: key => {
    const own = new Uint8Array(key)
    return seamless((nonce, associated) => gcm(own, nonce, associated))
  },
}

const hashes: Record<Backend, Record<string, Hashing>> = {
  native: {
    BLAKE2s: nodeHash('blake2s256', 32, 64),
    BLAKE2b: nodeHash('blake2b512', 64, 128),
  },
  noble: {
    BLAKE2s: nobleHash(blake2s, 32, 64),
    BLAKE2b: nobleHash(blake2b, 64, 128),
  },
}

/** `25519_AESGCM_BLAKE2s` on one backend. */
export function suiteOf(backend: Backend, name: string): NoiseSuite {
  const [, cipher, hash] = name.split('_')
  const suite = base[backend]
  return {
    ...suite,
    ...(hash === 'SHA256' ? {} : hashes[backend][hash!]!),
    name,
    cipher: cipher === 'AESGCM' ? key => new CounterCipher(aesGcm[backend], key, 'big') : suite.cipher,
  }
}

/** The vectors use the same few keys again and again: each product is worked out once. */
function memoized(suite: NoiseSuite): NoiseSuite {
  const pairs = new Map<string, KeyPair>()
  const products = new Map<string, Uint8Array>()
  return {
    ...suite,
    keyPair(secret) {
      const id = toHex(secret)
      const pair = pairs.get(id) ?? suite.keyPair(secret)
      pairs.set(id, pair)
      return pair
    },
    dh(pair, publicKey) {
      const id = toHex(pair.publicKey) + toHex(publicKey)
      const product = products.get(id) ?? suite.dh(pair, publicKey)
      products.set(id, product)
      return new Uint8Array(product) // the caller zeroes it
    },
  }
}

function nodeHash(algorithm: string, hashLength: number, blockLength: number): Hashing {
  return {
    hashLength,
    blockLength,
    hash(...parts) {
      const hash = createHash(algorithm)
      for (const part of parts) hash.update(part)
      return new Uint8Array(hash.digest())
    },
    hmac(key, ...parts) {
      const mac = createHmac(algorithm, key)
      for (const part of parts) mac.update(part)
      return new Uint8Array(mac.digest())
    },
  }
}

function nobleHash(
  algorithm: typeof blake2s | typeof blake2b,
  hashLength: number,
  blockLength: number,
): Hashing {
  return {
    hashLength,
    blockLength,
    hash(...parts) {
      const hash = algorithm.create()
      for (const part of parts) hash.update(part)
      return hash.digest()
    },
    hmac(key, ...parts) {
      const mac = hmac.create(algorithm, key)
      for (const part of parts) mac.update(part)
      return mac.digest()
    },
  }
}
