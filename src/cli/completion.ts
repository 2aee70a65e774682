/**
 * Completion scripts, drawn from the tables of flags and commands.
 *
 *   guild-home sw⇥               swarm-key
 *   guild-home swarm-key ⇥       show  new  fingerprint  rotate
 *   guild-home run --log ⇥       error  warn  info  debug
 *   guild-home run --data-dir ⇥  directories
 *
 * A script holds all it needs: pressing the key starts no Node, which would take longer
 * than anybody waits. The bash script needs nothing but bash, not even its package of
 * completions. Without a command the flags of `run` are offered, for that is what runs.
 *
 * Floor: cli.
 */
import { type CommandName, commandNames, type FlagKey, flagKeys, flagName, flagsOf, row } from './flags.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The table of commands, handed in: it leads to the commands, and one of them leads here. */
export type Commands = Readonly<Record<CommandName, { readonly words: string; readonly about: string }>>

export function script(shell: Shell, commands: Commands): string {
  return { bash, zsh, fish }[shell](commands)
}

/** What may stand behind a flag: one of some words, a file, a directory, or what nobody can guess. */
type Wants = readonly string[] | 'file' | 'directory' | undefined

interface Spelling {
  /** `--log`, `-l`, `--no-mdns` */
  readonly text: string
  readonly about: string
  readonly takesValue: boolean
  readonly wants: Wants
}

const general: readonly Spelling[] = [
  { text: '--help', about: 'this text', takesValue: false, wants: undefined },
  { text: '--version', about: 'the version number', takesValue: false, wants: undefined },
]

function spellings(key: FlagKey): readonly Spelling[] {
  const { short, value, about, choices, shortcut, fallback } = row(key)
  const takesValue = value !== undefined
  const wants: Wants = choices ?? (value === 'file' || value === 'directory' ? value : undefined)
  const one = (text: string, says = about): Spelling => ({ text, about: says, takesValue, wants })
  return [
    one(`--${flagName(key)}`),
    ...(short === undefined ? [] : [one(`-${short}`)]),
    // The other form of a switch that is on anyway is the one people look for.
    ...(!takesValue && fallback === true ? [one(`--no-${flagName(key)}`, `do not ${about}`)] : []),
    ...(shortcut === undefined
      ? []
      : [
          {
            ...one(`--${shortcut.flag}`, `--${flagName(key)} ${shortcut.text}`),
            takesValue: false,
            wants: undefined,
          },
        ]),
  ]
}

function spellingsOf(command: CommandName): readonly Spelling[] {
  return [...flagsOf(command).flatMap(spellings), ...general]
}

/** `swarm-key [show|new|fingerprint|rotate]` → show, new, fingerprint, rotate. */
function actionsOf({ words }: { readonly words: string }): readonly string[] {
  const [, list] = /[[<]([a-z0-9-]+(?:\|[a-z0-9-]+)+)[\]>]/.exec(words) ?? []
  return list?.split('|') ?? []
}

/** Commands whose words are files; behind their action, where they have one. */
const fileCommands: readonly CommandName[] = ['add', 'block', 'car']

/** All spellings that take a value, grouped by what it may be. */
function valued(): { wants: Wants; texts: string[] }[] {
  const groups = new Map<string, { wants: Wants; texts: string[] }>()
  for (const { text, takesValue, wants } of flagKeys.flatMap(spellings)) {
    if (!takesValue) continue
    const group = groups.get(String(wants)) ?? { wants, texts: [] }
    group.texts.push(text)
    groups.set(String(wants), group)
  }
  return [...groups.values()]
}

const head = (shell: Shell): string =>
  `# Completion of guild-home for ${shell}, made by: guild-home completion ${shell}`

function bash(commands: Commands): string {
  const act = (wants: Wants) => {
    if (wants === undefined) return ''
    if (wants === 'file') return '_guild_home_names -f "$current"; '
    if (wants === 'directory') return '_guild_home_names -d "$current"; '
    return `_guild_home_words '${wants.join(' ')}' "$current"; `
  }
  const values = valued().map(({ wants, texts }) => `    ${texts.join('|')}) ${act(wants)}return ;;`)
  const each = (list: (name: CommandName) => readonly string[]) =>
    commandNames.map(name => `    ${name}) list='${list(name).join(' ')}' ;;`)
  // No mapfile, and compopt only where it is: macOS still has bash 3.2.
  return `${head('bash')}
_guild_home_words() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$1" -- "$2")
}
_guild_home_names() {
  local name
  compopt -o filenames 2> /dev/null
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen "$1" -- "$2")
}
_guild_home() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= list= i
  # bash takes --log=debug for three words.
  if [[ $current == '=' ]]; then current=
  elif [[ $previous == '=' ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
    ${valued()
      .flatMap(({ texts }) => texts)
      .join('|')}) [[ \${COMP_WORDS[i+1]} == '=' ]] && ((i++)); ((i++)) ;;
    -*|=) ;;
    *) command=\${COMP_WORDS[i]}; break ;;
    esac
  done
  case $previous in
${values.join('\n')}
  esac
  if [[ $current == -* ]]; then
    case \${command:-run} in
${each(name => spellingsOf(name).map(({ text }) => text)).join('\n')}
    esac
  elif [[ -z $command ]]; then
    list='${[...commandNames, 'help'].join(' ')}'
  elif ((i < COMP_CWORD - 1)) || [[ $command == add ]]; then
    case $command in
    ${fileCommands.join('|')}) _guild_home_names -f "$current"; return ;;
    esac
  else
    case $command in
    help) list='${commandNames.join(' ')}' ;;
${commandNames
  .filter(name => actionsOf(commands[name]).length > 0)
  .map(name => `    ${name}) list='${actionsOf(commands[name]).join(' ')}' ;;`)
  .join('\n')}
    esac
  fi
  _guild_home_words "$list" "$current"
}
complete -F _guild_home guild-home
`
}

function zsh(commands: Commands): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
  const described = (rows: readonly (readonly [string, string])[], indent: string) =>
    rows.map(([word, about]) => `${indent}${quote(`${word}:${about}`)}`).join('\n')
  const act = (wants: Wants) => {
    if (wants === undefined) return '_message value'
    if (wants === 'file') return '_files'
    return wants === 'directory' ? '_files -/' : `compadd -- ${wants.join(' ')}`
  }
  return `#compdef guild-home
${head('zsh')}
_guild_home() {
  local command= i previous=\${words[CURRENT-1]}
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    case \${words[i]} in
    (${valued()
      .flatMap(({ texts }) => texts)
      .join('|')}) ((i++)) ;;
    (-*) ;;
    (*) command=\${words[i]}; break ;;
    esac
  done
  case $previous in
${valued()
  .map(({ wants, texts }) => `    (${texts.join('|')}) ${act(wants)}; return ;;`)
  .join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    case \${command:-run} in
${commandNames
  .map(
    name => `    (${name}) list=(
${described(
  spellingsOf(name).map(({ text, about }) => [text, about]),
  '      ',
)}
    ) ;;`,
  )
  .join('\n')}
    esac
    _describe -o option list
  elif [[ -z $command ]]; then
    list=(
${described(
  commandNames.map(name => [name, commands[name].about]),
  '      ',
)}
    )
    _describe command list
  elif ((i < CURRENT - 1)) || [[ $command == add ]]; then
    case $command in
    (${fileCommands.join('|')}) _files ;;
    esac
  else
    case $command in
    (help) compadd -- ${commandNames.join(' ')} ;;
${commandNames
  .filter(name => actionsOf(commands[name]).length > 0)
  .map(name => `    (${name}) compadd -- ${actionsOf(commands[name]).join(' ')} ;;`)
  .join('\n')}
    esac
  fi
}
# Read by source it names itself to the shell; from a directory of $fpath it is the function.
if [[ \${funcstack[1]} == _guild_home ]]; then
  _guild_home "$@"
else
  compdef _guild_home guild-home
fi
`
}

function fish(commands: Commands): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const seen = (names: readonly string[]) => `__fish_seen_subcommand_from ${names.join(' ')}`
  const lines = [
    'complete -c guild-home -f',
    ...commandNames.map(
      name => `complete -c guild-home -n __fish_use_subcommand -a ${name} -d ${quote(commands[name].about)}`,
    ),
  ]
  for (const name of commandNames)
    if (actionsOf(commands[name]).length > 0)
      lines.push(
        `complete -c guild-home -n ${quote(seen([name]))} -a ${quote(actionsOf(commands[name]).join(' '))}`,
      )
  for (const name of fileCommands) lines.push(`complete -c guild-home -n ${quote(seen([name]))} -F`)
  for (const key of flagKeys) {
    const owners = commandNames.filter(name => flagsOf(name).includes(key))
    const others = commandNames.filter(name => !owners.includes(name))
    // With no command it is `run`, so its flags hold until another command was seen.
    const when = owners.includes('run') ? (others.length > 0 ? `not ${seen(others)}` : '') : seen(owners)
    for (const { text, about, takesValue, wants } of spellings(key)) {
      const name = text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`
      const value = !takesValue
        ? ''
        : wants === undefined
          ? ' -x'
          : wants === 'file'
            ? ' -r -F'
            : ` -x -a ${quote(wants === 'directory' ? '(__fish_complete_directories)' : wants.join(' '))}`
      lines.push(
        `complete -c guild-home${when === '' ? '' : ` -n ${quote(when)}`} ${name}${value} -d ${quote(about)}`,
      )
    }
  }
  for (const { text, about } of general)
    lines.push(`complete -c guild-home -l ${text.slice(2)} -d ${quote(about)}`)
  return `${head('fish')}\n${lines.join('\n')}\n`
}
