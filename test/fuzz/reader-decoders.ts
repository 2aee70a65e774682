/**
 * The registry's entries for what cuts ordered bytes into messages: units, messages, lines.
 *
 * Each input goes in twice, whole and in pieces cut where the input itself says; what comes out,
 * and the error that ends it, must be the same.
 */
import { concat, utf8 } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { LineReader } from '../../src/link/line-reader.ts'
import { frameUnit, UnitReader } from '../../src/link/units.ts'
import { Inlet } from '../../src/protocols/bitswap/inlet.ts'
import { encodeMessage, MessageReader } from '../../src/streams/messages.ts'
import { bitswapPreamble, decodeBitswapHead } from '../../src/wire/bitswap.ts'
import { limits } from '../../src/wire/limits.ts'
import { must } from './common.ts'
import { messages, texts } from './corpus.ts'
import type { Decoder } from './fuzz.ts'

/** What came out, and how it ended. */
interface Heard {
  readonly parts: string[]
  error?: GuildError
}

/** As text to compare; faster than our own, for there may be thousands. */
const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

/** Hands over the pieces; `take` gives what each of them completes. */
function heard(chunks: Iterable<Uint8Array>, take: (chunk: Uint8Array, into: string[]) => void): Heard {
  const all: Heard = { parts: [] }
  try {
    for (const chunk of chunks) take(chunk, all.parts)
  } catch (error) {
    if (!(error instanceof GuildError)) throw error
    all.error = error
  }
  return all
}

function alike(whole: Heard, cut: Heard): string[] {
  must(whole.error?.code === cut.error?.code, `one error: ${whole.error?.code} and ${cut.error?.code}`)
  must(whole.parts.join() === cut.parts.join(), 'one result')
  if (whole.error !== undefined) throw whole.error
  return whole.parts
}

function units(input: Uint8Array, chunks: Iterable<Uint8Array>): Heard {
  const reader = new UnitReader(limits.handshakeMessage)
  return heard(chunks, (chunk, into) => {
    // The memory of a carrier is only lent: each piece is overwritten behind the reader's back.
    const lent = chunk.slice()
    reader.give(lent)
    for (let unit = reader.next(); unit !== undefined; unit = reader.next()) into.push(hex(unit))
    reader.settle()
    lent.fill(0xa5)
    must(into.length <= input.length / 3, 'no more units than bytes')
  })
}

function wholeMessages(chunks: Iterable<Uint8Array>): Heard {
  const reader = new MessageReader(4_000)
  return heard(chunks, (chunk, into) => {
    reader.feed(chunk)
    for (let message = reader.next(); message !== undefined; message = reader.next()) into.push(hex(message))
  })
}

function lines(chunks: Iterable<Uint8Array>): Heard {
  const reader = new LineReader()
  return heard(chunks, (chunk, into) => {
    const lent = chunk.slice()
    reader.take(lent, line => {
      must(line.length <= limits.line + 1 && line.at(-1) === 0x0a, 'a line ends with its LF')
      into.push(hex(line))
      return true
    })
    lent.fill(0xa5)
  })
}

/** What an inlet tells, in words; every second block is not wanted. */
function inlet(chunks: Iterable<Uint8Array>): Heard {
  let blocks = 0
  let into: string[] = []
  let bytes = ''
  const reader = new Inlet({
    head: head => into.push(`head ${head.wants.length} ${head.presences.length} ${head.pendingBytes}`),
    block: ({ length }) => {
      bytes = ''
      into.push(`block ${length}`)
      return blocks++ % 2 === 0
    },
    bytes: piece => {
      must(piece.length > 0, 'no empty pieces')
      bytes += hex(piece)
    },
    end: () => into.push(bytes),
  })
  return heard(chunks, (chunk, all) => {
    into = all
    reader.feed(chunk)
  })
}

/** Messages as they stand in a stream, two in a row. */
function bitswapStreams(): Uint8Array[] {
  const heads = messages('bitswap').flatMap(bytes => {
    try {
      return [decodeBitswapHead(bytes)]
    } catch {
      return []
    }
  })
  return heads
    .filter(({ blocks }) => blocks.reduce((sum, { length }) => sum + length, 0) < 6_000)
    .map(head => {
      const bodies = head.blocks.map(({ length }, i) => new Uint8Array(length).fill(i))
      const message = concat(bitswapPreamble(head), ...bodies)
      return concat(message, message)
    })
}

export const readerDecoders: readonly Decoder[] = [
  {
    name: 'units',
    covers: [],
    corpus: () => {
      const bodies = [...messages('message-1'), ...messages('hello')].filter(body => body.length > 0)
      return bodies.slice(0, 60).map((body, i) => concat(frameUnit(body), frameUnit(bodies[i]!.slice(0, 9))))
    },
    decode: input => alike(units(input, [input]), units(input, pieces(input))),
  },
  {
    name: 'message-reader',
    covers: [],
    corpus: () =>
      texts('', 'a', 'b'.repeat(70), 'c'.repeat(3_000)).map(text =>
        concat(encodeMessage(text), encodeMessage(text)),
      ),
    most: 10_000,
    decode: input => alike(wholeMessages([input]), wholeMessages(pieces(input))),
    refuses: error =>
      error instanceof GuildError && ['GH_STREAM_TOO_LARGE', 'GH_WIRE_VARINT'].includes(error.code),
  },
  {
    name: 'bitswap-inlet',
    covers: [],
    corpus: bitswapStreams,
    most: 12_000,
    decode: input => alike(inlet([input]), inlet(pieces(input))),
  },
  {
    name: 'line-reader',
    covers: [],
    corpus: () => [...messages('line'), utf8(`${'x'.repeat(limits.line - 1)}\r\n`), utf8('a\r\nb\n\n\r\n')],
    words: ['\n', '\r\n', '\r'],
    text: true,
    most: 17_500,
    decode: input => alike(lines([input]), lines(pieces(input))),
  },
]

/** Where to cut: by the input itself, so that it repeats. */
function* pieces(input: Uint8Array): Generator<Uint8Array> {
  let state = input.length * 0x9e37 + 1
  for (let at = 0; at < input.length; ) {
    state = (Math.imul(state, 0x41c64e6d) + 12_345 + input[at]!) >>> 0
    const length = 1 + ((state >>> 16) % 9 === 0 ? (state >>> 8) % 300 : (state >>> 8) % 7)
    yield input.subarray(at, at + length)
    at += length
  }
}
