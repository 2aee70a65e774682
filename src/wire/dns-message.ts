/**
 * Looks a DNS message over before a general decoder gets it: one walk, a bounded step per byte.
 *
 *   header, 12 bytes │ questions: name, type, class │ records: name, type, class, TTL, length, data
 *
 *   name   3 g i l 5 l o c a l 0     labels behind their lengths, a zero at the end
 *          3 g i l c0 0c             … or a pointer to where the rest stands, always further back
 *
 * A pointer to itself or forward, one that leads to another pointer, and more than 16 in one
 * name are refused (spec: MD-01): no encoder makes them, and a decoder that follows a chain
 * of pointers for each of a thousand names spends time in the square of the message.
 * Counts that the message has no room for are refused before anything of that size is made.
 *
 * Data of a record must fill its length exactly, because a decoder that trusts the data
 * and one that trusts the length would read two different messages. Types that have no
 * place in service discovery are refused.
 *
 * Source: RFC 1035 §4.1, RFC 6762 §17 and §18. Page: protocol/mdns.md · Floor: wire.
 */
import { WireError } from '../base/errors.ts'

/** The largest mDNS message there is (RFC 6762 §17). */
export const DNS_MESSAGE_MAX = 9_000

const HEADER = 12
const NAME_MAX = 255
const POINTERS_MAX = 16
/** Root name, type, class; and TTL and length besides. */
const QUESTION_LEAST = 5
const RECORD_LEAST = 11

const types = { A: 1, CNAME: 5, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, NSEC: 47 } as const

/** A WireError, or a message that can be decoded in time proportional to its length. */
export function checkDnsMessage(bytes: Uint8Array): void {
  if (bytes.length < HEADER) throw new WireError('GH_WIRE_SHORT', 'DNS header', 0)
  if (bytes.length > DNS_MESSAGE_MAX) throw new WireError('GH_WIRE_LENGTH', 'DNS message', 0)
  const questions = u16(bytes, 4, 'question count')
  const records = u16(bytes, 6, 'counts') + u16(bytes, 8, 'counts') + u16(bytes, 10, 'counts')
  if (QUESTION_LEAST * questions + RECORD_LEAST * records > bytes.length - HEADER)
    throw new WireError('GH_WIRE_LENGTH', 'counts', 4, `${questions} questions, ${records} records`)
  let at = HEADER
  for (let i = 0; i < questions; i++) at = need(bytes, checkName(bytes, at) + 4, 'question')
  for (let i = 0; i < records; i++) at = checkRecord(bytes, at)
  if (at !== bytes.length) throw new WireError('GH_WIRE_LONG', 'DNS message', at)
}

function checkRecord(bytes: Uint8Array, start: number): number {
  const at = checkName(bytes, start)
  const type = u16(bytes, at, 'record type')
  const length = u16(bytes, at + 8, 'record length')
  const data = at + 10
  const end = need(bytes, data + length, 'record data')
  if (dataEnd(bytes, type, data, end) !== end)
    throw new WireError('GH_WIRE_LENGTH', 'record data', data, `type ${type}`)
  return end
}

/** Where the data of this type ends by itself. */
function dataEnd(bytes: Uint8Array, type: number, data: number, end: number): number {
  switch (type) {
    case types.A:
      return data + 4
    case types.AAAA:
      return data + 16
    case types.PTR:
    case types.CNAME:
      return checkName(bytes, data)
    case types.SRV:
      return checkName(bytes, data + 6)
    case types.TXT:
      return walk(data, end, at => at + 1 + u8(bytes, at, 'TXT string'))
    case types.OPT:
      return walk(data, end, at => at + 4 + u16(bytes, at + 2, 'EDNS option'))
    case types.NSEC:
      return walk(checkName(bytes, data), end, at => at + 2 + windowLength(bytes, at + 1))
    default:
      throw new WireError('GH_WIRE_VALUE', 'record type', data - 10, String(type))
  }
}

/** 1 to 32 (RFC 4034 §4.1.2); behind an empty one decoders lose their place. */
function windowLength(bytes: Uint8Array, at: number): number {
  const length = u8(bytes, at, 'NSEC window')
  if (length < 1 || length > 32) throw new WireError('GH_WIRE_LENGTH', 'NSEC window', at, String(length))
  return length
}

function walk(from: number, end: number, next: (at: number) => number): number {
  let at = from
  while (at < end) at = next(at)
  return at
}

/** Follows a name to its end; answers where it ends in the place it began. */
function checkName(bytes: Uint8Array, start: number): number {
  let at = start
  let segment = start
  let after: number | undefined
  let length = 1
  for (let pointers = 0; ; ) {
    const byte = u8(bytes, at, 'name')
    if (byte >= 0xc0) {
      const target = u16(bytes, at, 'name') & 0x3fff
      after ??= at + 2
      if (target >= segment || target < HEADER || u8(bytes, target, 'name') >= 0xc0)
        throw new WireError('GH_WIRE_VALUE', 'name pointer', at, `to ${target}`)
      if (++pointers > POINTERS_MAX)
        throw new WireError('GH_WIRE_LENGTH', 'name pointer', at, `more than ${POINTERS_MAX}`)
      at = target
      segment = target
      continue
    }
    if (byte >= 0x40) throw new WireError('GH_WIRE_RESERVED', 'name', at)
    length += byte === 0 ? 0 : byte + 1
    if (length > NAME_MAX) throw new WireError('GH_WIRE_LENGTH', 'name', start)
    at += 1 + byte
    if (byte === 0) return after ?? at
  }
}

function need(bytes: Uint8Array, end: number, field: string): number {
  if (end > bytes.length) throw new WireError('GH_WIRE_SHORT', field, bytes.length)
  return end
}

function u8(bytes: Uint8Array, at: number, field: string): number {
  const byte = bytes[at]
  if (byte === undefined) throw new WireError('GH_WIRE_SHORT', field, Math.min(at, bytes.length))
  return byte
}

function u16(bytes: Uint8Array, at: number, field: string): number {
  return (u8(bytes, at, field) << 8) | u8(bytes, at + 1, field)
}
