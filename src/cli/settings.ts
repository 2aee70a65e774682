/**
 * From arguments, environment and file to checked settings: flag > environment > config.toml > default.
 *
 * The arguments are read with node:util's parseArgs and not with yargs, which
 * costs as much to load as the whole of Node (some 60 ms here) and takes
 * `--mdns=maybe` for false without a word. yargs draws the help.
 *
 * Refuses, with one line each: unknown flags, flags of another command, values
 * that do not fit, a flag given twice, and values that contradict each other.
 *
 * Floor: cli.
 */
import { parseArgs } from 'node:util'
import { visible } from './api.ts'
import type { ConfigFile } from './config-file.ts'
import { checkEntry, sortEntries } from './config-values.ts'
import {
  type CommandName,
  commandNames,
  type FlagKey,
  flagKeys,
  flagName,
  flagsOf,
  idleFlags,
  keyName,
  row,
  type Settings,
  variableName,
} from './flags.ts'
import { suggestion, UsageError } from './usage.ts'
import { Misfit, showDuration } from './values.ts'

/** The nearest first: it wins. */
export const originNames = ['flag', 'environment', 'config', 'default'] as const
export type Origin = (typeof originNames)[number]

export interface Invocation {
  readonly command: CommandName
  /** Asked for with `--help`, `-h` or the word `help`; nothing else was looked at. */
  readonly help: boolean
  readonly version: boolean
  /** The words behind the command that are not flags. */
  readonly words: readonly string[]
  readonly settings: Settings
  readonly origins: Readonly<Record<FlagKey, Origin>>
  /** `--port`, `GUILD_PORT`, `/home/x/.config/guild-home/config.toml:3`; empty for a default. */
  readonly sources: Readonly<Record<FlagKey, string>>
  /** What was strange, and no reason to stop. */
  readonly warnings: readonly string[]
}

type Values = Pick<Invocation, 'settings' | 'origins' | 'sources' | 'warnings'>

type Environment = Readonly<Record<string, string | undefined>>

/** One occurrence on the command line. */
interface Given {
  readonly shown: string
  readonly text: string | undefined
}

/** The arguments, split and named, before their values are looked at. */
export interface Asked extends Pick<Invocation, 'command' | 'help' | 'version' | 'words'> {
  readonly given: Map<FlagKey, Given[]>
}

/** Both steps at once; throws a UsageError, and touches nothing outside. */
export function readInvocation(args: readonly string[], env: Environment, file?: ConfigFile): Invocation {
  return settle(readArguments(args), env, file)
}

/** Which command with which flags: whatever can be said before environment and file are read. */
export function readArguments(args: readonly string[]): Asked {
  const { options, positionals } = split(args)
  const help = options.some(({ name }) => name === 'help') || positionals[0] === 'help'
  const version = options.some(({ name }) => name === 'version')
  const named = positionals.slice(positionals[0] === 'help' ? 1 : 0)
  // Before the command: the word behind a misspelt flag is its value, not a command.
  if (!help && !version)
    for (const option of options) if (understand(option).key === undefined) throw unknown(option, flagKeys)
  const command = commandOf(named, help || version)
  const words = command.explicit ? named.slice(1) : named
  const given = help || version ? new Map<FlagKey, Given[]>() : sort(command.name, options)
  return { command: command.name, help, version, words, given }
}

/** Every value, from the nearest place that has one. */
export function settle({ given, ...asked }: Asked, env: Environment, file?: ConfigFile): Invocation {
  const { command, help, version, words } = asked
  if (help || version) return { ...asked, ...collect('run', new Map(), {}, undefined) }
  if (command === 'run') takeWords(words, given)
  return { ...asked, ...collect(command, given, env, file) }
}

/** What reading found, before a command's words are understood. */
interface Option {
  readonly name: string
  readonly raw: string
  readonly value: string | undefined
  readonly inline: boolean
}

function split(args: readonly string[]): { options: Option[]; positionals: string[] } {
  const known: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean' },
  }
  for (const key of flagKeys) {
    const { value, short, shortcut } = row(key)
    known[flagName(key)] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short === undefined ? {} : { short }),
    }
    if (shortcut !== undefined) known[shortcut.flag] = { type: 'boolean' }
  }
  const { tokens } = parseArgs({
    args: [...args],
    options: known,
    strict: false,
    tokens: true,
    allowPositionals: true,
  })
  const options: Option[] = []
  const positionals: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind === 'option')
      options.push({
        name: token.name,
        raw: token.rawName,
        value: token.value,
        inline: token.inlineValue ?? false,
      })
  }
  const [first = ''] = positionals
  const idle: readonly string[] = (Object.hasOwn(idleFlags, first) && idleFlags[first as CommandName]) || []
  return { options: options.filter(({ name, inline }) => inline || !idle.includes(name)), positionals }
}

function commandOf(words: readonly string[], lenient: boolean): { name: CommandName; explicit: boolean } {
  const [first] = words
  const found = commandNames.find(name => name === first)
  if (found !== undefined) return { name: found, explicit: true }
  if (first === undefined || /^\d+$/.test(first) || lenient) return { name: 'run', explicit: false }
  throw new UsageError(
    `unknown command '${shown(first)}'${suggestion(first, commandNames) || '; see guild-home --help'}`,
  )
}

/** Puts each option at its row, refusing what has none. */
function sort(command: CommandName, options: readonly Option[]): Map<FlagKey, Given[]> {
  const allowed = flagsOf(command)
  const given = new Map<FlagKey, Given[]>()
  for (const option of options) {
    const { key, text } = understand(option)
    if (key === undefined) throw unknown(option, allowed)
    if (!allowed.includes(key))
      throw new UsageError(
        `${shown(option.raw)} does not belong to '${command}'; see guild-home ${command} --help`,
      )
    const all = given.get(key) ?? []
    if (all.length > 0 && row(key).many !== true && row(key).value !== undefined)
      throw new UsageError(`${shown(option.raw)} was given twice; give it once`)
    all.push({ shown: shown(option.raw), text })
    given.set(key, all)
  }
  return given
}

function understand({ name, raw, value, inline }: Option): {
  key: FlagKey | undefined
  text: string | undefined
} {
  for (const key of flagKeys) {
    const { value: takes, shortcut } = row(key)
    const isSwitch = takes === undefined
    if (name === shortcut?.flag && !inline) return { key, text: shortcut.text }
    if (isSwitch && name === `no-${flagName(key)}` && !inline) return { key, text: 'false' }
    if (name !== flagName(key)) continue
    if (isSwitch) return { key, text: inline ? value : 'true' }
    // `--name --debug` is a forgotten value, `--port -5` a wrong one.
    const forgotten = !inline && value !== undefined && /^-[^\d]/.test(value)
    if (value === undefined || value === '' || forgotten)
      throw new UsageError(`${raw} needs a value: ${raw} <${takes}>`)
    return { key, text: value }
  }
  return { key: undefined, text: undefined }
}

function unknown({ raw, name, value, inline }: Option, allowed: readonly FlagKey[]): UsageError {
  const known = allowed.flatMap(key => {
    const { value: takes, shortcut } = row(key)
    return [
      flagName(key),
      ...(takes === undefined ? [`no-${flagName(key)}`] : []),
      ...(shortcut === undefined ? [] : [shortcut.flag]),
    ]
  })
  if (known.includes(name) && inline)
    return new UsageError(`${shown(raw)}=${shown(value ?? '')}: ${raw} takes no value`)
  const hint = suggestion(
    raw,
    [...known, 'help', 'version'].map(flag => `--${flag}`),
  )
  return new UsageError(`unknown flag ${shown(raw)}${hint || '; see guild-home --help'}`)
}

/** `run` takes its port and first peer as bare words too. */
function takeWords(words: readonly string[], given: Map<FlagKey, Given[]>): void {
  const [port, peer, extra] = words
  if (extra !== undefined)
    throw new UsageError(`'${shown(extra)}' is one word too many: guild-home run [port] [host:port]`)
  if (port !== undefined) {
    if (given.has('port'))
      throw new UsageError(`the port was given twice, as '${shown(port)}' and with --port; give it once`)
    given.set('port', [{ shown: 'port', text: port }])
  }
  if (peer !== undefined)
    given.set('bootstrap', [{ shown: 'address', text: peer }, ...(given.get('bootstrap') ?? [])])
}

function collect(
  command: CommandName,
  given: Map<FlagKey, Given[]>,
  env: Environment,
  file: ConfigFile | undefined,
): Values {
  const allowed = flagsOf(command)
  const configured = sortEntries(file)
  const settings: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  const sources: Record<string, string> = {}
  const put = (key: FlagKey, origin: Origin, source: string, value: unknown) => {
    settings[key] = value
    origins[key] = origin
    sources[key] = source
  }
  for (const key of flagKeys) {
    const { fallback, many, oldVariables } = row(key)
    const variable = [variableName(key), ...(oldVariables ?? [])].find(name => (env[name] ?? '') !== '')
    const fromFlag = given.get(key)
    const fromFile = configured.given.get(key)
    if (fromFlag !== undefined) {
      const parsed = fromFlag.map(({ shown: name, text }) => check(key, `${name} `, text ?? ''))
      put(key, 'flag', fromFlag.at(-1)!.shown, many === true ? parsed.flat() : parsed.at(-1))
    } else if (variable !== undefined && allowed.includes(key))
      put(key, 'environment', variable, check(key, `${variable}=`, env[variable]!))
    else if (fromFile !== undefined && allowed.includes(key))
      put(key, 'config', fromFile.place, checkEntry(key, fromFile))
    else put(key, 'default', '', fallback)
  }
  contradictions(settings, origins, sources, allowed.includes('peerTimeout'))
  const warnings = [...configured.warnings]
  for (const key of flagKeys) {
    const why = row(key).later
    const entry = configured.given.get(key)
    if (why !== undefined && entry !== undefined)
      warnings.push(`${entry.place}: ${entry.entry.key} changes nothing yet: ${why}`)
  }
  return {
    settings: settings as Settings,
    origins: origins as Record<FlagKey, Origin>,
    sources: sources as Record<FlagKey, string>,
    warnings,
  }
}

function check(key: FlagKey, before: string, text: string): unknown {
  try {
    return row(key).parse(text)
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    throw new UsageError(`${before}${error.secret ? '(not shown)' : shown(text)}: ${visible(error.message)}`)
  }
}

function contradictions(
  settings: Record<string, unknown>,
  origins: Record<string, Origin>,
  sources: Record<string, string>,
  pings: boolean,
): void {
  const name = (key: FlagKey) => {
    if (origins[key] === 'config') return `${keyName(key)} (${sources[key]})`
    return sources[key] || `--${flagName(key)}`
  }
  if (settings.open !== undefined && settings.swarmKey !== undefined) {
    if (origins.open === origins.swarmKey)
      throw new UsageError(`${name('open')} and ${name('swarmKey')} exclude each other; give one of them`)
    // The nearer one wins, as everywhere.
    const rank = (key: FlagKey) => originNames.indexOf(origins[key]!)
    const loser = rank('open') < rank('swarmKey') ? 'swarmKey' : 'open'
    settings[loser] = undefined
    origins[loser] = 'default'
    sources[loser] = ''
  }
  const [interval, timeout] = [settings.interval as number, settings.peerTimeout as number]
  if (pings && timeout < 2 * interval)
    throw new UsageError(
      `${name('peerTimeout')} is ${showDuration(timeout)}, but must be at least twice ${name('interval')} (${showDuration(interval)}): give --peer-timeout ${showDuration(2 * interval)} or a shorter --interval`,
    )
}

/** What a person typed, on one line and short. */
function shown(text: string): string {
  return text === '' ? "''" : visible(text, 100)
}
