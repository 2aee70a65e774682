import t from 'tap'
import { concat, utf8 } from '../../src/base/bytes.ts'
import { decodeTxt, encodeTxt, SEALED_ANNOUNCEMENT_LENGTH } from '../../src/wire/mdns.ts'

t.test('MDNS-2 the sealed bytes are one string behind s=; strings nobody knows are ignored', async t => {
  const sealed = new Uint8Array(SEALED_ANNOUNCEMENT_LENGTH).fill(7)
  const strings = encodeTxt(sealed)
  t.ok(strings.every(string => string.length <= 255))
  t.strictSame(decodeTxt(strings), sealed)
  t.strictSame(decodeTxt([utf8('later=1'), utf8(''), ...strings.toReversed()]), sealed)
  const short = concat(utf8('s='), sealed.subarray(1))
  t.equal(decodeTxt([utf8('txtvers=1'), short, concat(short, sealed)]), undefined)
})
