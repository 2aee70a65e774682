/**
 * P14, the short form: some thousand mutated inputs into every decoder, and nothing left out.
 *
 * `npm run fuzz -- --runs=1000000` is the long form.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../support/root.ts'
import { Seeded } from '../support/seeded.ts'
import { readSources, strip } from '../support/source.ts'
import { contentDecoders } from './content-decoders.ts'
import { decoders } from './decoders.ts'
import { foundNames } from './found.ts'
import { type Decoder, faultOf, fuzz } from './fuzz.ts'
import { mutate } from './mutate.ts'
import { readerDecoders } from './reader-decoders.ts'
import { seed, shortForm } from './short.ts'
import { syncDecoders } from './sync-decoders.ts'
import { textDecoders } from './text-decoders.ts'
import { wireDecoders } from './wire-decoders.ts'

// machines.test.ts has the others.
shortForm([...wireDecoders, ...syncDecoders, ...textDecoders, ...readerDecoders, ...contentDecoders])

/** What reads bytes or text, and is not in the registry by its own name. */
const excused: Readonly<Record<string, string>> = {
  ByteReader: 'what the decoders are made of: each of them runs it',
  readBounded: 'reads a file of any content, at most so many bytes',
  parseObject: 'the entries of the control socket run it',
  readConfigFile: 'reads a file, and hands its text to parseConfig',
  readBlock: 'takes a block out of a store, and looks at nothing in it',
  openResponderUnit: 'the entry initiator runs it',
  RecordReceiver: 'the entry record runs it',
  LineReader: 'the entry line-reader runs it',
  MessageReader: 'the entry message-reader runs it',
  UnitReader: 'the entry units runs it',
}

t.test('P14 every exported decoder is in the registry of the fuzzer, or excused with a reason', async t => {
  const covered = new Set(decoders.flatMap(({ covers }) => covers))
  const names: string[] = []
  const sources = readSources('src', '.ts')
  for (const [path, source] of sources)
    for (const [, name] of strip(source, false).matchAll(
      /^export (?:async )?(?:function|class) ((?:decode|parse|read)[A-Z0-9]\w*|open\w*(?:Unit|Announcement)|\w+(?:Reader|Receiver))\b/gm,
    )) {
      names.push(name!)
      const known = covered.has(name!) || Object.hasOwn(excused, name!)
      t.ok(known, `${name} of ${path}`)
    }
  t.ok(names.length > 40, `${names.length} decoders were found in the source`)
  const all = [...sources.values()].join('\n')
  for (const name of [...covered, ...Object.keys(excused)])
    t.match(all, new RegExp(`^export (async )?(function|class) ${name}\\b`, 'm'), `${name} exists`)
  const entries = decoders.map(({ name }) => name)
  t.equal(new Set(entries).size, entries.length, 'each entry has a name of its own')
  for (const name of foundNames()) t.ok(entries.includes(name), `found/${name}.txt belongs to an entry`)
})

t.test('the fuzzer finds what is wrong, makes it small, and names it', async t => {
  const good = new TextEncoder().encode('length=5,hello')
  const broken = (decode: Decoder['decode'], more: Partial<Decoder> = {}): Decoder => ({
    name: 'broken',
    covers: [],
    corpus: () => [good],
    text: true,
    decode,
    ...more,
  })
  const failure = (decoder: Decoder) => fuzz(decoder, 20_000, seed).failure
  const throws = failure(
    broken(input => {
      if (input.includes(0x39)) throw new TypeError('nine')
    }),
  )
  t.match(throws, { what: 'threw TypeError: nine' })
  t.equal(Buffer.from(throws!.input).toString(), '9', 'as small as it gets')
  const loop = broken(() => {
    const until = performance.now() + 20
    while (performance.now() < until);
  })
  t.match(faultOf(loop, good, 10), /^took \d+/)
  t.match(failure(broken(input => void input.fill(0))), { what: 'changed its input' })
  t.match(
    failure(
      broken(input => [...input], { encode: bytes => Uint8Array.from(bytes).map(byte => byte & 0x7f) }),
    ),
    {
      what: /^encodes to other bytes/,
    },
  )
  t.match(failure(broken(input => input, { encode: bytes => bytes, owns: true })), {
    what: 'keeps its input',
  })
  t.match(failure(broken(() => 'x'.repeat(100_000))), { what: /became more than/ })
  const kept: Uint8Array[] = []
  const leak = broken(() => void kept.push(new Uint8Array(8)))
  t.equal(faultOf(leak, good), undefined, 'what leaks slowly is seen over many inputs only')
})

t.test(
  'the same seed mutates alike, every kind of edit happens, and no input is longer than allowed',
  async t => {
    const corpus = {
      entries: [
        new TextEncoder().encode('port=8000,name=alice'),
        Uint8Array.from({ length: 40 }, (_, i) => 3 * i),
      ],
      words: [new TextEncoder().encode('WORD')],
      text: true,
      most: 300,
    }
    const draw = (from: number): string[] => {
      const dice = new Seeded(from)
      return Array.from({ length: 3_000 }, () => Buffer.from(mutate(dice, corpus)).toString('latin1'))
    }
    t.strictSame(draw(7), draw(7))
    const all = draw(8)
    t.not(all.join(), draw(7).join())
    const lengths = new Set(all.map(text => text.length))
    t.ok(lengths.has(0) && lengths.has(300) && lengths.size > 60, `${lengths.size} lengths`)
    t.ok(all.every(text => text.length <= 300))
    for (const [what, seen] of [
      ['a word', /WORD/],
      ['another number', /port=(65536|1e999|-1)/],
      ['a splice', /^port=8000,.*\x5d\x60/s],
      ['a piece twice', /(ali|ice|name|port|8000)\1/],
      ['half a surrogate pair', /\xed\xa0\x80/],
      ['a flipped bit', /port=8000,name=(?!alice)[a-z]{5}$/],
    ] as const)
      t.ok(
        all.some(text => seen.test(text)),
        what,
      )
    t.ok(
      all.some(text => text.includes('\u001b[31m')),
      'an escape sequence',
    )
  },
)

t.test('every past failure says what it was', async t => {
  for (const name of foundNames())
    for (const line of readFileSync(join(root, 'test', 'fuzz', 'found', `${name}.txt`), 'utf8')
      .trim()
      .split('\n'))
      t.match(line, /^[0-9a-f]+ # .{10,}/, name)
})
