/**
 * Packet numbers, cut to the bytes that say enough.
 *
 *   sender    full 0xac5c02, peer has seen 0xabe8b3   29,519 apart  ──▶  2 bytes: 5c 02
 *   receiver  greatest so far 0xa82f30ea, 2 bytes 9b 32              ──▶  0xa82f9b32
 *
 * A number is never sent whole. The sender writes enough low bytes to tell it from twice as
 * many numbers as lie between it and the last acknowledged one; the receiver takes the candidate
 * closest to the number it expects. A packet delayed until that guess is wrong does not
 * open, since the full number is the nonce: it counts as lost.
 *
 * All arithmetic is on doubles: numbers reach 2^53 - 1, where bit operators end at 2^32.
 *
 * Source: RFC 9000, 17.1, A.2 and A.3 (fault UQ-17).
 * Page: protocol/recovery.md (spec: LOSS-1, LOSS-2, LOSS-16) · Vectors: rfc9000-appendix-a · Floor: packets.
 */
import { GuildError } from '../base/errors.ts'
import type { NumberLength } from '../wire/packet.ts'
import { MAX_SENT } from './sent.ts'

/** No packet may be further ahead of the last acknowledged one: four bytes would not name it. */
export const MAX_UNACKED: number = 2 ** 31

/** How many bytes say `full`, 1 to 4, when the peer acknowledged up to `largestAcked` (-1: nothing yet). */
export function numberLength(full: number, largestAcked: number): NumberLength {
  const apart = full - largestAcked
  if (!(apart > 0 && apart <= MAX_UNACKED))
    throw new GuildError('GH_INTERNAL', `packet ${full} after ${largestAcked} was acknowledged`)
  if (apart <= 0x80) return 1
  if (apart <= 0x8000) return 2
  return apart <= 0x80_0000 ? 3 : 4
}

/**
 * Has no sender a reason for this number, with the greatest that came so far? Its length says how far it may be
 * from one that was acknowledged, which is no greater, and no sender has more packets out than it keeps (spec: LOSS-16). What is random, as a mask makes it of a forged
 * head, is mostly so, and costs no opening.
 */
export function isImplausible(number: number, largest: number, length: NumberLength): boolean {
  return number - Math.max(largest, 0) > Math.min(2 ** (8 * length - 1), MAX_SENT)
}

/**
 * The number whose low `bits` (8, 16, 24 or 32) are `truncated`, closest to the one after `largest`
 * (-1: none came yet). Never negative and never beyond 2^53 - 1.
 */
export function decodeNumber(largest: number, truncated: number, bits: number): number {
  const expected = largest + 1
  const span = 2 ** bits
  const candidate = expected - (expected % span) + truncated
  if (candidate <= expected - span / 2 && candidate + span <= Number.MAX_SAFE_INTEGER) return candidate + span
  if (candidate > expected + span / 2 && candidate >= span) return candidate - span
  return candidate
}
