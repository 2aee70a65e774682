/** What a plain `run` loads, from the bundle and without it, and which of the two the program takes. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { Folder } from '../support/processes.ts'
import { root } from '../support/root.ts'

const bundle = 'dist/command/cli/main.js'
const plain = 'dist/src/cli/main.js'
/** What the compiler found, written when it found something new. */
const record = 'dist/made.tsbuildinfo'
const notBundled = existsSync(join(root, bundle)) ? {} : { skip: 'there is no bundle here: npm run build' }

/** Each is resolved, read and compiled by itself: of a start from 64 files that was two fifths. */
const FILES_MAX = 8

/** File of the bundle → the modules it was made of: `test/support/bundle.ts`. */
type ModulesOf = Readonly<Record<string, readonly string[]>>

/** What has no place in a plain run. */
const unasked =
  /^dist\/src\/(cli\/(bench|help|monitor\/(screen|views))|http|testing|discovery|crypto\/noble|node\/(lan|line-port|exchange|reach|tracker)|content|membership\/dial-order|protocols\/(bitswap|tracker|control\/blocks)|store\/(blocks|tree|sqlite|guild-db|tracker-cache|registrations)|wire\/(bitswap|tracker\.))/

const packagesOf = (files: readonly string[]): string[] => [
  ...new Set(files.flatMap(file => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [])),
]

/** Every file that a node of this `main` loads until it has listened and was told to end, from the root. */
async function loadedBy(folder: Folder, main: string): Promise<string[]> {
  const start = join(folder.path, 'start.mjs')
  writeFileSync(start, `import(${JSON.stringify(join(root, main))}).then(({ runProcess }) => runProcess())`)
  const coverage = join(folder.path, 'coverage')
  const args = ['run', '--port', '0', '--host', '127.0.0.1', '--no-mdns', '--open', 'startup']
  const running = folder.launch(
    args,
    { NODE_V8_COVERAGE: coverage }, // Node lists every script of the process there when it ends
    [],
    start,
  )
  await running.shows(/listening on port/)
  running.types('/quit')
  await running.ends()
  // What a test runner loads into every process is not ours.
  const empty = join(folder.path, 'empty')
  spawnSync(process.execPath, ['-e', '0'], { env: { ...process.env, NODE_V8_COVERAGE: empty } })
  const without = new Set(scriptsIn(empty))
  const scripts = scriptsIn(coverage).filter(url => !without.has(url))
  return scripts.flatMap(url => /\/((?:dist|node_modules)\/.*\.(?:[cm]?js|node))$/.exec(url)?.[1] ?? [])
}

function scriptsIn(coverage: string): string[] {
  return readdirSync(coverage).flatMap(file => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url)
  })
}

t.test(
  'a plain run loads no native module, no package but one, and no part that was not asked for',
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    // It has blocks from an earlier day, and answers for them when somebody asks.
    writeFileSync(join(folder.path, 'note'), 'kept')
    t.match(await folder.command(['add', 'note']), { code: 0 })
    t.ok(existsSync(join(folder.path, 'data/blocks.db')))
    const files = await loadedBy(folder, plain)
    t.strictSame(packagesOf(files), ['multiformats'], 'the only package')
    t.ok(
      files.includes('dist/src/cli/commands/run.js') && files.includes('dist/src/node/mesh.js'),
      'and ours',
    )
    t.strictSame(
      files.filter(file => unasked.test(file) || file.endsWith('.node')),
      [],
    )
  },
)

t.test('the bundle: no more than that, in a handful of files', notBundled, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const files = await loadedBy(folder, bundle)
  const modulesOf = JSON.parse(readFileSync(join(root, 'dist/command.json'), 'utf8')) as ModulesOf
  const chunks = files.filter(file => file.startsWith('dist/command/'))
  t.strictSame(chunks, files, 'nothing stands outside it, of packages neither')
  for (const chunk of chunks) if (!(chunk in modulesOf)) t.fail(`${chunk} is of another build`)
  const inside = chunks.flatMap(chunk => modulesOf[chunk] ?? [])
  t.strictSame(packagesOf(inside), ['multiformats'])
  t.ok(inside.includes('dist/src/cli/commands/run.js') && inside.includes('dist/src/node/mesh.js'))
  t.strictSame(
    inside.filter(file => unasked.test(file)),
    [],
  )
  const all = Object.values(modulesOf).flat()
  t.equal(new Set(all).size, all.length, 'no module is in two of them: there is one class GuildError')
  t.ok(
    chunks.length <= FILES_MAX,
    `${chunks.length} files: what a start always loads is listed in test/support/bundle.ts`,
  )
})

t.test('a bundle that is older than what it was made of is not used', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const program = join(folder.path, 'bin/guild-home.js')
  mkdirSync(dirname(program))
  copyFileSync(join(root, 'bin/guild-home.js'), program)
  writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }')
  const started = async (): Promise<string> => {
    const running = folder.launch([], {}, [], program)
    await running.ends()
    return running.out() + running.err()
  }
  const write = (path: string, says: string, at: number): void => {
    const file = join(folder.path, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `export const runProcess = () => console.log('${says}')`)
    utimesSync(file, at, at)
  }
  t.match(await started(), 'not built')
  write(plain, 'plain', 1_000)
  t.equal(await started(), 'plain\n', 'a compiler that ran alone')
  write(bundle, 'bundle', 999)
  t.equal(await started(), 'bundle\n', 'an unpacked package has no record of the compiler')
  write(record, '', 1_000)
  t.equal(await started(), 'plain\n', 'the compiler found something new after the bundler')
  write(bundle, 'bundle', 1_000)
  t.equal(await started(), 'bundle\n', 'one time for both')
  write(bundle, 'bundle', 1_001)
  t.equal(await started(), 'bundle\n', 'a build')
})
