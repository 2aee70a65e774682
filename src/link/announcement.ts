/**
 * Seals what a node tells its local network, so that only members read it.
 *
 *   key    = HKDF-SHA256(salt = 16 random bytes, secret = swarm key, info = "guild-home mdns v1")
 *   sealed = salt ‖ tag ‖ ChaCha20-Poly1305(key, nonce 0, associated = instance name, announcement)
 *
 * A fresh salt makes a fresh key, so the nonce may stay 0. The instance name is bound: the
 * bytes open under the name they were made for and no other.
 *
 * Anyone who watches learns that something is here, at an address and port, and no more: two
 * announcements of one node at two starts have nothing in common, and neither have those of
 * two members of one swarm (spec: MD-03). What does not open is somebody else's (spec: MD-05).
 *
 * Page: protocol/mdns.md · Vectors: vectors/mdns-sealed.json · Floor: link.
 */
import { concat, utf8 } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import type { Cipher, NoiseSuite } from '../base/ports.ts'
import { hkdf } from '../noise/hkdf.ts'
import {
  ANNOUNCEMENT_LENGTH,
  ANNOUNCEMENT_SALT_LENGTH,
  ANNOUNCEMENT_TAG_LENGTH,
  type Announcement,
  decodeAnnouncement,
  encodeAnnouncement,
  SEALED_ANNOUNCEMENT_LENGTH,
} from '../wire/mdns.ts'

const label = utf8('guild-home mdns v1')

/** What is sealed is bound to this swarm and this instance name. */
export interface Under {
  readonly suite: NoiseSuite
  readonly psk: Uint8Array
  readonly instance: string
}

export function sealAnnouncement(
  { suite, psk, instance }: Under,
  salt: Uint8Array,
  announcement: Announcement,
): Uint8Array {
  const cipher = cipherOf(suite, psk, salt)
  const { body, tag } = cipher.sealParts(0, utf8(instance), encodeAnnouncement(announcement))
  return concat(salt, tag, body)
}

/** A WireError when it is not of this swarm and name, or not well-formed inside. */
export function openAnnouncement({ suite, psk, instance }: Under, sealed: Uint8Array): Announcement {
  if (sealed.length !== SEALED_ANNOUNCEMENT_LENGTH)
    throw new WireError('GH_WIRE_LENGTH', 'sealed announcement', 0, `${sealed.length} bytes`)
  const salt = sealed.subarray(0, ANNOUNCEMENT_SALT_LENGTH)
  const tag = sealed.subarray(ANNOUNCEMENT_SALT_LENGTH, ANNOUNCEMENT_SALT_LENGTH + ANNOUNCEMENT_TAG_LENGTH)
  const body = sealed.subarray(
    ANNOUNCEMENT_SALT_LENGTH + ANNOUNCEMENT_TAG_LENGTH,
    ANNOUNCEMENT_SALT_LENGTH + ANNOUNCEMENT_TAG_LENGTH + ANNOUNCEMENT_LENGTH,
  )
  let opened: Uint8Array
  try {
    opened = cipherOf(suite, psk, salt).open(0, utf8(instance), concat(body, tag))
  } catch (error) {
    if (error instanceof GuildError && error.code === 'GH_NOISE_OPEN')
      throw new WireError('GH_WIRE_VALUE', 'tag', ANNOUNCEMENT_SALT_LENGTH, 'sealed by others')
    throw error
  }
  return decodeAnnouncement(opened)
}

function cipherOf(suite: NoiseSuite, psk: Uint8Array, salt: Uint8Array): Cipher {
  return suite.cipher(hkdf(suite, salt, psk, label, 32))
}
