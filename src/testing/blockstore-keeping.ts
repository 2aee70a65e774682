/**
 * What every block store must do about keeping: pins, leases, collections, quota, verify.
 *
 * A part of the contract in `blockstore-contract.ts`. Each store here can collect; where the
 * pins would not outlive the blocks, a store refuses to, and that is the first check.
 *
 * Floor: testing.
 */
import { deepStrictEqual, equal, ok, rejects } from 'node:assert/strict'
import { setImmediate as breathe } from 'node:timers/promises'
import type { BlockStore } from '../store/blocks/types.ts'
import { type CID, formatCid, makeCid } from '../wire/cid.ts'
import { contentCodecs, contentHashes } from '../wire/registry.ts'
import {
  type Block,
  type Check,
  collect,
  contentOf,
  nodeBlock,
  putAll,
  someBlock,
} from './blockstore-parts.ts'

/** A root over so many leaves, through one node in between. */
function tree(seed: number, leaves: number): { root: Block; all: readonly Block[] } {
  const blocks = Array.from({ length: leaves }, (_, i) =>
    someBlock(1_000 * seed + i, i % 10 === 0 ? 33_000 : 90),
  )
  const between = nodeBlock(...blocks.map(({ cid }) => cid))
  const root = nodeBlock(between.cid, blocks[0]!.cid)
  return { root, all: [...blocks, between, root] }
}

async function here(store: BlockStore, blocks: readonly Block[]): Promise<number> {
  const found = await Promise.all(blocks.map(({ cid }) => store.has(cid)))
  return found.filter(has => has).length
}

export const keepingChecks: Readonly<Record<string, Check>> = {
  'pins: added, listed in their order, found, removed; once each': {
    run: async ({ store }) => {
      const { root, all } = tree(1, 5)
      const other = someBlock(1)
      await putAll(store, [...all, other])
      const names = async (): Promise<unknown[]> =>
        (await collect(store.pins.ls())).map(({ cid, recursive, name }) => [formatCid(cid), recursive, name])
      await store.pins.add(other.cid, { recursive: false })
      const pin = await store.pins.add(root.cid, { name: 'a tree' })
      ok(Number.isSafeInteger(pin.since) && pin.since > 0)
      deepStrictEqual(await names(), [
        [formatCid(other.cid), false, undefined],
        [formatCid(root.cid), true, 'a tree'],
      ])
      await store.pins.add(root.cid, { recursive: false })
      const again = await store.pins.find(root.cid)
      deepStrictEqual(
        [again?.recursive, again?.name, again?.since],
        [true, 'a tree', pin.since],
        'none is lost',
      )
      await store.pins.add(other.cid)
      equal((await store.pins.find(other.cid))?.recursive, true)
      await store.pins.rm(other.cid)
      await rejects(store.pins.rm(other.cid), { code: 'GH_PIN_MISSING' })
      equal((await names()).length, 1)
      await rejects(store.pins.add(root.cid, { name: 'x'.repeat(129) }), { code: 'GH_OPTION_INVALID' })
    },
  },

  'pins: nothing is pinned that is not all here': {
    run: async ({ store }) => {
      const { root, all } = tree(2, 5)
      const gone = all[3]!
      await putAll(
        store,
        all.filter(block => block !== gone),
      )
      await rejects(store.pins.add(root.cid), {
        code: 'GH_BLOCK_MISSING',
        message: new RegExp(formatCid(gone.cid)),
      })
      await rejects(store.pins.add(gone.cid, { recursive: false }), { code: 'GH_BLOCK_MISSING' })
      deepStrictEqual(await collect(store.pins.ls()), [])
      await store.pins.add(root.cid, { recursive: false })
    },
  },

  'pins: what is pinned itself is not deleted by hand': {
    run: async ({ store }) => {
      const { cid, bytes } = someBlock(3)
      await store.put(cid, bytes)
      await store.pins.add(cid)
      await rejects(store.delete(cid), { code: 'GH_BLOCK_PINNED' })
      await store.pins.rm(cid)
      await store.delete(cid)
      equal(await store.has(cid), false)
    },
  },

  'gc: takes what no pin leads to, and only that': {
    run: async ({ store }) => {
      const [kept, lost] = [tree(4, 30), tree(5, 30)]
      const alone = someBlock(4, 70_000)
      // A leaf of both trees stays.
      const shared = nodeBlock(kept.all[1]!.cid, alone.cid)
      await putAll(store, [...kept.all, ...lost.all, alone, shared])
      await store.pins.add(kept.root.cid)
      await store.pins.add(shared.cid, { recursive: false })
      const { removed, bytes } = await store.gc()
      equal(removed, lost.all.length + 1)
      equal(
        bytes,
        [...lost.all, alone].reduce((sum, block) => sum + block.bytes.length, 0),
      )
      equal(await here(store, kept.all), kept.all.length)
      equal(await here(store, [...lost.all, alone]), 0)
      ok(await store.has(shared.cid), 'pinned without what it leads to')
      for (const block of kept.all) deepStrictEqual(await contentOf(store, block.cid), block.bytes)
      deepStrictEqual(await store.gc(), { removed: 0, bytes: 0 })
      await store.pins.rm(kept.root.cid)
      await store.pins.rm(shared.cid)
      await store.gc()
      deepStrictEqual(await store.stat(), { blocks: 0, bytes: 0 })
    },
  },

  'gc: the codec of the pin says what it leads to, not that of the first put': {
    run: async ({ store }) => {
      const { root, all } = tree(6, 3)
      await putAll(
        store,
        all.filter(block => block !== root),
      )
      await store.put(
        makeCid(contentCodecs.RAW, contentHashes.SHA2_256, root.cid.multihash.digest),
        root.bytes,
      )
      await store.pins.add(root.cid)
      equal((await store.gc()).removed, 0)
    },
  },

  'gc: over a gap below a pin it refuses, and takes nothing': {
    run: async ({ store }) => {
      const { root, all } = tree(7, 5)
      const between = all.at(-2)!
      const loose = someBlock(7)
      await putAll(store, [...all, loose])
      await store.pins.add(root.cid)
      await store.delete(between.cid)
      await rejects(store.gc(), { code: 'GH_BLOCK_MISSING', message: new RegExp(formatCid(between.cid)) })
      equal(await here(store, all), all.length - 1)
      ok(await store.has(loose.cid))
      await store.put(between.cid, between.bytes)
      equal((await store.gc()).removed, 1)
    },
  },

  'gc: what a lease covers stays until it is released': {
    run: async ({ store }) => {
      const { root, all } = tree(8, 20)
      const [before, held, loose] = [someBlock(8), someBlock(9), someBlock(10)]
      await putAll(store, [before, held, loose])
      const lease = store.lease()
      equal(await lease.hold(held.cid), true)
      equal(await lease.hold(someBlock(11).cid), false)
      for (const { cid, bytes } of [...all, before]) await store.put(cid, bytes, { lease })
      equal((await store.gc()).removed, 1, 'the loose one')
      equal(await here(store, [...all, before, held]), all.length + 2)
      await store.pins.add(root.cid)
      lease.release()
      lease.release()
      equal((await store.gc()).removed, 2)
      equal(await here(store, all), all.length)
      await rejects(store.put(before.cid, before.bytes, { lease }), { code: 'GH_OPTION_INVALID' })
    },
  },

  'gc: imports that run beside it lose nothing': {
    run: async ({ store }) => {
      let importing = true
      const collecting = (async () => {
        let rounds = 0
        while (importing) {
          await store.gc()
          rounds++
        }
        return rounds
      })()
      const importTree = async (seed: number): Promise<{ root: Block; all: readonly Block[] }> => {
        const made = tree(seed, 25)
        const lease = store.lease()
        for (const { cid, bytes } of made.all) await store.put(cid, bytes, { lease })
        await store.pins.add(made.root.cid)
        lease.release()
        return made
      }
      const trees = await Promise.all([20, 21, 22, 20].map(importTree))
      importing = false
      ok((await collecting) > 0)
      await store.gc()
      for (const { all } of trees) equal(await here(store, all), all.length)
    },
  },

  'gc: what is being put when it begins stays': {
    run: async ({ store }) => {
      for (let round = 0; round < 40; round++) {
        const blocks = Array.from({ length: 4 }, (_, i) => someBlock(4 * round + i, i === 0 ? 33_000 : 300))
        // One of them was here before.
        await store.put(blocks[1]!.cid, blocks[1]!.bytes)
        // Some turns after it began, so that the put was really under way.
        let began = false
        const late: Block[] = []
        const puts = blocks.map(block =>
          store.put(block.cid, block.bytes).then(() => {
            if (began) late.push(block)
          }),
        )
        for (let i = 0; i < round; i++) await (i % 8 === 7 ? breathe() : Promise.resolve())
        setImmediate(() => {
          began = true
        })
        await Promise.all([store.gc(), ...puts])
        equal(await here(store, late), late.length, `round ${round}`)
      }
    },
  },

  'BX-08 gc: a chain of 2,000 levels, and a node with 2,000 links': {
    run: async ({ store }) => {
      const leaves = Array.from({ length: 2_000 }, (_, i) => someBlock(i, 8))
      let chain = nodeBlock(...leaves.map(({ cid }) => cid))
      const all = [...leaves, chain]
      for (let i = 0; i < 2_000; i++) {
        chain = nodeBlock(chain.cid)
        all.push(chain)
      }
      for await (const _ of store.putMany(all));
      await store.pins.add(chain.cid)
      equal((await store.gc()).removed, 0)
      await store.pins.rm(chain.cid)
      equal((await store.gc()).removed, 4_001)
    },
  },

  'quota: what does not fit makes room first, and is GH_STORE_FULL when there is none': {
    quota: 100_000,
    run: async ({ store }) => {
      const blocks = Array.from({ length: 9 }, (_, i) => someBlock(i, 20_000))
      await putAll(store, blocks.slice(0, 5))
      deepStrictEqual(await store.stat(), { blocks: 5, bytes: 100_000, quota: 100_000 })
      await store.pins.add(blocks[0]!.cid)
      await store.put(blocks[0]!.cid, blocks[0]!.bytes)
      equal((await store.stat()).blocks, 5, 'what is here needs no room')
      await store.put(blocks[5]!.cid, blocks[5]!.bytes)
      equal((await store.stat()).blocks, 2, 'the rest was collected')
      for (const { cid } of blocks.slice(0, 1)) ok(await store.has(cid))

      const lease = store.lease()
      const put = ({ cid, bytes }: Block): Promise<CID> => store.put(cid, bytes, { lease })
      await Promise.all(blocks.slice(5).map(put))
      const full = { code: 'GH_STORE_FULL', message: /100000 bytes; .*unpin/ }
      await rejects(put(blocks[1]!), full)
      await rejects(put(someBlock(20, 200_000)), full)
      deepStrictEqual(await contentOf(store, blocks[5]!.cid), blocks[5]!.bytes, 'reads go on')
      lease.release()
      await store.put(blocks[1]!.cid, blocks[1]!.bytes)
      ok(await store.has(blocks[0]!.cid))
      ok((await store.stat()).bytes <= 100_000)
    },
  },

  'quota: many puts at once never exceed it': {
    quota: 100_000,
    run: async ({ store }) => {
      const lease = store.lease()
      const ended = await Promise.allSettled(
        Array.from({ length: 30 }, (_, i) => {
          const { cid, bytes } = someBlock(i, i % 2 === 0 ? 33_000 : 5_000)
          return store.put(cid, bytes, { lease })
        }),
      )
      const { bytes, blocks } = await store.stat()
      ok(bytes <= 100_000, `${bytes} bytes`)
      equal(ended.filter(({ status }) => status === 'fulfilled').length, blocks)
      ok(bytes > 80_000, `only ${bytes} bytes are in use`)
    },
  },

  'verify: reads all of it and finds nothing wrong': {
    run: async ({ store }) => {
      const { all } = tree(30, 40)
      await putAll(store, all)
      const seen: number[] = []
      const result = await store.verify({ onProgress: ({ blocks }) => seen.push(blocks) })
      deepStrictEqual(result, { checked: all.length, damaged: [] })
      deepStrictEqual(
        seen,
        Array.from(all, (_, i) => i + 1),
      )
    },
  },

  'what was acknowledged, pinned and removed is so after a new start': {
    run: async ({ store, again }) => {
      const { root, all } = tree(31, 20)
      const [loose, deleted] = [someBlock(31, 40_000), someBlock(32)]
      await putAll(store, [...all, loose, deleted])
      await store.pins.add(root.cid, { name: 'kept' })
      await store.delete(deleted.cid)
      const before = await store.stat()
      await store.close()
      if (again === undefined) return
      const reopened = await again()
      deepStrictEqual(await reopened.stat(), before)
      deepStrictEqual(
        (await collect(reopened.pins.ls())).map(({ name }) => name),
        ['kept'],
      )
      for (const { cid, bytes } of [...all, loose]) deepStrictEqual(await contentOf(reopened, cid), bytes)
      equal(await reopened.has(deleted.cid), false)
      equal((await reopened.gc()).removed, 1)
      deepStrictEqual(await reopened.verify(), { checked: all.length, damaged: [] })
      await reopened.close()
    },
  },
}
