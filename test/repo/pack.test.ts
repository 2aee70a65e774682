/** What npm would publish, installed in an empty folder: the program runs, the types fit, nothing heavy loads. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { exportedNames } from '../support/exports.ts'
import { root } from '../support/root.ts'

interface Pack {
  readonly filename: string
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

const folder = mkdtempSync(join(tmpdir(), 'guild-home-pack-'))
const project = join(folder, 'project')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const run = promisify(execFile)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** No `prepare`: it would build anew under the feet of the tests that run beside this one. */
const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
  cwd: root,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
})
const [pack] = JSON.parse(packed) as [Pack]
const how = install(join(folder, pack.filename))

t.test('the tarball holds what runs, what explains it, and nothing else', async t => {
  const paths = pack.files.map(({ path }) => path)
  for (const path of [
    'README.md',
    'LICENSE',
    'SECURITY.md',
    'CHANGELOG.md',
    'protocol/README.md',
    'bin/guild-home.js',
    'dist/command/cli/main.js',
  ])
    t.ok(paths.includes(path), path)
  const foreign = paths.filter(
    path =>
      !/^(dist\/(src|library|command)\/|src\/|bin\/|protocol\/|package\.json$|[A-Z]+(\.md)?$)/.test(path),
  )
  t.strictSame(foreign, [])
  t.strictSame(
    paths.filter(path => /\.test\.|\.key$|\.db$|\.tsbuildinfo$/.test(path)),
    [],
  )
  for (const path of paths.filter(path => path.endsWith('.js.map'))) {
    const { sources } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { sources: string[] }
    for (const source of sources)
      if (!paths.includes(join(dirname(path), source)))
        t.fail(`${path} tells of ${source}, which is not there`)
  }
  t.comment(`${paths.length} files, ${(pack.unpackedSize / 1e6).toFixed(1)} MB; installed by ${how}`)
})

t.test('every entry of exports is there, with its types', async t => {
  const require = createRequire(join(project, 'index.js'))
  for (const [name, entry] of Object.entries<string | Record<string, string>>(manifest.exports)) {
    for (const path of typeof entry === 'string' ? [entry] : Object.values(entry))
      t.ok(existsSync(join(project, 'node_modules/guild-home', path)), `${name}: ${path}`)
    t.ok(require.resolve(join('guild-home', name)), name)
  }
  t.equal(manifest.types, manifest.exports['.'].types)
  t.ok(existsSync(join(project, 'node_modules/guild-home', manifest.bin['guild-home'])))
})

t.test('the program runs from there', async t => {
  const program = join(project, 'node_modules/guild-home', manifest.bin['guild-home'])
  const env = { PATH: process.env.PATH ?? '', HOME: project, XDG_CONFIG_HOME: join(project, 'config') }
  const { stdout } = await run(process.execPath, [program, '--version'], { cwd: project, env })
  t.equal(stdout.trim(), manifest.version)
  const help = await run(process.execPath, [program, '--help'], { cwd: project, env })
  t.match(help.stdout, '--bootstrap')
  const begun = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  const bare = performance.now() - begun
  const from = performance.now()
  const child = spawn(process.execPath, [program, 'run', '--no-mdns', '--host', '127.0.0.1', '--json'], {
    cwd: project,
    env,
  })
  const first = await new Promise<string>(resolve => child.stdout.once('data', data => resolve(String(data))))
  const listening = performance.now() - from
  t.match(JSON.parse(first.split('\n')[0]!), { event: 'system-start', port: Number })
  const closed = new Promise(resolve => child.once('close', resolve))
  child.kill('SIGTERM')
  t.equal(await closed, 0)
  t.comment(`listening after ${listening.toFixed(0)} ms, node -e 0 takes ${bare.toFixed(0)} ms (bound + 60)`)
  t.ok(listening < bare + 5000)
})

t.test('importing the library loads no package that only a part of it needs', async t => {
  const hooks = `import { writeSync } from 'node:fs'
    export async function load(url, context, next) { writeSync(1, url + '\\n'); return next(url, context) }`
  const register = `import { register } from 'node:module'; register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hooks))})`
  const { stdout } = await run(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(register)}`,
      '--input-type=module',
      '-e',
      "import 'guild-home'",
    ],
    { cwd: project },
  )
  const urls = stdout.trim().split('\n')
  t.ok(urls.some(url => url.endsWith('dist/library/index.js')))
  const packages = new Set(urls.flatMap(url => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []))
  packages.delete('guild-home')
  t.comment(`${urls.length} modules; packages: ${[...packages].join(', ')}`)
  for (const name of ['better-sqlite3', '@fails-components/webtransport', 'yargs', 'multicast-dns'])
    t.notOk(packages.has(name), name)
  t.notMatch(stdout, 'src/testing/', 'nor the simulator')
  t.notMatch(stdout, 'src/cli/')
})

t.test('what can be imported is what the compiler made', async t => {
  const compiled = await exportedNames()
  const into = join(project, 'node_modules/guild-home')
  for (const [name, entry] of Object.entries<string | { default: string }>(manifest.exports)) {
    if (typeof entry === 'string') continue
    const made = await import(pathToFileURL(join(into, entry.default)).href)
    t.strictSame(Object.keys(made).sort(), compiled[name], name)
  }
  const { codes, GuildError } = await import(pathToFileURL(join(into, manifest.exports['.'].default)).href)
  const wire = await import(pathToFileURL(join(into, manifest.exports['./wire'].default)).href)
  t.ok(Object.keys(codes).length > 0)
  t.throws(() => wire.parseAddress('nowhere'), GuildError, 'one GuildError for all entries')
})

/** The bound is V8's, what is below it Node's. */
const measured = process.platform !== 'win32' && Number.parseInt(process.versions.node, 10) === 20
const notHere = measured ? {} : { skip: 'measured with Node 20' }

t.test('a small program stays below the heap that V8 marks for every 24 MB of bulk', notHere, async t => {
  // 8 MiB, of which the program may take some: protocol/decisions.md, "How much memory lives in a small program".
  const program = `import { getHeapSpaceStatistics } from 'node:v8'
    import { createNode, test } from 'guild-home'
    const options = { ...test, swarmKey: new Uint8Array(32).fill(1) }
    const near = await createNode(options)
    const far = await createNode(options)
    far.handle('/sink/1', stream => void stream.on('data', () => {}))
    await Promise.all([near.start(), far.start()])
    await near.connect(far.addresses[0])
    const stream = await near.open(far.peerId, '/sink/1')
    for (let i = 0; i < 500; i++) if (!stream.write(Buffer.alloc(65_536))) await stream.drained()
    gc()
    gc()
    const old = getHeapSpaceStatistics().filter(space => !/^(new|read_only)/.test(space.space_name))
    console.log(old.reduce((sum, space) => sum + space.space_used_size, 0))
    process.exit()`
  const options = ['--expose-gc', '--input-type=module', '-e']
  const { stdout } = await run(process.execPath, [...options, program], { cwd: project })
  const live = Number(stdout) / 2 ** 20
  t.comment(`${live.toFixed(2)} MiB live: two nodes, and both ends of a link`)
  t.ok(live > 3 && live < 7.5)
})

t.test('a strict TypeScript project takes the types, without skipLibCheck', async t => {
  const source = readFileSync(join(root, 'test/repo/consumer.ts.txt'), 'utf8')
  const declared = readFileSync(join(root, 'dist/src/index.d.ts'), 'utf8')
  const names = [...declared.matchAll(/export (?:type )?\{([^}]*)\}/g)]
    .flatMap(([, list]) => list!.split(','))
    .map(name => name.replace('type ', '').trim())
    .filter(name => name !== '')
  t.ok(names.length > 20)
  for (const name of names) t.match(source, new RegExp(`\\b${name}\\b`), `${name} is used`)
  writeFileSync(join(project, 'consumer.ts'), source)
  // The compiler itself, not its JavaScript wrapper.
  const lib = dirname(createRequire(join(root, 'x.js')).resolve('typescript/package.json'))
  const { default: exePath } = (await import(pathToFileURL(join(lib, 'lib/getExePath.js')).href)) as {
    default: () => string
  }
  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    const compilerOptions = {
      target: 'es2022',
      module,
      moduleResolution,
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      verbatimModuleSyntax: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node'],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    const { status, stdout, stderr } = spawnSync(exePath(), ['-p', project], { encoding: 'utf8' })
    t.equal(`${stdout}${stderr}`, '', module)
    t.equal(status, 0, module)
  }
})

/**
 * Into an empty project, from npm's cache; where that does not hold every package, the
 * tarball is unpacked and its dependencies are links to ours.
 */
function install(tarball: string): string {
  mkdirSync(project)
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'project', type: 'module', private: true }),
  )
  const flags = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional']
  const npm = spawnSync('npm', ['install', ...flags, tarball], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (npm.status === 0) return 'npm install --offline'
  const into = join(project, 'node_modules/guild-home')
  rmSync(join(project, 'node_modules'), { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', into, '--strip-components=1'])
  for (const name of Object.keys(manifest.dependencies as object)) {
    const link = join(project, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), link, 'junction')
  }
  return `unpacking, with links to our packages (npm's cache lacks some: ${/code (\w+)/.exec(npm.stderr)?.[1]})`
}
