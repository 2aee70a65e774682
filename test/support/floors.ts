/**
 * The floor plan as a check: who may import whom, and what a core may touch.
 *
 * `faultsOf` takes source files and returns every breach in words. It knows no file
 * system, so that a test can hand it files that are broken on purpose.
 */
import { type Sources, strip } from './source.ts'

/** From the ground up. A floor may import itself and what stands below it here. */
const cores = ['base', 'wire', 'noise', ['packets', 'membership'], 'link', 'streams', 'router', 'protocols']
const shells = ['transport', 'discovery', 'store', 'content', 'crypto', 'runtime']

const coreNames: readonly string[] = cores.flat()

/** Floor → the floors it may import. `index` is `src/index.ts`, and other files of that folder. */
export const floors: Readonly<Record<string, readonly string[]>> = plan()

function plan(): Record<string, string[]> {
  const out: Record<string, string[]> = {}
  const below: string[] = []
  for (const level of cores) {
    const names = [level].flat()
    for (const name of names) out[name] = [...below]
    below.push(...names)
  }
  for (const name of shells) out[name] = ['base', 'wire']
  out.node = [...below, ...shells]
  out.index = [...out.node, 'node']
  // The tops use the public API, and what an embedder has too: the ports and the wire.
  out.http = ['index', 'base', 'wire']
  out.cli = ['index', 'base', 'wire', 'http']
  // The simulated network is made of ports, with real cryptography and the real driver.
  out.testing = ['index', 'base', 'wire', ...shells]
  return out
}

/** Outside packages, by the path in `src/` (or its beginning) that may import them. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'wire/cid.ts': ['multiformats'],
  'wire/dag-json.ts': ['multiformats'],
  'wire/peer-id.ts': ['multiformats'],
  'wire/multiaddr': ['multiformats'],
  'wire/swarm-key.ts': ['multiformats'],
  'protocols/': ['multiformats', '@ipld/dag-cbor'],
  'crypto/': ['@noble/ciphers', '@noble/curves', '@noble/hashes'],
  'content/': [...['multiformats', '@ipld/dag-cbor', '@ipld/dag-pb', 'interface-blockstore']],
  'discovery/': ['multicast-dns'],
  'node/blocks': ['multiformats', 'interface-blockstore'],
  'store/': ['better-sqlite3', 'multiformats', 'interface-blockstore'],
  'transport/': ['@fails-components/webtransport'],
  'cli/': ['yargs', 'smol-toml'],
}

/** What a core may not name: time, chance, waiting, the process, Node. */
export const ambient: RegExp =
  /\b(Date|performance|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|process|Buffer|Promise|async|await)\b/g

/** The ports describe what shells do, and shells wait. */
const exempt: Readonly<Record<string, readonly string[]>> = { 'src/base/ports.ts': ['Promise'] }

const MOST_LINES = 400

export function faultsOf(sources: Sources): string[] {
  const faults: string[] = []
  const graph = new Map<string, string[]>()
  for (const [path, text] of sources) {
    const say = (what: string): void => {
      faults.push(`${path}: ${what}`)
    }
    const floor = floorOf(path)
    if (floor === undefined) say('stands on no floor')
    else {
      const header = /^(?:#!.*\n)?\/\*\*\n[\s\S]*?\*\//.exec(text)?.[0]
      if (header === undefined) say('does not open with a header comment')
      else if (!header.includes(`Floor: ${floor}`)) say(`its header does not say "Floor: ${floor}"`)
      const found = importsOf(path, text)
      graph.set(
        path,
        found.flatMap(one => one.file ?? []),
      )
      for (const one of found) checkImport(path, floor, one, sources, say)
      if (coreNames.includes(floor))
        for (const [word] of strip(text, false).matchAll(ambient))
          if (!exempt[path]?.includes(word)) say(`a core names ${word}`)
    }
    const lines = text.split('\n').length - 1
    if (lines > MOST_LINES) say(`${lines} lines, at most ${MOST_LINES}`)
  }
  return [...faults, ...cyclesOf(graph)]
}

interface Import {
  readonly name: string
  /** The file, for a relative import. */
  readonly file: string | undefined
}

const importPattern =
  /\b(?:import|export)\b[^'"]*?\bfrom\s*['"]([^'"]+)['"]|\bimport(?:\s+|\s*\(\s*)['"]([^'"]+)['"]/g

function importsOf(path: string, text: string): Import[] {
  return [...strip(text, true).matchAll(importPattern)].map(match => {
    const name = (match[1] ?? match[2])!
    return { name, file: name.startsWith('.') ? resolve(path, name) : undefined }
  })
}

function checkImport(
  path: string,
  floor: string,
  { name, file }: Import,
  sources: Sources,
  say: (what: string) => void,
): void {
  if (file !== undefined) {
    const target = floorOf(file)
    if (!sources.has(file)) say(`imports ${name}, which is not there`)
    else if (target !== floor && !floors[floor]!.includes(target!)) say(`${floor} may not import ${target}`)
  } else if (name.startsWith('node:')) {
    if (coreNames.includes(floor)) say(`a core imports ${name}`)
  } else {
    const owner = name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/')
    const allowed = Object.entries(packages).some(
      ([place, names]) => names.includes(owner) && path.startsWith(`src/${place}`),
    )
    if (!allowed) say(`imports the package ${owner}`)
  }
}

function floorOf(path: string): string | undefined {
  const [, first, second] = path.split('/')
  if (second === undefined) return 'index'
  return first !== undefined && first in floors ? first : undefined
}

function resolve(from: string, name: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of name.split('/'))
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  return parts.join('/')
}

/** Each circle once, as a path of files. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, trail: readonly string[]): void => {
    const at = trail.indexOf(file)
    if (at !== -1) cycles.push(`a circle of imports: ${[...trail.slice(at), file].join(' → ')}`)
    if (at !== -1 || done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return cycles
}
