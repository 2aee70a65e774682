/** CIDs: other people's vectors, texts in every base, and what is refused with which words. */
import { base32 } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64 } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { fromHex, utf8 } from '../../src/base/bytes.ts'
import {
  blockKey,
  checkCid,
  decodeCid,
  formatCid,
  isIdentity,
  makeCid,
  parseCid,
} from '../../src/wire/cid.ts'
import { limits } from '../../src/wire/limits.ts'
import type { Json } from '../support/codecs.ts'
import { sharedJson, sharedText } from '../support/shared.ts'

const v1 = 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4'
const v0 = 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o'

t.test('CONTENT-1 every text of a CID means the same, and one of them is written', async t => {
  for (const text of [v1, v0]) {
    const theirs = CID.parse(text)
    const ours = parseCid(text)
    t.ok(ours.equals(theirs))
    t.equal(formatCid(ours), text)
    t.equal(ours.toString(), text)
    t.strictSame(decodeCid(theirs.bytes).bytes, theirs.bytes)
  }
  const cid = CID.parse(v1)
  for (const base of [base32, base36, base58btc])
    t.equal(formatCid(parseCid(cid.toString(base))), v1, base.name)
  const longest = makeCid(2 ** 53 - 1, 0, new Uint8Array(128).fill(0xff))
  for (const base of [base32, base36, base58btc])
    t.ok(parseCid(longest.toString(base)).equals(longest), base.name)
  t.ok(formatCid(longest).length <= limits.cidText && longest.bytes.length <= limits.cid)
})

t.test('CONTENT-1 what is no CID is said in words that help', async t => {
  const cases: [string, RegExp][] = [
    ['', /empty/],
    ['hello', /begins with none of/],
    [`/ipfs/${v1}`, /give the CID alone/],
    [`ipfs://${v1}`, /give the CID alone/],
    [`https://gateway.example/ipfs/${v1}`, /give the CID alone/],
    [CID.parse(v1).toString(base64), /give it in base32/],
    [v1.toUpperCase(), /give it in base32/],
    [v1.slice(0, -3), /copy it again/],
    [`${v1}a`, /copy it again|not whole/],
    [v1.replace('f', '1'), /not base32/],
    [v0.replace('T', '0'), /not base58btc/],
    [v0.slice(0, -1), /copy it again/],
    [`z${v0}`, /begins with Qm/],
    [`${v1.slice(0, 20)}\u0101${v1.slice(21)}`, /not base32/],
    ['b'.repeat(limits.cidText + 1), /at most 227/],
    ['b', /not base32/],
  ]
  for (const [text, message] of cases)
    t.throws(() => parseCid(text), { code: 'GH_CID_INVALID', message }, text)
})

t.test('BX-06 CONTENT-2 CONTENT-3 weak hashes, short digests and large identities are refused', async t => {
  const unsupported = { code: 'GH_CID_UNSUPPORTED' }
  for (const [hash, length] of [
    [0x12, 1],
    [0x12, 19],
    [0x12, 33],
    [0x13, 65],
    [0x1e, 19],
    [0x00, 129],
    [0x11, 20],
    [0x1b, 32],
  ] as const) {
    t.throws(() => makeCid(0x55, hash, new Uint8Array(length)), unsupported, `${hash} ${length}`)
    const multihash = {
      code: hash,
      size: length,
      digest: new Uint8Array(length),
      bytes: Uint8Array.of(hash, length),
    }
    t.throws(() => checkCid(CID.createV1(0x55, multihash)), unsupported)
  }
  const megabyte = CID.createV1(0x55, {
    code: 0,
    size: 2 ** 20,
    digest: new Uint8Array(2 ** 20),
    bytes: new Uint8Array(2 ** 20 + 4),
  })
  t.throws(() => checkCid(megabyte), { ...unsupported, message: /a CID of 1048/ }, 'and not shown in full')
  t.throws(() => parseCid('bafkqaaa'.replace('qaaa', 'aibcd')), { code: /GH_CID_/ })
  t.throws(() => makeCid(0x55, 0x12, new Uint8Array(32), 0), { ...unsupported, message: /use version 1/ })
  t.throws(
    () =>
      parseCid(
        CID.createV1(0x55, {
          code: 0x11,
          size: 20,
          digest: new Uint8Array(20),
          bytes: Uint8Array.of(0x11, 20, ...new Uint8Array(20)),
        }).toString(),
      ),
    { ...unsupported, message: /add the file anew/ },
  )
  for (const [hash, length] of [
    [0x12, 20],
    [0x12, 32],
    [0x13, 64],
    [0x1e, 32],
    [0, 0],
    [0, 128],
  ] as const) {
    const cid = makeCid(0x55, hash, new Uint8Array(length))
    t.ok(CID.decode(cid.bytes).equals(cid))
    t.equal(isIdentity(cid), hash === 0)
  }
})

t.test('CONTENT-4 one key for all CIDs of the same bytes', async t => {
  const digest = new Uint8Array(32).fill(200)
  const keys = [makeCid(0x55, 0x12, digest), makeCid(0x70, 0x12, digest), makeCid(0x70, 0x12, digest, 0)].map(
    blockKey,
  )
  t.equal(new Set(keys).size, 1)
  t.not(blockKey(makeCid(0x55, 0x1e, digest)), keys[0])
  t.equal(keys[0]!.length, 34)
})

const multihashes = sharedText('vectors/multiformats/multihash-test_cases.csv')

t.test('CONTENT-2 the multihashes of others', { skip: multihashes === undefined }, async t => {
  const known: Record<string, number> = { 'sha2-256': 0x12, 'sha2-512': 0x13 }
  let [taken, refused] = [0, 0]
  for (const line of multihashes!.trim().split('\n').slice(1)) {
    const [algorithm, bits, , hex] = line.split(',') as [string, string, string, string]
    const bytes = Uint8Array.of(1, 0x55, ...fromHex(hex)!)
    if (known[algorithm] !== undefined && Number(bits) >= 160) {
      taken++
      t.strictSame(decodeCid(bytes).multihash.code, known[algorithm])
    } else {
      refused++
      t.throws(() => decodeCid(bytes), { code: 'GH_CID_UNSUPPORTED' }, line)
    }
  }
  const { valid, invalid }: Json = sharedJson('vectors/multiformats/multihash-js.json')
  for (const { code, hex } of valid) {
    const digest = fromHex(hex)!
    const ours = code === 0 ? digest.length <= 128 : [0x12, 0x13].includes(code) && digest.length >= 20
    const make = (): CID => makeCid(0x55, code, digest)
    if (ours) t.strictSame(make().multihash.digest, digest)
    else t.throws(make, { code: 'GH_CID_UNSUPPORTED' }, `${code} ${hex}`)
  }
  for (const { hex } of invalid ?? [])
    t.throws(() => decodeCid(Uint8Array.of(1, 0x55, ...(fromHex(hex ?? '') ?? utf8('?')))))
  t.ok(taken > 4 && refused > 4, `${taken} ${refused}`)
})
