/**
 * Random trees get the CIDs that the importer of the js ecosystem gives them.
 *
 * That library brings packages we do not want, so it is a guest in `test/bench/peers`: `npm ci` there
 * once, then this test runs. GUILD_TEST_TREES=1000 is the long form.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { type ProfileName, profiles } from '../../src/content/unixfs/profiles.ts'
import { importTree, type TreeEntry } from '../../src/content/unixfs/tree.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { black } from '../support/blocks.ts'
import { root } from '../support/root.ts'
import { Seeded } from '../support/seeded.ts'

const peers = join(root, 'test/bench/peers')
const installed = existsSync(join(peers, 'node_modules/ipfs-unixfs-importer'))

interface Item {
  readonly path: string
  readonly content?: Uint8Array
  readonly link?: string
  readonly mode?: number
  readonly mtime?: { readonly seconds: number; readonly nanoseconds: number }
}

const words = ['a', 'b.txt', 'Photo', 'ü', 'z'.repeat(60), '日本', '-x', 'A', '~', 'e\u0301', '\u{1f600}']

/** A tree in the order of its folders; every third one says modes and times. */
function tree(dice: Seeded, i: number, profile: ProfileName): Item[] {
  const items: Item[] = []
  const dressed = i % 3 === 0
  const metadata = (file: boolean): Partial<Item> => {
    // In the v0 profile the library wraps a small file with a mode twice over: its bytes become those of its own leaf.
    if (!dressed || (file && profile === 'unixfs-v0-2015')) return {}
    return {
      ...(dice.below(2) === 0 ? {} : { mode: [0o644, 0o755, 0o600, 0o4711][dice.below(4)]! }),
      ...(dice.below(2) === 0
        ? {}
        : {
            mtime: {
              seconds: dice.below(2 ** 31),
              nanoseconds: dice.below(3) === 0 ? 0 : dice.below(1_000_000_000),
            },
          }),
    }
  }
  const fill = (path: string, depth: number): void => {
    items.push({ path, ...metadata(false) })
    const names = new Set(
      Array.from({ length: dice.below(6) }, () => `${words[dice.below(words.length)]}${dice.below(30)}`),
    )
    for (const name of names) {
      const below = path === '' ? name : `${path}/${name}`
      const kind = dice.below(8)
      if (kind < 2 && depth < 4) fill(below, depth + 1)
      else if (kind === 2) items.push({ path: below, link: `../${name}`, ...metadata(false) })
      else items.push({ path: below, content: content(dice, i), ...metadata(true) })
    }
  }
  fill('', 0)
  return items
}

function content(dice: Seeded, i: number): Uint8Array {
  const most = [0, 1, 100, 5_000][dice.below(4)]!
  if (i % 20 !== 0) return dice.bytes(most === 0 ? 0 : dice.below(most))
  const edge = [262_144, 524_288, 1_048_576][dice.below(3)]! + dice.below(3) - 1
  return new Uint8Array(edge).fill(dice.below(256))
}

/** The same tree as our importer takes it. */
function* entriesOf(items: readonly Item[], path = ''): Generator<TreeEntry> {
  const { content: bytes, link, mode, mtime } = items.find(one => one.path === path)!
  const name = path.slice(path.lastIndexOf('/') + 1)
  const metadata = { mode, mtime }
  if (bytes !== undefined) yield { kind: 'file', name, content: bytes, ...metadata }
  else if (link !== undefined) yield { kind: 'symlink', name, target: link, ...metadata }
  else {
    yield { kind: 'directory', name, ...metadata }
    const prefix = path === '' ? '' : `${path}/`
    for (const { path: below } of items)
      if (
        below !== '' &&
        below.startsWith(prefix) &&
        below !== path &&
        !below.slice(prefix.length).includes('/')
      )
        yield* entriesOf(items, below)
    yield { kind: 'end' }
  }
}

const why = 'npm ci in test/bench/peers installs the importer that this is compared with'

t.test(
  'UX-04 UNIXFS-1 UNIXFS-2 random trees, CID for CID',
  installed ? { timeout: 280_000 } : { skip: why },
  async t => {
    const { theirCid } = (await import(pathToFileURL(join(peers, 'importer.mjs')).href)) as {
      theirCid(items: readonly Item[], profile: ProfileName): Promise<string>
    }
    const long = process.env.GUILD_TEST_TREES
    const count = Number(long ?? 25)
    for (const profile of Object.keys(profiles) as ProfileName[]) {
      const dice = new Seeded(11)
      let alike = 0
      for (let i = 0; i < count; i++) {
        const items = tree(dice, i, profile)
        const ours = formatCid((await importTree(entriesOf(items), black, profiles[profile])).cid)
        const theirs = await theirCid(items, profile)
        if (ours === theirs) alike++
        else t.equal(ours, theirs, `${profile}, tree ${i}: ${items.map(({ path }) => path).join(' | ')}`)
      }
      t.equal(alike, count, `${profile}: ${count} trees`)
    }
    // The library weighs a folder anew with every entry: this takes a minute.
    if (long === undefined) return
    t.setTimeout(280_000)
    // Folders around the size at which they are sharded, and well above it.
    for (const profile of Object.keys(profiles) as ProfileName[])
      for (const size of [2_500, 2_620, 2_700, 6_000]) {
        const files = Array.from({ length: size }, (_, i) => ({
          path: `${'n'.repeat(60)}${i}`,
          content: new Uint8Array(1),
        }))
        const items: Item[] = [{ path: '' }, ...files]
        const ours = formatCid((await importTree(entriesFlat(items), black, profiles[profile])).cid)
        t.equal(ours, await theirCid(items, profile), `${profile}: a folder of ${size}`)
      }
  },
)

function* entriesFlat(items: readonly Item[]): Generator<TreeEntry> {
  yield { kind: 'directory', name: '' }
  for (const { path, content: bytes } of items)
    if (path !== '') yield { kind: 'file', name: path, content: bytes! }
  yield { kind: 'end' }
}
