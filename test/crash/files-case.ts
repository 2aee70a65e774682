/**
 * Folders added to a store on disk, and folders fetched onto the disk, killed at any moment.
 *
 *   added <seed> <cid>     the folder of that seed is durable and pinned
 *   got <seed>             it lies on the disk, all of it
 *
 * What is fetched comes from blocks in memory, and into the store before it is handed out, as the
 * exchange does it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NodeBlocks } from '../../src/node/blocks/node-blocks.ts'
import { NodeFiles } from '../../src/node/blocks/node-files.ts'
import { openBlocks } from '../../src/node/blocks/open-blocks.ts'
import { openStore } from '../../src/node/blocks/open-store.ts'
import type { Blockstore, CID } from '../../src/node/blocks/types.ts'
import { SeededRandom } from '../../src/testing/random.ts'
import { formatCid } from '../../src/wire/cid.ts'
import type { CrashCase } from './cases.ts'
import { filesUnder } from './folder.ts'

/** What stands in the folder of a seed: small files, empty ones, some of several blocks, a few past the page cache. */
function treeOf(seed: number): ReadonlyMap<string, Uint8Array> {
  const dice = new SeededRandom(seed)
  const names = ['a', 'b/c', 'b/d', 'b/e/f', 'g'].slice(0, dice.between(1, 5))
  return new Map(
    names.map(name => {
      const length = lengthOf(dice)
      return [
        name,
        new Uint8Array(length).fill(dice.below(256)).map((byte, i) => byte ^ (i * seed) ^ (i >> 8)),
      ]
    }),
  )
}

function lengthOf(dice: SeededRandom): number {
  if (dice.below(32) === 0) return dice.between(17_000_000, 21_000_000)
  return dice.below(4) === 0 ? dice.between(200_000, 600_000) : dice.below(3_000)
}

function writeTreeOf(seed: number, at: string): void {
  for (const [name, bytes] of treeOf(seed)) {
    mkdirSync(join(at, name, '..'), { recursive: true })
    writeFileSync(join(at, name), bytes)
  }
}

/** What is wrong with a folder that should be that of a seed; `part`: some of it may be missing. */
function faultsOfTree(seed: number, at: string, part: boolean): string[] {
  const tree = treeOf(seed)
  const faults: string[] = []
  for (const [name, bytes] of tree) {
    const path = join(at, name)
    if (!existsSync(path)) {
      if (!part) faults.push(`${path} is missing`)
    } else if (!readFileSync(path).equals(bytes)) faults.push(`${path} is not as it was`)
  }
  for (const name of filesUnder(at))
    if (!tree.has(name) && !(part && name.includes('.guild-part-'))) faults.push(`${at}: ${name} stays`)
  return faults
}

async function faultsOfStore(folder: string, check: (files: NodeFiles, faults: string[]) => Promise<void>) {
  const faults: string[] = []
  const contents = await openBlocks({ dataDir: { path: folder } })
  try {
    const left = filesUnder(join(folder, 'blocks')).filter(name => name.endsWith('.tmp'))
    if (left.length > 0) faults.push(`temporary files stay: ${left.join(' ')}`)
    await check(contents.files as NodeFiles, faults)
    const { damaged } = await contents.blocks.verify()
    for (const cid of damaged) faults.push(`${formatCid(cid)} is damaged`)
  } finally {
    await contents.close()
  }
  return faults
}

export const addCase: CrashCase = {
  name: 'add',

  async work(folder, dice, tell) {
    const store = join(folder, 'store')
    mkdirSync(store, { recursive: true })
    const { files } = await openBlocks({ dataDir: { path: store } })
    for (let i = 0; ; i++) {
      const seed = dice.next()
      const at = join(folder, `in-${i}`)
      rmSync(at, { recursive: true, force: true })
      writeTreeOf(seed, at)
      tell(`added ${seed} ${formatCid(await files.add(at))}`)
      rmSync(at, { recursive: true })
    }
  },

  async check(folder, told) {
    const store = join(folder, 'store')
    mkdirSync(store, { recursive: true })
    return await faultsOfStore(store, async (files, faults) => {
      for (const line of told) {
        const [, seed, cid] = line.split(' ') as [string, string, string]
        for (const [name, bytes] of treeOf(Number(seed))) {
          const parts: Uint8Array[] = []
          try {
            for await (const part of files.cat(`${cid}/${name}`, { offline: true })) parts.push(part)
            if (!Buffer.concat(parts).equals(bytes)) faults.push(`${cid}/${name} is not as it was added`)
          } catch (error) {
            faults.push(`${cid}/${name} was acknowledged and cannot be read: ${error}`)
          }
        }
      }
      const contents = await pinsIn(files)
      for (const line of told) {
        const cid = line.split(' ')[2]!
        if (!contents.has(cid)) faults.push(`${cid} was acknowledged and is not pinned`)
      }
    })
  },
}

async function pinsIn(files: NodeFiles): Promise<Set<string>> {
  const pins = new Set<string>()
  for await (const { cid } of files.blocks.pins.ls()) pins.add(formatCid(cid))
  return pins
}

/** Folders of the seeds 1, 2, 3 … in memory, made when they are asked for. */
class Source {
  readonly #folder: string
  readonly #files: Promise<{ files: NodeFiles; blocks: NodeBlocks }>
  readonly #cids = new Map<number, CID>()

  constructor(folder: string) {
    this.#folder = folder
    this.#files = openStore({}).then(({ store }) => {
      const blocks = new NodeBlocks({ store })
      return { blocks, files: new NodeFiles(blocks) }
    })
  }

  async cidOf(seed: number): Promise<CID> {
    const known = this.#cids.get(seed)
    if (known !== undefined) return known
    const at = join(this.#folder, `source-${seed}`)
    writeTreeOf(seed, at)
    const cid = await (await this.#files).files.add(at)
    rmSync(at, { recursive: true })
    this.#cids.set(seed, cid)
    return cid
  }

  /** Asked for what is not in the store: kept there before it is handed out. */
  async peersOf(store: Blockstore): Promise<NodeBlocks> {
    const { blocks } = await this.#files
    const session: NodeBlocks['session'] = options => {
      const own = blocks.session({ ...options, offline: true })
      return {
        async get(cid, wait) {
          const bytes = await own.get(cid, wait)
          await store.put(cid, bytes)
          return bytes
        },
        close: () => own.close(),
      }
    }
    return Object.assign(Object.create(blocks) as NodeBlocks, { session })
  }
}

export const getCase: CrashCase = {
  name: 'get',

  async work(folder, _dice, tell) {
    const [store, out] = [join(folder, 'store'), join(folder, 'out')]
    for (const path of [store, out]) mkdirSync(path, { recursive: true })
    const source = new Source(folder)
    const { files } = await openBlocks({
      dataDir: { path: store },
      peers: of => source.peersOf(of),
    })
    for (let seed = 1; ; seed++) {
      await files.get(await source.cidOf(seed), join(out, String(seed)))
      tell(`got ${seed}`)
    }
  },

  async check(folder, told) {
    const [store, out] = [join(folder, 'store'), join(folder, 'out')]
    for (const path of [store, out]) mkdirSync(path, { recursive: true })
    const done = new Set(told.map(line => Number(line.split(' ')[1])))
    const faults = readdirSync(out)
      .filter(name => /^\d+$/.test(name))
      .flatMap(name => faultsOfTree(Number(name), join(out, name), !done.has(Number(name))))
    for (const seed of done)
      if (!existsSync(join(out, String(seed)))) faults.push(`${seed} was got and is gone`)
    return [
      ...faults,
      ...(await faultsOfStore(store, async () => {})),
      ...(await goOn(folder, done.size + 1)),
    ]
  },
}

/** What the kill has cut is called again, and ends with nothing left over. */
async function goOn(folder: string, seed: number): Promise<string[]> {
  const source = new Source(folder)
  const contents = await openBlocks({
    dataDir: { path: join(folder, 'store') },
    peers: of => source.peersOf(of),
  })
  try {
    const at = join(folder, 'out', String(seed))
    await contents.files.get(await source.cidOf(seed), at)
    return faultsOfTree(seed, at, false)
  } finally {
    await contents.close()
  }
}
