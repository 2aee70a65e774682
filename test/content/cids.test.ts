/** UnixFS: the CIDs that other people's tools print, for files and folders of every size. */
import { createCipheriv, createHash } from 'node:crypto'
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { putDirectory } from '../../src/content/unixfs/directory.ts'
import { importFile } from '../../src/content/unixfs/file.ts'
import { type ProfileName, profiles } from '../../src/content/unixfs/profiles.ts'
import { importTree, type TreeEntry } from '../../src/content/unixfs/tree.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { black, MemoryBlocks } from '../support/blocks.ts'
import { sharedJson } from '../support/shared.ts'

const cidOf = async (content: Iterable<Uint8Array> | Uint8Array, profile: ProfileName): Promise<string> =>
  formatCid((await importFile(content, black, profiles[profile])).cid)

/** Zeros, never all at once. */
function* zeros(length: number): Generator<Uint8Array> {
  const piece = new Uint8Array(1_000_000)
  for (let left = length; left > 0; left -= piece.length)
    yield piece.subarray(0, Math.min(left, piece.length))
}

const golden: [string, () => Iterable<Uint8Array> | Uint8Array, Partial<Record<ProfileName, string>>][] = [
  [
    'empty',
    () => new Uint8Array(0),
    {
      'kubo-v1': 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
      'unixfs-v1-2025': 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku',
      'unixfs-v0-2015': 'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH',
    },
  ],
  [
    'hello world',
    () => utf8('hello world'),
    {
      'kubo-v1': 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
      'unixfs-v0-2015': 'Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD',
    },
  ],
  [
    'hello world and a newline',
    () => utf8('hello world\n'),
    {
      'kubo-v1': 'bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4',
      'unixfs-v0-2015': 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o',
    },
  ],
  [
    '262144 zeros',
    () => zeros(262_144),
    { 'kubo-v1': 'bafkreiekhhjkxu4ztk3tyng3er3ijhg56mb44oe3gwbgquhzu4afrg2ksa' },
  ],
  [
    '262145 zeros',
    () => zeros(262_145),
    {
      'kubo-v1': 'bafybeigllfqgfpqydppr6cmv56g7ax4wyhruzswvcefv6j5kj77nzttfki',
      'unixfs-v1-2025': 'bafkreifspibstbhkrjv6y4amhvxwh6h47p4p7dxyp2lsrep63jhousvnbq',
    },
  ],
  [
    '1048577 zeros',
    () => zeros(1_048_577),
    {
      'kubo-v1': 'bafybeihhq4imxfkfucfxjbnqvrvzdknmfbzvxaivz7jzdnumfkabdbq3yq',
      'unixfs-v1-2025': 'bafybeihd4yzq7n5umhjngdum4r6k2to7egxfkf2jz6thvwzf6djus22cmq',
    },
  ],
  [
    '174 chunks',
    () => zeros(174 * 262_144),
    {
      'kubo-v1': 'bafybeibxsa3ioclowpaq7b6gxl65gzqneopfr3fnhedak6sqr4bjz5lnyq',
      'unixfs-v1-2025': 'bafybeidoa6tva5z3p2c545zsnczdfmen3cshhpkym72zynvebarw7qahie',
    },
  ],
  [
    '174 chunks and a byte',
    () => zeros(174 * 262_144 + 1),
    {
      'kubo-v1': 'bafybeihqwzd3o6q6v3pmwhzjy22vokhr767burokmqemg63hptx2nqd7ym',
      'unixfs-v1-2025': 'bafybeihp2d7d2jdhoqc4hit3misyawmwdz4r5uy2lyr2waty7rm65hwdke',
    },
  ],
  [
    'the stream of two implementations',
    () => zeros(45_900_000),
    { 'unixfs-v0-2015': 'QmRdPboiJQoZ5cdazR9a8vGqdJvWg6M5bfdtUSKNHpuscj' },
  ],
]

t.test('UX-04 UNIXFS-1 the golden files', async t => {
  for (const [name, content, cids] of golden)
    for (const [profile, cid] of Object.entries(cids))
      t.equal(await cidOf(content(), profile as ProfileName), cid, `${name}, ${profile}`)
})

const file = (name: string, text: string): TreeEntry => ({ kind: 'file', name, content: utf8(text) })
const folder = (name: string, ...inside: readonly TreeEntry[]): TreeEntry[] => [
  { kind: 'directory', name },
  ...inside,
  { kind: 'end' },
]
const treeCid = async (entries: TreeEntry[], profile: ProfileName): Promise<string> =>
  formatCid((await importTree(entries, black, profiles[profile])).cid)

t.test('UX-04 UNIXFS-1 UNIXFS-2 the golden folders', async t => {
  const foo = folder('foo', file('quux', 'world\n'), file('bar', 'hello\n'))
  t.equal(await treeCid(foo, 'kubo-v1'), 'bafybeiavtudonahbiomajhw5w7v4e4btyamavwtcvvx2fwrkn65e3nf2oi')
  t.equal(await treeCid(foo, 'unixfs-v0-2015'), 'QmRLmGRyDv4aYo4WKS3DcZ7Qvz4tohQeSHbZmfNDh7idyS')
  const none = 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354'
  for (const profile of ['kubo-v1', 'unixfs-v1-2025'] as const)
    t.equal(await treeCid(folder('x'), profile), none)
  t.equal(await treeCid(folder('x'), 'unixfs-v0-2015'), 'QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn')
})

/** ChaCha20 under a key that is the hash of a word: the stream of the foreign cases. */
function* stream(length: number, seed: string): Generator<Uint8Array> {
  const cipher = createCipheriv('chacha20', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  for (const piece of zeros(length)) yield new Uint8Array(cipher.update(piece))
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz01234567890-_'

interface Dir {
  readonly count: number
  readonly nameLen: number
  readonly lastNameLen: number
  readonly seed: string
}

function namesOf({ count, nameLen, lastNameLen, seed }: Dir): string[] {
  const bytes = Buffer.concat([...stream(1_048_576, seed)])
  let at = 0
  return Array.from({ length: count }, (_, i) => {
    let name = ''
    for (let left = i === count - 1 ? lastNameLen : nameLen; left > 0; left--)
      name += alphabet[bytes[at++]! % 39]!
    return name
  })
}

const expected = sharedJson('vectors/unixfs/expected-cids.json')

t.test(
  'UX-04 UNIXFS-1 UNIXFS-2 the expected CIDs of both profiles',
  { skip: expected === undefined },
  async t => {
    let seen = 0
    for (const { name, cases } of expected.profiles)
      for (const one of cases) {
        if (one.slow && process.env.GUILD_TEST_SLOW === undefined) {
          t.comment(`left for GUILD_TEST_SLOW=1: ${one.bytes}`)
          continue
        }
        seen++
        const what = JSON.stringify(one)
        if (one.file !== undefined) t.equal(await cidOf(utf8(one.file), name), one.cid, what)
        else if (one.bytes !== undefined)
          t.equal(await cidOf(stream(one.bytes[0], one.bytes[1]), name), one.cid, what)
        else if (one.emptyDir) t.equal(await treeCid(folder('x'), name), one.cid, what)
        else {
          const store = new MemoryBlocks()
          const profile = profiles[name as ProfileName]
          // Every file holds the same byte: it is put once.
          const x = await importFile(utf8('x'), store, profile)
          const links = namesOf(one.dir).map(entry => ({ name: entry, cid: x.cid, size: x.size }))
          t.equal(formatCid((await putDirectory(links, store, profile)).cid), one.cid, what)
          t.equal(store.size > 2, one.kind === 'hamt', 'sharded or not')
        }
      }
    t.ok(seen >= 14)
  },
)
