/**
 * What a fuzzer does to good messages: 1 to 6 edits, drawn from a seed.
 *
 *   bytes   a bit flipped · a byte set to a telling value · a number rewritten (QUIC, LEB128, u16)
 *           a piece doubled, taken out, moved, repeated many times · the end cut off or extended
 *           two messages spliced · a word of the format put in
 *   text    besides those: a number in it replaced · oddities of Unicode put in
 *
 * One edit is the commonest: a message with a single fault reaches deepest. Nothing is kept
 * between two calls, so an input is fully named by the seed and its number.
 */
import { concat } from '../../src/base/bytes.ts'
import { varintLength, writeVarint } from '../../src/base/varint.ts'
import type { Seeded } from '../support/seeded.ts'

export interface Corpus {
  readonly entries: readonly Uint8Array[]
  /** Pieces of the format that chance would not find. */
  readonly words: readonly Uint8Array[]
  readonly text: boolean
  /** No input is longer. */
  readonly most: number
}

const bytes = [0x00, 0x01, 0x02, 0x0a, 0x0d, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff]
const numbers = [
  0,
  1,
  2,
  15,
  16,
  31,
  32,
  33,
  63,
  64,
  127,
  128,
  255,
  256,
  1_024,
  1_200,
  16_383,
  16_384,
  65_519,
  65_535,
  65_536,
  262_144,
  2 ** 30 - 1,
  2 ** 30,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
]
const decimals = [
  '0', '00', '-0', '-1', '1', '01', '1.5', '1e3', '0x10', '255', '256', '65535', '65536', '4294967296',
  '9007199254740991', '9007199254740993', '18446744073709551616', '1e999', 'NaN', 'Infinity', '٣', '１',
] // biome-ignore format: a list
const oddities = [
  '\u0000', '\u001b[31m', '\r', '\n', '\r\n', '\t', ' ', '\u00a0', '\u0085', '\u2028', '\u200b', '\u202e', '\ufeff',
  '\ufffd', '\u0301', 'İ', 'ſ', 'K', 'ß', 'ǅ', '\u{e0001}', '\u{1f468}\u200d\u{1f469}', '%00', '%2f', '\\u0000', '\\ud800', '\\n',
  '__proto__', 'constructor', '"', "'", '\\', ',', ':', '/', '[', ']', '{', '}', '=', '#',
] // biome-ignore format: a list

const utf8 = new TextEncoder()
const oddBytes = [
  ...oddities.map(text => utf8.encode(text)),
  // Not UTF-8: a lone surrogate, an overlong slash, a cut character, one above U+10FFFF.
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xc0, 0xaf),
  Uint8Array.of(0xe2, 0x82),
  Uint8Array.of(0xf4, 0x90, 0x80, 0x80),
]
const decimalBytes = decimals.map(text => utf8.encode(text))

/** One input, in memory of its own. */
export function mutate(dice: Seeded, corpus: Corpus): Uint8Array {
  let input: Uint8Array = pick(dice, corpus.entries).slice()
  let edits = 1
  while (edits < 6 && dice.below(3) === 0) edits++
  for (let i = 0; i < edits; i++) {
    input = edited(dice, corpus, input)
    if (input.length > corpus.most) input = input.slice(0, corpus.most)
  }
  return input
}

function edited(dice: Seeded, corpus: Corpus, input: Uint8Array): Uint8Array {
  const kinds = corpus.text ? 17 : 14
  const at = dice.below(input.length + 1)
  switch (dice.below(kinds)) {
    case 0:
    case 1:
      if (at < input.length) input[at]! ^= 1 << dice.below(8)
      return input
    case 2:
      if (at < input.length) input[at] = pick(dice, bytes)
      return input
    case 3:
      if (at < input.length) input[at] = input[at]! + (dice.below(2) === 0 ? 1 : -1)
      return input
    case 4:
    case 5:
      return rewritten(dice, input, at)
    case 6:
      return concat(input.subarray(0, at), piece(dice, input), input.subarray(at))
    case 7:
      return concat(input.subarray(0, at), input.subarray(Math.min(input.length, at + 1 + dice.below(16))))
    case 8: {
      const end = Math.min(input.length, at + 1 + dice.below(64))
      const to = dice.below(input.length - (end - at) + 1)
      const rest = concat(input.subarray(0, at), input.subarray(end))
      return concat(rest.subarray(0, to), input.subarray(at, end), rest.subarray(to))
    }
    case 9:
      return input.slice(0, at)
    case 10:
      return concat(input, tail(dice))
    case 11: {
      const other = pick(dice, corpus.entries)
      return concat(input.subarray(0, at), other.subarray(dice.below(other.length + 1)))
    }
    case 12: {
      if (corpus.words.length === 0) return input
      const word = pick(dice, corpus.words)
      const over = dice.below(2) === 0 ? word.length : 0
      return concat(input.subarray(0, at), word, input.subarray(Math.min(input.length, at + over)))
    }
    case 13:
      // Rare, for it is slow: what costs the square of its length shows only at length.
      return dice.below(24) === 0 ? repeated(dice, corpus, input, at) : input.slice(0, at)
    case 14:
      return otherNumber(dice, input)
    default:
      return concat(input.subarray(0, at), pick(dice, oddBytes), input.subarray(at))
  }
}

/** The number that seems to begin here, rewritten: as a QUIC integer, as LEB128, as two bytes. */
function rewritten(dice: Seeded, input: Uint8Array, at: number): Uint8Array {
  if (at >= input.length) return input
  const value = dice.below(4) === 0 ? dice.below(300) : pick(dice, numbers)
  const first = input[at]!
  const form = dice.below(4)
  if (form === 0 && at + 2 <= input.length) {
    input[at] = value >>> 8
    input[at + 1] = value
    return input
  }
  if (form === 1) {
    let end = at
    while (end < input.length - 1 && end - at < 9 && input[end]! >= 0x80) end++
    const digits: number[] = []
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) digits.push((rest % 0x80) | 0x80)
    digits.push(rest)
    if (dice.below(8) === 0) digits.splice(-1, 1, digits.at(-1)! | 0x80, 0) // longer than it need be
    return concat(input.subarray(0, at), Uint8Array.from(digits), input.subarray(end + 1))
  }
  const out = new Uint8Array(8)
  let length: number = writeVarint(out, 0, value)
  if (dice.below(8) === 0 && length < 8) {
    // The same value, longer than it need be.
    const wide = length === 1 ? 2 : length === 2 ? 4 : 8
    const digits = out.slice(0, length)
    digits[0]! &= 0x3f
    out.fill(0)
    out.set(digits, wide - length)
    out[0]! |= wide === 2 ? 0x40 : wide === 4 ? 0x80 : 0xc0
    length = wide
  }
  const width = form === 2 ? 1 << (first >> 6) : varintLength(value)
  return concat(
    input.subarray(0, at),
    out.subarray(0, length),
    input.subarray(Math.min(input.length, at + width)),
  )
}

function otherNumber(dice: Seeded, input: Uint8Array): Uint8Array {
  const digit = (at: number): boolean => input[at]! >= 0x30 && input[at]! <= 0x39
  const from = dice.below(input.length + 1)
  for (let step = 0; step < input.length; step++) {
    const at = (from + step) % input.length
    if (!digit(at)) continue
    let [start, end] = [at, at + 1]
    while (start > 0 && digit(start - 1)) start--
    while (end < input.length && digit(end)) end++
    return concat(input.subarray(0, start), pick(dice, decimalBytes), input.subarray(end))
  }
  return input
}

function repeated(dice: Seeded, corpus: Corpus, input: Uint8Array, at: number): Uint8Array {
  const unit = piece(dice, input)
  if (unit.length === 0) return input
  const most = Math.max(0, corpus.most - input.length)
  const times = Math.floor(most / unit.length)
  const out = new Uint8Array(input.length + times * unit.length)
  out.set(input.subarray(0, at))
  for (let i = 0; i < times; i++) out.set(unit, at + i * unit.length)
  out.set(input.subarray(at), at + times * unit.length)
  return out
}

function piece(dice: Seeded, input: Uint8Array): Uint8Array {
  const from = dice.below(input.length + 1)
  return input.subarray(from, Math.min(input.length, from + 1 + dice.below(dice.below(4) === 0 ? 128 : 8)))
}

function tail(dice: Seeded): Uint8Array {
  const length = 1 + dice.below(dice.below(8) === 0 ? 256 : 16)
  return dice.below(2) === 0 ? new Uint8Array(length) : dice.bytes(length)
}

function pick<T>(dice: Seeded, from: readonly T[]): T {
  return from[dice.below(from.length)]!
}
