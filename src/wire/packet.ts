/**
 * The head of a packet: the short header of RFC 9000 §17.3.1, with ids of one length.
 *
 *    0               1                          13            13 + n
 *   +---------------+--------------------------+-------------+---------------------------+
 *   | 0 1 S R R K P P | connection id, 12 bytes | number, n B | frames …, sealed, tag 16  |
 *   +---------------+--------------------------+-------------+---------------------------+
 *         '--masked--'                          '--masked---'
 *                                                     17 '---- sample, 16 bytes ----' 33
 *
 *   S spin, R reserved: 0      K key phase      PP: n - 1, n is 1 to 4
 *
 * The number is the low bytes of a counter (spec: PKT-3). Five bytes that are made from a
 * sample of the sealed ones hide it, and the low five bits of the first byte, from whoever
 * looks on (RFC 9001 §5.4); the sample begins where the frames would behind a number of four
 * bytes, so that its place is known before the number's length is. The head in the clear is
 * the seal's associated data: flip a bit of it and the packet does not open.
 *
 * (spec: PKT-1, PKT-6)
 *
 * Pure functions of bytes: the mask, the seal and the whole number are made elsewhere.
 * Page: protocol/packets.md · Vectors: protocol/vectors/packet-head.json · Floor: wire.
 */
import { WireError } from '../base/errors.ts'
import type { ByteReader } from '../base/reader.ts'
import type { ByteWriter } from '../base/writer.ts'
import { limits } from './limits.ts'

/** Bytes of header protection for one packet: one for the first byte, four for the number. */
export const MASK_LENGTH = 5
export const SAMPLE_LENGTH = 16
/** Where the number begins. */
export const NUMBER_OFFSET: number = 1 + limits.connectionId
/** Where the sample begins: behind a number of four bytes, however long the number is. */
export const SAMPLE_OFFSET: number = NUMBER_OFFSET + 4
/** The shortest datagram that can be a packet: its sample must exist. */
export const LEAST_PACKET: number = SAMPLE_OFFSET + SAMPLE_LENGTH

const FIXED = 0x40
/** The two top bits, of which the lower one is set: never so in a handshake datagram. */
const FORM = 0xc0
const SPIN_AND_RESERVED = 0x38
const PHASE = 0x04
const NUMBER_LENGTH = 0x03
/** What header protection covers of the first byte (RFC 9001 §5.4.1). */
const MASKED = 0x1f

export type KeyPhase = 0 | 1
export type NumberLength = 1 | 2 | 3 | 4

export interface PacketHead {
  /** The first byte in the clear. */
  readonly first: number
  readonly phase: KeyPhase
  readonly destination: Uint8Array
  readonly numberLength: NumberLength
  /** The low `numberLength` bytes of the packet number. */
  readonly truncated: number
}

export interface UnmaskedHead extends PacketHead {
  /** The head in the clear, in memory of its own: the seal's associated data. */
  readonly bytes: Uint8Array
}

/** Has this datagram the form of a packet, by its first byte and its length? */
export function isPacket(datagram: Uint8Array): boolean {
  return datagram.length >= LEAST_PACKET && (datagram[0]! & FORM) === FIXED
}

/** The head in the clear, `NUMBER_OFFSET + numberLength` bytes. `number` is the whole one. */
export function encodePacketHead(
  w: ByteWriter,
  destination: Uint8Array,
  number: number,
  numberLength: NumberLength,
  phase: KeyPhase,
): void {
  w.u8(FIXED | (phase === 1 ? PHASE : 0) | (numberLength - 1))
  w.raw(destination).uint(number, numberLength)
}

/** The fewest bytes of frames behind a number so long; PADDING makes up for the rest (spec: PKT-4). */
export function leastPlaintext(numberLength: NumberLength): number {
  return 4 - numberLength
}

/** Whom a packet is for: a view. The caller has asked `isPacket`. */
export function destinationOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(1, NUMBER_OFFSET)
}

/** The sealed bytes that the mask is made from: a view. The caller has asked `isPacket`. */
export function sampleOf(packet: Uint8Array): Uint8Array {
  return packet.subarray(SAMPLE_OFFSET, LEAST_PACKET)
}

/** Protects the head of a sealed packet, in place. `mask` is 5 bytes. */
export function maskHead(packet: Uint8Array, mask: Uint8Array): void {
  const first = packet[0]!
  xorNumber(packet, mask, (first & NUMBER_LENGTH) + 1)
  packet[0] = first ^ (mask[0]! & MASKED)
}

/**
 * Reads the head of a packet that came; the packet stays as it is. `mask` is 5 bytes. Nothing in
 * the head is proved before the seal has opened. Throws a WireError for what has not the form of a packet.
 */
export function unmaskHead(packet: Uint8Array, mask: Uint8Array): UnmaskedHead {
  if (packet.length < LEAST_PACKET) throw new WireError('GH_WIRE_SHORT', 'packet', packet.length)
  const first = packet[0]! ^ (mask[0]! & MASKED)
  if ((first & FORM) !== FIXED) throw new WireError('GH_WIRE_VALUE', 'first byte', 0, 'not a packet')
  const numberLength = ((first & NUMBER_LENGTH) + 1) as NumberLength
  // Field by field and not by a reader: this is done for every packet that comes.
  const bytes = packet.slice(0, NUMBER_OFFSET + numberLength)
  bytes[0] = first
  xorNumber(bytes, mask, numberLength)
  let truncated = 0
  for (let i = NUMBER_OFFSET; i < bytes.length; i++) truncated = truncated * 256 + bytes[i]!
  return { first, phase: phaseOf(first), destination: destinationOf(bytes), numberLength, truncated, bytes }
}

/** A head in the clear. Its spin and reserved bits are not looked at: see `checkReserved`. */
export function decodePacketHead(r: ByteReader): PacketHead {
  const at = r.offset
  const first = r.u8('first byte')
  if ((first & FORM) !== FIXED) throw new WireError('GH_WIRE_VALUE', 'first byte', at, 'not a packet')
  const numberLength = ((first & NUMBER_LENGTH) + 1) as NumberLength
  const destination = r.take(limits.connectionId, 'connection id')
  const truncated = r.uint(numberLength, 'packet number')
  return { first, phase: phaseOf(first), destination, numberLength, truncated }
}

function phaseOf(first: number): KeyPhase {
  return (first & PHASE) === 0 ? 0 : 1
}

/** After the seal has opened: bits that must be 0, so that they can mean something tomorrow (spec: PKT-5). */
export function checkReserved({ first }: PacketHead): void {
  if ((first & SPIN_AND_RESERVED) !== 0) throw new WireError('GH_WIRE_RESERVED', 'first byte', 0)
}

function xorNumber(bytes: Uint8Array, mask: Uint8Array, length: number): void {
  for (let i = 0; i < length; i++) bytes[NUMBER_OFFSET + i] = bytes[NUMBER_OFFSET + i]! ^ mask[1 + i]!
}
