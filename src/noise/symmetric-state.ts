/**
 * SymmetricState: everything hashed so far, and the keys that follow from it.
 *
 *   h    hash of all that both sides saw, in order; associated data of every seal
 *   ck   chaining key: all secrets mixed so far
 *   k, n the CipherState in use; its key changes with each mixKey
 *
 * Two transcripts that differ in one bit never share an h, so the seal of the next
 * payload already fails. `clone` is ours, not the paper's: a message is worked on in
 * a copy, and a message that fails costs the copy only.
 *
 * Refuses: any use after `wipe`.
 * Page: protocol/handshake.md (Noise section 5.2). Floor: noise.
 */
import { copy, empty, utf8 } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { NoiseSuite } from '../base/ports.ts'
import { CipherState } from './cipher-state.ts'
import { hkdf } from './hkdf.ts'

/** Of a cipher key, whatever the hash length. */
const KEY_LENGTH = 32

export class SymmetricState {
  readonly #suite: NoiseSuite
  #cipher: CipherState
  #ck: Uint8Array
  #h: Uint8Array
  #wiped = false

  /** InitializeSymmetric; or, of a state in place of a name, its twin. */
  constructor(suite: NoiseSuite, protocolName: string | SymmetricState) {
    this.#suite = suite
    if (typeof protocolName !== 'string') {
      this.#cipher = protocolName.#cipher.clone()
      this.#ck = copy(protocolName.#ck)
      this.#h = protocolName.#h // never written to, only replaced
      return
    }
    this.#cipher = new CipherState()
    const name = utf8(protocolName)
    if (name.length <= suite.hashLength) {
      this.#h = new Uint8Array(suite.hashLength)
      this.#h.set(name)
    } else {
      this.#h = suite.hash(name)
    }
    this.#ck = copy(this.#h)
  }

  /** Copies; h and ck mean something to both sides after each message. */
  get handshakeHash(): Uint8Array {
    return copy(this.#h)
  }

  get chainingKey(): Uint8Array {
    this.#alive()
    return copy(this.#ck)
  }

  get hasKey(): boolean {
    return this.#cipher.hasKey
  }

  mixKey(secret: Uint8Array): void {
    const { hashLength } = this.#suite
    const out = this.#derive(secret, 2)
    this.#setChainingKey(out)
    this.#cipher.initializeKey(this.#suite, out.subarray(hashLength, hashLength + KEY_LENGTH))
    out.fill(0)
  }

  mixHash(data: Uint8Array): void {
    this.#h = this.#suite.hash(this.#h, data)
  }

  /** For a psk: it goes into the transcript as well as into the key. */
  mixKeyAndHash(secret: Uint8Array): void {
    const { hashLength } = this.#suite
    const out = this.#derive(secret, 3)
    this.#setChainingKey(out)
    this.mixHash(out.subarray(hashLength, 2 * hashLength))
    this.#cipher.initializeKey(this.#suite, out.subarray(2 * hashLength, 2 * hashLength + KEY_LENGTH))
    out.fill(0)
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher.encryptWithAd(this.#h, plaintext)
    this.mixHash(ciphertext)
    return ciphertext
  }

  decryptAndHash(ciphertext: Uint8Array): Uint8Array {
    const plaintext = this.#cipher.decryptWithAd(this.#h, ciphertext)
    this.mixHash(ciphertext)
    return plaintext
  }

  /** The two transport keys: the first for what the initiator sends, the second for the responder. */
  split(limit?: number): [CipherState, CipherState] {
    const { hashLength } = this.#suite
    const out = this.#derive(empty, 2)
    const first = new CipherState(limit).initializeKey(this.#suite, out.subarray(0, KEY_LENGTH))
    const second = new CipherState(limit).initializeKey(
      this.#suite,
      out.subarray(hashLength, hashLength + KEY_LENGTH),
    )
    out.fill(0)
    return [first, second]
  }

  clone(): SymmetricState {
    this.#alive()
    return new SymmetricState(this.#suite, this)
  }

  /** Zeroes the secrets; h is public and stays. */
  wipe(): void {
    this.#ck.fill(0)
    this.#cipher = new CipherState()
    this.#wiped = true
  }

  #derive(secret: Uint8Array, outputs: number): Uint8Array {
    this.#alive()
    return hkdf(this.#suite, this.#ck, secret, empty, outputs * this.#suite.hashLength)
  }

  #setChainingKey(out: Uint8Array): void {
    this.#ck.fill(0)
    this.#ck = out.slice(0, this.#suite.hashLength)
  }

  #alive(): void {
    if (this.#wiped) throw new GuildError('GH_STATE_EVENT', 'the handshake is over: its secrets are gone')
  }
}
