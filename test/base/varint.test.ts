/** Both families of integers against their published examples. */
import fc from 'fast-check'
import t from 'tap'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { WireError } from '../../src/base/errors.ts'
import { ByteReader } from '../../src/base/reader.ts'
import {
  leb128Length,
  MAX_NUMBER,
  readLeb128,
  readVarint,
  varintLength,
  varintWidth,
  writeLeb128,
  writeVarint,
} from '../../src/base/varint.ts'
import { sharedJson } from '../support/shared.ts'

const absent = { skip: 'the shared vectors are not beside this checkout' }

const rfc9000 = sharedJson('vectors/quic/rfc9000-appendix-a.json')
t.test('RFC 9000 A.1, strict and lenient', rfc9000 === undefined ? absent : {}, async t => {
  for (const { hex, value, len } of [...rfc9000.varint_decode, ...rfc9000.varint_bounds]) {
    const bytes = fromHex(hex)!
    const wanted = Number(value)
    t.equal(varintWidth(bytes[0]!), len ?? bytes.length, hex)
    if (BigInt(value) > BigInt(MAX_NUMBER)) {
      for (const strict of [true, false])
        t.throws(
          () => readVarint(bytes, 0, 'number', strict),
          { code: 'GH_WIRE_VARINT' },
          `${value} > 2^53 - 1`,
        )
      continue
    }
    t.equal(readVarint(bytes, 0, 'number', false), wanted, `${hex} lenient`)
    if (varintLength(wanted) === bytes.length) {
      t.equal(readVarint(bytes, 0, 'number'), wanted, `${hex} strict`)
      const out = new Uint8Array(8)
      t.equal(toHex(out.subarray(0, writeVarint(out, 0, wanted))), hex)
    } else
      t.throws(
        () => readVarint(bytes, 0, 'number'),
        { code: 'GH_WIRE_VARINT', message: /longer/ },
        'NUM-2 one form only',
      )
  }
  for (const hex of rfc9000.varint_truncated_must_fail)
    t.throws(() => new ByteReader(fromHex(hex)!).varint('number'), { code: 'GH_WIRE_SHORT' }, hex)
  t.throws(() => new ByteReader(new Uint8Array(0)).varint('number'), { code: 'GH_WIRE_SHORT' })
})

t.test('NUM-2 QUIC integers: what is written is read, and has one form', async t => {
  fc.assert(
    fc.property(fc.maxSafeNat(), value => {
      const out = new Uint8Array(8)
      const length = writeVarint(out, 0, value)
      return length === varintLength(value) && readVarint(out, 0, 'number') === value
    }),
  )
  const forms = fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), bytes => {
    let value: number
    try {
      value = readVarint(bytes, 0, 'number')
    } catch (error) {
      return error instanceof WireError
    }
    const out = new Uint8Array(8)
    const length = writeVarint(out, 0, value)
    return toHex(out.subarray(0, length)) === toHex(bytes.subarray(0, varintWidth(bytes[0]!)))
  })
  fc.assert(forms, { numRuns: 1_000 })
  t.throws(() => writeVarint(new Uint8Array(8), 0, MAX_NUMBER + 1), { code: 'GH_WIRE_VARINT' })
})

const unsigned = sharedJson('vectors/multiformats/unsigned-varint.json')
t.test('unsigned LEB128: the published examples', unsigned === undefined ? absent : {}, async t => {
  for (const [text, hex] of unsigned.valid) {
    const bytes = fromHex(hex)!
    if (BigInt(text) > BigInt(MAX_NUMBER)) {
      t.throws(() => readLeb128(bytes, 0, 'number'), { code: 'GH_WIRE_VARINT' }, `${text} is above 2^53 - 1`)
      continue
    }
    t.strictSame(readLeb128(bytes, 0, 'number'), { value: Number(text), length: bytes.length }, hex)
    const out = new Uint8Array(9)
    t.equal(toHex(out.subarray(0, writeLeb128(out, 0, Number(text)))), hex)
    t.equal(leb128Length(Number(text)), bytes.length)
  }
  for (const { hex, why } of unsigned.invalid)
    t.throws(() => readLeb128(fromHex(hex)!, 0, 'number'), WireError, `${hex} ${why}`)
})

t.test('NUM-4 unsigned LEB128: what is written is read', async () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), value => {
      const out = new Uint8Array(9)
      const length = writeLeb128(out, 0, value)
      const read = readLeb128(out, 0, 'number')
      return length === leb128Length(value) && read.value === value && read.length === length
    }),
  )
})
