/**
 * Every message of `src/wire/`: vectors, round trips, hostile bytes, and its explanation.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { concat, equal, fromHex, toHex } from '../../src/base/bytes.ts'
import { codes, WireError } from '../../src/base/errors.ts'
import type { Note } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import * as wire from '../../src/wire/index.ts'
import { anyMutation, anyValue } from '../support/arbitraries.ts'
import { codecs } from '../support/codecs.ts'
import { check } from '../support/property.ts'
import { root } from '../support/root.ts'
import { readVectors, vectorMessages } from '../support/vectors.ts'

/** The value, or the WireError; anything else that is thrown escapes and fails the test. */
function attempt(message: string, bytes: Uint8Array): unknown {
  try {
    return codecs[message]!.decode(bytes)
  } catch (error) {
    if (error instanceof WireError) return error
    throw error
  }
}

/** What may be cut and still be whole: frames until the bytes end, and a message that has no length. */
const openEnded: readonly string[] = ['frames', 'packet-frames', 'handshake-datagram']

/** Fields they do not know are walked over, and numbers clamped. */
const grows: readonly string[] = ['sync-pull', 'sync-batch', 'entries-push', 'push-ack']

/** A text behind one needless space is the same text: of some lines there are two. */
const oneForm = (message: string, bytes: Uint8Array): boolean =>
  !grows.includes(message) && (message !== 'line' || bytes[0] !== 0x20)

for (const message of vectorMessages)
  t.test(`TYPE-3 HAND-17 REG-2 NUM-1 LINE-5 MDNS-3 vectors: ${message}`, async t => {
    for (const vector of readVectors(message).vectors) {
      const bytes = fromHex(vector.bytes)!
      const got = attempt(message, bytes)
      if (vector.result === 'valid') {
        t.strictSame(got, vector.value, vector.id)
        t.equal(toHex(codecs[message]!.encode(vector.value)), vector.bytes, `${vector.id}, encoded`)
      } else {
        const { error: code, field, offset } = vector
        t.match(got, { name: 'WireError', code, field, offset }, vector.id)
      }
    }
  })

t.test('vectors: the files keep their schema, and hold more invalid cases than valid ones', async t => {
  const schema = JSON.parse(readFileSync(join(root, 'protocol/vectors/schema.json'), 'utf8'))
  const rules = schema.properties.vectors.items
  for (const message of vectorMessages) {
    const { vectors, ...head } = readVectors(message)
    t.strictSame(Object.keys(head), ['$schema', 'message', 'page', 'notes'])
    t.equal(head.message, message)
    t.match(head.page, new RegExp(schema.properties.page.pattern))
    t.equal(new Set(vectors.map(vector => vector.id)).size, vectors.length, 'ids are unique')
    const invalid = vectors.filter(vector => vector.result === 'invalid')
    t.ok(invalid.length * 2 > vectors.length, `${message}: ${invalid.length} of ${vectors.length} invalid`)
    for (const vector of vectors) {
      const label = `${message} ${vector.id}`
      for (const [key, value] of Object.entries(vector)) {
        const rule = rules.properties[key]
        if (rule === undefined) t.fail(`${label}: unknown key ${key}`)
        else if (rule.pattern !== undefined) t.match(value, new RegExp(rule.pattern), `${label}: ${key}`)
      }
      if (vector.result === 'valid') t.notOk('error' in vector || 'field' in vector, label)
      else t.ok(vector.error! in codes && vector.field && !('value' in vector), label)
    }
  }
  const used = ['frames', 'packet-frames'].flatMap(message =>
    readVectors(message).vectors.flatMap(vector =>
      vector.result === 'valid' ? vector.value.map((frame: { frame: string }) => frame.frame) : [],
    ),
  )
  for (const name of Object.keys(wire.frameTypes)) t.ok(used.includes(name), `${name} has a valid vector`)
})

for (const message of vectorMessages) {
  const { decode, encode } = codecs[message]!
  const same = (got: unknown, bytes: Uint8Array): boolean =>
    oneForm(message, bytes) ? equal(encode(got), bytes) : isDeepStrictEqual(decode(encode(got)), got)
  const fault = (code: string): string => (['hello', 'message-1'].includes(message) ? `${code} ` : '')

  t.test(`${message}: what is encoded decodes to the same`, async t => {
    check(
      fc.property(anyValue[message]!, value => {
        return isDeepStrictEqual(decode(encode(value)), value)
      }),
      150,
    )
    t.pass()
  })

  t.test(
    `HS-10 ${message}: cut at every byte, it is refused or says less, and never throws wildly`,
    async t => {
      check(
        fc.property(anyValue[message]!, value => {
          const bytes = encode(value)
          const limit = Math.min(bytes.length, 600)
          for (let cut = 0; cut < limit; cut++) {
            const piece = bytes.subarray(0, cut)
            const got = attempt(message, piece)
            if (!(got instanceof WireError) && !openEnded.includes(message)) return false
            if (!(got instanceof WireError) && !equal(encode(got), piece)) return false
          }
          return true
        }),
        40,
      )
      t.pass()
    },
  )

  t.test(
    `${fault('HS-11')}${message}: NUM-2 mutated bytes give a WireError, or re-encode to themselves`,
    async t => {
      let accepted = 0
      check(
        fc.property(anyValue[message]!, anyMutation, (value, mutate) => {
          const bytes = mutate(encode(value))
          const got = attempt(message, bytes)
          if (got instanceof WireError) return got.offset <= bytes.length && got.field !== ''
          accepted++
          return same(got, bytes)
        }),
        600,
      )
      t.ok(accepted > 0, 'some mutations are other valid messages')
    },
  )

  t.test(`ERR-1 ${message}: arbitrary bytes give a WireError, or re-encode to themselves`, async t => {
    check(
      fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), bytes => {
        const got = attempt(message, bytes)
        return got instanceof WireError || same(got, bytes)
      }),
      600,
    )
    t.pass()
  })
}

t.test(
  'FR-01 LIM-1 frames: a length at its maximum passes, one more is refused before its bytes',
  async t => {
    const cases: [string, number, (size: number) => Uint8Array][] = [
      [
        'observed address',
        wire.limits.address,
        size => made(w => wire.encodeAccepted(w, new Uint8Array(size))),
      ],
      ['detail', wire.limits.detail, size => made(w => wire.encodeClose(w, 0, 'x'.repeat(size)))],
      ['detail', wire.limits.detail, size => made(w => wire.encodeRefused(w, 'SELF', 'x'.repeat(size)))],
      ['text', wire.limits.chatText, size => made(w => wire.encodeChat(w, chat('', 'x'.repeat(size))))],
      ['name', wire.limits.name, size => made(w => wire.encodeChat(w, chat('x'.repeat(size), '')))],
      [
        'ignorable frame',
        wire.limits.ignorableFrame,
        size => made(w => w.varint(0x40).prefixed(new Uint8Array(size))),
      ],
      ['data', wire.limits.recordPlaintext, size => made(w => stream(w, size))],
    ]
    for (const [field, max, make] of cases) {
      t.notOk(attempt('frames', make(max)) instanceof WireError, `${field}: ${max}`)
      const above = { code: 'GH_WIRE_LENGTH', field: `${field} length` }
      t.match(attempt('frames', make(max + 1)), above, `${field}: ${max + 1}`)
      const claimed = make(max + 1).subarray(0, 120)
      t.match(attempt('frames', claimed), above, `${field}: refused by its claim, not by its bytes`)
    }
  },
)

t.test(
  'FR-03 TYPE-1 TYPE-2 an unknown ignorable frame is skipped, an unknown critical one closes',
  async t => {
    const known = new Set<number>(Object.values(wire.frameTypes).map(({ type }) => type))
    for (let type = 0; type < 0x40; type++) {
      if (known.has(type)) continue
      const bytes = Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0, 0)
      t.match(attempt('frames', bytes), { code: 'GH_WIRE_FRAME', field: 'frame type', offset: 0 })
    }
    const nonce = fromHex('0011223344556677')!
    const bytes = made(w => {
      w.varint(0x7777).prefixed(Uint8Array.of(0x03, 0x23))
      wire.encodePing(w, nonce)
    })
    t.match(attempt('frames', bytes), [{ frame: 'ignored', type: 0x7777 }, { frame: 'PING' }])
    t.ok(
      [...known].every(type => type < wire.FIRST_IGNORABLE_FRAME),
      'a known type from 0x40 on would need its length',
    )
  },
)

t.test(
  'FR-05 NUM-3 NUM-5 a number truncated, over-long or above 2^53 - 1 is refused in every field',
  async t => {
    const faults = [
      '',
      '40',
      'c000',
      '4001',
      '80000001',
      'c000000000000001',
      'c020000000000000',
      'ffffffffffffffff',
    ]
    for (const prefix of [
      '',
      '04',
      '0400',
      '040000',
      '05',
      '08',
      '0800',
      '080000',
      '10',
      '11',
      '12',
      '1b',
      '23',
    ])
      for (const fault of faults) {
        const got = attempt('frames', fromHex(prefix + fault)!)
        if (prefix === '' && fault === '') continue
        t.ok(got instanceof WireError, `${prefix} ${fault}`)
        if (fault.length > 4) t.match(got, { code: 'GH_WIRE_VARINT', offset: prefix.length / 2 })
      }
  },
)

t.test('HAND-10 HELLO: the signed bytes bind domain, role and handshake', async t => {
  const h = fromHex('aa'.repeat(32))!
  const initiator = wire.helloSignedBytes('initiator', h)
  const responder = wire.helloSignedBytes('responder', h)
  t.equal(
    toHex(initiator),
    `${toHex(new TextEncoder().encode('guild-home identity v1'))}01${'aa'.repeat(32)}`,
  )
  t.notOk(equal(initiator, responder), 'a signature cannot be sent back')
})

t.test('CHAT-1 the signed bytes are the domain and the frame without type and signature', async t => {
  const one = chat('bob', 'hi')
  const frame = made(w => wire.encodeChat(w, one))
  const domain = new TextEncoder().encode('guild-home chat v1')
  t.strictSame(wire.chatSignedBytes(one), concat(domain, frame.subarray(1, -64)))
})

t.test('STREAM-3 stream header: only printable ids are written', async t => {
  for (const id of ['', '/', 'x', '/a b', '/a\n', `/${'x'.repeat(128)}`, '/é'])
    t.throws(() => wire.encodeStreamHeader(id), { code: 'GH_OPTION_INVALID' })
})

t.test('explain: every byte of every valid vector is in exactly one note', async t => {
  const explainers: Record<string, (bytes: Uint8Array) => Note[]> = {
    frames: wire.explainFrames,
    'packet-frames': wire.explainPacketFrames,
    'packet-head': wire.explainPacket,
    'handshake-datagram': wire.explainHandshakeDatagram,
    hello: wire.explainHello,
    'message-1': wire.explainMessage1,
    line: wire.explainLine,
    'line-hello': wire.explainFirstLine,
    'log-entry': wire.explainEntry,
    'sync-pull': wire.explainSyncPull,
    'sync-batch': wire.explainSyncBatch,
    'entries-push': wire.explainEntriesPush,
    'push-ack': wire.explainPushAck,
  }
  for (const [message, explain] of Object.entries(explainers))
    for (const { id, result, bytes: hex, error } of readVectors(message).vectors) {
      const bytes = fromHex(hex)!
      const notes = explain(bytes)
      t.strictSame(concat(...notes.map(note => note.bytes)), bytes, `${message} ${id}`)
      const last = notes.at(-1)
      if (result === 'valid') t.not(last?.field, 'malformed')
      else t.match(last, { field: 'malformed', value: new RegExp(`^${error}: `) }, `${message} ${id}`)
      t.ok(
        wire
          .formatNotes(notes)
          .split('\n')
          .every(line => line.length < 200 && line === line.trimEnd()),
      )
    }
})

t.test('explain: a field whose length is wrong is shown once, also when it is empty', async t => {
  // A host of length 0: the length was read, and then an empty host behind it.
  const bytes = new Uint8Array(37)
  bytes[35] = 1
  const notes = wire.explainAnnouncement(bytes)
  t.strictSame(concat(...notes.map(note => note.bytes)), bytes)
  t.match(notes.at(-1), { offset: 36, field: 'malformed', value: /^GH_WIRE_LENGTH: .*host length/ })
})

t.test('CL-02 explain: what a peer wrote is safe to show', async t => {
  const dump = wire.formatNotes(wire.explainFrames(made(w => wire.encodeClose(w, 2, 'a\u001b[2J\n\u202e'))))
  t.match(dump, 'detail = "a\\x1b[2J\\n\\u{202e}"')
  for (const hidden of ['\u001b', '\u202e']) t.notOk(dump.includes(hidden))
})

t.test('explain: PADDING that stands together is one note, however much it is', async t => {
  const ping = made(w => wire.encodePing(w, fromHex('0011223344556677')!))
  const padded = Buffer.concat([Buffer.alloc(2), ping, Buffer.alloc(1), ping, Buffer.alloc(1_200)])
  const notes = wire.explainFrames(padded)
  t.strictSame(
    notes.filter(({ field }) => field === 'frame type').map(({ value, bytes }) => [value, bytes.length]),
    [
      ['PADDING (0x00), 2 times', 2],
      ['PING (0x01)', 1],
      ['PADDING (0x00)', 1],
      ['PING (0x01)', 1],
      ['PADDING (0x00), 1200 times', 1_200],
    ],
  )
  t.strictSame(Buffer.concat(notes.map(({ bytes }) => bytes)), padded)
})

t.test('explain: the dump of a record', async t => {
  const bytes = made(w => {
    wire.encodePing(w, fromHex('0011223344556677')!)
    wire.encodeClose(w, 2, 'bad frame')
    w.u8(0x03)
  })
  t.equal(
    wire.formatNotes(wire.explainFrames(bytes)),
    [
      '   0  01                        frame type = PING (0x01)',
      '   1  00 11 22 33 44 55 66 77   nonce = 8 bytes',
      '   9  23                        frame type = CLOSE (0x23)',
      '  10  02                        code = PROTOCOL (0x02)',
      '  11  09                        detail length = 9',
      '  12  62 61 64 20 66 72 61 6d   detail = "bad frame"',
      '  20  65',
      '  21  03                        malformed = GH_WIRE_FRAME: an unknown or misplaced frame: frame type at byte 21 (0x3)',
      '',
    ].join('\n'),
  )
  const long = made(w => stream(w, 100))
  t.match(wire.formatNotes(wire.explainFrames(long)), '  29  … 76 more bytes\n')
})

function made(write: (w: ByteWriter) => unknown): Uint8Array {
  const w = new ByteWriter()
  write(w)
  return w.view()
}

function stream(w: ByteWriter, length: number): void {
  wire.encodeStreamHead(w, 4, 0, length, false)
  w.raw(new Uint8Array(length))
}

function chat(name: string, text: string): wire.ChatFrame {
  return { from: new Uint8Array(32), timestamp: 1, line: '', name, text, signature: new Uint8Array(64) }
}
