/**
 * Seals and opens packets: the seal around the frames, the mask over the head.
 *
 *   sealed   head in the clear ──associated data──▶ ┌──────┐
 *            frames, PADDING up to 4 - n bytes ───▶ │ seal │ ──▶ head ‖ sealed frames ‖ tag
 *            packet number ──nonce────────────────▶ └──────┘        ▲ masked by 16 of the sealed bytes
 *
 *   open     unmask ─▶ whole number ─▶ possible? seen before? ─▶ a key for its phase? ─▶ open ─▶ only now: commit
 *
 * The frames are sealed into memory that is used again, by a cipher that can without a copy. A packet that
 * does not open changes nothing but a count, for anybody may send one (spec: P5).
 *
 * Refuses: a packet number that is not above the last one (GH_INTERNAL), or above the last nonce
 * (GH_NOISE_NONCE); the packet after 2^36 that did not open (GH_NOISE_OPEN, RFC 9001 section 6.6).
 * Page: protocol/protection.md (spec: PROT-1, PROT-2, PROT-3, PROT-4, PROT-5, PROT-9; RFC 9001 sections 5 and 6)
 * Faults: HS-13, P4, P5, P6 · Vectors: rfc9001-appendix-a · Floor: packets.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Cipher, HeaderMask } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import { MAX_NONCE } from '../noise/index.ts'
import {
  checkReserved,
  encodePacketHead,
  isPacket,
  type KeyPhase,
  leastPlaintext,
  maskHead,
  NUMBER_OFFSET,
  type NumberLength,
  sampleOf,
  unmaskHead,
} from '../wire/packet.ts'
import { type PhaseLimits, ReceiveKeys, SendKeys } from './key-phases.ts'
import { decodeNumber, isImplausible, numberLength } from './packet-number.ts'

export interface ProtectionOptions {
  readonly send: Cipher
  readonly receive: Cipher
  readonly sendMask: HeaderMask
  readonly receiveMask: HeaderMask
  readonly now: Millis
  /** The probe timeout with the peer's longest delay in it: how long reordered packets may take. */
  readonly pto: () => Millis
  /** For tests: when keys change, the last packet number, how many packets may fail to open. */
  readonly phaseLimits?: PhaseLimits
  readonly maxNumber?: number
  readonly maxFailures?: number
}

export interface OpenedPacket {
  readonly number: number
  readonly phase: KeyPhase
  /** The frames, in memory of their own. */
  readonly plaintext: Uint8Array
}

/** Not a packet; seen before; under a key that is gone; forged or damaged. */
export type NotOpened = 'invalid' | 'duplicate' | 'key unavailable' | 'seal'

/** What was received already: `Received`, or a bare replay window. */
export interface Seen {
  isNew(number: number): boolean
}

export const TAG_LENGTH = 16
/** The integrity limit of ChaCha20-Poly1305 (RFC 9001 section 6.6). */
const MAX_FAILURES = 2 ** 36

export class Protection {
  readonly #send: SendKeys
  readonly #receive: ReceiveKeys
  readonly #sendMask: HeaderMask
  readonly #receiveMask: HeaderMask
  readonly #pto: () => Millis
  readonly #maxNumber: number
  readonly #maxFailures: number
  #last = -1
  /** Packets that had the form of one and did not open. */
  failures = 0
  /** Why the last `open` gave nothing. */
  refusal: NotOpened = 'invalid'

  constructor(options: ProtectionOptions) {
    this.#send = new SendKeys(options.send, options.now, options.phaseLimits)
    this.#receive = new ReceiveKeys(options.receive)
    this.#sendMask = options.sendMask
    this.#receiveMask = options.receiveMask
    this.#pto = options.pto
    this.#maxNumber = Math.min(options.maxNumber ?? MAX_NONCE, MAX_NONCE)
    this.#maxFailures = options.maxFailures ?? MAX_FAILURES
  }

  get sendPhase(): KeyPhase {
    return this.#send.phase
  }

  get receivePhase(): KeyPhase {
    return this.#receive.phase
  }

  /** Bytes of a packet beside its frames. */
  static overhead(number: number, largestAcked: number): number {
    return NUMBER_OFFSET + numberLength(number, largestAcked) + TAG_LENGTH
  }

  /** The frames as the peer will read them: with PADDING where they are too short for their sample. */
  static padded(plaintext: Uint8Array, number: number, largestAcked: number): Uint8Array {
    return padded(plaintext, leastPlaintext(numberLength(number, largestAcked) as NumberLength))
  }

  /** The datagram for the frames in `plaintext`, in `out` from its beginning or in memory of its own. */
  sealed(
    destination: Uint8Array,
    number: number,
    largestAcked: number,
    plaintext: Uint8Array,
    now: Millis,
    out?: Uint8Array,
  ): Uint8Array {
    if (number > this.#maxNumber) throw new GuildError('GH_NOISE_NONCE', `the limit is ${this.#maxNumber}`) // spec: HS-13
    if (number <= this.#last) throw new GuildError('GH_INTERNAL', `packet ${number} after ${this.#last}`)
    const length = numberLength(number, largestAcked) as NumberLength
    const frames = padded(plaintext, leastPlaintext(length))
    const cipher = this.#send.cipherFor(number, this.#pto(), now)
    const at = NUMBER_OFFSET + length
    const size = at + frames.length + TAG_LENGTH
    const packet = out === undefined ? new Uint8Array(size) : out.subarray(0, size)
    const { head, w } = heads[length - 1]!
    encodePacketHead(w.reset(), destination, number, length, this.#send.phase)
    packet.set(head)
    cipher.sealInto(number, head, frames, packet.subarray(at))
    maskHead(packet, this.#sendMask.mask(sampleOf(packet)))
    this.#last = number
    this.#send.sealed(frames.length + TAG_LENGTH)
    return packet
  }

  /**
   * Undefined for what is no packet of this link, came before, or is under a key that is gone. Throws
   * when the link must end: GH_LINK_PROTOCOL, GH_WIRE_RESERVED (both after the seal held), GH_NOISE_OPEN.
   */
  open(datagram: Uint8Array, largestReceived: number, seen: Seen, now: Millis): OpenedPacket | undefined {
    this.refusal = 'invalid'
    if (!isPacket(datagram)) return undefined
    const head = unmaskHead(datagram, this.#receiveMask.mask(sampleOf(datagram)))
    const { phase, numberLength: length, truncated, bytes } = head
    const number = decodeNumber(largestReceived, truncated, 8 * length)
    if (number > MAX_NONCE || isImplausible(number, largestReceived, length)) return undefined
    this.refusal = 'duplicate'
    if (!seen.isNew(number)) return undefined
    this.refusal = 'key unavailable'
    if (!this.#receive.has(phase, number, now)) return undefined
    this.refusal = 'seal'
    const sealed = datagram.subarray(NUMBER_OFFSET + length)
    let plaintext: Uint8Array
    try {
      plaintext = this.#receive.open(phase, number, bytes, sealed, this.#pto(), now)
    } catch (error) {
      if ((error as GuildError).code !== 'GH_NOISE_OPEN' || ++this.failures >= this.#maxFailures) throw error
      return undefined
    }
    checkReserved(head)
    return { number, phase, plaintext }
  }

  /** The peer acknowledged packet `number`, the greatest of an ACK. */
  acked(number: number, now: Millis): void {
    this.#send.acked(number, now)
  }

  /** An ACK whose greatest number is `number` went out. */
  acknowledged(number: number): void {
    this.#receive.acknowledged(number)
  }
}

/** For heads of each length, used by all links: a seal is made before the next head is written. */
const heads = [1, 2, 3, 4].map(length => {
  const head = new Uint8Array(NUMBER_OFFSET + length)
  return { head, w: new ByteWriter(head) }
})

/** PADDING is a zero byte. Rare: only a packet of one short frame is too short for its sample. */
function padded(plaintext: Uint8Array, least: number): Uint8Array {
  if (plaintext.length >= least) return plaintext
  const longer = new Uint8Array(least)
  longer.set(plaintext)
  return longer
}
