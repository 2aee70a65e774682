/** Any value of the messages of sync, as the codecs have them. */
import fc from 'fast-check'
import { encodeCbor } from '../../src/wire/index.ts'
import type { Json } from './codecs.ts'

const bytes = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(drawn => Buffer.from(drawn).toString('hex'))
const whole = fc.oneof(fc.nat(300), fc.maxSafeNat())
const name = fc.oneof(fc.constant(''), fc.string({ unit: 'grapheme', maxLength: 40 }))
const record = (
  fields: Record<string, fc.Arbitrary<Json>>,
  optional: readonly string[] = [],
): fc.Arbitrary<Json> =>
  fc.record(fields, {
    requiredKeys: Object.keys(fields).filter(key => !optional.includes(key)),
    noNullPrototype: true,
  })

/** Anything dag-cbor can say. */
export const anyCbor: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.maxSafeInteger(), name),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0),
    fc.uint8Array({ maxLength: 40 }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

const payload = anyCbor.map(value => Buffer.from(encodeCbor(value)).toString('hex'))
const parts = { id: bytes(32), author: bytes(32), payload, userId: name, deviceId: name, timestamp: whole }
const anyEntry = fc.oneof(
  record({ ...parts, prev: fc.constant(null), authorSeq: fc.constant(1), signature: bytes(64) }),
  record({
    ...parts,
    prev: bytes(32),
    authorSeq: whole.map(n => Math.max(2, n)),
    signature: fc.oneof(fc.constant(''), bytes(64)),
  }),
)
const anyHead = record({ author: bytes(32), authorSeq: whole, id: bytes(32) })
const entries = fc.array(anyEntry, { maxLength: 5 })

export const syncValues: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  'log-entry': anyEntry,
  'sync-pull': record(
    {
      cursor: whole,
      epoch: fc.oneof(fc.constant(''), bytes(16)),
      limit: whole,
      after: bytes(32),
      wait: fc.boolean(),
      have: fc.array(anyHead, { maxLength: 24 }),
    },
    ['after', 'wait', 'have'],
  ),
  'sync-batch': record(
    {
      entries,
      nextCursor: whole,
      epoch: bytes(16),
      more: fc.boolean(),
      last: bytes(32),
      heads: fc.array(anyHead, { maxLength: 20 }),
      unknown: fc.boolean(),
    },
    ['last', 'heads', 'unknown'],
  ),
  'entries-push': entries,
  'push-ack': record({ ok: fc.boolean(), reason: name }, ['reason']),
}
