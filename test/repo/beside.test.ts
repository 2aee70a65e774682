/**
 * The report of `npm run bench:peers`: its table, its picture, and what is committed of them.
 * Needs none of the packages that are measured.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { root } from '../support/root.ts'

interface Figure {
  readonly measure: string
  readonly way: string
  readonly value: number
  readonly ratio: number | null
}

interface Figures {
  readonly cores: number
  readonly node: number
  readonly rounds: number
  readonly figures: readonly Figure[]
}

const folder = join(root, 'test/bench/peers')
const load = (path: string): Promise<Record<string, never>> => import(pathToFileURL(join(folder, path)).href)
const { chart } = (await load('report/chart.mjs')) as unknown as { chart: (told: Figures) => string }
const { textTable, pageTable, withTable, better } = (await load('report/table.mjs')) as unknown as {
  textTable: (figures: readonly Figure[]) => string
  pageTable: (figures: readonly Figure[]) => string
  withTable: (page: string, told: Figures) => string
  better: (figures: readonly Figure[]) => string
}
const { figureText, ratioText, quantile, median } = (await load('report/figures.mjs')) as unknown as {
  figureText: (value: number) => string
  ratioText: (value: number) => string
  quantile: (values: readonly number[], share: number) => number
  median: (values: readonly number[]) => number
}
const { refuseUnbounded } = (await load('measures.mjs')) as unknown as {
  refuseUnbounded: (way: string, queued: number, growth: number) => void
}
const { framed, cutter } = (await load('ways/framed.mjs')) as unknown as {
  framed: (message: Uint8Array) => Uint8Array
  cutter: (take: (message: Uint8Array) => void) => (bytes: Uint8Array) => void
}

const few: readonly Figure[] = [
  { measure: 'bulk', way: 'net', value: 2255, ratio: 1 },
  { measure: 'bulk', way: 'guild-home', value: 1130, ratio: 0.501 },
  { measure: 'messages', way: 'net', value: 209_000, ratio: 1 },
  { measure: 'messages', way: 'net-together', value: 8_900_000, ratio: 42.6 },
  { measure: 'messages', way: 'guild-home', value: 1_540_000, ratio: 7.37 },
]
const told: Figures = { cores: 2, node: 20, rounds: 5, figures: few }

t.test('peers: figures are three digits, ratios two', async t => {
  t.strictSame([2255, 0.31, 43.27, 1.2, 209_000, 0].map(figureText), [
    '2,260',
    '0.31',
    '43.3',
    '1.20',
    '209,000',
    '0.00',
  ])
  t.strictSame([0.501, 1.2, 7.37, 42.6, 0.0996].map(ratioText), ['0.50×', '1.2×', '7.4×', '43×', '0.10×'])
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.equal(quantile([0, 10], 0.99), 9.9)
  t.ok(Number.isNaN(median([])), 'nothing measured is no figure')
})

t.test('peers: a table has a row for each measure and a column for each way', async t => {
  t.equal(
    pageTable(few),
    [
      '|  | node:net | node:net, 64 in a write | guild-home |',
      '| --- | --: | --: | --: |',
      '| bulk, 64 KiB writes, MB/s | 2,260 |  | 1,130 (0.50×) |',
      '| messages of 100 B, 1/s | 209,000 | 8,900,000 (43×) | 1,540,000 (7.4×) |',
    ].join('\n'),
  )
  const lines = textTable(few).split('\n')
  t.equal(lines.length, 3)
  t.equal(new Set(lines.map(line => line.length)).size, 1, 'the last column ends where it should')
})

const contents: readonly Figure[] = [
  { measure: 'file', way: 'net', value: 400, ratio: 1 },
  { measure: 'file', way: 'hypercore', value: 80, ratio: 0.2 },
  { measure: 'file', way: 'helia', value: 50, ratio: 0.125 },
  { measure: 'file', way: 'guild-home', value: 220, ratio: 0.55 },
  { measure: 'blocks', way: 'helia', value: 94, ratio: 0.18 },
]

t.test('peers: contents have a table of their own, and whoever encrypts is named there too', async t => {
  const [links, files, ...more] = pageTable([...few, ...contents]).split('\n\n')
  t.equal(links, pageTable(few))
  t.equal(files, pageTable(contents))
  t.strictSame(more, [])
  t.equal(
    files,
    [
      '|  | node:net | hypercore | helia | guild-home |',
      '| --- | --: | --: | --: | --: |',
      '| a file, from disk to disk, MB/s | 400 | 80.0 (0.20×) | 50.0 (0.13×) | 220 (0.55×) |',
      '| blocks of 256 KiB, in memory, MB/s |  |  | 94.0 (0.18×) |  |',
    ].join('\n'),
  )
  t.equal(textTable([...few, ...contents]), `${textTable(few)}\n\n${textTable(contents)}`)
  t.match(better(contents), 'none is better')
  const faster = contents.map(one => (one.way === 'hypercore' ? { ...one, value: 230 } : one))
  t.match(better(faster), '- hypercore: a file, from disk to disk')
})

t.test('peers: a file and blocks come as they were held, and what is not them is refused', async t => {
  for (const name of ['net', 'guild-home']) {
    const { files, blocks } = (await load(`contents/${name}.mjs`)) as unknown as Contents
    const folder = t.testdir({ held: {}, got: {} })
    const bytes = Buffer.alloc(700_001, 'a file of some pieces ')
    writeFileSync(join(folder, 'file'), bytes)
    const holder = await files.hold(join(folder, 'file'), join(folder, 'held'))
    t.teardown(() => holder.close())
    const out = join(folder, 'out')
    const file = await files.getter(overChannel(holder.told), join(folder, 'got'), out)
    t.notOk(existsSync(out), `${name}: nothing comes before it is asked for`)
    await file.get()
    await file.close()
    t.ok(readFileSync(out).equals(bytes), `${name}: the file`)

    const held = [1, 2, 3].map(value => Buffer.alloc(256 * 1024, value))
    const blockHolder = await blocks.hold(held)
    t.teardown(() => blockHolder.close())
    const getter = await blocks.getter(overChannel(blockHolder.told))
    const got = await getter.get()
    t.ok(
      got.length === 3 && held.every((block, at) => block.equals(got[at]!)),
      `${name}: the blocks, in order`,
    )
    await getter.close()
  }
  const { files, blocks } = (await load('contents/net.mjs')) as unknown as Contents
  const folder = t.testdir({ file: 'a file' })
  const holder = await files.hold(join(folder, 'file'), folder)
  t.teardown(() => holder.close())
  const wrong = await files.getter({ ...(holder.told as object), sha256: '00' }, folder, join(folder, 'out'))
  await t.rejects(wrong.get(), /not what was held/)
  await wrong.close()
  const blockHolder = await blocks.hold([Buffer.alloc(8, 1), Buffer.alloc(8, 2)])
  t.teardown(() => blockHolder.close())
  const told = blockHolder.told as { digests: string[] }
  const swapped = await blocks.getter({ ...told, digests: told.digests.toReversed() })
  await t.rejects(swapped.get(), /a wrong block/)
  await swapped.close()
})

t.test('peers: only what is between the marks of a page is made new', async t => {
  const page = 'before\n\n<!-- peers -->\nold\n<!-- /peers -->\n\nafter\n'
  const made = withTable(page, told)
  t.match(made, /^before\n\n<!-- peers -->\n\nNode 20, 2 shared cores[\s\S]+\n\n<!-- \/peers -->\n\nafter\n$/)
  t.notMatch(made, 'old')
  t.equal(withTable(made, told), made, 'twice is once')
  t.throws(() => withTable('no marks', told), /lacks/)
  t.throws(() => withTable('<!-- /peers --><!-- peers -->', told), /lacks/)
})

t.test('peers: whoever is better is named, by rate and by time', async t => {
  const of = (measure: string, way: string, value: number): Figure => ({ measure, way, value, ratio: 1 })
  const rate = [
    of('bulk', 'guild-home', 5),
    of('bulk', 'tls', 6),
    of('bulk', 'libp2p', 4),
    of('bulk', 'net', 9),
  ]
  const time = [of('request-p50', 'guild-home', 5), of('request-p50', 'tls', 6)]
  t.equal(
    better([...rate, ...time, of('request-p50', 'secret-stream', 4)]),
    [
      'Of those that encrypt, better than guild-home in this run:',
      '',
      '- node:tls: bulk, 64 KiB writes',
      '- secret-stream: there and back, 100 B, p50',
    ].join('\n'),
  )
  t.match(better(time), 'none is better')
})

t.test('peers: a bar is as long as its ratio, and ours is marked', async t => {
  const picture = chart(told)
  const bars = [...picture.matchAll(/<rect class="bar( ours)?" [^>]*width="([\d.]+)"/g)]
  t.equal(bars.length, 4, 'the ways of the picture, where they have a figure')
  const [net, ours, slower, faster] = bars.map(([, , width]) => Number(width))
  t.ok(Math.abs(ours! / net! - 0.501) < 0.01)
  t.ok(Math.abs(faster! / slower! - 7.37) < 0.1)
  t.strictSame(
    bars.map(([, mark]) => mark === ' ours'),
    [false, true, false, true],
  )
  t.match(picture, '0.50×  1,130 MB/s')
  t.match(picture, 'prefers-color-scheme: dark')
  t.notMatch(picture, /NaN|undefined|Infinity/)
  wellFormed(t, picture)
  const both = chart({ ...told, figures: [...few, ...contents] })
  t.equal([...both.matchAll(/<rect class="bar/g)].length, 9, 'panels of contents, where there are figures')
  t.match(both, '<title id="peers-title">guild-home beside node:net, hypercore and helia</title>')
  wellFormed(t, both)
})

t.test('peers: what is committed is one run', async t => {
  const figures = JSON.parse(readFileSync(join(folder, 'figures.json'), 'utf8')) as Figures
  t.ok(figures.figures.length > 60)
  for (const { measure, way, value } of figures.figures) t.ok(Number.isFinite(value), `${measure} of ${way}`)
  const picture = readFileSync(join(folder, 'peers.svg'), 'utf8')
  t.equal(picture, chart(figures), 'the picture')
  wellFormed(t, picture)
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  t.equal(withTable(readme, figures), readme, 'the table in the README')
})

t.test('peers: messages on bytes are cut where they were put together', async t => {
  const messages = [1, 0, 100, 7_000].map((length, at) => new Uint8Array(length).fill(at + 1))
  const all = Buffer.concat(messages.map(framed))
  for (const step of [1, 3, 7, 4_096, all.length]) {
    const got: Uint8Array[] = []
    const cut = cutter(message => got.push(Uint8Array.from(message)))
    for (let at = 0; at < all.length; at += step) cut(all.subarray(at, at + step))
    t.strictSame(got, messages, `${step} bytes at a time`)
  }
  t.throws(() => cutter(() => {})(Buffer.from('ffffffff', 'hex')), RangeError, 'a length beyond all bounds')
})

t.test('peers: a sender that fills its own memory gets no figure', async t => {
  refuseUnbounded('net', 2 ** 24, 2 ** 29)
  t.throws(() => refuseUnbounded('net', 2 ** 24 + 1, 0), /waited in the sender/)
  t.throws(() => refuseUnbounded('net', 0, 2 ** 29 + 1), /grew/)
})

t.test('peers: no way that is measured is a part of the product', async t => {
  const of = (path: string): string[] =>
    Object.keys((JSON.parse(readFileSync(join(root, path), 'utf8')) as Lock).packages).map(
      key => key.split('node_modules/').at(-1)!,
    )
  const measured = of('test/bench/peers/package-lock.json')
  for (const name of ['libp2p', '@hyperswarm/secret-stream', 'helia', 'hypercore'])
    t.ok(measured.includes(name), name)
  const ours = of('package-lock.json')
  const foreign =
    /^(?:@libp2p\/|libp2p$|@hyperswarm\/|hyperswarm|hypercore|@helia\/|helia$|sodium-secretstream$|streamx$)/
  t.strictSame(
    ours.filter(name => foreign.test(name)),
    [],
  )
  t.notOk(existsSync(join(root, 'node_modules/libp2p')))
})

interface Getter<Got> {
  get(): Promise<Got>
  close(): Promise<void>
}

interface Holder {
  readonly told: unknown
  close(): Promise<void>
}

interface Contents {
  readonly files: {
    hold(file: string, folder: string): Promise<Holder>
    getter(told: unknown, folder: string, out: string): Promise<Getter<void>>
  }
  readonly blocks: {
    hold(blocks: readonly Uint8Array[]): Promise<Holder>
    getter(told: unknown): Promise<Getter<readonly Uint8Array[]>>
  }
}

interface Lock {
  readonly packages: Readonly<Record<string, unknown>>
}

function overChannel(told: unknown): unknown {
  return JSON.parse(JSON.stringify(told))
}

/** Every element is closed in turn, and no text holds a bare mark. */
function wellFormed(t: Test, picture: string): void {
  const open: string[] = []
  for (const [, close, name, self] of picture.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g))
    if (close === '/') t.equal(open.pop(), name, `</${name}>`)
    else if (self !== '/') open.push(name!)
  t.strictSame(open, [])
  t.notMatch(picture.replace(/<[^<>]+>/g, ''), /[<>]|&(?!amp;|lt;|gt;)/)
}
