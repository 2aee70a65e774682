/** The registry's entries for what blocks hold: CIDs, dag-cbor, dag-pb, UnixFS. CARs are in `test/content/car.test.ts`. */
import { encode as encodeCbor } from '@ipld/dag-cbor'
import { encode as encodePb, prepare } from '@ipld/dag-pb'
import { concat, fromHex, utf8 } from '../../src/base/bytes.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { cborAt, cborLinks } from '../../src/content/cbor.ts'
import { decodeDagPb } from '../../src/content/codecs.ts'
import { decodeUnixData, encodeUnixData, type UnixData } from '../../src/content/unixfs/data.ts'
import { decodeNode, encodeNode } from '../../src/content/unixfs/node.ts'
import * as wire from '../../src/wire/index.ts'
import { codecs } from '../support/codecs.ts'
import { sharedJson } from '../support/shared.ts'
import { must } from './common.ts'
import { messages, texts } from './corpus.ts'
import { codesOf, type Decoder } from './fuzz.ts'

const leaf = wire.makeCid(0x55, 0x12, new Uint8Array(32).fill(7))
const inline = wire.makeCid(0x55, 0, utf8('inline'))
const folder = wire.makeCid(0x70, 0x12, new Uint8Array(32).fill(9))

const cidTexts = [leaf, inline, folder, wire.makeCid(0x70, 0x12, new Uint8Array(32).fill(9), 0)].map(
  wire.formatCid,
)

function fixtures(codec: string): Uint8Array[] {
  const all: Record<string, Record<string, { hex?: string }>> = sharedJson(
    'vectors/ipld/codec-fixtures.json',
  ) ?? {}
  return Object.values(all).flatMap(one => fromHex(one[codec]?.hex ?? '?') ?? [])
}

const datas: UnixData[] = [
  { type: 'file', data: utf8('hello'), size: 5, blockSizes: [] },
  { type: 'file', data: new Uint8Array(), size: 600, blockSizes: [262, 338] },
  { type: 'raw', data: utf8('r'), size: 1, blockSizes: [], mode: 0o600 },
  {
    type: 'directory',
    data: new Uint8Array(),
    size: 0,
    blockSizes: [],
    mode: 0o700,
    mtime: { seconds: -1, nanoseconds: 5 },
  },
  {
    type: 'symlink',
    data: utf8('../x'),
    size: 4,
    blockSizes: [],
    mtime: { seconds: 2 ** 40, nanoseconds: 0 },
  },
  { type: 'shard', data: Uint8Array.of(1, 2), size: 2, blockSizes: [], hash: 0x22, fanout: 256 },
]

const links = [
  { cid: leaf, name: 'a', size: 1 },
  { cid: inline, name: 'b', size: 600 },
]

export const contentDecoders: readonly Decoder[] = [
  {
    name: 'cid',
    covers: ['decodeCid', 'readCid'],
    corpus: () => messages('cid'),
    decode(input) {
      const value = codecs.cid!.decode(input)
      const cid = wire.decodeCid(input)
      wire.checkCid(cid)
      must(cid.bytes.length <= wire.limits.cid, 'no longer than a CID may be')
      must(wire.parseCid(wire.formatCid(cid)).equals(cid), 'its text means the same')
      const r = new ByteReader(concat(input, Uint8Array.of(1)))
      must(wire.readCid(r).equals(cid) && r.remaining === 1, 'inside a message it ends where it ends')
      return value
    },
    encode: codecs.cid!.encode,
    owns: true,
  },
  {
    name: 'cid-text',
    covers: ['parseCid'],
    corpus: () =>
      texts(
        ...cidTexts,
        'k51qzi5uqu5dgy8qsq67hbz73jqkw87l3fgf4a91qb0d9b5173tir7n4vxk1oe',
        'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA',
        '/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o',
      ),
    words: ['Qm', 'b', 'k', 'z', 'f', 'ipfs://'],
    text: true,
    decode: input => wire.parseCid(new TextDecoder().decode(input)).bytes.slice(),
    encode: (bytes: Uint8Array) => utf8(wire.formatCid(wire.decodeCid(bytes))),
    form: 'mean',
    refuses: codesOf('GH_CID_INVALID', 'GH_CID_UNSUPPORTED'),
  },
  {
    name: 'dag-cbor',
    covers: [],
    corpus: () => [
      ...fixtures('dag-cbor'),
      encodeCbor({ a: [leaf, { b: inline }], c: 1.5, d: null, e: new Uint8Array(3), f: -1, g: 'ü' }),
    ],
    decode(input) {
      const found = cborLinks(input).map(cid => cid.bytes.slice())
      // What was checked can be searched, wherever the path leads.
      for (const path of [['a', '0'], ['a', '1', 'b'], ['0'], ['x']]) cborAt(input, path, 0)
      return found
    },
    refuses: codesOf('GH_BLOCK_INVALID'),
  },
  {
    name: 'dag-pb',
    covers: ['decodeDagPb'],
    corpus: () => [
      ...fixtures('dag-pb'),
      encodePb(
        prepare({ Data: utf8('data'), Links: [{ Hash: leaf, Name: 'x', Tsize: 3 }, { Hash: inline }] }),
      ),
    ],
    decode(input) {
      decodeDagPb(input)
      return undefined
    },
    refuses: codesOf('GH_BLOCK_INVALID'),
  },
  {
    name: 'unixfs-data',
    covers: ['decodeUnixData'],
    corpus: () => datas.map(encodeUnixData),
    decode: input => decodeUnixData(input),
    encode: encodeUnixData,
    // Unknown fields and defaults that were written out do not come back.
    form: 'mean',
    refuses: codesOf('GH_UNIXFS_INVALID'),
  },
  {
    name: 'unixfs-node',
    covers: ['decodeNode'],
    corpus: () => [encodeNode(datas[0]!, []), encodeNode(datas[1]!, links), encodeNode(datas[3]!, links)],
    decode(input) {
      const node = decodeNode(folder, input)
      must(node.type === 'directory' || node.size >= node.data.length, 'the size covers the data')
      return undefined
    },
    refuses: codesOf('GH_UNIXFS_INVALID', 'GH_BLOCK_INVALID'),
  },
]
