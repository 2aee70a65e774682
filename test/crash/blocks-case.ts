/**
 * Imports, single puts, deletes and collections over a block store on disk.
 *
 *   put <seed> <length>      this block is acknowledged
 *   going <seed> <length>    it is about to be deleted; gone: it is
 *   tree <seed>              all blocks of that import are, and it is pinned
 *   gc                       a collection begins: what is not pinned may go
 */
import { equal } from '../../src/base/bytes.ts'
import { diskBlocks } from '../../src/store/blocks/disk.ts'
import type { BlockStore } from '../../src/store/blocks/types.ts'
import { PAGE } from '../../src/store/pages.ts'
import { type Block, collect, meaning, nodeBlock, someBlock } from '../../src/testing/blockstore-parts.ts'
import { SeededRandom } from '../../src/testing/random.ts'
import { formatCid } from '../../src/wire/cid.ts'
import type { CrashCase } from './cases.ts'
import { filesUnder } from './folder.ts'

export const blocksCase: CrashCase = {
  name: 'blocks',

  async work(folder, dice, tell) {
    const store = await diskBlocks({ ...meaning, path: folder })
    let collections = 0
    const loose: { seed: number; length: number }[] = []
    for (;;) {
      const deeds = Array.from({ length: dice.between(1, 12) }, async () => {
        const at = dice.fraction()
        if (at < 0.7) {
          const made = { seed: dice.next(), length: lengthOf(dice) }
          const { cid, bytes } = someBlock(made.seed, made.length)
          const before = collections
          await store.put(cid, bytes)
          // Nobody can say which was first, a put or a collection that began while it was under way.
          if (before !== collections) return
          loose.push(made)
          tell(`put ${made.seed} ${made.length}`)
        } else if (at < 0.85 && loose.length > 0) {
          const [{ seed, length }] = loose.splice(dice.below(loose.length), 1) as [(typeof loose)[0]]
          tell(`going ${seed} ${length}`)
          await store.delete(someBlock(seed, length).cid)
          tell(`gone ${seed} ${length}`)
        } else if (at < 0.97) {
          const seed = dice.next()
          const { root, all } = treeOf(seed)
          const lease = store.lease()
          await Promise.all(all.map(({ cid, bytes }) => store.put(cid, bytes, { lease })))
          await store.pins.add(root.cid)
          lease.release()
          tell(`tree ${seed}`)
        } else {
          tell('gc')
          collections++
          loose.length = 0
          await store.gc()
        }
      })
      await Promise.all(deeds)
    }
  },

  async check(folder, told) {
    const { blocks, gone, trees } = expected(told)
    const faults: string[] = []
    const store = await diskBlocks({
      ...meaning,
      path: folder,
      onTrouble: trouble => faults.push(trouble.message),
    })
    const left = filesUnder(folder).filter(name => name.endsWith('.tmp'))
    if (left.length > 0) faults.push(`temporary files stay: ${left.join(' ')}`)
    for (const block of [...blocks.values(), ...trees.flatMap(seed => treeOf(seed).all)])
      await mustBeThere(store, block, faults)
    for (const block of gone.values())
      if (await store.has(block.cid)) faults.push(`${formatCid(block.cid)} was deleted and is back`)
    for (const seed of trees)
      if ((await store.pins.find(treeOf(seed).root.cid)) === undefined)
        faults.push(`tree ${seed} is not pinned`)
    const { checked, damaged } = await store.verify()
    for (const cid of damaged) faults.push(`${formatCid(cid)} is damaged`)
    const figures = await store.stat()
    let bytes = 0
    for (const { cid } of await collect(store.getAll())) bytes += (await store.size(cid))!
    if (figures.blocks !== checked || figures.bytes !== bytes)
      faults.push(`the totals say ${figures.blocks} and ${figures.bytes}, there are ${checked} and ${bytes}`)
    await store.close()
    return faults
  },
}

/** On both sides of what becomes a file; some are whole pages, which are written past the page cache. */
function lengthOf(dice: SeededRandom): number {
  if (dice.chance(0.2)) return dice.between(8, 40) * PAGE
  return dice.chance(0.6) ? dice.below(8_000) : dice.between(30_000, 150_000)
}

function treeOf(seed: number): { root: Block; all: readonly Block[] } {
  const dice = new SeededRandom(seed).split('tree')
  const leaves = Array.from({ length: dice.between(1, 8) }, () => someBlock(dice.next(), lengthOf(dice)))
  const root = nodeBlock(...leaves.map(({ cid }) => cid))
  return { root, all: [...leaves, root] }
}

function expected(told: readonly string[]): {
  blocks: Map<string, Block>
  gone: Map<string, Block>
  trees: number[]
} {
  const [blocks, gone] = [new Map<string, Block>(), new Map<string, Block>()]
  const trees: number[] = []
  for (const line of told) {
    const [what, seed, length] = line.split(' ')
    const which = `${seed} ${length}`
    if (what === 'put') blocks.set(which, someBlock(Number(seed), Number(length)))
    else if (what === 'going') blocks.delete(which)
    else if (what === 'gone') gone.set(which, someBlock(Number(seed), Number(length)))
    else if (what === 'tree') trees.push(Number(seed))
    else if (what === 'gc') blocks.clear()
  }
  return { blocks, gone, trees }
}

async function mustBeThere(store: BlockStore, { cid, bytes }: Block, faults: string[]): Promise<void> {
  const kept = await store.read(cid)
  if (kept === undefined) faults.push(`${formatCid(cid)} was acknowledged and is lost`)
  else if (!equal(kept, bytes)) faults.push(`${formatCid(cid)} has other bytes`)
}
