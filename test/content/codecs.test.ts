/** Codecs: which bytes are blocks, and where they link to. Other people's fixtures first. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import t from 'tap'
import { concat, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import type { GuildError } from '../../src/base/errors.ts'
import { sha256Cid, verifyBlock } from '../../src/content/block.ts'
import { CBOR_DEPTH_MAX, cborAt, cborLinks } from '../../src/content/cbor.ts'
import { decodeDagPb, hasLinks, linksOf } from '../../src/content/codecs.ts'
import { contentCodecs } from '../../src/wire/registry.ts'
import type { Json } from '../support/codecs.ts'
import { sharedJson } from '../support/shared.ts'

const { DAG_CBOR, DAG_PB, RAW } = contentCodecs
const cbor = CID.createV1(DAG_CBOR, sha256Cid(DAG_CBOR, new Uint8Array()).multihash)
const absent = { skip: 'the shared vectors are not beside this checkout' }

const fixtures: Record<string, Record<string, Json>> | undefined = sharedJson(
  'vectors/ipld/codec-fixtures.json',
)

/** Every CID in a decoded value, in the order in which it stands. */
function cidsIn(value: unknown): CID[] {
  const cid = CID.asCID(value)
  if (cid !== null) return [cid]
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.values(value).flatMap(cidsIn)
}

t.test('CB-01 BLOCK-4 BLOCK-5 the fixtures of every codec', fixtures ? {} : absent, async t => {
  let [seen, links] = [0, 0]
  for (const [name, codecs] of Object.entries(fixtures!))
    for (const [codec, { cid: text, hex }] of Object.entries(codecs)) {
      if (hex === undefined) continue // dag-json, which we do not look into
      seen++
      const cid = CID.parse(text)
      const bytes = fromHex(hex)!
      await verifyBlock(cid, bytes)
      const decoded = codec === 'dag-pb' ? dagPb.decode(bytes) : dagCbor.decode(bytes)
      const found = linksOf(cid, bytes)
      links += found.length
      t.strictSame(found.map(String), cidsIn(decoded).map(String), `${name}: its links`)
      if (codec === 'dag-pb')
        t.strictSame(toHex(dagPb.encode(decodeDagPb(bytes))), hex, `${name}: there and back`)
    }
  t.ok(seen > 100 && links > 5, `${seen} blocks, ${links} links`)
})

const refused = { code: 'GH_BLOCK_INVALID' }

t.test('CB-01 BLOCK-5 strict dag-cbor: what is refused, and what is kept apart', async t => {
  const strict = sharedJson('vectors/ipld/dag-cbor-strict-written-here.json')
  for (const { name, hex } of strict?.reject ?? []) t.throws(() => cborLinks(fromHex(hex)!), refused, name)
  for (const { name, hex } of strict?.accept_and_keep_distinct ?? [])
    t.strictSame(cborLinks(fromHex(hex)!), [], `${name}: taken, and its bytes are its name`)
  for (const { name, hex } of sharedJson('vectors/ipld/neg-dag-cbor-duplicate-keys.json') ?? [])
    t.throws(() => cborLinks(fromHex(hex)!), refused, name)
  // RFC 8949: of its examples those pass that are DAG-CBOR, and those are what the reference codec gives back.
  for (const { hex, roundtrip } of sharedJson('vectors/ipld/cbor-rfc8949-appendix_a.json') ?? []) {
    const bytes = fromHex(hex)!
    let ours = true
    try {
      cborLinks(bytes)
    } catch (error) {
      t.equal((error as GuildError).code, 'GH_BLOCK_INVALID', hex)
      ours = false
    }
    if (ours) t.equal(roundtrip, true, `${hex} is the one way to say it`)
  }
  t.throws(() => cborLinks(fromHex('8200')!), refused, 'cut off')
  t.throws(() => cborLinks(new Uint8Array()), refused, 'empty')
})

t.test('CB-02 BLOCK-5 deep and boastful blocks cost no more than their bytes', async t => {
  const nested = (depth: number): Uint8Array => concat(new Uint8Array(depth).fill(0x81), Uint8Array.of(1))
  for (const depth of [64, CBOR_DEPTH_MAX]) t.strictSame(cborLinks(nested(depth)), [], `${depth} deep`)
  for (const depth of [CBOR_DEPTH_MAX + 1, 100_000])
    t.throws(() => cborLinks(nested(depth)), refused, `${depth} deep`)
  const before = process.memoryUsage()
  for (const claim of [
    '9b001fffffffffffff',
    'bb001fffffffffffff',
    '5b001fffffffffffff',
    '9bffffffffffffffff',
    '5affffffff00',
  ])
    t.throws(() => cborLinks(fromHex(claim)!), refused, claim)
  // 2 MiB of the smallest links: more than any block may have.
  const tiny = CID.createV1(RAW, { code: 0, size: 0, digest: new Uint8Array(), bytes: Uint8Array.of(0, 0) })
  const link = dagPb.encode({ Links: [{ Hash: tiny }] })
  const many = concat(...Array.from({ length: 70_000 }, () => link))
  t.throws(() => linksOf(CID.createV1(DAG_PB, cbor.multihash), many), refused, '70,000 links of dag-pb')
  const item = dagCbor.encode(tiny)
  t.throws(
    () => cborLinks(concat(fromHex('9a00011170')!, ...Array.from({ length: 70_000 }, () => item))),
    refused,
  )
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  t.ok(arrayBuffers + heapUsed - before.arrayBuffers - before.heapUsed < 64 * 2 ** 20, 'below 64 MiB')
})

t.test('CB-01 BLOCK-4 dag-pb: what others refuse, and codecs nobody looks into', async t => {
  const node = CID.createV1(DAG_PB, cbor.multihash)
  for (const { name, hex } of sharedJson('vectors/ipld/neg-dag-pb-decode-edges.json') ?? [])
    t.throws(() => linksOf(node, fromHex(hex)!), refused, name)
  for (const hex of ['12', '12ff', '1201', 'ffffffffffffffffffff', '0a05', '00', '1a00'])
    t.throws(() => linksOf(node, fromHex(hex)!), refused, hex)
  t.strictSame(linksOf(node, new Uint8Array()), [], 'nothing is a node with nothing in it')
  for (const codec of [RAW, 0x0200, 0x51, 0x0129, contentCodecs.LIBP2P_KEY]) {
    const cid = CID.createV1(codec, cbor.multihash)
    t.strictSame(linksOf(cid, utf8('{"/":"bafy"}')), [])
    t.equal(hasLinks(cid), false)
  }
  t.equal(hasLinks(node), true)
})

/** Of the JSON in which fixtures are written: `{"/": cid}` and `{"/": {"bytes": base64}}`. */
function fromDagJson(value: Json): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(fromDagJson)
  const link = value['/']
  if (typeof link === 'string') return CID.parse(link)
  if (typeof link?.bytes === 'string') return new Uint8Array(Buffer.from(link.bytes, 'base64'))
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fromDagJson(one)]))
}

t.test('CB-01 dag-pb: forms that are no node are not written', async t => {
  for (const one of sharedJson('vectors/ipld/neg-dag-pb-encode-invalid-forms.json') ?? []) {
    const form = fromDagJson(one['dag-json']) as dagPb.PBNode
    t.throws(() => dagPb.encode(form), Error, `${one.name}: ${one.error}`)
  }
})

t.test('CB-01 dag-cbor paths: through maps and arrays to the first link', async t => {
  const a = sha256Cid(RAW, utf8('a'))
  const bytes = fromHex('a16161')!
  t.throws(() => cborLinks(bytes), refused)
  const block = dagCbor.encode({ a: [1, { b: a, '': 2, 'c/d': [a] }], n: 7, '0': a })
  t.strictSame(cborLinks(block).map(String), [a, a, a].map(String))
  const at = (...path: string[]): unknown => {
    const found = cborAt(block, path, 0)
    return found.kind === 'link' ? [String(found.cid), found.used] : found.kind
  }
  t.strictSame(at('a', '1', 'b'), [String(a), 3])
  t.strictSame(at('a', '1', 'b', 'x', 'y'), [String(a), 3], 'the rest is for what the link names')
  t.strictSame(at('a', '1', 'c/d', '0'), [String(a), 4])
  t.strictSame(at('0'), [String(a), 1])
  for (const path of [['n'], ['a'], ['a', '1', ''], []]) t.equal(at(...path), 'value', path.join('/'))
  for (const path of [
    ['x'],
    ['a', '2'],
    ['a', '01'],
    ['a', '-1'],
    ['a', '1e0'],
    ['n', 'x'],
    ['__proto__'],
    ['a', 'length'],
  ])
    t.equal(at(...path), 'none', path.join('/'))
  const proto = fromHex('a1695f5f70726f746f5f5f01')!
  t.strictSame(cborLinks(proto), [])
  t.equal(cborAt(proto, ['__proto__'], 0).kind, 'value', 'a name like any other')
})
