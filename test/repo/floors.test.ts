/**
 * The floor plan holds, and the check of it notices when it does not.
 */
import { spawnSync } from 'node:child_process'
import t from 'tap'
import { faultsOf } from '../support/floors.ts'
import { root } from '../support/root.ts'
import { readSources, strip } from '../support/source.ts'

t.test('floors: every source file keeps the plan', async t => {
  const sources = readSources('src', '.ts')
  t.ok(sources.size > 20)
  t.strictSame(faultsOf(sources), [])
})

const head = (floor: string): string => `/**\n * A file.\n *\n * Floor: ${floor}.\n */\n`
const good = head('base')
/** Source with `#{` for the placeholder of a template. */
const template = (text: string): string => text.replaceAll('#{', '\u0024{')

t.test('the top level holds what it is planned to hold, and no data of a node', async t => {
  const { status, stdout } = spawnSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  if (status !== 0) return t.comment('not checked: this is no checkout of git')
  const files = stdout.trim().split('\n')
  const folders = new Set(files.filter(path => path.includes('/')).map(path => path.split('/')[0]))
  t.strictSame([...folders].sort(), ['.ci', 'bin', 'protocol', 'src', 'test'])
  t.strictSame(
    files.filter(path => /(^|\/)(identity\.key|lock|peers\.json|swarm\.key)$/.test(path)),
    [],
  )
})

t.test('floors: what is broken on purpose is noticed', async t => {
  const wire = `${head('wire')}export const a = 1\n`
  const cases: [string, Record<string, string>, RegExp | undefined][] = [
    ['a good file', { 'src/base/a.ts': `${good}export const a = 1\n` }, undefined],
    ['no header', { 'src/base/a.ts': 'export const a = 1\n' }, /header comment/],
    ['a floor it is not on', { 'src/base/a.ts': head('wire') }, /"Floor: base"/],
    ['an unknown floor', { 'src/attic/a.ts': good }, /no floor/],
    ['401 lines', { 'src/base/a.ts': `${good}${'\n'.repeat(396)}` }, /401 lines/],
    [
      'upward',
      { 'src/base/a.ts': `${good}import { a } from '../wire/b.ts'\n`, 'src/wire/b.ts': wire },
      /base may not import wire/,
    ],
    [
      'downward',
      { 'src/link/a.ts': `${head('link')}export * from '../wire/b.ts'\n`, 'src/wire/b.ts': wire },
      undefined,
    ],
    [
      'sideways',
      { 'src/noise/a.ts': `${head('noise')}import '../packets/b.ts'\n`, 'src/packets/b.ts': head('packets') },
      /noise may not import packets/,
    ],
    [
      'a shell above its place',
      {
        'src/store/a.ts': `${head('store')}const b = await import('../link/b.ts')\n`,
        'src/link/b.ts': head('link'),
      },
      /store may not import link/,
    ],
    ['nowhere', { 'src/base/a.ts': `${good}import '../base/none.ts'\n` }, /not there/],
    [
      'node in a core',
      { 'src/wire/a.ts': `${head('wire')}import fs from 'node:fs'\n` },
      /a core imports node:fs/,
    ],
    ['node in a shell', { 'src/store/a.ts': `${head('store')}import fs from 'node:fs'\n` }, undefined],
    ['a package', { 'src/wire/a.ts': `${head('wire')}import x from '@scope/x/deep'\n` }, /package @scope\/x/],
    [
      'a package of the table',
      { 'src/cli/a.ts': `${head('cli')}import y from 'yargs/helpers'\n` },
      undefined,
    ],
    [
      'a package out of place',
      { 'src/node/a.ts': `${head('node')}import y from 'yargs'\n` },
      /package yargs/,
    ],
    [
      'a circle',
      { 'src/base/a.ts': `${good}import './b.ts'\n`, 'src/base/b.ts': `${good}import './a.ts'\n` },
      /circle of imports: src\/base\/a.ts → src\/base\/b.ts → src\/base\/a.ts/,
    ],
  ]
  for (const [name, files, expected] of cases) {
    const faults = faultsOf(new Map(Object.entries(files)))
    if (expected === undefined) t.strictSame(faults, [], name)
    else t.match(faults, [expected], name)
  }
})

t.test('floors: a core that asks for time, chance or Node is noticed, whatever hides it', async t => {
  const broken = [
    'const now = Date.now()',
    'const at = performance.now()',
    'const luck = Math.random()',
    'setTimeout(go, 5)',
    'queueMicrotask(go)',
    'process.exit()',
    'Buffer.from(x)',
    'const go = async () => {}',
    template('const text = `#{Date.now()}`'),
    template('const text = `a #{{ b: `#{process.pid}` }.b} c`'),
    'const half = a / 2; process.exit() // b / 2',
    "const quote = /'/; process.exit(); const other = /'/",
  ]
  for (const line of broken) {
    const [fault] = faultsOf(new Map([['src/link/a.ts', `${head('link')}${line}\n`]]))
    t.match(fault, /a core names/, line)
    t.strictSame(faultsOf(new Map([['src/runtime/a.ts', `${head('runtime')}${line}\n`]])), [], 'a shell may')
  }
  const innocent = [
    '// Date.now() is not for us',
    '/* nor a Promise */',
    "const text = 'process'",
    template('const text = `Buffer #{a} async`'),
    'const pattern = /[/]Date|await/',
    'const update = 1, processed = 2',
  ]
  for (const line of innocent)
    t.strictSame(faultsOf(new Map([['src/link/a.ts', `${head('link')}${line}\n`]])), [], line)
})

t.test('strip: comments go, strings stay or go', async t => {
  t.equal(strip("a('//') // b", true), "a('//') ")
  t.equal(strip('a(\'/*\', "*/") /* b */ + c', false), 'a(\'\', "")  + c')
  t.equal(strip(template('a = `x #{b + `y`} z` + c'), false), 'a = ``b + ```` + c')
  t.equal(strip('a = b / c / d', false), 'a = b / c / d')
})
