/**
 * Makes `dist/command`: the command line in few files, of which a plain `run` loads a handful. And `dist/library`, what
 * programs import, most of it in one file: protocol/decisions.md, "How much memory lives in a small program".
 *
 *   cli/main.js and all it imports ─────────────────────▶ main.js
 *   what a start loads besides, and all that imports ───▶ run.js
 *   whatever is left, by who asks for it ───────────────▶ cat.js, exchange.js, line-port.js, …
 *
 * Left to itself a bundler makes one file for each distinct set of dynamic imports that lead to a module. With fifty
 * such imports a start needs sixty files, and each of them is resolved, read and compiled by itself. So what a
 * start needs in any case is named here. `test/cli/startup.test.ts` counts, and says what is missing.
 *
 * Which file holds which modules is written to `dist/command.json`.
 */
import { writeFileSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'
import { build } from 'rolldown'
import { root } from './root.ts'

const source = 'dist/src'

/** Processes begin with these. Those of `bench` are started by their path: `src/cli/bench/child.ts`. */
const entries = [
  'cli/main.js',
  'cli/bench/worker.js',
  'cli/bench/idle-process.js',
  'cli/bench/blocks-process.js',
]

/** A plain `run` imports these when it begins, each by `import()`, that the library and other commands may do without. */
const start = [
  'cli/commands/run.js',
  'index.js',
  'transport/tcp.js',
  'transport/udp.js',
  'node/control-socket.js',
]

/** Native, or read by who asks for them only. They are found where npm put them. */
const external = ['@fails-components/webtransport', 'better-sqlite3', 'multicast-dns', 'smol-toml', 'yargs']

const paths = (modules: readonly string[]): string[] => modules.map(module => join(root, source, module))
const among = (modules: readonly string[]): ((id: string) => boolean) => {
  const ids = new Set(paths(modules))
  return id => ids.has(id)
}

const shape = {
  format: 'es',
  entryFileNames: '[name].js',
  cleanDir: true,
  // Names and lines stay, for stack traces to be read. Text of one byte a character is half of it in V8's memory.
  minify: {
    compress: false,
    mangle: false,
    codegen: { removeWhitespace: false, asciiOnly: true, legalComments: 'inline' },
  },
} as const

const common = {
  cwd: root,
  platform: 'node',
  // What others need of an entry may stand in it: no empty files that pass on.
  preserveEntrySignatures: 'allow-extension',
  // A module may be imported at once by one and late by another: it is in memory by then.
  checks: { ineffectiveDynamicImport: false },
} as const

const { output } = await build({
  ...common,
  input: paths(entries),
  external,
  output: {
    ...shape,
    dir: join(root, 'dist/command/cli'),
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: [
        { name: 'main', test: among(['cli/main.js']), priority: 2 },
        { name: 'run', test: among(start), priority: 1 },
      ],
    },
  },
})

const posix = (path: string): string => relative(root, path).replaceAll(sep, '/')
const modulesOf: Record<string, string[]> = {}
for (const file of output)
  if (file.type === 'chunk') modulesOf[`dist/command/cli/${file.fileName}`] = file.moduleIds.map(posix)
writeFileSync(join(root, 'dist/command.json'), JSON.stringify(modulesOf))

/** What `exports` of package.json names. Entries share their modules: there is one GuildError. */
const names = ['index', 'testing/index', 'wire/index', 'noise/index']
await build({
  ...common,
  input: Object.fromEntries(names.map(name => [name, join(root, source, `${name}.js`)])),
  // Packages are those of whoever imports us: a CID is of the same class there and here.
  external: id => !id.startsWith('.') && !isAbsolute(id),
  output: {
    ...shape,
    dir: join(root, 'dist/library'),
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: {
      groups: [{ name: 'library', test: among(['index.js', 'transport/tcp.js', 'transport/udp.js']) }],
    },
  },
})
