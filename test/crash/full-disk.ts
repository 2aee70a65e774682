/**
 * A block store on a disk that is really full: filled up, read from, given room, used again.
 *
 * Its argument is an empty folder on a small disk. Prints one line of JSON.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { equal } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { diskBlocks } from '../../src/store/blocks/disk.ts'
import { type Block, meaning, someBlock } from '../../src/testing/blockstore-parts.ts'
import { filesUnder } from './folder.ts'

const path = process.argv[2]!
const ballast = join(path, 'ballast')
writeFileSync(ballast, new Uint8Array(1024 * 1024))
const store = await diskBlocks({ ...meaning, path })

/** Puts one after another until one fails, or so many are in. */
async function fill(from: number, most: number): Promise<{ kept: Block[]; error: unknown }> {
  const kept: Block[] = []
  for (let i = from; i < from + most; i++) {
    const block = someBlock(i, i % 3 === 0 ? 90_000 : 9_000)
    try {
      await store.put(block.cid, block.bytes)
    } catch (error) {
      return { kept, error }
    }
    kept.push(block)
  }
  return { kept, error: undefined }
}

async function lostOf(blocks: readonly Block[]): Promise<number> {
  let lost = 0
  for (const { cid, bytes } of blocks) {
    const kept = await store.read(cid)
    if (kept === undefined || !equal(kept, bytes)) lost++
  }
  return lost
}

const first = await fill(0, 1_000)
const small = await fill(10_000, 1_000)
const whenFull = await lostOf([...first.kept, ...small.kept])
rmSync(ballast)
const second = await fill(20_000, 5)
const kept = [...first.kept, ...small.kept, ...second.kept]
const lost = await lostOf(kept)
const { damaged } = await store.verify()
await store.close()
const error =
  first.error instanceof GuildError ? { code: first.error.code, message: first.error.message } : {}
console.log(
  JSON.stringify({
    error,
    acknowledged: kept.length,
    whenFull,
    again: second.error === undefined,
    lost,
    damaged: damaged.length,
    temporary: filesUnder(path).filter(name => name.endsWith('.tmp')),
  }),
)
