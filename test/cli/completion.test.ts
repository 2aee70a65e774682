/** Completion scripts: complete, well-formed where the shell is there to say so, and bash's one at work. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { shells } from '../../src/cli/completion.ts'
import { commandNames, flagKeys, flagName, row } from '../../src/cli/flags.ts'
import { command } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'guild-completion-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const script = async (shell: string) => (await command(['completion', shell])).out
const without = (shell: string) =>
  spawnSync(shell, ['-c', 'exit 0']).status === 0 ? {} : { skip: `${shell} is not installed here` }

t.test('completion: by name or for the shell that runs; JSON; anything else is refused', async t => {
  for (const shell of shells) {
    const { code, out, err } = await command(['completion', shell])
    t.strictSame([code, err], [0, ''])
    t.match(out, `Completion of guild-home for ${shell}`)
    t.equal((await command(['completion'], { env: { SHELL: `/usr/bin/${shell}` } })).out, out)
    const asJson = JSON.parse((await command(['completion', shell, '--json'])).out)
    t.strictSame([asJson.shell, asJson.script.trimEnd()], [shell, out.trimEnd()])
  }
  t.match(await command(['completion']), {
    code: 2,
    err: /name the shell: guild-home completion bash, zsh or/,
  })
  t.match(await command(['completion'], { env: { SHELL: '/bin/dash' } }), { code: 2 })
  t.match(await command(['completion', 'fihs']), { code: 2, err: /did you mean fish\?/ })
  t.match(await command(['completion', 'bash', 'zsh']), { code: 2, err: /'zsh' is one word too many/ })
})

t.test('completion: every command and every flag is in each script', async t => {
  for (const shell of shells) {
    const text = await script(shell)
    for (const name of commandNames) t.match(text, new RegExp(`\\b${name}\\b`), `${shell}: ${name}`)
    for (const key of flagKeys) {
      const name = shell === 'fish' ? ` -l ${flagName(key)} ` : `--${flagName(key)}`
      t.ok(text.includes(name), `${shell}: ${name}`)
      const { short } = row(key)
      if (short !== undefined) t.ok(text.includes(shell === 'fish' ? ` -s ${short} ` : `-${short}`))
    }
    for (const word of ['show', 'fingerprint', 'messages', 'debug']) t.match(text, word)
  }
})

for (const [shell, flag] of [
  ['bash', '-n'],
  ['zsh', '-n'],
  ['fish', '--no-execute'],
] as const)
  t.test(`completion: ${shell} finds its script well-formed`, without(shell), async t => {
    const file = join(folder, `script.${shell}`)
    writeFileSync(file, await script(shell))
    const { status, stderr } = spawnSync(shell, [flag, file], { encoding: 'utf8' })
    t.strictSame([status, stderr], [0, ''])
  })

t.test("completion: bash's own function, key pressed behind each line", without('bash'), async t => {
  mkdirSync(join(folder, 'home/data dir'), { recursive: true })
  writeFileSync(join(folder, 'home/team.key'), '')
  const text = await script('bash')
  /** What is offered behind the last of these words. */
  const offers = (...words: string[]): string[] => {
    const { stdout, stderr } = spawnSync(
      'bash',
      [
        '--norc',
        '-c',
        `eval "$1"; shift; [[ $(complete -p guild-home) == *_guild_home* ]] || exit 1
COMP_WORDS=(guild-home "$@"); COMP_CWORD=$#; COMP_LINE="\${COMP_WORDS[*]}"
_guild_home guild-home "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`,
        'bash',
        text,
        ...words,
      ],
      { encoding: 'utf8', cwd: join(folder, 'home') },
    )
    t.equal(stderr, '', words.join(' '))
    return stdout.split('\n').filter(line => line !== '')
  }
  t.strictSame(offers(''), [...commandNames, 'help'])
  t.strictSame(offers('sw'), ['swarm-key'])
  t.strictSame(offers('swarm-key', ''), ['show', 'new', 'fingerprint', 'rotate'])
  t.strictSame(offers('swarm-key', 'show', ''), [], 'no second action')
  t.strictSame(
    offers('help', 'co'),
    commandNames.filter(name => name.startsWith('co')),
  )
  t.strictSame(offers('--da'), ['--data-dir'])
  t.strictSame(offers('run', '--no-m'), ['--no-mdns'])
  t.strictSame(offers('id', '--max-p'), [], 'not a flag of id')
  t.ok(offers('id', '-').includes('--help'))
  t.strictSame(offers('--log', ''), ['error', 'warn', 'info', 'debug'])
  t.strictSame(offers('--log', '=', 'de'), ['debug'], '--log=de, as bash splits it')
  t.strictSame(offers('--log', '='), ['error', 'warn', 'info', 'debug'])
  t.strictSame(offers('--log', 'debug', 'completion', 'z'), ['zsh'], 'a value is no command')
  t.strictSame(offers('--log', '=', 'debug', 'completion', 'z'), ['zsh'])
  t.strictSame(offers('--name', ''), [], 'nobody can guess a name')
  t.strictSame(offers('-d', ''), ['data dir'], 'directories, with spaces')
  t.strictSame(offers('--swarm-key', 't'), ['team.key'])
  t.strictSame(offers('block', ''), ['put', 'get', 'stat', 'rm', 'verify'])
  t.strictSame(offers('add', 't'), ['team.key'], 'what is to be added is a file')
  t.strictSame(offers('add', 'team.key', 'da'), ['data dir'], 'or a folder')
  t.strictSame(offers('car', 'import', 't'), ['team.key'])
  t.strictSame(offers('get', 't'), [], 'a CID is none')
  t.strictSame(offers('add', '--profile', ''), ['kubo-v1', 'unixfs-v1-2025', 'unixfs-v0-2015'])
  t.strictSame(offers('--bootstrap', 'a', ':', '1'), [], 'an address, as bash splits it')
})
