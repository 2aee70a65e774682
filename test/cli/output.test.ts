/** What is shown: golden lines, JSON, escaping, exit codes, help. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { codes, type ErrorCode } from '../../src/base/errors.ts'
import type { NodeMessage, PacketInfo, PeerInfo } from '../../src/cli/api.ts'
import { peerTable } from '../../src/cli/console.ts'
import { exitCodeOf } from '../../src/cli/exit-codes.ts'
import { flagTable } from '../../src/cli/help.ts'
import { jsonLine } from '../../src/cli/json-lines.ts'
import { eventNames, hostAndPort, levelOf, textLines, wantsColour } from '../../src/cli/text-lines.ts'
import { bob, bobId, command, noon } from '../support/cli.ts'

const look = { at: noon, maxPeers: 20, colour: false }
const root = join(import.meta.dirname, '../../..')
const file = (path: string): string => readFileSync(join(root, path), 'utf8')

const golden: readonly [NodeMessage, ...string[]][] = [
  [
    {
      event: 'system-start',
      peerId: bobId,
      name: 'alice',
      port: 8001,
      addresses: [`/ip4/127.0.0.1/tcp/8001/p2p/${bobId}`, `/ip6/::1/tcp/8001/p2p/${bobId}`],
    },
    '[15:04:32] [SYSTEM] Node alice listening on port 8001',
    `[15:04:32] [SYSTEM] PeerId ${bobId}, reached at /ip4/127.0.0.1/tcp/8001/p2p/${bobId}, /ip6/::1/tcp/8001/p2p/${bobId}`,
  ],
  [
    {
      event: 'peer-connected',
      peerId: bobId,
      name: 'bob',
      address: `/ip4/192.168.1.100/tcp/8002/p2p/${bobId}`,
      transport: 'tcp',
      direction: 'in',
      peers: 1,
      maxPeers: 20,
    },
    '[15:04:32] [NETWORK] Peer bob connected from 192.168.1.100:8002 (1/20 peers)',
  ],
  [
    {
      event: 'peer-connected',
      peerId: bobId,
      name: 'charlie',
      address: '/dns4/localhost/tcp/8003',
      transport: 'tcp',
      direction: 'out',
      peers: 2,
      maxPeers: 20,
    },
    '[15:04:32] [NETWORK] Connected to peer charlie at localhost:8003 (2/20 peers)',
  ],
  [
    { event: 'peer-disconnected', peerId: bobId, name: 'bob', reason: 'goodbye', peers: 0 },
    '[15:04:32] [NETWORK] Peer bob disconnected: goodbye (0/20 peers)',
  ],
  [
    { event: 'peers-discovered', from: bobId, name: 'bob', count: 3, known: 5 },
    '[15:04:32] [DISCOVERY] Found 3 peers via bob (total known: 5)',
  ],
  [
    {
      event: 'chat-message',
      id: '00',
      from: bobId,
      name: 'bob',
      message: 'network status looks good',
      timestamp: 0,
    },
    '[15:04:32] [bob] network status looks good',
  ],
  [
    { event: 'maintenance-cleanup', peerId: bobId, name: 'dave', reason: 'timeout' },
    '[15:04:32] [MAINTENANCE] Removed stale peer dave (timeout)',
  ],
  [{ event: 'log-entries', count: 3, head: 12 }, '[15:04:32] [LOG] 3 entries (12 in all)'],
  [
    { event: 'log-fork', author: bobId, authorSeq: 41, ids: ['aa', 'bb'] },
    `[15:04:32] [LOG] ${bobId} wrote two entries with number 41: it was restored from an old copy, or lies`,
  ],
  [
    {
      event: 'connection-failed',
      address: '/ip6/::1/tcp/9',
      code: 'GH_DIAL_REFUSED',
      message: 'nobody answers',
    },
    '[15:04:32] [NETWORK] Could not connect to [::1]:9: nobody answers (GH_DIAL_REFUSED)',
  ],
  [
    {
      event: 'connection-failed',
      address: '/ip4/192.0.2.1/udp/9',
      code: 'GH_HANDSHAKE_TIMEOUT',
      message: 'nobody answers',
    },
    '[15:04:32] [NETWORK] Could not connect to 192.0.2.1:9 over UDP: nobody answers (GH_HANDSHAKE_TIMEOUT)',
  ],
  [
    { event: 'bootstrap-success', address: 'localhost:8000' },
    '[15:04:32] [DISCOVERY] Bootstrap peer localhost:8000 reached',
  ],
  [
    { event: 'bootstrap-failed', address: 'a:1', code: 'GH_DIAL_NAME', message: 'no such host' },
    '[15:04:32] [DISCOVERY] Bootstrap peer a:1 not reached: no such host (GH_DIAL_NAME)',
  ],
  [{ event: 'error', code: 'GH_INTERNAL', message: 'a fault' }, '[15:04:32] [ERROR] a fault (GH_INTERNAL)'],
  [{ event: 'debug', message: 'Sent PING to bob' }, '[15:04:32] [DEBUG] Sent PING to bob'],
]

t.test('golden lines: every event in the words of the contract', async t => {
  t.strictSame(
    golden.map(([{ event }]) => event).toSorted(),
    [...eventNames, 'peer-connected', 'connection-failed'].toSorted(),
  )
  for (const [message, ...lines] of golden) t.strictSame(textLines(message, look), lines, message.event)
  t.equal(levelOf.debug, 'debug')
})

t.test('CL-02 CL-03 what comes from a peer stays on its line and moves no cursor', async t => {
  const evil = 'x\u001b[2J\n[15:04:32] [SYSTEM] fake\u202e\u200b'
  for (const [message] of golden) {
    const poisoned = Object.fromEntries(
      Object.entries(message).map(([key, value]) => [
        key,
        typeof value === 'string' && key !== 'event' && key !== 'direction' && key !== 'code'
          ? evil
          : Array.isArray(value)
            ? [evil]
            : value,
      ]),
    ) as unknown as NodeMessage
    for (const line of textLines(poisoned, look))
      t.match(line, /^\[15:04:32\] [^\p{Cc}\p{Cf}]+$/u, message.event)
    t.equal(jsonLine(poisoned, noon).split(/[\n\r\u2028\u2029]/).length, 1)
    t.notMatch(jsonLine(poisoned, noon), '\u001b')
  }
  const chat = (name: string) =>
    textLines(
      { event: 'chat-message', id: '', from: bobId, name, message: 'Node x listening', timestamp: 0 },
      look,
    )[0]
  t.equal(chat('SYSTEM'), '[15:04:32] ["SYSTEM"] Node x listening', 'a peer does not speak as the node')
  t.equal(chat(' system'), '[15:04:32] [" system"] Node x listening')
  t.equal(chat('a] [SYSTEM'), '[15:04:32] ["a] [SYSTEM"] Node x listening')
  t.equal(chat(' '), '[15:04:32] [12D3KooW…o7R3pq] Node x listening', 'no name: the PeerId')
  const table = peerTable([{ ...bob, name: evil, transport: evil, address: evil }], 20)
  t.equal(table.split('\n').length, 3)
  for (const hidden of ['\u001b', '\u202e', '\u200b']) t.notMatch(table, hidden)
})

t.test('colours: on a terminal, unless NO_COLOR or a dumb one', async t => {
  t.equal(wantsColour({ isTTY: true }, {}), true)
  t.equal(wantsColour({ isTTY: true }, { NO_COLOR: '1' }), false)
  t.equal(wantsColour({ isTTY: true }, { NO_COLOR: '' }), true, 'an empty one does not count')
  t.equal(wantsColour({ isTTY: true }, { TERM: 'dumb' }), false)
  t.equal(wantsColour({}, {}), false)
  for (const [message, ...lines] of golden)
    t.strictSame(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are what is taken out
      textLines(message, { ...look, colour: true }).map(line => line.replace(/\u001b\[\d+m/g, '')),
      lines,
    )
})

t.test('JSON lines: the event as it is, with a time', async t => {
  for (const [message] of golden) {
    const line = jsonLine(message, noon)
    t.strictSame(JSON.parse(line), { ...message, time: noon.toISOString() })
    t.ok(line.startsWith(`{"event":"${message.event}"`))
  }
})

t.test('addresses as people write them', async t => {
  t.equal(hostAndPort('/ip4/1.2.3.4/tcp/5'), '1.2.3.4:5')
  t.equal(hostAndPort('/ip6/2001:db8::1/udp/5'), '[2001:db8::1]:5')
  t.equal(hostAndPort('/ip6zone/eth0/ip6/fe80::1/tcp/5'), '[fe80::1%eth0]:5', 'as one types it')
  t.equal(hostAndPort(`/dns/x.example/tcp/5/p2p/${bobId}`), 'x.example:5')
  const circuit = `/ip4/1.2.3.4/tcp/5/p2p/${bobId}/p2p-circuit`
  t.equal(hostAndPort(circuit), circuit, 'what is not so simple stays')
})

t.test('the peers as a table', async t => {
  t.equal(peerTable([], 20), '0 of 20 peers')
  t.equal(
    peerTable([bob, { ...bob, name: 'charlotte', direction: 'in', rttMs: undefined }], 20),
    [
      '2 of 20 peers',
      '  NAME       PEERID           ADDRESS         BY   WAY  RTT',
      '  bob        12D3KooW…o7R3pq  127.0.0.1:8002  tcp  out  0.4 ms',
      '  charlotte  12D3KooW…o7R3pq  127.0.0.1:8002  tcp  in   -',
    ].join('\n'),
  )
})

t.test('the peers as a table: of a path over packets more is known', async t => {
  const packets: PacketInfo = {
    leastRttMs: 39.96,
    congestion: 'bbr',
    congestionWindow: 123_456,
    bytesInFlight: 8_712,
    mtu: 1_452,
    packetsSent: 1_525,
    packetsReceived: 140,
    packetsLost: 29,
    lossShare: 29 / 1_525,
  }
  const carol: PeerInfo = {
    ...bob,
    name: 'carol',
    transport: 'udp',
    rttMs: 40.25,
    carrier: 'packets',
    packets,
  }
  const fresh = { ...packets, leastRttMs: undefined, bytesInFlight: 0, packetsLost: 0, lossShare: 0 }
  t.equal(
    peerTable([bob, carol, { ...carol, name: 'dave', rttMs: undefined, packets: fresh }], 20),
    [
      '3 of 20 peers',
      '  NAME   PEERID           ADDRESS         BY   WAY  RTT      LEAST    WINDOW  IN FLIGHT  LOST         MTU   CONTROL',
      '  bob    12D3KooW…o7R3pq  127.0.0.1:8002  tcp  out  0.4 ms   -        -       -          -            -     -',
      '  carol  12D3KooW…o7R3pq  127.0.0.1:8002  udp  out  40.3 ms  40.0 ms  123 kB  8.7 kB     29 (1.90 %)  1452  bbr',
      '  dave   12D3KooW…o7R3pq  127.0.0.1:8002  udp  out  -        -        123 kB  0 B        0            1452  bbr',
    ].join('\n'),
  )
})

t.test('exit codes: every error code has one; those of the contract are as it says', async t => {
  t.strictSame(Object.keys(exitCodeOf).toSorted(), Object.keys(codes).toSorted())
  const promised: Partial<Record<ErrorCode, number>> = {
    GH_LISTEN_IN_USE: 1,
    GH_STORE_FAILED: 1,
    GH_OPTION_INVALID: 2,
    GH_ADDRESS_INVALID: 2,
    GH_PEER_UNKNOWN: 3,
    GH_HANDSHAKE_TIMEOUT: 4,
    GH_DIAL_TIMEOUT: 4,
    GH_DIAL_REFUSED: 1,
    GH_KEY_INVALID: 5,
    GH_KEY_PERMISSIONS: 5,
    GH_HANDSHAKE_SWARM: 5,
    GH_REFUSED_DENIED: 5,
    GH_REFUSED_MAX_PEERS: 5,
    GH_STORE_LOCKED: 5,
    GH_ABORTED: 130,
  }
  for (const [code, exit] of Object.entries(promised)) t.equal(exitCodeOf[code as ErrorCode], exit, code)
})

const content = ['add', 'get', 'cat', 'ls', 'stat', 'block', 'pin', 'gc', 'car']

t.test('A7 --help: every option, its default and its variable; exit 0', async t => {
  const { code, out, err } = await command(['--help'])
  t.equal(code, 0)
  t.equal(err, '')
  t.equal(out, file('test/cli/help.txt'), 'as in test/cli/help.txt')
  for (const args of [['-h'], ['help'], ['--help', '--port', 'nonsense']])
    t.equal((await command(args)).out, out, args.join(' '))
  for (const name of [
    'run',
    'id',
    'swarm-key',
    'connect',
    'status',
    'peers',
    'send',
    'monitor',
    'bench',
    ...content,
  ]) {
    const one = await command([name, '--help'])
    t.equal(one.code, 0)
    t.match(one.out, `Usage: guild-home ${name}`)
    t.match(one.out, 'Examples:')
    t.equal((await command(['help', name])).out, one.out)
  }
  t.match(
    (await command(['run', '--help'])).out,
    /--port [^[]*\[GUILD_PORT\]\s+\[default: 0, the system picks\]/,
  )
})

t.test('--version is the one of package.json', async t => {
  const { code, out } = await command(['--version'])
  t.equal(code, 0)
  t.equal(out, `${JSON.parse(file('package.json')).version}\n`)
})

t.test('the README holds the table of flags and every exit code', async t => {
  const readme = file('README.md')
  t.ok(readme.includes(`<!-- flags -->\n\n${flagTable()}\n\n<!-- /flags -->`), 'fresh table of flags')
  for (const code of [0, 1, 2, 3, 4, 5, 130]) t.match(readme, new RegExp(`^\\| ${code} \\|`, 'm'))
})

t.test('an error is one line and a next step; its trace only with --debug', async t => {
  const failing = { faults: { start: 'GH_LISTEN_IN_USE' as const } }
  const plain = await command(['run', '8001'], failing)
  t.equal(plain.code, 1)
  t.equal(
    plain.err,
    'guild-home: the port is in use: 8001 (GH_LISTEN_IN_USE)\n  give another --port, or 0 for any free one\n',
  )
  t.match((await command(['run', '8001', '--debug'], failing)).err, /\n {4}at /)
  const asJson = await command(['run', '8001', '--json'], failing)
  t.match(JSON.parse(asJson.out), { event: 'error', code: 'GH_LISTEN_IN_USE' })
})
