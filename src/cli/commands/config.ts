/**
 * `guild-home config`: every setting, its value, and who said so.
 *
 *   port       8000     --port
 *   interval   500ms    GUILD_INTERVAL
 *   max_peers  10       /home/x/.config/guild-home/config.toml:3
 *   host       0.0.0.0 and ::   default
 *
 * It takes the flags of all commands and does nothing with them but show them, so that
 * whatever somebody is about to type can be tried out. Secrets never appear: where a key
 * belongs, a setting holds the path of its file, and a key typed there was refused before; of a
 * token only that there is one.
 *
 * Page: README.md · Floor: cli. Faults: CL-03, CL-04.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { visible } from '../api.ts'
import { configDirectory, configPath } from '../config-file.ts'
import type { Context } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type FlagKey, flagKeys, keyName, row } from '../flags.ts'
import { json } from '../json-lines.ts'
import { suggestion, UsageError } from '../usage.ts'
import { showDuration } from '../values.ts'

const notShown = '(not shown)'

export async function config({ io, output, invocation }: Context): Promise<ExitCode> {
  const { settings, origins, sources, words } = invocation
  const [word, extra] = words
  if (word !== undefined && word !== 'show')
    throw new UsageError(
      `config does not know '${visible(word, 100)}'${suggestion(word, ['show']) || '; give show or nothing'}`,
    )
  if (extra !== undefined)
    throw new UsageError(`'${visible(extra, 100)}' is one word too many: guild-home config show`)
  if (settings.json) {
    for (const key of flagKeys) {
      const origin = origins[key]
      const value = row(key).secret && settings[key] !== undefined ? notShown : settings[key]
      output.line(json({ key: keyName(key), value, origin, source: sources[key] || null }))
    }
    return exitCodes.done
  }
  const rows = flagKeys.map(key => {
    const fallback = origins[key] === 'default'
    const value = fallback ? fallbackOf(key, io.env) : valueText(key, settings[key])
    return [keyName(key), value, fallback ? 'default' : sources[key]]
  })
  output.line(table([...file(io.env), ...rows]))
  return exitCodes.done
}

function file(env: Readonly<Record<string, string | undefined>>): string[][] {
  try {
    const { path, named } = configPath(env)
    const state = existsSync(path) ? 'read' : 'not there'
    return [['(file)', visible(path), named ? 'GUILD_CONFIG' : state]]
  } catch {
    return [['(file)', 'none', 'there is no home directory']]
  }
}

function fallbackOf(key: FlagKey, env: Readonly<Record<string, string | undefined>>): string {
  if (key !== 'swarmKey') return row(key).fallbackText
  try {
    // The one default that depends on more than the settings.
    return `${visible(join(configDirectory(env), 'swarm.key'))}, made if missing`
  } catch {
    return 'none: there is no home directory'
  }
}

function valueText(key: FlagKey, value: unknown): string {
  const { value: takes, fallbackText, secret } = row(key)
  if (secret) return notShown
  if (Array.isArray(value)) return value.length === 0 ? fallbackText : visible(value.join(','), 512)
  if (typeof value === 'number' && takes === 'duration') return showDuration(value)
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return visible(String(value), 512)
}

/** Columns as wide as they must be; a value that is wider than most pushes its own row only. */
function table(rows: readonly (readonly string[])[]): string {
  const most = 44
  const width = (column: number) =>
    Math.max(...rows.map(cells => [...cells[column]!].length).filter(length => length <= most))
  const widths = [width(0), width(1)]
  const pad = (cell: string, column: number) =>
    cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length))
  return rows.map(cells => cells.map(pad).join('  ').trimEnd()).join('\n')
}
