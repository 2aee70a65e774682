/** Dockerfile, .dockerignore and unit files as data, for the test that holds them against the package. */
import { posix } from 'node:path'

export interface Instruction {
  readonly name: string
  /** `--from=build` → from: build */
  readonly flags: Readonly<Record<string, string>>
  /** What stands behind the flags: a JSON list as its items, anything else split at spaces. */
  readonly words: readonly string[]
  readonly exec: boolean
}

export interface Stage {
  readonly name: string | undefined
  readonly base: string
  readonly instructions: readonly Instruction[]
}

export function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter(line => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line.trim() !== '')
  const stages: { name: string | undefined; base: string; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const instruction = parse(line)
    const { name, words } = instruction
    if (name === 'FROM') stages.push({ base: words[0]!, name: words[2], instructions: [] })
    else stages.at(-1)!.instructions.push(instruction)
  }
  return stages
}

function parse(line: string): Instruction {
  const [, name, behind] = /^([A-Z]+) (.*)$/.exec(line) ?? []
  if (name === undefined || behind === undefined) throw new Error(`no instruction: ${line}`)
  const [flags] = /^(?:--\S+ +)*/.exec(behind)!
  const rest = behind.slice(flags.length).replace(/^CMD /, '')
  const exec = rest.startsWith('[')
  return {
    name,
    flags: Object.fromEntries(
      flags
        .split(' ')
        .filter(Boolean)
        .map(flag => flag.slice(2).split('=')),
    ),
    words: exec ? JSON.parse(rest) : rest.split(/ +/),
    exec,
  }
}

export function all(stage: Stage, name: string): Instruction[] {
  return stage.instructions.filter(one => one.name === name)
}

export function environmentOf(stage: Stage): Record<string, string> {
  return Object.fromEntries(
    all(stage, 'ENV').flatMap(({ words }) => words.map(word => word.split('=') as [string, string])),
  )
}

/** Where a file of the source lies after the stage's COPY instructions, if anywhere. */
export function copied(stage: Stage, from: string | undefined, file: string): string | undefined {
  const workdir = all(stage, 'WORKDIR')[0]!.words[0]!
  for (const { flags, words } of all(stage, 'COPY')) {
    if (flags.from !== from) continue
    const target = posix.resolve(workdir, words.at(-1)!)
    for (const source of words.slice(0, -1)) {
      if (file === source) return posix.join(target, posix.basename(file))
      if (file.startsWith(`${source}/`)) return posix.join(target, file.slice(source.length + 1))
    }
  }
  return undefined
}

/** Does the builder get this file? The last pattern that matches decides. */
export function sent(dockerignore: string, file: string): boolean {
  let out = true
  for (const line of dockerignore.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const pattern = line.replace(/^!/, '')
    if (/[*?]/.test(pattern) && pattern !== '*') throw new Error(`a pattern this test cannot read: ${line}`)
    if (pattern === '*' || file === pattern || file.startsWith(`${pattern}/`)) out = line.startsWith('!')
  }
  return out
}

/** Sections of a unit file; a name twice in one section is a slip. */
export function unitOf(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {}
  let section: Record<string, string> = {}
  for (const line of text.split('\n').filter(one => one !== '')) {
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (title !== undefined) {
      section = {}
      sections[title] = section
    } else if (name === undefined || name in section) throw new Error(`not a line of a unit: ${line}`)
    else section[name] = value!
  }
  return sections
}

/** A shell command in a comment, by how it begins, its continued lines joined. */
export function commentedCommand(text: string, begins: string): string {
  const lines = text.split('\n').map(line => line.replace(/^# ? ? ?/, ''))
  const at = lines.findIndex(line => line.startsWith(begins))
  if (at === -1) throw new Error(`no comment says: ${begins}`)
  let end = at
  while (lines[end]!.endsWith('\\')) end++
  return lines.slice(at, end + 1).join('\n')
}
