/**
 * ChaCha20-Poly1305 by libsodium, where `sodium-native` is installed: the same bytes, sooner.
 *
 *                       node:crypto    libsodium        µs a call, 1,200 bytes
 *   seal                    6.5           1.4
 *   open                    4.9           1.4           at 16 KiB they are level, beyond node:crypto is ahead
 *
 * node:crypto makes an object of OpenSSL and two pieces of memory for each call; libsodium is given
 * the memory. For a packet of 1,200 bytes that is most of what it costs to send it. The package is
 * not ours to bring: 18 MB for all systems. Whoever wants the speed installs it, and nothing else
 * changes. It is looked for once, when the first key is made.
 *
 * Page: protocol/handshake.md · Vectors: noise, wycheproof. Twin: native.ts. Floor: crypto (shell).
 */
import { copy, empty } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { type Aead, TAG_LENGTH } from './cipher.ts'
import { requireSecret } from './strict.ts'

/** What is used of it. Names and order are libsodium's; `nsec` is always null. */
interface Sodium {
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
    ciphertext: Uint8Array,
    tag: Uint8Array,
    plaintext: Uint8Array,
    associated: Uint8Array | null,
    nsec: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): unknown
  /** Throws when the tag is another. */
  crypto_aead_chacha20poly1305_ietf_decrypt_detached(
    plaintext: Uint8Array,
    nsec: null,
    ciphertext: Uint8Array,
    tag: Uint8Array,
    associated: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): unknown
}

/** Undefined: not looked for yet. */
let found: Sodium | false | undefined

/** The AEAD under one key, which is copied; undefined where the package is not installed. */
export function sodiumAead(key: Uint8Array): Required<Aead> | undefined {
  requireSecret(key)
  found ??= load()
  return found === false ? undefined : aeadOf(found, copy(key))
}

/**
 * Without the package, or where it was made for another system, there is none, and that is no fault.
 * `node:module` is asked for here, since an import of it costs the start of a node 2 ms.
 */
function load(): Sodium | false {
  try {
    const { createRequire } = process.getBuiltinModule('node:module')
    return createRequire(import.meta.url)('sodium-native') as Sodium
  } catch {
    return false
  }
}

function aeadOf(sodium: Sodium, key: Uint8Array): Required<Aead> {
  const sealInto: Required<Aead>['sealInto'] = (nonce, associated, plaintext, out) => {
    const end = plaintext.length
    sodium.crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      out.subarray(0, end),
      out.subarray(end, end + TAG_LENGTH),
      plaintext,
      associated.length > 0 ? associated : null,
      null,
      nonce,
      key,
    )
  }
  const seal: Aead['seal'] = (nonce, associated, plaintext) => {
    const out = fresh(plaintext.length + TAG_LENGTH)
    sealInto(nonce, associated, plaintext, out)
    return out
  }
  return {
    seal,
    sealInto,
    sealParts(nonce, associated, plaintext) {
      const sealed = seal(nonce, associated, plaintext)
      return { body: sealed.subarray(0, plaintext.length), tag: sealed.subarray(plaintext.length) }
    },
    open(nonce, associated, sealed) {
      const end = sealed.length - TAG_LENGTH
      if (end < 0) throw new GuildError('GH_NOISE_OPEN', 'shorter than a tag')
      const plaintext = fresh(end)
      try {
        sodium.crypto_aead_chacha20poly1305_ietf_decrypt_detached(
          plaintext,
          null,
          sealed.subarray(0, end),
          sealed.subarray(end),
          associated.length > 0 ? associated : null,
          nonce,
          key,
        )
      } catch (cause) {
        throw new GuildError('GH_NOISE_OPEN', '', { cause })
      }
      return plaintext
    },
  }
}

/** Memory of its own, not zeroed: all of it is written, or nobody gets it. */
function fresh(length: number): Uint8Array {
  if (length === 0) return empty
  const { buffer } = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer, 0, length)
}
