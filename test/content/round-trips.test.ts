/** What a store that is far away costs: not bytes, but how often somebody has to wait for an answer. */
import type { CID } from 'multiformats/cid'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import type { BlockSource } from '../../src/content/block.ts'
import { exportTree } from '../../src/content/unixfs/export.ts'
import { profiles } from '../../src/content/unixfs/profiles.ts'
import { importTree, type TreeEntry } from '../../src/content/unixfs/tree.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { MemoryBlocks } from '../support/blocks.ts'

const kubo = profiles['kubo-v1']

/** Answers what was asked at once together, when nobody does anything but wait; what it gave once is near from then on. */
class Far implements BlockSource {
  rounds = 0
  /** Most that was asked for at once. */
  most = 0
  readonly #store: MemoryBlocks
  readonly #near = new Set<string>()
  #asked: (() => void)[] = []

  constructor(store: MemoryBlocks) {
    this.#store = store
  }

  async *get(cid: CID): AsyncGenerator<Uint8Array> {
    const key = formatCid(cid)
    if (!this.#near.has(key)) {
      if (this.#asked.length === 0) void this.#answer()
      await new Promise<void>(resolve => this.#asked.push(resolve))
      this.#near.add(key)
    }
    yield* this.#store.get(cid)
  }

  async #answer(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    const asked = this.#asked
    this.#asked = []
    this.rounds++
    this.most = Math.max(this.most, asked.length)
    for (const resolve of asked) resolve()
  }
}

/** So many folders, in each so many folders, in each so many files, no two alike. */
function* tree(folders: number, below: number, files: number): Iterable<TreeEntry> {
  yield { kind: 'directory', name: '' }
  for (let a = 0; a < folders; a++) {
    yield { kind: 'directory', name: `a${a}` }
    for (let b = 0; b < below; b++) {
      yield { kind: 'directory', name: `b${b}` }
      for (let c = 0; c < files; c++) {
        const content = [utf8(`${a} ${b} ${c}`)]
        yield { kind: 'file', name: `c${c}`, content }
      }
      yield { kind: 'end' }
    }
    yield { kind: 'end' }
  }
  yield { kind: 'end' }
}

t.test('a tree of small folders does not cost a round trip a folder', async t => {
  const store = new MemoryBlocks()
  const { cid } = await importTree(tree(10, 10, 8), store, kubo)
  const far = new Far(store)
  let [files, folders] = [0, 0]
  for await (const entry of exportTree(far, cid)) {
    if (entry.kind === 'directory') folders++
    else if (entry.kind === 'file') {
      files++
      const bytes: Uint8Array[] = []
      for await (const piece of entry.read(0)) bytes.push(piece)
      const [a, b, c] = entry.path.map(name => name.slice(1))
      t.same(Buffer.concat(bytes).toString(), `${a} ${b} ${c}`)
    }
  }
  t.same([files, folders], [800, 111])
  t.comment(`${far.rounds} round trips, at most ${far.most} blocks at once`)
  t.ok(far.rounds < folders / 2, `${far.rounds} round trips for ${folders} folders`)
  t.ok(far.most <= 80, 'and no more at once than can be held')
})

t.test('where nothing is to be asked ahead, one block is asked for at a time', async t => {
  const store = new MemoryBlocks()
  const { cid } = await importTree(tree(2, 2, 2), store, kubo)
  const far = new Far(store)
  for await (const _ of exportTree(far, cid, { prefetch: 0 }));
  t.equal(far.most, 1)
})
