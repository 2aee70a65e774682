/**
 * Which key seals and opens: key updates without a word, by one bit of the header.
 *
 *   sending     phase 0 ──120 s or 2^30 bytes──▶ phase 1 ── … ──▶ phase 0 ── …
 *                        not before a packet of this phase was acknowledged, and 3 PTO more
 *
 *   receiving   bit as it is now             the current key
 *               other bit, lower number      the old key, for 3 PTO
 *               other bit, higher number     the next key; opens: it becomes the current one
 *
 * Each direction goes on by itself, by Noise REKEY; the number, which is the nonce, goes on too. The
 * receiver knows an honest sender by this: it does not change twice before it has seen an
 * acknowledgement of the first change. The next key is made ready beforehand, so the time a forged
 * bit costs tells nothing.
 *
 * Refuses: a second change before the first is confirmed (GH_LINK_PROTOCOL); packets of a key that is gone.
 * Page: protocol/protection.md (spec: PROT-6, PROT-7, PROT-8; RFC 9001 section 6) · Faults: UQ-16, HS-17, P6 · Floor: packets.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Cipher } from '../base/ports.ts'
import { limits } from '../wire/limits.ts'
import type { KeyPhase } from '../wire/packet.ts'

/** An old key opens for three PTO, and never longer than this: 180 s after it came into use. */
const LONGEST_GRACE = 60_000

export interface PhaseLimits {
  /** Sealed bytes after which a key is changed. */
  readonly bytes: number
  /** Time after which it is. */
  readonly after: Millis
}

const usual: PhaseLimits = { bytes: limits.rekeyBytes, after: limits.rekeyAfter }

function grace(pto: Millis): Millis {
  return Math.min(3 * pto, LONGEST_GRACE)
}

export class SendKeys {
  readonly #limits: PhaseLimits
  #cipher: Cipher
  #phase: KeyPhase = 0
  #since: Millis
  #bytes = 0
  /** The first packet number of this phase. */
  #first = 0
  /** When the peer proved that it has this key. */
  #confirmedAt: Millis | undefined

  constructor(cipher: Cipher, now: Millis, phaseLimits: PhaseLimits = usual) {
    this.#cipher = cipher
    this.#since = now
    this.#limits = phaseLimits
  }

  get phase(): KeyPhase {
    return this.#phase
  }

  /** The key for packet `number`, which may be the first of a new phase. */
  cipherFor(number: number, pto: Millis, now: Millis): Cipher {
    const old = this.#bytes >= this.#limits.bytes || now - this.#since >= this.#limits.after
    if (old && this.#confirmedAt !== undefined && now >= this.#confirmedAt + grace(pto)) {
      this.#cipher = this.#cipher.rekeyed()
      this.#phase = this.#phase === 0 ? 1 : 0
      this.#since = now
      this.#bytes = 0
      this.#first = number
      this.#confirmedAt = undefined
    }
    return this.#cipher
  }

  sealed(bytes: number): void {
    this.#bytes += bytes
  }

  /** The peer acknowledged packet `number`. */
  acked(number: number, now: Millis): void {
    if (number >= this.#first && this.#confirmedAt === undefined) this.#confirmedAt = now
  }
}

export class ReceiveKeys {
  #current: Cipher
  #next: Cipher
  #old: Cipher | undefined
  #oldUntil: Millis = 0
  #phase: KeyPhase = 0
  /** The lowest number that the current key opened. */
  #lowest = 0
  /** The peer may know that we have the current key. */
  #acknowledged = false

  constructor(cipher: Cipher) {
    this.#current = cipher
    this.#next = cipher.rekeyed()
  }

  get phase(): KeyPhase {
    return this.#phase
  }

  /** Is there a key for this packet? Without one it is dropped, which is no forgery. */
  has(phase: KeyPhase, number: number, now: Millis): boolean {
    if (phase === this.#phase || number >= this.#lowest) return true
    if (now >= this.#oldUntil) this.#old = undefined
    return this.#old !== undefined
  }

  /**
   * The plaintext of a packet for which there is a key. GH_NOISE_OPEN with nothing changed when the seal
   * does not hold; GH_LINK_PROTOCOL on a key change that comes too soon.
   */
  open(
    phase: KeyPhase,
    number: number,
    associated: Uint8Array,
    sealed: Uint8Array,
    pto: Millis,
    now: Millis,
  ): Uint8Array {
    if (phase === this.#phase) {
      const plaintext = this.#current.open(number, associated, sealed)
      if (number < this.#lowest) this.#lowest = number
      return plaintext
    }
    if (number < this.#lowest) {
      if (this.#old === undefined) throw new GuildError('GH_INTERNAL', 'no key for this packet')
      return this.#old.open(number, associated, sealed)
    }
    const plaintext = this.#next.open(number, associated, sealed)
    if (!this.#acknowledged)
      throw new GuildError('GH_LINK_PROTOCOL', 'a second key change before the first was confirmed') // spec: UQ-16
    this.#old = this.#current
    this.#oldUntil = now + grace(pto)
    this.#current = this.#next
    this.#next = this.#current.rekeyed()
    this.#phase = phase
    this.#lowest = number
    this.#acknowledged = false
    return plaintext
  }

  /** An ACK that covers packet `number` goes out. */
  acknowledged(number: number): void {
    if (number >= this.#lowest) this.#acknowledged = true
  }
}
