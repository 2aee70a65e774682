/**
 * Bytes, reader, writer, text: the ground every decoder stands on.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import {
  compare,
  concat,
  copy,
  empty,
  equal,
  equalConstantTime,
  fromHex,
  fromUtf8,
  toHex,
  utf8,
} from '../../src/base/bytes.ts'
import { asGuildError, codes, GuildError, WireError } from '../../src/base/errors.ts'
import { ByteReader, type Note } from '../../src/base/reader.ts'
import { visible } from '../../src/base/text.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { check } from '../support/property.ts'

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', ''))!
const reader = (text: string): ByteReader => new ByteReader(hex(text))

t.test('bytes', async t => {
  t.strictSame(concat(), empty)
  t.strictSame(concat(hex('01'), empty, hex('02 03')), hex('01 02 03'))
  t.ok(equal(empty, empty))
  t.notOk(equal(hex('00'), empty))
  t.ok(compare(hex('01'), hex('01 00')) < 0, 'a prefix sorts first')
  t.ok(compare(hex('80'), hex('7f ff')) > 0, 'bytes are unsigned')
  const owned = hex('01 02')
  const copied = copy(owned.subarray(0, 1))
  owned[0] = 9
  t.strictSame(copied, hex('01'))
  t.equal(copied.buffer.byteLength, 1, 'a copy does not keep its parent alive')
  t.equal(fromHex('abc'), undefined, 'odd')
  t.equal(fromHex('zz'), undefined, 'not hex')
  t.strictSame(fromHex('00fF'), Uint8Array.of(0, 255))
  t.throws(() => fromUtf8(hex('ff')), TypeError)
  t.equal(fromUtf8(hex('ef bb bf 61')), '\ufeffa', 'a byte order mark is text like any other')
})

t.test('bytes: hex, order and equality agree for any input', async t => {
  const bytes = fc.uint8Array({ maxLength: 40, size: 'max' })
  check(
    fc.property(bytes, bytes, (a, b) => {
      const [x, y] = [toHex(a), toHex(b)]
      return (
        equal(fromHex(x)!, a) &&
        equal(a, b) === (x === y) &&
        equalConstantTime(a, b) === (x === y) &&
        Math.sign(compare(a, b)) === (x < y ? -1 : x > y ? 1 : 0)
      )
    }),
  )
  t.pass()
})

t.test('reader: every error names field and offset, and reads nothing', async t => {
  const cases: [string, string, number, (r: ByteReader) => unknown, string][] = [
    ['aa', 'GH_WIRE_SHORT', 1, r => r.u8('kind'), 'kind'],
    ['aa 00', 'GH_WIRE_SHORT', 1, r => r.u16('port'), 'port'],
    ['aa 00 00 00', 'GH_WIRE_SHORT', 1, r => r.u32('index'), 'index'],
    ['aa', 'GH_WIRE_SHORT', 1, r => r.varint('count'), 'count'],
    ['aa 40', 'GH_WIRE_SHORT', 1, r => r.varint('count'), 'count'],
    ['aa 40 3f', 'GH_WIRE_VARINT', 1, r => r.varint('count'), 'count'],
    ['aa c0 20 00 00 00 00 00 00', 'GH_WIRE_VARINT', 1, r => r.varint('count'), 'count'],
    ['aa 08', 'GH_WIRE_LENGTH', 1, r => r.varint('count', 7), 'count'],
    ['aa 01 02', 'GH_WIRE_SHORT', 1, r => r.take(3, 'key'), 'key'],
    ['aa 01', 'GH_WIRE_RESERVED', 1, r => r.reserved('spare'), 'spare'],
  ]
  for (const [bytes, code, offset, act, field] of cases) {
    const r = reader(bytes)
    r.u8('first')
    t.throws(() => act(r), { name: 'WireError', code, field, offset }, `${field}: ${code}`)
    if (code !== 'GH_WIRE_RESERVED') t.equal(r.offset, 1, 'the place is kept')
  }
  const after: [string, string, number, (r: ByteReader) => unknown, string][] = [
    ['04 61', 'GH_WIRE_LENGTH', 0, r => r.prefixed(3, 'name'), 'name length'],
    ['02 61', 'GH_WIRE_SHORT', 1, r => r.prefixed(3, 'name'), 'name'],
    ['01 ff', 'GH_WIRE_TEXT', 0, r => r.text(3, 'name'), 'name'],
    ['02 c0 80', 'GH_WIRE_TEXT', 0, r => r.text(3, 'name'), 'name'],
    ['03 ed a0 80', 'GH_WIRE_TEXT', 0, r => r.text(3, 'name'), 'name'],
    ['00', 'GH_WIRE_LONG', 0, r => r.end('message'), 'message'],
  ]
  for (const [bytes, code, offset, act, field] of after)
    t.throws(() => act(reader(bytes)), { code, field, offset }, `${field}: ${code}`)
})

t.test('FR-01 reader: a length at its maximum passes, one more does not', async t => {
  for (const max of [0, 1, 63, 64, 300]) {
    const fits = new ByteWriter().prefixed(new Uint8Array(max)).view()
    t.equal(new ByteReader(fits).prefixed(max, 'field').length, max)
    const above = new ByteWriter().prefixed(new Uint8Array(max + 1)).view()
    t.throws(() => new ByteReader(above).prefixed(max, 'field'), { code: 'GH_WIRE_LENGTH', offset: 0 })
  }
  const claim = new ByteWriter().varint(Number.MAX_SAFE_INTEGER).view()
  t.throws(() => new ByteReader(claim).prefixed(Number.MAX_SAFE_INTEGER, 'field'), { code: 'GH_WIRE_SHORT' })
})

t.test('reader: values, views, and what is left', async t => {
  const r = reader('01 00 02 ff ff ff ff 25 02 68 69 aa bb')
  t.equal(r.u8('a'), 1)
  t.equal(r.u16('b'), 2)
  t.equal(r.u32('c'), 0xffff_ffff, 'unsigned')
  t.equal(r.varint('d'), 37)
  t.equal(r.text(2, 'e'), 'hi')
  t.equal(r.remaining, 2)
  const rest = r.rest('f')
  t.equal(rest.buffer, r.bytes.buffer, 'a view, not a copy')
  t.doesNotThrow(() => r.end('message'))
})

t.test('reader: the notebook notes what was read, in order', async t => {
  const notes: Note[] = []
  const r = new ByteReader(hex('05 02 0a 1b 00 07'), notes)
  r.u8('kind')
  r.text(8, 'name')
  r.u16('port')
  t.strictSame(
    notes.map(note => [note.offset, toHex(note.bytes), note.field, note.value]),
    [
      [0, '05', 'kind', '5'],
      [1, '02', 'name length', '2'],
      [2, '0a1b', 'name', '"\\n\\x1b"'],
      [4, '0007', 'port', '7'],
    ],
    'text is noted so that it is safe to show',
  )
})

t.test('writer: what it writes, the reader reads', async t => {
  const numbers = fc.maxSafeNat()
  check(
    fc.property(
      fc.nat(255),
      fc.nat(0xffff),
      fc.nat(0xffff_ffff),
      numbers,
      fc.uint8Array({ maxLength: 300, size: 'max' }),
      fc.string({ unit: 'grapheme', maxLength: 100, size: 'max' }),
      (a, b, c, d, e, f) => {
        const r = new ByteReader(new ByteWriter(1).u8(a).u16(b).u32(c).varint(d).prefixed(e).text(f).view())
        return (
          r.u8('a') === a &&
          r.u16('b') === b &&
          r.u32('c') === c &&
          r.varint('d') === d &&
          equal(r.prefixed(1e9, 'e'), e) &&
          r.text(1e9, 'f') === f &&
          r.remaining === 0
        )
      },
    ),
  )
  t.pass()
})

t.test('writer: a fixed buffer is never passed, a growing one grows', async t => {
  const fixed = new ByteWriter(new Uint8Array(4))
  fixed.u16(0x0102)
  t.equal(fixed.room, 2)
  t.throws(() => fixed.u32(1), { code: 'GH_INTERNAL' })
  t.equal(fixed.length, 2, 'nothing was written')
  t.strictSame(fixed.reset().u8(9).view(), hex('09'))
  const growing = new ByteWriter(0)
  for (let i = 0; i < 1000; i++) growing.u8(i & 255)
  t.equal(growing.view().length, 1000)
  t.equal(growing.view()[999], 999 & 255)
  t.throws(() => new ByteWriter().varint(2 ** 53), { code: 'GH_WIRE_VARINT' })
  t.throws(() => new ByteWriter().varint(Number.NaN), { code: 'GH_WIRE_VARINT' })
})

t.test('errors carry code, field and offset, and keep their cause', async t => {
  const error = new WireError('GH_WIRE_SHORT', 'nonce', 7)
  t.ok(error instanceof GuildError)
  t.match(error.message, /nonce at byte 7/)
  t.equal(asGuildError(error), error)
  const cause = new RangeError('odd')
  t.match(asGuildError(cause), { code: 'GH_INTERNAL', cause })
  t.match(asGuildError('odd', 'GH_DIAL_FAILED'), { code: 'GH_DIAL_FAILED' })
  for (const code of Object.keys(codes)) t.match(code, /^GH_[A-Z0-9]+(_[A-Z0-9]+)*$/)
})

t.test('TYPE-4 CL-02 visible: escape sequences and controls are shown, not obeyed', async t => {
  t.equal(visible('\u001b[2J\u001b]0;x\u0007'), '\\x1b[2J\\x1b]0;x\\x07')
  t.equal(visible('\u009b31m'), '\\x9b31m', 'C1')
  t.equal(visible('\u0000\u007f\u0085'), '\\x00\\x7f\\x85')
})

t.test('TYPE-4 CL-03 visible: one line, nothing hidden, nothing turned around', async t => {
  t.equal(visible('a\nb\rc\td'), 'a\\nb\\rc\\td')
  t.equal(visible('\u2028\u2029'), '\\u{2028}\\u{2029}', 'line and paragraph separators')
  t.equal(visible('\u202egpj.exe\u2066'), '\\u{202e}gpj.exe\\u{2066}', 'bidirectional override')
  t.equal(visible('ad\u200bmin\u200d\ufeff\u2060'), 'ad\\u{200b}min\\u{200d}\\u{feff}\\u{2060}', 'zero width')
  t.equal(visible('\ud800x\udc00'), '\\u{d800}x\\u{dc00}', 'lone surrogates')
  t.equal(visible('\u{e0041}\u3164\u00ad'), '\\u{e0041}\\u{3164}\\xad', 'tags, fillers, soft hyphen')
  t.equal(visible('abcdef', 3), 'abc…', 'cut to its maximum')
})

t.test('visible: ordinary text of any script stays', async t => {
  for (const text of [
    'Grüße, Ελλάδα',
    '안녕하세요',
    'こんにちは',
    'שלום',
    'مرحبا',
    'नमस्ते',
    '🦀 ❤️ 👍🏽',
    'a\\b "c"',
  ])
    t.equal(visible(text), text)
})

t.test('CL-03 visible: whatever comes in, no control or format character comes out', async t => {
  check(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200, size: 'max' }),
      text => !/(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(visible(text)),
    ),
    500,
  )
  t.same(utf8('é').length, 2)
})

t.test('P15 a hex id that is kept takes little more than its letters', async t => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const many = 10_000
  const bytes = new Uint8Array(32)
  toHex(bytes)
  collect()
  const before = process.memoryUsage().heapUsed
  const kept = new Set<string>()
  for (let i = 0; i < many; i++) {
    bytes[0] = i
    bytes[1] = i >> 8
    kept.add(toHex(bytes))
  }
  collect()
  const each = (process.memoryUsage().heapUsed - before) / many
  t.comment(`${each.toFixed(0)} bytes each`)
  t.ok(each < 400, `${each} bytes`)
  t.equal(kept.size, many)
})
