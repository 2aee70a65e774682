/**
 * config.toml: where it lies, and what stands in it on which line.
 *
 *   $GUILD_CONFIG   else   $XDG_CONFIG_HOME/guild-home/config.toml   else   ~/.config/guild-home/config.toml
 *
 * No file at the usual place is no fault; a file named by GUILD_CONFIG must be there, for
 * a typing error must not start a node with other settings than its owner believes.
 *
 * The parser of TOML is loaded only when there is a file. What it says of a fault is cut to
 * its first line: the rest quotes the file, and people paste keys into the wrong places.
 *
 * Page: README.md · Floor: cli. Faults: CL-03, CL-04.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { devNull, homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { visible } from './api.ts'
import { UsageError } from './usage.ts'
import { path as expanded } from './values.ts'

export interface ConfigEntry {
  readonly key: string
  readonly line: number
  /** As TOML has it: text, number, boolean, list, table or date. */
  readonly value: unknown
}

export interface ConfigFile {
  /** Absolute. */
  readonly path: string
  /** In the order of the file. */
  readonly entries: readonly ConfigEntry[]
}

type Environment = Readonly<Record<string, string | undefined>>

/** A thousand times what a configuration of every key takes. */
const largest = 1_048_576

/** The folder of the user's own files. As XDG says, a relative value is none. */
export function configDirectory(env: Environment): string {
  const { XDG_CONFIG_HOME: xdg, HOME: home } = env
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(absolute(home) ?? homedir(), '.config')
  return join(base, 'guild-home')
}

/** Where the file is looked for; `named` when a person said so. */
export function configPath(env: Environment): { path: string; named: boolean } {
  const own = env.GUILD_CONFIG ?? ''
  if (own !== '') return { path: resolve(expanded(own)), named: true }
  return { path: join(configDirectory(env), 'config.toml'), named: false }
}

/** Throws a UsageError that names file, line and fix; undefined where there is no file. */
export async function readConfigFile(env: Environment): Promise<ConfigFile | undefined> {
  const { path, named } = locate(env)
  if (path === undefined) return undefined
  const text = read(path, named)
  if (text === undefined) return undefined
  return { path, entries: parseConfig(text, path, await loadToml()) }
}

/** The parser, and what finds the lines; loaded only when there is a file. */
export interface Toml extends Pick<typeof import('smol-toml'), 'parse' | 'TomlError'> {
  readonly keyLines: typeof import('./toml-lines.ts').keyLines
}

export async function loadToml(): Promise<Toml> {
  const [{ parse, TomlError }, { keyLines }] = await Promise.all([
    import('smol-toml'),
    import('./toml-lines.ts'),
  ])
  return { parse, TomlError, keyLines }
}

/** What stands in a file of this text; `path` is for the UsageError that says what is wrong. */
export function parseConfig(text: string, path: string, { parse, TomlError, keyLines }: Toml): ConfigEntry[] {
  try {
    const values = new Map(Object.entries(parse(text)))
    const lines = new Map<string, number>()
    for (const [written, line] of keyLines(text)) {
      const [key] = /^["']/.test(written) ? Object.keys(parse(`${written} = 0`)) : [written]
      if (!lines.has(key!)) lines.set(key!, line)
    }
    return [...values].map(([key, value]) => ({ key, line: lines.get(key) ?? 1, value }))
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '')
    throw new UsageError(
      `${visible(path)}:${error.line}: column ${error.column}: ${what}; write TOML: key = value, text in quotes`,
    )
  }
}

/** Without a home directory there is no usual place, and that is no fault either. */
function locate(env: Environment): { path: string | undefined; named: boolean } {
  try {
    return configPath(env)
  } catch (error) {
    if ((env.GUILD_CONFIG ?? '') !== '') throw new UsageError(`GUILD_CONFIG: ${(error as Error).message}`)
    return { path: undefined, named: false }
  }
}

function read(path: string, named: boolean): string | undefined {
  // The way to say "no file" on any system; it is not a regular one.
  if (path === devNull) return ''
  const name = `${visible(path)}${named ? ', named by GUILD_CONFIG' : ''}`
  let file: number | undefined
  try {
    // Before opening: a named pipe would keep us waiting for its writer.
    if (!statSync(path).isFile())
      throw new UsageError(`${name}: this is not a file; name a file, or move it away`)
    file = openSync(path, 'r')
    if (fstatSync(file).size > largest) throw tooLarge(name)
    const bytes = Buffer.alloc(largest + 1)
    let length = 0
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = readSync(file, bytes, length, bytes.length - length, null)
    if (length > largest) throw tooLarge(name)
    return decode(bytes.subarray(0, length), name)
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code } = error as NodeJS.ErrnoException
    if (!named && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined
    const fix =
      code === 'ENOENT' ? 'correct the path, or unset GUILD_CONFIG' : 'make it readable, or move it away'
    throw new UsageError(`${name}: cannot be read (${code ?? 'no reason given'}); ${fix}`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(`${name}:${firstBadLine(bytes)}: this is not UTF-8; save the file as UTF-8`)
  }
}

function firstBadLine(bytes: Uint8Array): number {
  let line = 1
  for (let from = 0; from < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, from)
    const one = bytes.subarray(from, end === -1 ? bytes.length : end)
    // Characters never span a line break, so the first line that fails alone is the one.
    if (!Buffer.from(Buffer.from(one).toString('utf8')).equals(one)) return line
    from += one.length + 1
  }
  return line
}

function tooLarge(name: string): UsageError {
  return new UsageError(`${name}: has more than 1 MiB; a configuration is far shorter, check the path`)
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}
