/**
 * `npm run mutants`: plants one bug at a time in a copy of this checkout, and runs the suite
 * until a test fails.
 *
 *   copy of src and test ─▶ one replacement ─▶ tsc ─▶ test files, nearest first ─▶ caught, or missed
 *
 *   npm run mutants                    every mutant, two at a time
 *   npm run mutants -- --only=records  those whose file or description has this in it
 *
 * Ends non-zero when one was missed, or is out of date. A test file that hangs is caught by
 * its deadline and counts as failed: a bug that stops everything was noticed.
 */
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { optionsOf } from '../support/options.ts'
import { type Mutant, mutants } from './list.ts'

const values = optionsOf(import.meta.url, {
  only: { type: 'string', default: '' },
  jobs: { type: 'string', default: '2' },
})
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
/** As long as tap gives a test file; a bug that stops everything was noticed too. */
const PATIENCE = 120_000
/** Run when the tests beside the mutant's own folder found nothing, in this order. */
const folders = ['noise', 'link', 'streams', 'membership', 'node', 'sim']

interface Ran {
  readonly status: number | null
  readonly output: string
}

function run(command: string, args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise(settled => {
    const child = spawn(command, args, { cwd, env: { ...process.env, TAP_BAIL: '1', NO_COLOR: '1' } })
    let output = ''
    const keep = (text: Buffer): void => {
      output = (output + text.toString()).slice(-200_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    child.on('close', status => {
      clearTimeout(late)
      settled({ status, output })
    })
  })
}

function testFiles(tree: string, mutant: Mutant): string[] {
  const own = mutant.file.split('/')[1]!
  const order = [own, ...folders.filter(folder => folder !== own)]
  return order.flatMap(folder => {
    const path = join(tree, 'dist/test', folder)
    if (!existsSync(path)) return []
    return readdirSync(path)
      .filter(name => name.endsWith('.test.js'))
      .map(name => join(path, name))
  })
}

/** What became of it: the test that caught it, or what went wrong. */
async function plant(mutant: Mutant): Promise<{ caught: boolean; by: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'mutant-'))
  const tree = join(folder, 'tree')
  try {
    for (const part of [
      'src',
      'test',
      'bin',
      'protocol',
      'package.json',
      'tsconfig.json',
      'README.md',
      'LICENSE',
    ])
      cpSync(join(root, part), join(tree, part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
    if (existsSync(join(root, '../shared'))) symlinkSync(join(root, '../shared'), join(folder, 'shared'))
    const path = join(tree, mutant.file)
    const source = readFileSync(path, 'utf8')
    const pieces = source.split(mutant.find)
    if (pieces.length !== 2)
      return { caught: false, by: `OUT OF DATE: its text stands ${pieces.length - 1} times` }
    writeFileSync(path, pieces.join(mutant.replace))
    const built = await run(
      process.execPath,
      [join(tree, 'node_modules/typescript/bin/tsc'), '-p', '.'],
      tree,
    )
    if (built.status !== 0) return { caught: false, by: `does not compile: ${built.output.split('\n')[0]}` }
    for (const file of testFiles(tree, mutant)) {
      const { status, output } = await run(process.execPath, [file], tree)
      if (status === 0) continue
      const title = /^ *not ok \d+ - (?!.*\.test)(.{1,160})/m.exec(output)?.[1]
      return {
        caught: true,
        by: `${file.slice(join(tree, 'dist/').length)}: ${title ?? (status === null ? 'it hung' : 'it ended')}`,
      }
    }
    return { caught: false, by: 'MISSED' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const chosen = mutants.filter(({ about, file }) => `${file} ${about}`.includes(values.only))
const waiting = [...chosen]
let caught = 0
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const end = await plant(mutant)
      if (end.caught) caught++
      console.log(`${end.caught ? 'caught' : 'FAILED'}  ${mutant.file}  ${mutant.about}\n        ${end.by}`)
    }
  }),
)
console.log(`${caught} passed, ${chosen.length - caught} failed`)
process.exitCode = caught === chosen.length ? 0 : 1
