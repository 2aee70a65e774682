/** Packet numbers: the examples of RFC 9000, every distance, and numbers near the last. */
import t from 'tap'
import { decodeNumber, MAX_UNACKED, numberLength } from '../../src/packets/packet-number.ts'
import { Seeded } from '../support/seeded.ts'
import { sharedJson } from '../support/shared.ts'

const vectors = sharedJson('vectors/quic/rfc9000-appendix-a.json')

t.test(
  'UQ-17 LOSS-1 LOSS-2 the packet numbers of RFC 9000, A.2 and A.3',
  { skip: vectors === undefined && 'no vectors here' },
  async t => {
    for (const v of vectors.pn_encode) {
      const [full, largest] = [Number(v.pn), Number(v.largest_acked)]
      const length = numberLength(full, largest)
      t.equal(8 * length, v.bits_min, v.pn)
      t.equal(full % 2 ** (8 * length), Number(v.truncated))
      t.equal(decodeNumber(largest, Number(v.truncated), 8 * length), full, 'and back')
    }
    for (const v of vectors.pn_decode)
      t.equal(decodeNumber(Number(v.largest_pn), Number(v.truncated), v.bits), Number(v.expected))
    t.ok(vectors.pn_encode.length === 2 && vectors.pn_decode.length === 1)
  },
)

t.test('LOSS-1 the shortest that tells a number from twice as many as are on their way', async t => {
  const edges: [number, number][] = [
    [1, 1],
    [0x80, 1],
    [0x81, 2],
    [0x8000, 2],
    [0x8001, 3],
    [0x80_0000, 3],
    [0x80_0001, 4],
    [MAX_UNACKED, 4],
  ]
  for (const [apart, length] of edges)
    for (const largest of [-1, 0, 0xff, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER - apart])
      t.equal(numberLength(largest + apart, largest), length, `${apart} after ${largest}`)
  for (const apart of [0, -1, MAX_UNACKED + 1, Number.NaN])
    t.throws(() => numberLength(7 + apart, 7), { code: 'GH_INTERNAL' })
})

t.test('LOSS-2 whatever the receiver has seen since, the number comes back', async t => {
  const random = new Seeded(17)
  let wrong = 0
  for (let i = 0; i < 20_000; i++) {
    const acked = Math.floor(random.fraction() * 2 ** (1 + random.below(52))) - 1
    const full = acked + 1 + Math.floor(random.fraction() * 2 ** random.below(31))
    if (full > Number.MAX_SAFE_INTEGER) continue
    const bits = 8 * numberLength(full, acked)
    // It has at least what it acknowledged, and may have what was sent after this one.
    const seen = acked + Math.floor(random.fraction() * (full - acked + 2 ** (bits - 1) - 1))
    if (seen >= Number.MAX_SAFE_INTEGER) continue
    if (decodeNumber(seen, full % 2 ** bits, bits) !== full) wrong++
  }
  t.equal(wrong, 0)
  for (const bits of [8, 16, 24, 32]) {
    const all = 2 ** bits - 1
    t.equal(decodeNumber(-1, all, bits), all, 'never below zero')
    t.equal(decodeNumber(Number.MAX_SAFE_INTEGER - 1, all, bits), Number.MAX_SAFE_INTEGER)
    t.ok(decodeNumber(Number.MAX_SAFE_INTEGER - 1, 0, bits) <= Number.MAX_SAFE_INTEGER, 'never beyond')
  }
})
