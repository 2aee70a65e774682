/** Blocks: how large, of what hash, and out of which store. */

import { createHash } from 'node:crypto'
import { blake3 } from '@noble/hashes/blake3.js'
import type { Blockstore } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import {
  type BlockSink,
  type BlockSource,
  nativeHashes,
  readBlock,
  sha256Cid,
  verifyBlock,
} from '../../src/content/block.ts'
import { Puts } from '../../src/content/puts.ts'
import { makeCid } from '../../src/wire/cid.ts'
import { limits } from '../../src/wire/limits.ts'
import { MemoryBlocks } from '../support/blocks.ts'

const RAW = 0x55

t.test('BLOCK-1 a block above 2 MiB is refused while it comes', async t => {
  const cid = sha256Cid(RAW, utf8('any'))
  let given = 0
  const endless: BlockSource = {
    *get() {
      for (;;) {
        given += 65_536
        yield new Uint8Array(65_536)
      }
    },
  }
  await t.rejects(readBlock(endless, cid), { code: 'GH_BLOCK_TOO_LARGE' })
  t.equal(given, limits.block + 65_536)
  await t.rejects(verifyBlock(cid, new Uint8Array(limits.block + 1)), { code: 'GH_BLOCK_TOO_LARGE' })
  const largest = new Uint8Array(limits.block)
  await verifyBlock(sha256Cid(RAW, largest), largest)
})

t.test('BLOCK-2 bytes are what their CID says, by every hash, whole or cut', async t => {
  const bytes = utf8('hello')
  const sha512 = new Uint8Array(createHash('sha512').update(bytes).digest())
  const hashes = {
    ...nativeHashes,
    30: (input: Uint8Array, length: number) => blake3(input, { dkLen: length }),
  }
  for (const cid of [
    sha256Cid(RAW, bytes),
    sha256Cid(0x70, bytes, 0),
    makeCid(RAW, 0x12, sha256Cid(RAW, bytes).multihash.digest.subarray(0, 20)),
    makeCid(RAW, 0x13, sha512),
    makeCid(RAW, 0x13, sha512.subarray(0, 32)),
    makeCid(RAW, 0x1e, blake3(bytes)),
    makeCid(RAW, 0x1e, blake3(bytes, { dkLen: 64 })),
    makeCid(RAW, 0, bytes),
  ]) {
    await verifyBlock(cid, bytes, hashes)
    await t.rejects(verifyBlock(cid, utf8('hullo'), hashes), { code: 'GH_BLOCK_MISMATCH' }, String(cid))
    await t.rejects(verifyBlock(cid, utf8('hell'), hashes), { code: 'GH_BLOCK_MISMATCH' })
  }
  await t.rejects(verifyBlock(makeCid(RAW, 0x1e, blake3(bytes)), bytes), {
    code: 'GH_CID_UNSUPPORTED',
    message: /handed in/,
  })
})

t.test('BLOCK-3 an identity block is answered from its CID; the others from chunks of any size', async t => {
  const store = new MemoryBlocks()
  t.strictSame(await readBlock(store, makeCid(RAW, 0, utf8('inline'))), utf8('inline'))
  t.equal(store.reads, 0)
  const cid = sha256Cid(RAW, utf8('abcdef'))
  for (const chunks of [['abcdef'], ['ab', 'cd', 'ef'], ['', 'abcdef', '']])
    t.strictSame(Buffer.from(await readBlock({ get: () => chunks.map(utf8) }, cid)).toString(), 'abcdef')
  t.strictSame(await readBlock({ get: () => [] }, cid), new Uint8Array())
  await t.rejects(readBlock(store, cid), { code: 'GH_BLOCK_MISSING' })
  const other = new Error('the disk is on fire')
  await t.rejects(
    readBlock(
      {
        get: () => {
          throw other
        },
      },
      cid,
    ),
    other,
    'what else goes wrong is not hidden',
  )
  // The types fit those of the ecosystem, both ways.
  const fits = (theirs: Blockstore): [BlockSource, BlockSink] => [theirs, theirs]
  t.type(fits, 'function')
})

t.test('puts: a bounded number under way, the first failure ends all', async t => {
  let [open, most, done] = [0, 0, 0]
  const slow: BlockSink = {
    async put(cid: CID) {
      most = Math.max(most, ++open)
      for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
      open--
      if (++done === 200) throw new Error('full')
      return cid
    },
  }
  const cid = sha256Cid(RAW, utf8('x'))
  const puts = new Puts(slow)
  for (let i = 0; i < 150; i++) await puts.put(cid, new Uint8Array(10))
  await puts.settle()
  t.strictSame([done, most], [150, 64])
  const large = new Puts(slow)
  most = 0
  for (let i = 0; i < 30; i++) await large.put(cid, new Uint8Array(2 ** 21))
  await large.settle()
  t.equal(most, 8, '16 MiB at once')
  await t.rejects(async () => {
    for (let i = 0; i < 500; i++) await large.put(cid, new Uint8Array(10))
  }, /full/)
  await t.rejects(large.settle(), /full/)
  t.ok(done < 300)
})
