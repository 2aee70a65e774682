/**
 * `--help` and the README's tables, both drawn from the table of flags.
 *
 * yargs lays the help out; it is loaded only here. Width and language are fixed, so
 * that the same text comes on every machine and a test can hold it.
 *
 * Floor: cli.
 */
import yargs from 'yargs'
import { commands } from './commands.ts'
import {
  type CommandName,
  commandNames,
  flagKeys,
  flagName,
  flagsOf,
  keyName,
  row,
  variableName,
} from './flags.ts'

const width = 100

/** The help of one command; of all of them when it is the bare program. */
export async function helpText(command: CommandName, all: boolean): Promise<string> {
  const help = yargs([]).scriptName('guild-home').locale('en').wrap(width).version(false).help(false)
  const described = all ? commandNames : [command]
  if (all) {
    help.usage('A node of a peer-to-peer full mesh: encrypted, authenticated, nothing to configure.\n')
    help.usage('Usage: $0 [command] [options]')
    for (const name of commandNames) help.command(commands[name].words, commands[name].about)
  } else {
    help.usage(`${sentence(commands[command].about)}\n`)
    help.usage(`Usage: $0 ${commands[command].words} [options]`)
  }
  for (const key of flagsOf(command)) {
    const { short, about, fallback, fallbackText, oldVariables, shortcut } = row(key)
    const variables = [variableName(key), ...(oldVariables ?? [])].join(', ')
    help.option(fallback === true ? `[no-]${flagName(key)}` : flagName(key), {
      ...(short === undefined ? {} : { alias: short }),
      describe: `${about} [${variables}]`,
      defaultDescription: fallbackText,
      group: 'Options:',
    })
    if (shortcut !== undefined)
      help.option(shortcut.flag, {
        describe: `--${flagName(key)} ${shortcut.text}`,
        group: 'Options:',
      })
  }
  help.option('help', { alias: 'h', describe: 'this text', group: 'Options:' })
  if (all) help.option('version', { describe: 'the version number', group: 'Options:' })
  for (const name of described) for (const [line, about] of commands[name].examples) help.example(line, about)
  help.epilogue(
    [
      ...(all ? ["The options above are those of 'run'; guild-home <command> --help shows another's."] : []),
      'A flag goes before its environment variable, named in brackets, that before config.toml, and that',
      "before the default; 'guild-home config' says which. The file is $GUILD_CONFIG, else config.toml in",
      '$XDG_CONFIG_HOME/guild-home or ~/.config/guild-home. Its keys are the flags with _ for -.',
      'Durations: 5 is seconds, 500ms and 2m work. Switches have a --no- form.',
      'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 timed out, 5 refused, 130 cut by Ctrl-C.',
    ].join('\n'),
  )
  return `${(await help.getHelp()).trimEnd()}\n`
}

/** The table of options in the README. */
export function flagTable(): string {
  const rows = flagsOf('run').map(key => {
    const { short, about, fallback, fallbackText, oldVariables, shortcut } = row(key)
    const name = `--${fallback === true ? '[no-]' : ''}${flagName(key)}`
    const names = [
      ...(short === undefined ? [] : [`\`-${short}\``]),
      `\`${name}\``,
      ...(shortcut === undefined ? [] : [`\`--${shortcut.flag}\``]),
    ]
    const variables = [variableName(key), ...(oldVariables ?? [])].map(variable => `\`${variable}\``)
    return `| ${names.join(', ')} | ${fallbackText.replaceAll('<', '&lt;')} | ${variables.join(', ')} | ${about} |`
  })
  return ['| flag | default | variable | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** The table of older names in the README. */
export function aliasTable(): string {
  const rows = flagKeys.flatMap(key => {
    const { oldVariables = [], oldKeys = [], shortcut } = row(key)
    const older = [...oldVariables, ...oldKeys, ...(shortcut === undefined ? [] : [`--${shortcut.flag}`])]
    const now = (name: string) => {
      if (name.startsWith('--')) return `--${flagName(key)} ${shortcut!.text}`
      return name.startsWith('GUILD_') ? variableName(key) : keyName(key)
    }
    return older.map(name => `| \`${name}\` | \`${now(name)}\` |`)
  })
  return ['| older or other name | is |', '|---|---|', ...rows, '| `config show --origin` | `config` |'].join(
    '\n',
  )
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`
}
