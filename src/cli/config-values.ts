/**
 * What stands in config.toml, brought to the rows of the flags.
 *
 *   port = 8000              number, where the flag takes one
 *   mdns = false             boolean, for a switch
 *   bootstrap = ["a:1"]      list, where the flag takes one
 *   interval = "500ms"       text, for every flag: just what the flag itself would take
 *
 * A value that does not fit ends the start, as a wrong flag does. A key that nobody knows
 * only warns: the file may be older or newer than the program.
 *
 * Page: README.md · Floor: cli. Faults: CL-03, CL-04.
 */
import { visible } from './api.ts'
import type { ConfigEntry, ConfigFile } from './config-file.ts'
import { type FlagKey, flagKeys, keyName, row } from './flags.ts'
import { suggestion, UsageError } from './usage.ts'
import { Misfit } from './values.ts'

/** An entry that has a row. */
export interface Configured {
  /** `/home/x/.config/guild-home/config.toml:3` */
  readonly place: string
  readonly entry: ConfigEntry
}

/** Beyond these a file is no configuration, and its lines would push everything else off the screen. */
const mostWarnings = 10

/** Which row each entry belongs to, and a sentence for each that has none. */
export function sortEntries(file: ConfigFile | undefined): {
  given: ReadonlyMap<FlagKey, Configured>
  warnings: readonly string[]
} {
  const keys = new Map<string, FlagKey>()
  for (const key of flagKeys) for (const name of keyNames(key)) keys.set(name, key)
  const given = new Map<FlagKey, Configured>()
  const warnings: string[] = []
  for (const entry of file?.entries ?? []) {
    const place = `${visible(file!.path)}:${entry.line}`
    const key = keys.get(entry.key)
    if (key === undefined) {
      warnings.push(
        `${place}: unknown key ${visible(entry.key, 100)}${hint(entry, keys)}; it changes nothing`,
      )
      continue
    }
    const before = given.get(key)
    if (before !== undefined)
      throw new UsageError(
        `${place}: ${entry.key} means the same as ${before.entry.key} on line ${before.entry.line}; keep one of them`,
      )
    given.set(key, { place, entry })
  }
  const more = warnings.splice(mostWarnings).length
  if (more > 0) warnings.push(`${visible(file!.path)}: and ${more} more unknown keys`)
  return { given, warnings }
}

/** The entry's value as the flag's row has it. Throws a UsageError with place, value and fix. */
export function checkEntry(key: FlagKey, { place, entry }: Configured): unknown {
  try {
    return read(key, entry)
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    const value = error.secret ? '(not shown)' : shown(entry.value)
    throw new UsageError(`${place}: ${entry.key} = ${value}: ${visible(error.message)}`)
  }
}

/** The key and its older names. */
export function keyNames(key: FlagKey): readonly string[] {
  return [keyName(key), ...(row(key).oldKeys ?? [])]
}

function read(key: FlagKey, { key: name, value }: ConfigEntry): unknown {
  const { parse, value: takes, fallback } = row(key)
  const isList = Array.isArray(fallback)
  const wrong = () => {
    if (takes === undefined) return new Misfit(`write ${name} = true or ${name} = false`)
    if (isList) return new Misfit(`write ${name} = ["…", "…"], a list of texts`)
    const example = typeof fallback === 'number' ? `<${takes}>` : `"<${takes}>"`
    return new Misfit(`write ${name} = ${example}`)
  }
  if (typeof value === 'string') {
    if (value === '' && !isList) throw new Misfit('give a value, or take the line out')
    return parse(value)
  }
  if (Array.isArray(value) && isList) {
    if (value.some(item => typeof item !== 'string')) throw wrong()
    return value.flatMap(item => parse(item) as readonly unknown[])
  }
  if (typeof value === 'boolean' && takes === undefined) return value
  if (typeof value === 'number') {
    // Only a row that makes a number, or a truth of 1 and 0, of a number's text wants numbers.
    const result = parse(String(value))
    if (typeof result === 'number' || typeof result === 'boolean') return result
  }
  throw wrong()
}

/** A value as the file has it, on one line and short; what is not plain is named by its kind. */
function shown(value: unknown): string {
  if (value instanceof Date) return 'a date'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a table'
  return visible(typeof value === 'string' ? `"${value}"` : String(value), 100)
}

function hint({ key, value }: ConfigEntry, keys: ReadonlyMap<string, FlagKey>): string {
  const positive = /^no[_-](.+)$/.exec(key)?.[1]
  const twin = positive === undefined ? undefined : keys.get(positive)
  if (twin !== undefined && row(twin).value === undefined) return `; write ${positive} = false`
  const near = suggestion(key.replaceAll('-', '_'), [...keys.keys()])
  if (near === '' && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date))
    return ', a table; keys stand at the top, before any table'
  return near
}
