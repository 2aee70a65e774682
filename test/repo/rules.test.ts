/**
 * Every rule of a page is met by a line of source and proved by a test that says so, and the
 * other way round; and the check of it notices when it is not so.
 */
import t from 'tap'
import { citationsOf, definitionsOf, disagreements, exceptionsOf, provedIn } from '../support/rules.ts'
import { readSources } from '../support/source.ts'

const pages = readSources('protocol', '.md')
const source = new Map([...readSources('src', '.ts'), ...readSources('bin', '.js')])
// This file speaks of ids, and meets none.
const tests = new Map([...readSources('test', '.ts')].filter(([path]) => path !== 'test/repo/rules.test.ts'))

t.test('rules: pages, source and tests agree on every id', async t => {
  const exceptions = exceptionsOf(pages.get('protocol/proof.md')!)
  t.ok(exceptions.size > 0)
  const { faults, needless } = disagreements(pages, source, tests, exceptions)
  t.strictSame(faults, [])
  const ofFaults = definitionsOf(new Map([['faults', pages.get('protocol/faults.md')!]]))
  t.comment(
    `strike out of protocol/proof.md: ${needless.filter(id => ofFaults.has(id)).join(' ') || 'nothing'}`,
  )
  t.strictSame(
    needless.filter(id => !ofFaults.has(id)),
    [],
    'strike these out of protocol/proof.md: they are cited and proved',
  )
})

const sources = (files: Record<string, string>): Map<string, string> => new Map(Object.entries(files))
const good = {
  pages: { 'protocol/a.md': '- **[AB-1]** a rule\n- **[AB-2]** another, see AB-1\n' },
  source: { 'src/a.ts': '// spec: AB-1\n/** Refuses (spec: AB-2, more) SHA-256. */\n' },
  tests: { 'test/a.test.ts': "t.test('AB-1 AB-2 both hold', async t => {})\n" },
}

t.test('rules: what is broken on purpose is noticed', async t => {
  const without = (what: Partial<typeof good>, exceptions = '') => {
    const { pages, source, tests } = { ...good, ...what }
    return disagreements(sources(pages), sources(source), sources(tests), exceptionsOf(exceptions))
  }
  t.strictSame(without({}), { faults: [], needless: [] })
  const cases: [string, Partial<typeof good>, RegExp][] = [
    [
      'defined twice',
      { pages: { 'protocol/a.md': `${good.pages['protocol/a.md']}**[AB-1]**` } },
      /AB-1 is defined/,
    ],
    ['not met', { source: { 'src/a.ts': '// spec: AB-1' } }, /no source cites AB-2/],
    ['not proved', { tests: { 'test/a.test.ts': "t.test('AB-1 holds'" } }, /no test has AB-2/],
    [
      'proved in a comment alone',
      { tests: { 'test/a.test.ts': "t.test('AB-1' // AB-2" } },
      /no test has AB-2/,
    ],
    ['cited, not defined', { source: { 'src/a.ts': '// spec: AB-1, AB-2, AB-3' } }, /src\/a.ts cites AB-3/],
    ['of a page', { pages: { 'protocol/a.md': `${good.pages['protocol/a.md']} AB-7` } }, /a.md cites AB-7/],
    [
      'of a test',
      { tests: { 'test/a.test.ts': `${good.tests['test/a.test.ts']} t.test(\`AB-9 x\`)` } },
      /cites AB-9/,
    ],
  ]
  for (const [name, what, expected] of cases) t.match(without(what).faults, [expected], name)
  const table = '| AB-2 | test | it cannot be shown |\n| ZZ | both | not built |\n'
  t.match(without({}, table), { faults: [/exception for ZZ/], needless: ['AB-2'] })
  t.strictSame(without({ tests: { 'test/a.test.ts': "t.test('AB-1'" } }, '| AB | test | why |'), {
    faults: [],
    needless: [],
  })
})

t.test('rules: the search finds what it must', async t => {
  const families = new Set(['AB', 'CD'])
  const find = (text: string): string[] => [...citationsOf(text, families)].sort()
  t.strictSame(find('// (spec: AB-1, XY-9; more) SHA-256'), ['AB-1', 'XY-9'])
  t.strictSame(find("t.test('CD-2 AB-7 UTF-8: title'"), ['AB-7', 'CD-2'])
  t.strictSame(find(' * Faults: AB-1, ZZ-03 · Floor: x'), ['AB-1', 'ZZ-03'])
  t.strictSame(find('RFC-1 P-256 nothing'), [])
  const defined = definitionsOf(sources({ a: '**[AB-1]** **[P3]** **[CD-2]**' }))
  const proved = (text: string): string[] => [...provedIn(text, defined)].sort()
  t.strictSame(proved("t.test(\n  'it\\'s AB-1', { skip: x }"), ['AB-1'])
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a title as it stands in a source
  t.strictSame(proved('await t.test(`${name}: P3 CD-2 AB-9`'), ['CD-2', 'P3'])
  t.strictSame(proved("t.equal(a, b, 'AB-1')"), [])
})
