/**
 * CipherState: one key and the counter that is its nonce.
 *
 *   n = 0, 1, 2 … limit        each used once, then GH_NOISE_NONCE for ever
 *   opening fails              n stays: the next honest message still opens
 *   rekey                      k changes one way, n goes on
 *
 * The paper counts to 2^64 - 2; a number counts exactly to 2^53 - 1, so we stop one
 * before that. No link comes near: it rekeys or closes long before.
 * Deviation from the paper: `encryptParts`, which spares bulk data a copy, and `clone`.
 *
 * Refuses: any nonce beyond the limit, so none is ever used twice.
 * Page: protocol/handshake.md (Noise sections 5.1 and 11.3). Faults: HS-13. Floor: noise.
 */
import { empty } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Cipher, NoiseSuite } from '../base/ports.ts'

/** The last nonce that may be used: 2^53 - 2, so that n itself stays an exact number. */
export const MAX_NONCE: number = Number.MAX_SAFE_INTEGER - 1

/** A sealed message in two pieces. Without a key the tag is empty. */
export interface SealedParts {
  readonly body: Uint8Array
  readonly tag: Uint8Array
}

export class CipherState {
  readonly #limit: number
  #cipher: Cipher | undefined
  #n = 0

  /** `limit` is the last nonce that may be used: for tests, and for protocols that allow fewer. */
  constructor(limit: number = MAX_NONCE) {
    this.#limit = Math.min(limit, MAX_NONCE)
  }

  /** Takes a 32-byte key, which it does not keep, or none; n begins at 0 again. */
  initializeKey(suite: NoiseSuite, key: Uint8Array | undefined): this {
    this.#cipher = key === undefined ? undefined : suite.cipher(key)
    this.#n = 0
    return this
  }

  get hasKey(): boolean {
    return this.#cipher !== undefined
  }

  /** The bare cipher, for packets: they carry their nonce, and who takes this answers for each being new. */
  get cipher(): Cipher | undefined {
    return this.#cipher
  }

  /** The nonce of the next message. */
  get n(): number {
    return this.#n
  }

  /** For datagrams, which carry their counter. Sealing twice under one nonce breaks the cipher. */
  setNonce(n: number): void {
    if (!Number.isSafeInteger(n) || n < 0) throw new GuildError('GH_NOISE_NONCE', `${n} is not a nonce`)
    this.#n = n
  }

  /** Ciphertext and tag; the plaintext itself while there is no key. */
  encryptWithAd(associated: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.#cipher === undefined) return plaintext
    this.#check()
    const sealed = this.#cipher.seal(this.#n, associated, plaintext)
    this.#n++
    return sealed
  }

  /** The same in two pieces, for bulk data. */
  encryptParts(associated: Uint8Array, plaintext: Uint8Array): SealedParts {
    if (this.#cipher === undefined) return { body: plaintext, tag: empty }
    this.#check()
    const sealed = this.#cipher.sealParts(this.#n, associated, plaintext)
    this.#n++
    return sealed
  }

  /** The plaintext, or GH_NOISE_OPEN with n where it was. */
  decryptWithAd(associated: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    if (this.#cipher === undefined) return ciphertext
    this.#check()
    const plaintext = this.#cipher.open(this.#n, associated, ciphertext)
    this.#n++
    return plaintext
  }

  /** Noise REKEY: who learns the new key cannot go back to the old one. n is not reset. */
  rekey(): void {
    this.#cipher = this.#cipher?.rekeyed()
  }

  /** The same key at the same n. Only one of the two may go on sealing. */
  clone(): CipherState {
    const twin = new CipherState(this.#limit)
    twin.#cipher = this.#cipher
    twin.#n = this.#n
    return twin
  }

  #check(): void {
    if (this.#n > this.#limit) throw new GuildError('GH_NOISE_NONCE', `the limit is ${this.#limit}`)
  }
}
