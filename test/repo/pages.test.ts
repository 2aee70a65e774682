/**
 * Pages, registry, lock file, exports: the repository agrees with itself.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { commandNames } from '../../src/cli/flags.ts'
import { datagramStoryPath, withDatagrams } from '../support/datagram-story.ts'
import { exportedNames, snapshotPath } from '../support/exports.ts'
import { numbers, oneFileFetched, oneFilePath, withMessages } from '../support/one-file.ts'
import { generate, registryBreaks, registryJson } from '../support/protocol-pages.ts'
import { root } from '../support/root.ts'
import { readSources, strip } from '../support/source.ts'
import { stateTables } from '../support/state-tables.ts'
import { threeNodesMeet, threeNodesPath, withUnits } from '../support/three-nodes.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const pages = readSources('protocol', '.md')
const code = new Map([
  ...readSources('src', '.ts'),
  ...readSources('bin', '.js'),
  ...readSources('test', '.ts'),
  ...readSources('test', '.mjs'),
])

t.test('protocol: generated pages are fresh (npm run protocol)', async t => {
  for (const [path, text] of generate()) t.equal(existsSync(join(root, path)) && read(path), text, path)
})

t.test('three nodes meet: as the running nodes say it, twice alike (npm run protocol)', async t => {
  const page = read(threeNodesPath)
  const story = await threeNodesMeet()
  t.equal(withUnits(page, story), page)
  t.equal(withUnits(page, await threeNodesMeet()), page)
  t.throws(() => withUnits(page.replace(/<!-- units 8 -->/, ''), story), /unit 8/, 'each unit is shown')
})

t.test('one file from three peers: as the running nodes say it, twice alike (npm run protocol)', async t => {
  const page = read(oneFilePath)
  const story = await oneFileFetched()
  t.equal(withMessages(page, story), page)
  t.equal(withMessages(page, await oneFileFetched()), page)
  t.throws(() => withMessages(page.replace(/<!-- messages 7 -->/, ''), story), /message 7/, 'each is shown')
  t.ok(story.text === numbers, 'the file came out as it went in')
  t.strictSame(
    [story.sources.length, story.sources.reduce((sum, { blocks }) => sum + blocks, 0)],
    [3, story.blocks.length],
    'three took part, and no block came twice',
  )
})

t.test('a handshake in datagrams: as it crosses, twice alike (npm run protocol)', async t => {
  const page = read(datagramStoryPath)
  t.equal(withDatagrams(page), page)
  t.throws(() => withDatagrams('a page without it'), /no place/)
})

t.test('REG-1 protocol: the registry may grow, and nothing else', async t => {
  t.strictSame(JSON.parse(read('protocol/registry.json')), registryJson())
  const before = { VERSION: 1, frameTypes: { PING: { type: 1, carrier: 'both' } }, codes: { A: 0 } }
  t.strictSame(registryBreaks(before, before), [])
  t.strictSame(registryBreaks(before, { ...before, codes: { A: 0, B: 1 }, more: {} }), [], 'added')
  t.strictSame(registryBreaks(before, { ...before, codes: {} }), ['codes.A: 0 became undefined'])
  t.strictSame(registryBreaks(before, { ...before, codes: undefined }), ['codes is gone'])
  t.strictSame(registryBreaks(before, { ...before, VERSION: 2 }), ['VERSION: 1 became 2'])
  const moved = { ...before, frameTypes: { PING: { type: 1, carrier: 'record' } } }
  t.strictSame(registryBreaks(before, moved), ['frameTypes.PING.carrier: both became record'])
})

t.test('REG-1 protocol: no two names share a number', async t => {
  for (const [name, numbers] of Object.entries(registryJson())) {
    if (typeof numbers === 'number') continue
    const values = Object.values(numbers).map(value => (value as { type?: number }).type ?? value)
    t.equal(new Set(values).size, values.length, name)
  }
})

t.test('decisions: each number that is cited is there', async t => {
  const numbers = new Set([...pages.get('protocol/decisions.md')!.matchAll(/^### (\d+)\. /gm)].map(m => m[1]))
  for (const [path, text] of code)
    for (const [, number] of text.matchAll(/\bdecision (\d+)\b/g))
      t.ok(numbers.has(number), `${path}: decision ${number}`)
})

/** Pages to look things up on. All others tell a story. */
const reference = [
  'README',
  'decisions',
  'deviations',
  'errors',
  'faults',
  'glossary',
  'limits',
  'proof',
  'registry',
]

t.test('pages: story, rules, attacker, what is left out, an exercise', async t => {
  for (const [path, text] of pages) {
    if (!/^protocol\/[a-z0-9-]+\.md$/.test(path)) continue
    if (reference.some(name => path === `protocol/${name}.md`)) continue
    for (const part of ['Story', 'What an attacker (?:sees|gets|tries)', 'What we left out', 'Exercise'])
      t.match(text, new RegExp(`^## ${part}`, 'm'), `${path}: ${part}`)
    if (![threeNodesPath, oneFilePath].includes(path))
      t.match(text, /^- \*\*\[[A-Z]+-\d+\]\*\*/m, `${path}: rules with ids`)
    t.ok(pages.get('protocol/README.md')!.includes(`(${path.slice(9)})`), `${path} is in the reading order`)
  }
})

t.test('pages: head, links, and files that are named', async t => {
  const anchors = (text: string): Set<string> =>
    new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => slug(title!)))
  const all = new Map([...pages, ...['README.md', 'CHANGELOG.md', 'SECURITY.md'].flatMap(asPage)])
  for (const [path, text] of all) {
    if (path.startsWith('protocol/'))
      t.match(text, /^# .+\n\n.+\n\nstatus: /, `${path}: title, purpose, status`)
    const prose = text.replace(/```[\s\S]*?```/g, '')
    for (const [, target] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [file, anchor] = target!.split('#')
      const at = file === '' ? path : join(dirname(path), file!)
      if (!existsSync(join(root, at))) t.fail(`${path} links to ${target}, which is not there`)
      else if (anchor) t.ok(anchors(read(at)).has(anchor), `${path} → ${target}`)
    }
  }
  const later = ['protocol/packets.md'] // comes with the UDP path
  for (const [path, text] of readSources('src', '.ts'))
    for (const [named] of text.matchAll(/protocol\/[a-z0-9/-]+\.(?:md|json)/g))
      if (!later.includes(named)) t.ok(existsSync(join(root, named)), `${path} names ${named}`)
})

t.test('pages: commands, scripts and files that they name are there', async t => {
  const { scripts } = JSON.parse(read('package.json'))
  const named = { commands: 0, scripts: 0, files: 0 }
  for (const [path, text] of new Map([...pages, ...['README.md', 'SECURITY.md'].flatMap(asPage)])) {
    for (const [, command] of text.matchAll(/(?:`|^)guild-home ([a-z][a-z0-9-]*)/gm)) {
      named.commands++
      t.ok((commandNames as readonly string[]).includes(command!), `${path}: guild-home ${command}`)
    }
    for (const [, script] of text.matchAll(/\bnpm run ([a-z:-]+)/g)) {
      named.scripts++
      t.ok(script! in scripts, `${path}: npm run ${script}`)
    }
    for (const [, file] of text.matchAll(/`((?:src|test|bin|protocol)\/[\w./-]*)`/g)) {
      named.files++
      t.ok(existsSync(join(root, file!)), `${path}: ${file}`)
    }
  }
  t.ok(named.commands > 10 && named.scripts > 3 && named.files > 50, JSON.stringify(named))
})

function asPage(path: string): [string, string][] {
  return existsSync(join(root, path)) ? [[path, read(path)]] : []
}

/** As GitHub makes an anchor of a title. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
}

t.test('states: every table of src is drawn', async t => {
  const drawn = Object.values(stateTables)
  for (const [path, text] of readSources('src', '.ts')) {
    if (path === 'src/base/states.ts') continue
    for (const name of tableNames(text)) {
      const module = await import(pathToFileURL(join(root, 'dist', path.replace(/\.ts$/, '.js'))).href)
      t.ok(drawn.includes(module[name]), `${path}: ${name} is exported and in test/support/state-tables.ts`)
    }
  }
  t.strictSame(tableNames('type S = StateOf<typeof sending>'), ['sending'])
  t.strictSame(tableNames('export const door = {\n  a: {},\n} as const satisfies StateTable'), ['door'])
})

function tableNames(text: string): string[] {
  const plain = strip(text, false)
  const used = [...plain.matchAll(/\bStateOf<typeof (\w+)>/g)]
  const declared = [...plain.matchAll(/^export const (\w+) = \{[^=]*?\} as const satisfies StateTable\b/gm)]
  return [...new Set([...used, ...declared].map(([, name]) => name!))]
}

t.test('package-lock: no libp2p, no helia, no addresses', async t => {
  const lock = JSON.parse(read('package-lock.json'))
  for (const [path, entry] of Object.entries<{ resolved?: string }>(lock.packages)) {
    const name = path.split('node_modules/').at(-1)!
    t.notOk(/^(?:@libp2p\/|libp2p|helia|@helia\/)/.test(name), `${name} is not for us`)
    t.notOk(entry.resolved, `${path} tells where it came from`)
  }
  const { dependencies } = JSON.parse(read('package.json'))
  t.strictSame(lock.packages[''].dependencies, dependencies, 'the lock file is of this package.json')
})

t.test('code: nothing left half done, no test left out', async t => {
  // Put together here, so that this file does not find itself.
  const marks = [`.${'only'}(`, `${'sk'}ip(`, `${'TO'}DO`, `${'FIX'}ME`, `${'XX'}X `]
  for (const [path, text] of code)
    for (const mark of marks) if (text.includes(mark)) t.fail(`${path} holds ${mark}`)
  t.ok(code.size > 40)
})

t.test('exports: the names a program can import (npm run protocol)', async t => {
  const names = await exportedNames()
  t.strictSame(names, JSON.parse(readFileSync(snapshotPath, 'utf8')))
  t.ok(names['./wire']!.includes('explainFrames'))
})
