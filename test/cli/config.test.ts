/** config.toml: where it lies, what it may say, how its faults are told; and `config`, which shows it all. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { parse, stringify } from 'smol-toml'
import t from 'tap'
import { type ConfigFile, configPath, readConfigFile } from '../../src/cli/config-file.ts'
import { type FlagKey, flagKeys, keyName, row, variableName } from '../../src/cli/flags.ts'
import { aliasTable } from '../../src/cli/help.ts'
import { readInvocation } from '../../src/cli/settings.ts'
import { keyLines } from '../../src/cli/toml-lines.ts'
import { command, nowhere, start } from '../support/cli.ts'
import { Folder, notBuilt } from '../support/processes.ts'
import { check } from '../support/property.ts'
import { root } from '../support/root.ts'

const folder = mkdtempSync(join(tmpdir(), 'guild-config-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const usual = join(folder, 'guild-home', 'config.toml')
mkdirSync(join(folder, 'guild-home'))
const env = { XDG_CONFIG_HOME: folder, HOME: nowhere }

/** Runs a command beside a config.toml of this text. */
async function beside(text: string | Uint8Array, args: readonly string[] = ['config'], more = {}) {
  writeFileSync(usual, text)
  return await command(args, { env: { ...env, ...more } })
}

async function settingsOf(text: string, args: string[] = [], more: Record<string, string> = {}) {
  writeFileSync(usual, text)
  return readInvocation(args, { ...env, ...more }, await readConfigFile(env))
}

t.test('where it lies: GUILD_CONFIG, else XDG, else ~/.config; none is no fault', async t => {
  const path = (given: Record<string, string>) => configPath(given).path
  t.equal(path({ HOME: '/home/x' }), '/home/x/.config/guild-home/config.toml')
  t.equal(path({ HOME: '/home/x', XDG_CONFIG_HOME: '/x' }), '/x/guild-home/config.toml')
  t.equal(path({ HOME: '/home/x', XDG_CONFIG_HOME: 'x' }), '/home/x/.config/guild-home/config.toml')
  t.equal(path({ HOME: '/home/x', XDG_CONFIG_HOME: '/x', GUILD_CONFIG: '/y.toml' }), '/y.toml')
  t.equal(path({ HOME: '/home/x', GUILD_CONFIG: '' }), '/home/x/.config/guild-home/config.toml')
  t.notMatch(path({ GUILD_CONFIG: '~/own.toml' }), '~')
  t.match(configPath({ GUILD_CONFIG: 'own.toml' }), { path: join(process.cwd(), 'own.toml'), named: true })
  t.equal(await readConfigFile({ HOME: nowhere }), undefined)
  t.equal(
    await readConfigFile({ XDG_CONFIG_HOME: '/dev/null/x' }),
    undefined,
    'a file where a folder would be',
  )
  t.strictSame((await readConfigFile({ ...env, GUILD_CONFIG: '/dev/null' }))?.entries, [], 'asked for none')
})

/** As people would write it, as other programs would, and as the flag has it. */
const cases: Partial<Record<FlagKey, readonly [toml: string, value: unknown, text: string, other: string]>> =
  {
    port: ['8000', 8000, '8000', '1'],
    bootstrap: ['["a:1", "b:2"]', ['a:1', 'b:2'], 'a:1, b:2', 'c:3'],
    dataDir: ['"/tmp/x"', '/tmp/x', '/tmp/x', 'y'],
    interval: ['0.5', 0.5, '500ms', '7'],
    log: ['"warn"', 'warn', 'warn', 'error'],
    name: ['"grüße"', 'grüße', 'grüße', 'bob'],
    host: ['[]', [], '', '::1'],
    maxPeers: ['10', 10, '10', '3'],
    transport: ['["tcp"]', ['tcp'], 'tcp', 'tcp'],
    mdns: ['false', false, '0', 'true'],
    swarmKey: ["'team.key'", 'team.key', 'team.key', 'other.key'],
    open: ['"town"', 'town', 'town', 'x'],
    identityKey: ['"me.key"', 'me.key', 'me.key', 'you.key'],
    announce: ['["a:1"]', ['a:1'], 'a:1', 'b:1'],
    discoveryInterval: ['30.0', 30, '30s', '1s'],
    maintenanceInterval: ['"2m"', 120, '120', '9'],
    connectTimeout: ['3', 3, '3s', '9'],
    peerTimeout: ['3600', 3600, '1h', '99'],
    json: ['1', true, 'true', '0'],
  }

t.test('each key: in the type of TOML, as text, by older name; variable and flag go before it', async t => {
  for (const key of flagKeys) t.match(keyName(key), /^[a-z_]+$/)
  for (const [key, [toml, value, text, other]] of Object.entries(cases) as [
    FlagKey,
    readonly [string, unknown, string, string],
  ][]) {
    for (const name of [keyName(key), ...(row(key).oldKeys ?? [])])
      for (const written of [toml, JSON.stringify(text)]) {
        const { settings, origins, sources, warnings } = await settingsOf(`\n${name} = ${written}\n`)
        t.strictSame([settings[key], origins[key]], [value, 'config'], `${name} = ${written}`)
        t.equal(sources[key], `${usual}:2`)
        t.strictSame(warnings, [])
      }
    const file = `${keyName(key)} = ${toml}`
    const near = await settingsOf(file, [], { [variableName(key)]: other })
    t.strictSame([near.origins[key], near.sources[key]], ['environment', variableName(key)])
    t.strictSame(near.settings[key], row(key).parse(other))
    const flag = `--${keyName(key).replaceAll('_', '-')}`
    const nearer = await settingsOf(file, [`${flag}=${other}`], { [variableName(key)]: text || 'x:1' })
    t.strictSame([nearer.origins[key], nearer.sources[key]], ['flag', flag])
    t.strictSame(nearer.settings[key], row(key).parse(other))
  }
})

t.test(
  'a home directory expands; one list from one place; the nearer of two that exclude each other',
  async t => {
    const home = await settingsOf('swarm_key_path = "~/team.key"\nidentity_key = "~/me.key"\ndata_dir = "~"')
    for (const key of ['swarmKey', 'identityKey', 'dataDir'] as const) t.notMatch(home.settings[key], '~')
    t.strictSame(
      (await settingsOf('bootstrap = ["a:1"]', ['8000', 'b:1'])).settings.bootstrap,
      ['b:1'],
      'places do not mix',
    )
    const near = await settingsOf('open = "town"', [], { GUILD_SWARM_KEY: 'k' })
    t.match(near.settings, { open: undefined, swarmKey: 'k' })
    t.match((await settingsOf('swarm_key = "k"', ['--open', 'x'])).settings, {
      open: 'x',
      swarmKey: undefined,
    })
    t.match(
      (await settingsOf('port = 1', ['id'])).origins,
      { port: 'default' },
      'a key of another command waits',
    )
  },
)

t.test('what does not fit: file, line and fix on one line; exit 2; nothing touched', async t => {
  const at = (line: number) => `guild-home: ${usual}:${line}: `
  const bad: readonly [text: string | Uint8Array, says: string][] = [
    ['port = 70000', `${at(1)}port = 70000: give a whole number from 0 to 65535 (0: the system picks)`],
    ['# one\n\nport = true', `${at(3)}port = true: write port = <number>`],
    ['port = [8000]', `${at(1)}port = a list: write port = <number>`],
    ['port = 1.5', `${at(1)}port = 1.5: give a whole number from 0 to 65535`],
    ['name = 5', `${at(1)}name = 5: write name = "<text>"`],
    ['name = ""', `${at(1)}name = "": give a value, or take the line out`],
    ['name = 2020-01-01', `${at(1)}name = a date: write name = "<text>"`],
    ['[name]\nx = 1', `${at(1)}name = a table: write name = "<text>"`],
    ['mdns = "maybe"', `${at(1)}mdns = "maybe": give true, false, 1 or 0`],
    ['mdns = 2', `${at(1)}mdns = 2: give true, false, 1 or 0`],
    ['mdns = []', `${at(1)}mdns = a list: write mdns = true or mdns = false`],
    ['interval = inf', `${at(1)}interval = Infinity: give a duration`],
    ['bootstrap = [\n "a:1",\n 5]', `${at(1)}bootstrap = a list: write bootstrap = ["…", "…"]`],
    ['bootstrap = true', `${at(1)}bootstrap = true: write bootstrap`],
    ['bootstrap = ["foo"]', `${at(1)}bootstrap = a list: the port is missing; write foo:8000`],
    [
      'swarm_key = "a"\nswarm_key_path = "b"',
      `${at(2)}swarm_key_path means the same as swarm_key on line 1;`,
    ],
    ['open = "a"\nswarm_key = "b"', `open (${usual}:1) and swarm_key (${usual}:2) exclude each other`],
    ['interval = 40', `--peer-timeout is 60s, but must be at least twice interval (${usual}:1) (40s)`],
    [
      'port = 1\nport = 2',
      `${at(2)}column 1: trying to redefine an already defined table or value; write TOML`,
    ],
    ['\nname = alice', `${at(2)}column 8: invalid value; write TOML: key = value, text in quotes`],
    ['port = 99999999999999999999', `${at(1)}column 8: integer value cannot be represented losslessly`],
    ['port 8000', `${at(1)}column 6: `],
    [Buffer.from([0x23, 0x0a, 0x23, 0xff]), `${at(2)}this is not UTF-8; save the file as UTF-8`],
    [`# ${'x'.repeat(1_048_576)}`, 'has more than 1 MiB; a configuration is far shorter'],
    ['"por\\u001bt" = 1\nport = "\\u202e"', `${at(2)}port = "\\u{202e}": give a whole number`],
  ]
  for (const [text, says] of bad) {
    const { code, out, err, calls } = await beside(text)
    t.equal(code, 2, String(text).slice(0, 60))
    t.ok(err.includes(says), `${says}\n${err}`)
    t.match(err, /^guild-home: [^\n]+\n$/, 'one line')
    t.strictSame([out, calls], ['', []])
  }
  t.equal((await beside('port = true', ['--help'])).code, 0, 'help comes all the same')
  t.equal((await beside('port =', ['--version'])).code, 0)
  t.match(
    await beside('port =', ['id', '--prot']),
    { err: /unknown flag --prot/ },
    'the line typed comes first',
  )
})

t.test('a file that cannot be read: which, why, and what to do', async t => {
  const named = (path: string) => command(['config'], { env: { ...env, GUILD_CONFIG: path } })
  t.match(await named(folder), { code: 2, err: `${folder}, named by GUILD_CONFIG: this is not a file` })
  const missing = join(folder, 'none.toml')
  t.match(await named(missing), {
    code: 2,
    err: `${missing}, named by GUILD_CONFIG: cannot be read (ENOENT); correct the path, or unset GUILD_CONFIG`,
  })
  t.match(await named('/dev/zero'), { code: 2, err: /this is not a file/ })
  const directory = join(folder, 'other')
  mkdirSync(join(directory, 'guild-home', 'config.toml'), { recursive: true })
  const there = await command(['id'], { env: { ...env, XDG_CONFIG_HOME: directory } })
  t.match(there, { code: 2, err: /config\.toml: this is not a file; name a file, or move it away/ })
  const everything =
    process.platform === 'win32'
      ? 'modes of files are for POSIX systems'
      : process.getuid?.() === 0 && 'the superuser reads every file'
  t.test('no permission', { skip: everything }, async t => {
    writeFileSync(usual, 'port = 1')
    chmodSync(usual, 0)
    const { code, err } = await command(['config'], { env })
    chmodSync(usual, 0o600)
    t.match({ code, err }, { code: 2, err: /cannot be read \(EACCES\); make it readable, or move it away/ })
  })
})

t.test('an unknown key warns with the nearest one, and stops nothing', async t => {
  const says: readonly [line: string, warning: string][] = [
    ['prot = 1', 'unknown key prot; did you mean port?; it changes nothing'],
    ['data-dir = "x"', 'unknown key data-dir; did you mean data_dir?'],
    ['dataDir = "x"', 'unknown key dataDir; did you mean data_dir?'],
    ['no_mdns = true', 'unknown key no_mdns; write mdns = false'],
    ['colour = "red"', 'unknown key colour; it changes nothing'],
    ['[network]\nport = 1', 'unknown key network, a table; keys stand at the top, before any table'],
    ['"\\u001b[2J" = 1', 'unknown key \\x1b[2J; it changes nothing'],
    ['__proto__ = 1', 'unknown key __proto__; it changes nothing'],
    ['constructor = 1', 'unknown key constructor; it'],
  ]
  for (const [line, warning] of says) {
    const { code, err, out } = await beside(`# a file\n${line}`, ['swarm-key'])
    t.strictSame([code, out], [0, 'f00d\n'], line)
    t.ok(err.startsWith(`guild-home: ${usual}:2: ${warning}`), `${warning}\n${err}`)
    t.match(err, /^[^\n]+\n$/)
  }
  t.equal((await beside('colour = 1', ['swarm-key', '--log', 'error'])).err, '', 'unless less is wanted')
  const many = await beside(Array.from({ length: 5000 }, (_, i) => `k${i} = 1`).join('\n'), ['swarm-key'])
  t.equal(many.err.trimEnd().split('\n').length, 11)
  t.match(many.err, /and 4990 more unknown keys\n$/)
})

t.test('CL-04 a secret in the wrong place is not repeated', async t => {
  const key = '6189c5cf0b87fb800c1a9feeda73c6ab5e998db48fb9e6a978575c770ceef683'
  const content = `/key/swarm/psk/1.0.0/\n/base16/\n${key}\n`
  for (const text of [
    `swarm_key = "${key}"`,
    `swarm_key = """${content}"""`,
    `swarm_key = ${key}`,
    `swarm_key = "${key}`,
    `identity_key = ["${key}"]`,
    `open = "x"\nswarm_key = "YYnFzwuH+4AMGp/u2nPGq16ZjbSPuearl1dcdwzu9oM="`,
    `nothing = "${key}"`,
  ]) {
    const { out, err } = await beside(text, ['config', '--debug'])
    t.notMatch(out + err, key, text)
    t.notMatch(out + err, 'YYnFzwuH')
  }
  const pasted = await command(['config'], {
    env: { ...env, GUILD_CONFIG: '/dev/null', GUILD_SWARM_KEY: content },
  })
  t.match(pasted, { code: 2, err: /GUILD_SWARM_KEY=\(not shown\): give the path of a key file/ })
})

t.test('config: every value and where it comes from', async t => {
  const text = 'max_peers = 10\nbootstrap = ["a:1", "b:2"]\nname = "x\\u001b[2J\\ny"\n'
  t.match((await beside(text)).code, 2, 'a name that others could not see is refused')
  const args = ['config', 'show', '--origin', '--port', '9000', '--no-mdns']
  const more = { GUILD_HEARTBEAT_INTERVAL: '500ms' }
  const good = await beside('max_peers = 10\nbootstrap = ["a:1", "b:2"]', args, more)
  t.equal(good.code, 0)
  t.strictSame(good.calls, [])
  const rows = new Map(good.out.split('\n').map(line => [line.split(' ')[0], line.split(/ {2,}/).slice(1)]))
  t.strictSame([...rows.keys()], ['(file)', ...flagKeys.map(keyName), ''])
  t.strictSame(rows.get('(file)'), [usual, 'read'])
  t.strictSame(rows.get('port'), ['9000', '--port'])
  t.strictSame(rows.get('mdns'), ['off', '--no-mdns'])
  t.strictSame(rows.get('interval'), ['500ms', 'GUILD_HEARTBEAT_INTERVAL'])
  t.strictSame(rows.get('max_peers'), ['10', `${usual}:1`])
  t.strictSame(rows.get('bootstrap'), ['a:1,b:2', `${usual}:2`])
  t.strictSame(rows.get('peer_timeout'), ['60s', 'default'])
  t.strictSame(rows.get('swarm_key'), [`${join(folder, 'guild-home/swarm.key')}, made if missing`, 'default'])
  const asJson = (await beside('max_peers = 10\nopen = "town"', [...args, '--json'], more)).out
  const objects = asJson
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.strictSame(
    objects.map(({ key }) => key),
    flagKeys.map(keyName),
  )
  const byKey = new Map(objects.map(({ key, ...rest }) => [key, rest]))
  t.strictSame(byKey.get('port'), { value: 9000, origin: 'flag', source: '--port' })
  t.strictSame(byKey.get('interval'), {
    value: 0.5,
    origin: 'environment',
    source: 'GUILD_HEARTBEAT_INTERVAL',
  })
  t.strictSame(byKey.get('open'), { value: 'town', origin: 'config', source: `${usual}:2` })
  t.strictSame(byKey.get('name'), { value: null, origin: 'default', source: null })
  const none = await command(['config'], { env: { HOME: nowhere } })
  t.match(none.out, new RegExp(`^\\(file\\) +${nowhere}/\\.config/guild-home/config\\.toml +not there\n`))
  t.match((await beside('', ['config', 'shwo'])).err, /did you mean show\?/)
  t.match((await beside('', ['config', 'show', 'all'])).err, /'all' is one word too many/)
  t.match((await beside('', ['run', '--origin'])).err, /unknown flag --origin/)
})

t.test('run takes what the file says', async t => {
  writeFileSync(usual, 'port = 8001\nname = "filed"\nmdns = false\ndata_dir = "/d"\nbootstrap = "a:1"\n')
  const run = start([], { env })
  await run.shows('Node filed listening')
  t.match((await run.node).options, { port: 8001, name: 'filed', mdns: false, bootstrap: ['a:1'] })
  t.ok(run.calls.includes('openDataDir /d 8001 run'), 'a directory from the file is one named by hand')
  run.signals.emit('SIGINT')
  t.equal(await run.code, 0)
})

t.test('a real process: file, variable and flag; no parser is loaded without a file', notBuilt, async t => {
  const real = new Folder()
  t.teardown(() => real.remove())
  const traced = { NODE_DEBUG: 'esm' }
  const without = await real.command(['config'], traced)
  t.equal(without.code, 0)
  t.match(without.err, 'cli/main.js', 'the trace names modules')
  t.notMatch(without.err, 'smol-toml')
  mkdirSync(join(real.path, 'config/guild-home'), { recursive: true })
  writeFileSync(join(real.path, 'config/guild-home/config.toml'), 'port = 8123\nmax_peers = 5\n')
  t.match((await real.command(['config'], traced)).err, 'smol-toml')
  const { out } = await real.command(['config', '--max-peers', '6'], { GUILD_NAME: 'bob' })
  t.match(out, /^port +8123 .*config\.toml:1$/m)
  t.match(out, /^max_peers +6 +--max-peers$/m)
  t.match(out, /^name +bob +GUILD_NAME$/m)
})

t.test('lines of keys: whatever values look like', async t => {
  const text = [
    '# port = 0',
    'a = """',
    'b = 1 # " \\"" """""',
    "'c' = '''",
    "d = '''''  # two quotes of its own before the three",
    'e = [ # [',
    '  "f = ]", { g = "}" },',
    ']',
    '"h\\u0021" . "i = " = 3',
    "  j.k = '\\'",
    'l = { m = [1,',
    '2] }',
    '[[ n . "o]" ]] # [p]',
    'q = 1',
    '["r"]',
    's = ""',
  ].join('\r\n')
  t.strictSame(Object.keys(parse(text)), ['a', 'c', 'e', 'h!', 'j', 'l', 'n', 'r'])
  t.strictSame(keyLines(text), [
    ['a', 2],
    ["'c'", 4],
    ['e', 6],
    ['"h\\u0021"', 9],
    ['j', 10],
    ['l', 11],
    ['n', 13],
    ['"r"', 15],
  ])
  t.strictSame(keyLines(''), [])
  t.strictSame(keyLines('a=1'), [['a', 1]])
})

t.test('lines of keys: found again in any document', async t => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', size: 'small' }).map(text => stringify({ x: text }).slice(4).trimEnd()),
    fc
      .array(fc.string(), { size: 'small' })
      .map(list => `[\n${list.map(one => JSON.stringify(one)).join(',\n')}\n]`),
    fc.constantFrom("'''\n'\n\"\n#[\n'''", '"""\n\\"""\n"""', '1', '"#"', "'['", '{ a = [\n1, # ]\n] }'),
  )
  const document = fc.array(fc.tuple(value, fc.nat(3)), { maxLength: 12 })
  await check(
    fc.property(document, parts => {
      let text = ''
      const expected: [string, number][] = []
      for (const [i, [one, gap]] of parts.entries()) {
        text += '\n'.repeat(gap)
        expected.push([`k${i}`, text.split('\n').length])
        text += `k${i} = ${one} # k = 1\n`
      }
      t.strictSame(Object.keys(parse(text)).length, parts.length)
      return JSON.stringify(keyLines(text)) === JSON.stringify(expected)
    }),
  )
})

t.test('the README lists every older name', async t => {
  t.ok(
    readFileSync(join(root, 'README.md'), 'utf8').includes(
      `<!-- aliases -->\n\n${aliasTable()}\n\n<!-- /aliases -->`,
    ),
  )
  const file: ConfigFile = { path: '/c', entries: [{ key: 'gateway_addr', line: 1, value: 'x' }] }
  t.match(readInvocation([], {}, file).warnings, [/unknown key gateway_addr/], 'a name of a flag to come')
})
