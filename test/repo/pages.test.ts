/**
 * Pages, registry, lock file, exports: the repository agrees with itself.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { exportedNames, snapshotPath } from '../support/exports.ts'
import { generate, registryBreaks, registryJson } from '../support/protocol-pages.ts'
import { root } from '../support/root.ts'
import { readSources, strip } from '../support/source.ts'
import { stateTables } from '../support/state-tables.ts'

const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const pages = readSources('protocol', '.md')
const code = new Map([
  ...readSources('src', '.ts'),
  ...readSources('bin', '.js'),
  ...readSources('test', '.ts'),
  ...readSources('test', '.mjs'),
])

/**
 * Rules whose floor is still being built. A page may be ahead of the code for that long: strike
 * out what is cited (the test prints it), until this is empty.
 */
const ahead: readonly string[] = [
  ...ids('FRAME', 1, 10),
  ...ids('HAND', 1, 9),
  ...['HAND-11', 'HAND-12', 'HAND-13', 'HAND-14', 'HAND-16', 'HAND-18'],
  ...ids('STREAM', 1, 2),
  ...ids('STREAM', 4, 12),
  ...ids('PEERS', 1, 3),
  ...ids('ADDR', 1, 4),
  ...ids('ID', 1, 4),
  ...ids('SWARM', 1, 4),
  ...ids('CHAT', 2, 3),
  ...['PING-1', 'MESH-1', 'DRAIN-1', 'CLOSE-1', 'TYPE-5', 'NUM-4', 'ERR-2'],
]

function ids(family: string, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${family}-${first + i}`)
}

t.test('protocol: generated pages are fresh (npm run protocol)', async t => {
  for (const [path, text] of generate()) t.equal(existsSync(join(root, path)) && read(path), text, path)
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

const definition = /\*\*\[([A-Z]+-?\d+)\]\*\*/g

t.test('spec ids: each is defined once, and every one that is cited is defined', async t => {
  const defined = new Map<string, string>()
  for (const [path, text] of pages)
    for (const [, id] of text.matchAll(definition)) {
      t.notOk(defined.has(id!), `${id} in ${path} and ${defined.get(id!)}`)
      defined.set(id!, path)
    }
  const cited = new Set<string>()
  for (const [path, text] of code) {
    if (path === 'test/repo/pages.test.ts') continue // speaks of ids, and meets none
    for (const id of citations(text, defined)) {
      cited.add(id)
      if (!defined.has(id)) t.fail(`${path} cites ${id}, which no page defines`)
    }
  }
  const faults = [...defined].filter(([, path]) => path === 'protocol/faults.md').map(([id]) => id)
  const proved = faults.filter(id => cited.has(id))
  t.comment(`${proved.length} of ${faults.length} faults and properties are cited`)
  const rules = [...defined.keys()].filter(id => !faults.includes(id) && !cited.has(id))
  t.comment(
    `rules that wait for their code: ${rules.length}; strike out: ${ahead.filter(id => cited.has(id))}`,
  )
  for (const id of ahead) t.ok(defined.has(id), `${id} is a rule`)
  t.strictSame(
    rules.filter(id => !ahead.includes(id)),
    [],
    'every other rule is cited where it is met or proved',
  )
})

t.test('spec ids: the search finds what it must', async t => {
  const defined = new Map([
    ['AB-1', ''],
    ['CD-2', ''],
  ])
  const find = (text: string): string[] => [...citations(text, defined)].sort()
  t.strictSame(find('// (spec: AB-1, XY-9; more) SHA-256'), ['AB-1', 'XY-9'])
  t.strictSame(find("t.test('CD-2 AB-7 UTF-8: title'"), ['AB-7', 'CD-2'])
  t.strictSame(find(' * Faults: AB-1, ZZ-03 · Floor: x'), ['AB-1', 'ZZ-03'])
  t.strictSame(find('RFC-1 P-256 nothing'), [])
})

t.test('decisions: each number that is cited is there', async t => {
  const numbers = new Set([...pages.get('protocol/decisions.md')!.matchAll(/^### (\d+)\. /gm)].map(m => m[1]))
  for (const [path, text] of code)
    for (const [, number] of text.matchAll(/\bdecision (\d+)\b/g))
      t.ok(numbers.has(number), `${path}: decision ${number}`)
})

/** Ids behind `spec:` or `Faults:`, and whatever looks like an id of a known family. */
function citations(source: string, defined: ReadonlyMap<string, string>): Set<string> {
  const families = new Set([...defined.keys()].map(id => id.replace(/-\d+$/, '')))
  const found = new Set<string>()
  const text = source.replace(definition, '') // where a page is made, an id is defined, not cited
  for (const [, list] of text.matchAll(/\b(?:spec|Faults): ((?:[A-Z]+-?\d+(?:,\s+(?:\* )?)?)+)/g))
    for (const [id] of list!.matchAll(/[A-Z]+-?\d+/g)) found.add(id)
  for (const [id, family] of text.matchAll(/\b([A-Z]{2,})-\d+\b/g)) if (families.has(family!)) found.add(id)
  return found
}

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
