/**
 * What every block store must do, as checks that run over any of them.
 *
 *   for (const { title, run } of blockstoreContract('memory', make)) t.test(title, run)
 *
 * A check makes a fresh store, uses it by the contract of `store/blocks/types.ts` alone, and
 * throws when a promise of it is broken.
 *
 * The second half of the checks is in `blockstore-keeping.ts`: pins, leases, collections.
 *
 * Floor: testing.
 */
import { deepStrictEqual, equal, ok, rejects } from 'node:assert/strict'
import { concat, equal as same } from '../base/bytes.ts'
import type { BlockStore, BlockStoreOptions } from '../store/blocks/types.ts'
import { type CID, formatCid, makeCid } from '../wire/cid.ts'
import { limits } from '../wire/limits.ts'
import { contentCodecs, contentHashes } from '../wire/registry.ts'
import { keepingChecks } from './blockstore-keeping.ts'
import { type Check, collect, contentOf, meaning, putAll, someBlock } from './blockstore-parts.ts'
import { SeededRandom } from './random.ts'

export interface BlockstoreCheck {
  readonly title: string
  readonly run: () => Promise<void>
}

export interface MadeStore {
  readonly store: BlockStore
  /** After the store was closed: what it kept, if it keeps. */
  readonly again?: () => Promise<BlockStore>
  readonly end: () => Promise<void>
}

/** A new, empty store with these options. */
export type MakeStore = (options: BlockStoreOptions) => Promise<MadeStore>

/** The checks, each over a store of its own. `name` begins their titles. */
export function blockstoreContract(name: string, make: MakeStore): BlockstoreCheck[] {
  return Object.entries({ ...checks, ...keepingChecks }).map(([title, check]) => ({
    title: `${name}: ${title}`,
    run: async () => {
      const made = await make({ ...meaning, ...(check.quota === undefined ? {} : { quota: check.quota }) })
      try {
        await check.run({ store: made.store, again: made.again })
      } finally {
        await made.end()
      }
    },
  }))
}

/** Below and above what a disk keeps in its index, and the bounds of a block. */
const lengths = [0, 1, 1_000, 32 * 1024 - 1, 32 * 1024, 256 * 1024, limits.block]

const checks: Readonly<Record<string, Check>> = {
  'a block comes back as it was put, of every length': {
    run: async ({ store }) => {
      for (const length of lengths) {
        const { cid, bytes } = someBlock(length, length)
        equal(await store.has(cid), false)
        equal(await store.size(cid), undefined)
        equal(await store.read(cid), undefined)
        equal(await store.put(cid, bytes), cid)
        equal(await store.has(cid), true)
        equal(await store.size(cid), length)
        deepStrictEqual(await contentOf(store, cid), bytes)
        deepStrictEqual(await store.read(cid), bytes)
      }
      const { blocks, bytes } = await store.stat()
      deepStrictEqual([blocks, bytes], [lengths.length, lengths.reduce((sum, length) => sum + length, 0)])
    },
  },

  'what is not here is GH_BLOCK_MISSING, by name NotFoundError': {
    run: async ({ store }) => {
      const { cid } = someBlock(1)
      const missing = { code: 'GH_BLOCK_MISSING', name: 'NotFoundError', message: new RegExp(formatCid(cid)) }
      await rejects(contentOf(store, cid), missing)
      await rejects(collect(store.getMany([cid])), missing)
    },
  },

  'a block is one under each of its CIDs': {
    run: async ({ store }) => {
      const { cid, bytes } = someBlock(2, 40_000)
      const v0 = makeCid(contentCodecs.DAG_PB, contentHashes.SHA2_256, cid.multihash.digest, 0)
      await store.put(v0, bytes)
      await store.put(cid, bytes)
      ok(await store.has(cid))
      deepStrictEqual(await contentOf(store, cid), bytes)
      equal((await store.stat()).blocks, 1)
      const [only] = await collect(store.getAll())
      equal(formatCid(only!.cid), formatCid(v0), 'as it was put first')
      await store.delete(cid)
      equal(await store.has(v0), false)
    },
  },

  'BX-06 an identity CID holds its block itself: always there, never kept': {
    run: async ({ store }) => {
      const bytes = Uint8Array.of(1, 2, 3)
      const cid = makeCid(contentCodecs.RAW, contentHashes.IDENTITY, bytes)
      ok(await store.has(cid))
      equal(await store.size(cid), 3)
      deepStrictEqual(await contentOf(store, cid), bytes)
      await store.put(cid, bytes)
      await store.delete(cid)
      ok(await store.has(cid))
      equal((await store.stat()).blocks, 0)
      await rejects(store.put(cid, Uint8Array.of(1, 2)), { code: 'GH_BLOCK_MISMATCH' })
    },
  },

  'BX-01 P24 bytes that do not hash to their CID are refused and not kept': {
    run: async ({ store }) => {
      for (const length of [100, 100_000]) {
        const { cid } = someBlock(3, length)
        await rejects(store.put(cid, someBlock(4, length).bytes), { code: 'GH_BLOCK_MISMATCH' })
        await rejects(collect(store.putMany([{ cid, bytes: Uint8Array.of(1) }])), {
          code: 'GH_BLOCK_MISMATCH',
        })
        equal(await store.has(cid), false)
      }
      equal((await store.stat()).blocks, 0)
    },
  },

  'BX-05 a block above 2 MiB is refused, whole or in chunks, before it is gathered': {
    run: async ({ store }) => {
      const { cid } = someBlock(5)
      const large = { code: 'GH_BLOCK_TOO_LARGE' }
      await rejects(store.put(cid, new Uint8Array(limits.block + 1)), large)
      let chunks = 0
      const endless = function* (): Generator<Uint8Array> {
        for (;;) {
          chunks++
          yield new Uint8Array(1024 * 1024)
        }
      }
      await rejects(store.put(cid, endless()), large)
      equal(chunks, 3)
    },
  },

  'BX-06 an unknown hash, a digest too short, an identity too long are refused': {
    run: async ({ store }) => {
      const { cid, bytes } = someBlock(6)
      const strange = (code: number, digest: Uint8Array): CID =>
        ({
          ...cid,
          version: 1,
          code: contentCodecs.RAW,
          bytes: digest,
          multihash: { code, digest, size: digest.length, bytes: digest },
        }) as CID
      for (const other of [
        strange(0x11, cid.multihash.digest),
        strange(contentHashes.SHA2_256, cid.multihash.digest.subarray(0, 1)),
        strange(contentHashes.IDENTITY, new Uint8Array(1024 * 1024)),
      ])
        for (const deed of [
          () => store.put(other, bytes),
          () => store.has(other),
          () => store.read(other),
          () => store.delete(other),
        ])
          await rejects(deed, { code: 'GH_CID_UNSUPPORTED' })
    },
  },

  'chunks of a block are put together': {
    run: async ({ store }) => {
      const { cid, bytes } = someBlock(7, 50_000)
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 10_000)
        yield bytes.subarray(10_000, 10_000)
        yield bytes.subarray(10_000)
      }
      await store.put(cid, chunks())
      deepStrictEqual(await contentOf(store, cid), bytes)
    },
  },

  'what was handed out and what was put are nobody else’s memory': {
    run: async ({ store }) => {
      for (const length of [100, 40_000]) {
        const { cid, bytes } = someBlock(8, length)
        const mine = bytes.slice()
        await store.put(cid, mine)
        mine.fill(0)
        ;(await contentOf(store, cid)).fill(0)
        deepStrictEqual(await contentOf(store, cid), bytes)
      }
    },
  },

  'many: put in order, got in order, deleted in order, all of them once': {
    run: async ({ store }) => {
      const blocks = Array.from({ length: 600 }, (_, i) => someBlock(i, i % 100 === 0 ? 40_000 : i))
      const cids = blocks.map(({ cid }) => formatCid(cid))
      const names = async (source: AsyncIterable<CID>): Promise<string[]> =>
        (await collect(source)).map(formatCid)
      deepStrictEqual(await names(store.putMany(blocks)), cids)
      const got = await collect(store.getMany(blocks.map(({ cid }) => cid)))
      deepStrictEqual(
        got.map(({ cid }) => formatCid(cid)),
        cids,
      )
      for (const [at, { bytes }] of got.entries())
        deepStrictEqual(concat(...(await collect(bytes))), blocks[at]!.bytes)
      const all = await collect(store.getAll())
      deepStrictEqual(all.map(({ cid }) => formatCid(cid)).sort(), [...cids].sort())
      const half = blocks.slice(0, 300).map(({ cid }) => cid)
      deepStrictEqual(await names(store.deleteMany(half)), cids.slice(0, 300))
      deepStrictEqual((await collect(store.getAll())).length, 300)
      equal((await store.stat()).blocks, 300)
    },
  },

  'the same block many times at once is one block': {
    run: async ({ store }) => {
      const large = someBlock(9, 300_000)
      const small = someBlock(10)
      const both = [large, small].flatMap(block => Array.from({ length: 20 }, () => block))
      await putAll(store, both)
      deepStrictEqual(await store.stat(), { blocks: 2, bytes: 300_100 })
      await Promise.all(both.map(({ cid }) => store.delete(cid)))
      deepStrictEqual(await store.stat(), { blocks: 0, bytes: 0 })
    },
  },

  'put, deleted and put again at once: the last word is kept': {
    run: async ({ store }) => {
      const dice = new SeededRandom(11)
      for (let round = 0; round < 30; round++) {
        const { cid, bytes } = someBlock(round, dice.chance(0.5) ? 100 : 40_000)
        await store.put(cid, bytes)
        const deleting = store.delete(cid)
        if (dice.chance(0.5)) await Promise.resolve()
        await Promise.allSettled([deleting, store.put(cid, bytes)])
        await store.put(cid, bytes)
        deepStrictEqual(await contentOf(store, cid), bytes)
      }
    },
  },

  'a signal that has fired ends it before it begins': {
    run: async ({ store }) => {
      const { cid, bytes } = someBlock(12)
      const signal = AbortSignal.abort()
      for (const deed of [
        () => store.put(cid, bytes, { signal }),
        () => store.has(cid, { signal }),
        () => store.read(cid, { signal }),
        () => store.delete(cid, { signal }),
        () => store.gc({ signal }),
        () => collect(store.getAll({ signal })),
      ])
        await rejects(deed, { code: 'GH_ABORTED' })
      equal(await store.has(cid), false)
    },
  },

  'closed, it does what is under way and nothing more': {
    run: async ({ store, again }) => {
      const blocks = [someBlock(13), someBlock(14, 40_000)]
      const putting = putAll(store, blocks)
      await store.close()
      await Promise.allSettled([putting])
      await store.close()
      await rejects(store.has(blocks[0]!.cid), { code: 'GH_STORE_FAILED' })
      if (again === undefined) return
      const reopened = await again()
      for (const { cid, bytes } of blocks) {
        const kept = await reopened.read(cid)
        ok(kept === undefined || same(kept, bytes))
      }
      await reopened.close()
    },
  },
}
