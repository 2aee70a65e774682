/**
 * Sealed records on ordered bytes: many frames under one seal.
 *
 *   +------------------+------------------------------------+
 *   | length, u16 BE   | frames …, sealed, tag last 16      |
 *   +------------------+------------------------------------+
 *
 * Records are numbered implicitly, per direction, from 0: the number is the nonce.
 * A record that is dropped, doubled, swapped or altered on the way does not open, and the
 * link ends (HS-14). After a record whose last frame is REKEY both sides move to the next
 * key; the number goes on (decision 16, HS-17).
 *
 * Page: protocol/framing.md (spec: FRAME-1, FRAME-3) · Floor: link.
 */
import { concat, empty } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { CipherState } from '../noise/index.ts'
import { encodeRekey } from '../wire/frames/admission.ts'
import { limits } from '../wire/limits.ts'

/** Up to this size a copy costs less than a system call with three pieces. */
const JOINED = 4096
/** Kept free in every record, so that REKEY always fits. */
const REKEY_ROOM = 1

export class RecordSender {
  readonly #cipher: CipherState
  #sinceRekey = 0
  #rekeyedAt: Millis

  constructor(cipher: CipherState, now: Millis) {
    this.#cipher = cipher
    this.#rekeyedAt = now
  }

  /** The plaintext that fits into one record the peer takes. */
  static room(maxRecord: number): number {
    return maxRecord - (limits.record - limits.recordPlaintext) - REKEY_ROOM
  }

  /** Seals the frames in `w` and adds the record's pieces to `chunks`. Returns its size. */
  seal(w: ByteWriter, chunks: Uint8Array[], now: Millis): number {
    // spec: FRAME-7
    const rekey = this.#sinceRekey >= limits.rekeyBytes || now - this.#rekeyedAt >= limits.rekeyAfter
    if (rekey) encodeRekey(w)
    const { body, tag } = this.#cipher.encryptParts(empty, w.view())
    const length = body.length + tag.length
    const head = Uint8Array.of(length >>> 8, length & 0xff)
    if (length <= JOINED) chunks.push(concat(head, body, tag))
    else chunks.push(concat(chunks.pop() ?? empty, head), body, tag) // behind the tag before it
    this.#sinceRekey += length
    if (rekey) {
      this.#cipher.rekey()
      this.#sinceRekey = 0
      this.#rekeyedAt = now
    }
    return 2 + length
  }
}

export class RecordReceiver {
  readonly #cipher: CipherState

  constructor(cipher: CipherState) {
    this.#cipher = cipher
  }

  /** The frames of one record, in memory of their own. */
  open(sealed: Uint8Array): Uint8Array {
    const plaintext = this.#cipher.decryptWithAd(empty, sealed)
    if (plaintext.length === 0) throw new WireError('GH_WIRE_LENGTH', 'record', 0, 'no frames') // spec: FRAME-4
    return plaintext
  }

  /** REKEY was the last frame of the record just opened. */
  rekey(): void {
    this.#cipher.rekey()
  }
}

/** REKEY with frames behind it would leave doubt about their key (spec: FRAME-6). */
export function misplacedRekey(): GuildError {
  return new GuildError('GH_LINK_PROTOCOL', 'REKEY is not the last frame of its record')
}
