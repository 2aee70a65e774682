/**
 * From an AEAD with 12-byte nonces to a Noise cipher with counters.
 *
 *   ChaChaPoly nonce:   00 00 00 00 | n as 64 bits, little-endian
 *   REKEY:              the first 32 bytes of sealing 32 zero bytes with n = 2^64 - 1
 *
 * One class for every backend, so that the nonce is written in one place only.
 *
 * Page: protocol/handshake.md (Noise sections 4.2 and 12.3). Floor: crypto.
 */
import { empty } from '../base/bytes.ts'
import { GuildError, withoutStack } from '../base/errors.ts'
import type { Cipher } from '../base/ports.ts'

export const TAG_LENGTH = 16
export const KEY_LENGTH = 32

/** One AEAD key, with nonces of 12 bytes. */
export interface Aead {
  seal(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Uint8Array
  sealParts(
    nonce: Uint8Array,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ): { body: Uint8Array; tag: Uint8Array }
  /** Ciphertext and tag into `out`, which has room for both. Absent: no cheaper than copying the parts. */
  sealInto?(nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void
  /** The plaintext, or GH_NOISE_OPEN. */
  open(nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array
}

/** What `work` gives, or GH_NOISE_OPEN where it throws, as it does for whatever anybody sends. */
export function opened<T>(work: () => T): T {
  return withoutStack(() => {
    try {
      return work()
    } catch {
      throw new GuildError('GH_NOISE_OPEN')
    }
  })
}

/** Which end of the counter comes first: AES-GCM in Noise is big-endian, ChaChaPoly little-endian. */
export type NonceOrder = 'little' | 'big'

/** One for all: an AEAD reads its nonce before it returns. */
const nonceBytes = new Uint8Array(12)

export class CounterCipher implements Cipher {
  readonly #make: (key: Uint8Array) => Aead
  readonly #aead: Aead
  readonly #littleEndian: boolean

  constructor(make: (key: Uint8Array) => Aead, key: Uint8Array, order: NonceOrder = 'little') {
    this.#make = make
    this.#aead = make(key)
    this.#littleEndian = order === 'little'
  }

  seal(nonce: number, associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return this.#aead.seal(this.#encode(nonce), associated, plaintext)
  }

  sealParts(
    nonce: number,
    associated: Uint8Array,
    plaintext: Uint8Array,
  ): { body: Uint8Array; tag: Uint8Array } {
    return this.#aead.sealParts(this.#encode(nonce), associated, plaintext)
  }

  sealInto(nonce: number, associated: Uint8Array, plaintext: Uint8Array, out: Uint8Array): void {
    if (this.#aead.sealInto !== undefined)
      return this.#aead.sealInto(this.#encode(nonce), associated, plaintext, out)
    const { body, tag } = this.sealParts(nonce, associated, plaintext)
    out.set(body)
    out.set(tag, body.length)
  }

  open(nonce: number, associated: Uint8Array, sealed: Uint8Array): Uint8Array {
    return this.#aead.open(this.#encode(nonce), associated, sealed)
  }

  rekeyed(): Cipher {
    const last = new Uint8Array(12).fill(0xff, 4)
    const sealed = this.#aead.seal(last, empty, new Uint8Array(KEY_LENGTH))
    const next = new CounterCipher(
      this.#make,
      sealed.subarray(0, KEY_LENGTH),
      this.#littleEndian ? 'little' : 'big',
    )
    sealed.fill(0)
    return next
  }

  #encode(nonce: number): Uint8Array {
    let left = nonce
    for (let i = 0; i < 8; i++) {
      nonceBytes[this.#littleEndian ? 4 + i : 11 - i] = left
      left = left < 0x100 ? 0 : Math.floor(left / 0x100)
    }
    return nonceBytes
  }
}
