/** Arguments and environment to settings: every flag, every bad value, one line each. */
import t from 'tap'
import { type FlagKey, flagKeys, flagName, row, variableName } from '../../src/cli/flags.ts'
import { readInvocation } from '../../src/cli/settings.ts'
import { nearest } from '../../src/cli/usage.ts'
import { command } from '../support/cli.ts'

const anId = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'

const words = (line: string): string[] => line.split(' ').filter(word => word !== '')

t.test('each flag: by flag, by variable, by older name, flag before variable before default', async t => {
  const cases: readonly [FlagKey, text: string, value: unknown, other: string][] = [
    ['port', '8000', 8000, '1'],
    [
      'bootstrap',
      '192.168.1.10:8000, ,[::1]:8001,/ip4/127.0.0.1/tcp/8002',
      ['192.168.1.10:8000', '[::1]:8001', '/ip4/127.0.0.1/tcp/8002'],
      'localhost:1',
    ],
    ['dataDir', '/tmp/x', '/tmp/x', 'y'],
    ['interval', '10', 10, '7'],
    ['log', 'debug', 'debug', 'warn'],
    ['name', 'alice', 'alice', 'bob'],
    ['host', '127.0.0.1,::1', ['127.0.0.1', '::1'], '0.0.0.0'],
    ['maxPeers', '10', 10, '3'],
    ['allow', anId, [anId], anId],
    ['deny', anId, [anId], anId],
    ['bandwidthIn', '1.5MB', 1_500_000, '500k'],
    ['bandwidthOut', '2000', 2000, '1G'],
    ['transport', 'udp', ['udp'], 'tcp,udp'],
    ['mtu', '1400', 1400, '1500'],
    ['congestion', 'cubic', 'cubic', 'newreno'],
    ['qlog', '/tmp/q', '/tmp/q', 'r'],
    ['mdns', 'false', false, 'true'],
    ['swarmKey', 'team.key', 'team.key', 'other.key'],
    ['open', 'town square', 'town square', 'x'],
    ['identityKey', 'me.key', 'me.key', 'you.key'],
    [
      'trackers',
      'http://192.0.2.1:8850, ,HTTPS://Tracker.example.org/below/',
      ['http://192.0.2.1:8850', 'https://tracker.example.org/below'],
      'http://[::1]:1',
    ],
    ['trackerToken', 'a-word', 'a-word', 'b'],
    ['userId', 'ann', 'ann', 'bob'],
    ['deviceId', 'laptop', 'laptop', 'desk'],
    ['dbPath', '/tmp/x.db', '/tmp/x.db', 'y.db'],
    ['dial', 'relay-first', 'relay-first', 'direct-first'],
    ['relay', '/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.1/tcp/1', 'x'],
    ['relayKey', 'relay.key', 'relay.key', 'other.key'],
    ['announce', 'example.org:443', ['example.org:443'], 'a:1'],
    ['discoveryInterval', '500ms', 0.5, '1s'],
    ['maintenanceInterval', '2m', 120, '9'],
    ['connectTimeout', '1.5s', 1.5, '9'],
    ['peerTimeout', '1h', 3600, '99'],
    ['to', 'bob', 'bob', 'carol'],
    ['finish', '1', true, '0'],
    ['line', '1', true, '0'],
    ['linePort', '7000', 7000, '7001'],
    ['lineHost', '0.0.0.0,::1', ['0.0.0.0', '::1'], '127.0.0.1'],
    ['teach', 'true', true, '0'],
    ['blockQuota', '10G', 10_000_000_000, '500M'],
    ['output', '/tmp/out', '/tmp/out', 'x'],
    ['offline', '1', true, '0'],
    ['profile', 'unixfs-v1-2025', 'unixfs-v1-2025', 'kubo-v1'],
    ['hidden', 'true', true, '0'],
    ['wrap', 'true', true, '0'],
    ['preserve', 'true', true, '0'],
    ['pin', 'false', false, 'true'],
    ['direct', 'true', true, '0'],
    ['codec', 'dag-cbor', 'dag-cbor', 'raw'],
    ['offset', '10', 10, '1'],
    ['length', '20', 20, '1'],
    ['peers', 'localhost:8000', ['localhost:8000'], 'a:1'],
    ['limit', '10', 10, '1'],
    ['watch', '1', true, '0'],
    ['intervalSec', '2m', 120, '9'],
    ['push', '1', true, '0'],
    ['listen', '/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/1'],
    ['bind', '[::1]:0', '[::1]:0', '127.0.0.1:1'],
    ['ttlSec', '120', 120, '1'],
    ['token', 'a-word', 'a-word', 'b'],
    ['allowUnsigned', '1', true, '0'],
    ['hosts', 'tracker.example, *.b', ['tracker.example', '*.b'], 'c'],
    ['proxies', '10.0.0.0/8,::1', ['10.0.0.0/8', '::1'], '127.0.0.1'],
    ['json', '1', true, '0'],
  ]
  t.strictSame(
    cases.map(([key]) => key),
    flagKeys,
    'the table names them all',
  )
  for (const [key, text, value, other] of cases) {
    const flag = `--${flagName(key)}=${text}`
    const { commands } = row(key)
    const command = commands.includes('run') ? [] : [commands[0]!]
    const read = (args: string[], env: Record<string, string>) => readInvocation([...command, ...args], env)
    const byFlag = read([flag], { [variableName(key)]: other })
    t.strictSame([byFlag.settings[key], byFlag.origins[key]], [value, 'flag'], flag)
    for (const variable of [variableName(key), ...(row(key).oldVariables ?? [])]) {
      const byVariable = read([], { [variable]: text })
      t.strictSame([byVariable.settings[key], byVariable.origins[key]], [value, 'environment'], variable)
      t.equal(read([], { [variable]: '' }).origins[key], 'default', `an empty ${variable} is none`)
    }
    const byDefault = read([], {})
    t.strictSame([byDefault.settings[key], byDefault.origins[key]], [row(key).fallback, 'default'])
    t.match(variableName(key), /^GUILD_[A-Z_]+$/)
  }
})

t.test('spellings: short flags, words, switches, joined lists, shortcuts', async t => {
  const read = (line: string, env = {}) => readInvocation(words(line), env)
  t.match(read('8002 localhost:8001').settings, { port: 8002, bootstrap: ['localhost:8001'] })
  t.match(read('run 8002 localhost:8001 -b a:1 -b b:2').settings.bootstrap, ['localhost:8001', 'a:1', 'b:2'])
  t.match(read('-p8000 -n alice -i 1 -l warn -d x').settings, {
    port: 8000,
    name: 'alice',
    interval: 1,
    log: 'warn',
    dataDir: 'x',
  })
  t.match(read('--no-mdns').settings.mdns, false)
  t.match(read('--mdns', { GUILD_MDNS: '0' }).settings.mdns, true)
  t.match(read('--debug').settings.log, 'debug')
  t.match(read('', { GUILD_MDNS: 'false', GUILD_LOG_LEVEL: 'error' }).settings, { mdns: false, log: 'error' })
  t.equal(read('--open a', { GUILD_SWARM_KEY: 'k' }).settings.swarmKey, undefined, 'the nearer of two wins')
  t.equal(read('--swarm-key k', { GUILD_OPEN: 'a' }).settings.open, undefined)
  t.match(read('swarm-key new').words, ['new'])
  t.match(read('--prot 1 --help').help, true, 'help is given whatever else is wrong')
})

t.test('every bad value: one line with name, value and fix; exit 2; nothing touched', async t => {
  const bad: readonly [line: string, says: RegExp, env?: Record<string, string>][] = [
    ['--port 70000', /--port 70000: give a whole number from 0 to 65535/],
    ['--port -5', /--port -5: give a whole number/],
    ['--port 1e3', /--port 1e3: give/],
    ['-p 0x50', /-p 0x50: give/],
    ['80000', /port 80000: give/],
    ['', /GUILD_PORT=eighty: give a whole number/, { GUILD_PORT: 'eighty' }],
    ['--bootstrap foo', /--bootstrap foo: the port is missing; write foo:8000/],
    ['--bootstrap a:1,b:0', /'b:0': nobody can be reached at port 0/],
    ['--bootstrap fe80::1', /brackets/],
    ['8001 nowhere', /address nowhere: the port is missing/],
    ['--announce /ip4/1.2.3.4', /--announce \/ip4\/1.2.3.4: host and port are missing/],
    ['--interval 0', /--interval 0: give a duration from 50ms to 3600s/],
    ['--interval -1', /--interval -1: give a duration/],
    ['--interval 5x', /--interval 5x: give a duration/],
    ['', /GUILD_HEARTBEAT_INTERVAL=often: give a duration/, { GUILD_HEARTBEAT_INTERVAL: 'often' }],
    ['--log loud', /--log loud: give one of error, warn, info, debug/],
    ['', /GUILD_LOG_LEVEL=loud: give one of/, { GUILD_LOG_LEVEL: 'loud' }],
    ['--max-peers 0', /--max-peers 0: give a whole number from 1 to 10000/],
    ['--max-peers 10001', /--max-peers 10001: give/],
    ['--block-quota 1M', /--block-quota 1M: give a size of 16777216 bytes or more/],
    ['add x --profile kubo', /--profile kubo: give one of kubo-v1, unixfs-v1-2025, unixfs-v0-2015/],
    ['cat x --offset -1', /--offset -1: give a whole number/],
    ['get x --pin', /--pin does not belong to 'get'/],
    ['--transport quic', /--transport quic: give one of tcp, udp/],
    ['--congestion reno', /--congestion reno: give one of bbr, cubic, newreno/],
    ['--qlog=', /--qlog/],
    ['--trackers tracker:8850', /--trackers tracker:8850: write http:\/\/host:8850 or https:\/\/host/],
    ['--trackers http://a:b', /--trackers http:\/\/a:b: this is not a URL/],
    ['--trackers http://a@b', /--trackers \(not shown\): .*a token is given with --tracker-token/],
    ['--dial fastest', /--dial fastest: give one of direct-first, relay-first/],
    [`--user-id ${'u'.repeat(257)}`, /give at most 256 bytes/],
    ['--relay /ip4/192.0.2.1/tcp/1', /--relay does not belong to 'run'/],
    ['tracker-serve --bind 8850', /--bind 8850: give an IP address of this machine and a port/],
    ['tracker-serve --bind example.org:1', /--bind example.org:1: give/],
    ['tracker-serve --bind 0.0.0.0:65536', /--bind 0.0.0.0:65536: give/],
    ['tracker-serve --ttl-sec 0', /--ttl-sec 0: give a whole number from 1 to 86400/],
    ['tracker-serve --hosts a/b', /--hosts a\/b: give host names/],
    ['tracker-serve --proxies 10.0.0.0/33', /--proxies 10.0.0.0\/33: give IP addresses or networks/],
    ['tracker-serve now', /tracker-serve takes no words/],
    ['--ttl-sec 5', /--ttl-sec does not belong to 'run'/],
    ['--host localhost', /--host localhost: give an IP address/],
    ['--mdns=maybe', /--mdns maybe: give true, false, 1 or 0/],
    ['', /GUILD_MDNS=maybe: give true/, { GUILD_MDNS: 'maybe' }],
    [
      '--peer-timeout 9',
      /--peer-timeout is 9s, but must be at least twice --interval \(5s\): give --peer-timeout 10s/,
    ],
    ['--interval 40', /--peer-timeout is 60s, but must be at least twice --interval \(40s\)/],
    ['--open a --swarm-key b', /--open and --swarm-key exclude each other/],
    [`--open ${'ä'.repeat(33)}`, /give at most 64 bytes/],
    [`--name ${'n'.repeat(65)}`, /give at most 64 bytes/],
    ['--name', /--name needs a value: --name <text>/],
    ['--name --debug', /--name needs a value/],
    ['--name=', /--name needs a value/],
    ['--port 1 --port 2', /--port was given twice/],
    ['8000 --port 8000', /the port was given twice/],
    ['1 a:1 b:1', /'b:1' is one word too many/],
    ['--prot 8000', /unknown flag --prot; did you mean --port\?/],
    ['--data_dir x', /unknown flag --data_dir; did you mean --data-dir\?/],
    ['--no-port', /unknown flag --no-port/],
    ['--frobnicate', /unknown flag --frobnicate; see guild-home --help/],
    ['--debug=yes', /--debug=yes: --debug takes no value/],
    ['id --interval 3', /--interval does not belong to 'id'/],
    ['id extra', /id takes no words/],
    ['conect a:1', /unknown command 'conect'; did you mean connect\?/],
    ['sing', /unknown command 'sing'; see guild-home --help/],
    ['swarm-key shwo', /did you mean show\?/],
    ['swarm-key new now', /'now' is one word too many: guild-home swarm-key new\n/],
    ['swarm-key new ./team.key', /a file is named by --swarm-key \.\/team\.key/],
    ['connect', /connect needs an address/],
    ['connect nowhere', /connect nowhere: the port is missing/],
    ['connect a:1 b:1', /'b:1' is one word too many/],
  ]
  for (const [line, says, env = {}] of bad) {
    const { code, out, err, calls } = await command(words(line), { env })
    const name = `${line} ${JSON.stringify(env)}`
    t.equal(code, 2, name)
    t.match(err, says, name)
    t.match(err, /^guild-home: [^\n]+\n$/, `one line: ${name}`)
    t.equal(out, '')
    t.strictSame(calls, [], 'the library was not even asked')
  }
})

t.test('CL-03 what was typed comes back on one line, visibly', async t => {
  const { err } = await command(['--port', '1\n\u001b[2J\u202e'])
  t.equal(
    err,
    'guild-home: --port 1\\n\\x1b[2J\\u{202e}: give a whole number from 0 to 65535 (0: the system picks)\n',
  )
  t.match((await command(['--\u001b[31mx'])).err, /unknown flag --\\x1b\[31mx/)
  t.match((await command(['--name', 'a\tb'])).err, /--name a\\tb: give a name without control characters/)
})

t.test('CL-04 a key typed where a path belongs is not repeated', async t => {
  const key = '6189c5cf0b87fb800c1a9feeda73c6ab5e998db48fb9e6a978575c770ceef683'
  const { code, err } = await command(['--swarm-key', key])
  t.equal(code, 2)
  t.notMatch(err, key)
  t.match(err, /--swarm-key \(not shown\): give the path of a key file/)
})

t.test('the nearest known word', async t => {
  const known = ['--port', '--peer-timeout', '--name', '--no-mdns']
  t.equal(nearest('--prot', known), '--port')
  t.equal(nearest('--peertimeout', known), '--peer-timeout')
  t.equal(nearest('--nomdns', known), '--no-mdns')
  t.equal(nearest('--something-else', known), undefined)
  t.equal(nearest('', known), undefined)
})
