/** Block stores: one contract over memory, over a disk, and over a store of others. */
import { join } from 'node:path'
import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import { base64 } from 'multiformats/bases/base64'
import type { CID } from 'multiformats/cid'
import t from 'tap'
import { diskBlocks } from '../../src/store/blocks/disk.ts'
import { foreignBlocks } from '../../src/store/blocks/foreign.ts'
import { memoryBlocks } from '../../src/store/blocks/memory.ts'
import { blocksSchema } from '../../src/store/blocks/schema.ts'
import { SqlitePins } from '../../src/store/blocks/sqlite-pins.ts'
import { grouped } from '../../src/store/group-commit.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { blockstoreContract } from '../../src/testing/blockstore-contract.ts'
import { meaning, someBlock } from '../../src/testing/blockstore-parts.ts'

for (const { title, run } of blockstoreContract('memory', async options => {
  const store = memoryBlocks(options)
  return { store, end: () => store.close() }
}))
  t.test(title, run)

let folders = 0
const folder = (): string => join(t.testdirName, String(folders++))
t.testdir()

for (const { title, run } of blockstoreContract('disk', async options => {
  const path = folder()
  const again = () => diskBlocks({ ...options, path })
  const store = await again()
  return { store, again, end: () => store.close() }
}))
  t.test(title, run)

/**
 * The least that the interface asks for, as somebody else might write it: chunks of a kilobyte, a
 * map by text, a promise here and none there, an error of its own.
 */
class Foreign implements Blockstore {
  readonly #blocks = new Map<string, { cid: CID; bytes: Uint8Array }>()

  has(cid: CID): boolean {
    return this.#blocks.has(keyOf(cid))
  }

  async put(cid: CID, value: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<CID> {
    const chunks: Uint8Array[] = []
    if (value instanceof Uint8Array) chunks.push(value)
    else for await (const chunk of value) chunks.push(chunk)
    this.#blocks.set(keyOf(cid), { cid, bytes: new Uint8Array(Buffer.concat(chunks)) })
    return cid
  }

  async *putMany(source: Iterable<InputPair> | AsyncIterable<InputPair>): AsyncGenerator<CID> {
    for await (const { cid, bytes } of source) yield await this.put(cid, bytes)
  }

  *get(cid: CID): Generator<Uint8Array> {
    const found = this.#blocks.get(keyOf(cid))
    if (found === undefined) throw Object.assign(new Error('Not Found'), { name: 'NotFoundError' })
    if (found.bytes.length === 0) yield found.bytes
    for (let at = 0; at < found.bytes.length; at += 1024) yield found.bytes.slice(at, at + 1024)
  }

  async *getMany(source: Iterable<CID> | AsyncIterable<CID>): AsyncGenerator<Pair> {
    for await (const cid of source) yield { cid, bytes: this.get(cid) }
  }

  *getAll(): Generator<Pair> {
    for (const { cid } of this.#blocks.values()) yield { cid, bytes: this.get(cid) }
  }

  async delete(cid: CID): Promise<void> {
    this.#blocks.delete(keyOf(cid))
  }

  async *deleteMany(source: Iterable<CID> | AsyncIterable<CID>): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid)
      yield cid
    }
  }
}

const keyOf = (cid: CID): string => base64.encode(cid.multihash.bytes)

for (const { title, run } of blockstoreContract('a store of others', async options => {
  const theirs = new Foreign()
  const db = await openSqlite({ path: join(folder(), 'pins.db'), migrations: blocksSchema })
  const pins = new SqlitePins(db, grouped(db))
  const again = () => foreignBlocks({ ...options, store: theirs, pins })
  const store = await again()
  return {
    store,
    again,
    end: async () => {
      await store.close()
      db.close()
    },
  }
}))
  t.test(title, run)

t.test('a store of others: without lasting pins nothing is ever collected', async t => {
  const store = await foreignBlocks({ ...meaning, store: new Foreign(), quota: 150 })
  const [one, two] = [someBlock(1), someBlock(2)]
  await store.put(one.cid, one.bytes)
  await t.rejects(store.gc(), { code: 'GH_OPTION_INVALID', message: /pins do not/ })
  await t.rejects(store.put(two.cid, two.bytes), { code: 'GH_STORE_FULL' })
  t.ok(await store.has(one.cid))
})

t.test('P24 a store of others: what comes back changed is not handed out', async t => {
  const theirs = new Foreign()
  const store = await foreignBlocks({ ...meaning, store: theirs })
  const { cid, bytes } = someBlock(1)
  await store.put(cid, bytes)
  const other = someBlock(2, 100).bytes
  await theirs.put(cid, other)
  t.strictSame(await store.read(cid, { unchecked: true }), other)
  t.equal(await store.read(cid), undefined)
  t.equal(theirs.has(cid), false)
})

t.test(
  'P24 memory: what a peer brought is kept as it came, and not handed out once it was changed',
  async t => {
    const troubles: unknown[] = []
    const store = memoryBlocks({ ...meaning, onTrouble: error => troubles.push(error) })
    const { cid, bytes } = someBlock(1)
    const before = new Uint8Array(bytes)
    await store.put(cid, bytes, { verified: true, owned: true })
    t.equal(await store.read(cid, { lent: true }), bytes, 'no copy in, none out')
    const mine = await store.read(cid)
    mine!.fill(0)
    t.strictSame(await store.read(cid), before, 'who may change it has a copy')
    bytes[0]! ^= 1
    t.equal(await store.read(cid, { lent: true }), undefined)
    t.equal(await store.has(cid), false, 'it can be asked for anew')
    t.match(troubles, [{ code: 'GH_STORE_DAMAGED', message: /its bytes have changed/ }])

    const two = someBlock(2)
    const kept = new Uint8Array(two.bytes)
    await store.put(two.cid, two.bytes)
    two.bytes.fill(0)
    t.strictSame(await store.read(two.cid, { lent: true }), kept, 'what is put otherwise is a copy')
    await store.close()
  },
)
