/** The commands before a fake library: what they ask for, say and end with. */
import t from 'tap'
import type { ErrorCode } from '../../src/base/errors.ts'
import { bob, bobId, command, noon, start } from '../support/cli.ts'

const listening = 'listening on port 8001'

t.test('run: keys, directory, node, lines; SIGINT ends it with goodbyes and 0', async t => {
  const run = start(['8001', '--name', 'alice', '--no-mdns', '--host', '127.0.0.1'])
  await run.shows(listening)
  const node = await run.node
  t.match(run.out(), /^\[15:04:32\] \[SYSTEM\] Node alice listening on port 8001\n/)
  t.strictSame(run.calls, [
    'loadSwarmKey /home/x/swarm.key true',
    'openDataDir (default) 8001 run',
    'loadIdentityKey data/identity.key true',
    'createNode',
    'rememberPort 8001',
  ])
  t.match(node.options, { port: 8001, name: 'alice', mdns: false, host: ['127.0.0.1'], interval: 5 })
  run.signals.emit('SIGINT')
  t.equal(await run.code, 0)
  t.strictSame(node.told, ['start', 'stop'])
  t.equal(run.calls.at(-1), 'release')
  t.equal(run.signals.listenerCount('SIGINT'), 0)
  t.equal(run.err(), '')
})

t.test('run: a first swarm key is told with its place and fingerprint', async t => {
  const run = start(['--json', '--data-dir', '/d'], { fresh: true, slot: 2 })
  await run.shows('system-start')
  run.signals.emit('SIGTERM')
  t.equal(await run.code, 0)
  t.match(run.err(), 'guild-home: made a new swarm key, /home/x/swarm.key, fingerprint f00d\n')
  t.strictSame(run.calls.slice(0, 2), ['loadSwarmKey /home/x/swarm.key true', 'openDataDir /d - run'])
  t.match(run.err(), 'data directory /d')
})

t.test('run: keys named by hand must exist; an open network needs none', async t => {
  const named = await command(['--swarm-key', 'k', '--identity-key', 'i'], { fresh: true })
  t.equal(named.code, 3)
  t.match(named.err, /^guild-home: a key file does not exist: k \(GH_KEY_MISSING\)\n/)
  t.strictSame(named.calls, ['loadSwarmKey k false'])
  const open = start(['--open', 'town', '--identity-key', 'i'])
  await open.shows(listening)
  t.equal((await open.node).options.open, 'town')
  t.strictSame(open.calls, [
    'openDataDir (default) - run',
    'loadIdentityKey i false',
    'createNode',
    'rememberPort 8001',
  ])
  open.signals.emit('SIGINT')
  await open.code
})

t.test('run: how packets leave, and where they are logged', async t => {
  const run = start(['--transport', 'udp', '--congestion', 'cubic', '--qlog', '/q'])
  await run.shows(listening)
  t.match((await run.node).options, { transport: ['udp'], congestion: 'cubic', qlog: '/q' })
  run.signals.emit('SIGINT')
  await run.code
  const plain = start([])
  await plain.shows(listening)
  t.equal((await plain.node).options.congestion, 'bbr')
  t.notOk('qlog' in (await plain.node).options)
  plain.signals.emit('SIGINT')
  await plain.code
})

t.test('run: events as lines by level, trouble on stderr, chat always', async t => {
  const chat = { event: 'chat-message', id: '', from: bobId, name: 'bob', message: 'hi', timestamp: 0 }
  const failed = { event: 'bootstrap-failed', address: 'a:1', code: 'GH_DIAL_NAME', message: 'no' }
  const debug = { event: 'debug', message: 'Sent PING to bob' }
  const error = { event: 'error', code: 'GH_INTERNAL', message: 'oh' }
  const expected = {
    error: { out: '[bob]', err: '[ERROR]' },
    warn: { out: '[bob]', err: '[DISCOVERY] [ERROR]' },
    info: { out: '[SYSTEM] [SYSTEM] [bob]', err: '[DISCOVERY] [ERROR]' },
    debug: { out: '[SYSTEM] [SYSTEM] [bob] [DEBUG]', err: '[DISCOVERY] [ERROR]' },
  }
  for (const [level, { out, err }] of Object.entries(expected)) {
    const run = start(['--log', level])
    const node = await run.node
    await Promise.resolve()
    for (const message of [chat, failed, debug, error]) node.emit(message.event, message)
    run.signals.emit('SIGINT')
    await run.code
    const tags = (text: string) =>
      text
        .match(/(?<=^\[15:04:32\] )\[\w+\]/gm)
        ?.toSorted()
        .join(' ')
    t.equal(tags(run.out()), out.split(' ').toSorted().join(' '), level)
    t.equal(tags(run.err()), err, level)
  }
})

t.test('run --json: objects only, debug events only when asked for', async t => {
  for (const [args, debug] of [
    [['--json', '--log', 'error'], false],
    [['--json', '--debug'], true],
  ] as const) {
    const run = start(args)
    await run.shows('system-start')
    const node = await run.node
    node.emit('debug', { event: 'debug', message: 'Sent PING to bob' })
    node.peers = [{ ...bob, rttMs: undefined }]
    run.stdin.write('/peers\n/help\n/wrong\nhello\n')
    await run.shows('"event":"peers"')
    run.signals.emit('SIGINT')
    await run.code
    const events = run
      .out()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    t.strictSame(
      events.map(({ event }) => event),
      ['system-start', ...(debug ? ['debug'] : []), 'peers'],
    )
    for (const { time } of events) t.equal(time, noon.toISOString())
    t.match(events.at(-1), { maxPeers: 20, peers: [{ peerId: bobId, rttMs: null }] })
  }
})

t.test('D6 the console: commands act, other lines are said, slips are not', async t => {
  const run = start(['8001'])
  await run.shows(listening)
  const node = await run.node
  run.stdin.write('hello everybody\r\n\n   \n/discover\n /not a command\n/connect 127.0.0.1:8002\n')
  run.stdin.write('/dicsover\n/peers now\n/connect\n/constructor\n')
  run.stdin.write(Buffer.from('grüße').subarray(0, 3))
  run.stdin.write(Buffer.from('grüße\n').subarray(3))
  run.stdin.write(`${'x'.repeat(20_000)}\n${'y'.repeat(70_000)}`)
  run.stdin.write(`${'y'.repeat(70_000)}\nafter\n/peers\n/help\nlast words`)
  run.stdin.end()
  while (!node.told.includes('broadcast last words')) await new Promise(resolve => node.once('told', resolve))
  t.equal(run.signals.listenerCount('SIGINT'), 1, 'the end of a pipe does not stop the run')
  run.stdin.destroy()
  run.signals.emit('SIGTERM')
  t.equal(await run.code, 0)
  t.strictSame(node.told, [
    'start',
    'broadcast hello everybody',
    'discover',
    'broadcast  /not a command',
    'connect 127.0.0.1:8002',
    'broadcast grüße',
    'broadcast after',
    'broadcast last words',
    'stop',
  ])
  t.match(run.out(), '\n0 of 20 peers\n')
  t.notMatch(run.out(), 'hello everybody', 'own words are not echoed')
  const err = run.err()
  t.match(err, 'unknown command /dicsover; did you mean /discover? (not sent')
  t.match(err, '/peers takes nothing behind it (not sent')
  t.match(err, '/connect needs an address: /connect <address>')
  t.match(err, 'unknown command /constructor; /help lists them (not sent')
  t.match(err, 'a message is larger than its maximum (GH_MESSAGE_TOO_LARGE)')
  t.equal(err.match(/a line of more than 65536 characters was left out/g)?.length, 1)
  t.match(err, 'nobody is connected yet')
  t.match(err, /\/peers +who is connected/)
})

t.test('CHAT-5 the console: a whole file is said, as fast as peers take it', async t => {
  const run = start(['8001'])
  await run.shows(listening)
  const node = await run.node
  const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`)
  run.stdin.write(`${lines.join('\n')}\n/peers\n`)
  run.stdin.end()
  const said = () => node.told.filter(word => word.startsWith('broadcast'))
  while (said().length === 0) await new Promise(resolve => node.once('told', resolve))
  t.equal(said().length, 150, 'the rest has to wait for the next second')
  await run.shows('0 of 20 peers')
  t.strictSame(
    said(),
    lines.map(line => `broadcast ${line}`),
    'nothing is lost, and the order is kept',
  )
  run.stdin.destroy()
  run.signals.emit('SIGTERM')
  t.equal(await run.code, 0)
})

t.test('the console: /quit says goodbye; a failed /connect is told', async t => {
  const run = start(['8001'], { faults: { connect: 'GH_DIAL_REFUSED' } })
  await run.shows(listening)
  run.stdin.write('/connect a:1\n')
  while (!run.err().includes('GH_DIAL_REFUSED')) await new Promise(setImmediate)
  t.match(run.err(), 'guild-home: nobody answers at this address: a:1 (GH_DIAL_REFUSED)')
  run.stdin.write('/quit\n')
  t.equal(await run.code, 0)
  t.equal((await run.node).told.at(-1), 'stop')
})

t.test('the console on a terminal: what is being typed stays below what arrives', async t => {
  const run = start(['8001'], { terminal: true, env: { NO_COLOR: '1' } })
  await run.shows('> ')
  const node = await run.node
  run.stdin.write('half a li')
  await run.shows('half a li')
  node.emit('debug', { event: 'debug', message: 'not shown' })
  node.emit('bootstrap-success', { event: 'bootstrap-success', address: 'a:1' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: cursor movements are what is looked at
  t.match(run.out(), /\u001b\[1G\u001b\[0J\[15:04:32\] \[DISCOVERY\] .* reached\n.*> half a li/s)
  run.stdin.write('ne\r')
  while (!node.told.includes('broadcast half a line'))
    await new Promise(resolve => node.once('told', resolve))
  run.stdin.write('\u0003')
  t.equal(await run.code, 0, 'Ctrl-C, read as a key')
  const left = start([], { terminal: true })
  await left.shows('> ')
  left.stdin.write('\u0004')
  t.equal(await left.code, 0, 'Ctrl-D')
})

t.test('the console on a terminal: lines that come together stay above a line of several rows', async t => {
  const run = start(['8001'], { terminal: true, env: { NO_COLOR: '1' } })
  Object.assign(run.stdout, { columns: 20 })
  await run.shows('> ')
  const node = await run.node
  run.stdin.write('a half line that fills three rows of it')
  await run.shows('rows of it')
  for (const address of ['a:1', 'b:2', 'c:3'])
    node.emit('bootstrap-success', { event: 'bootstrap-success', address })
  // Between a line that came and the prompt below it the cursor must not step up: it would
  // stand on what was just written. Before the next line it steps up over the prompt's rows.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: cursor movements are what is looked at
  const up = /\u001b\[\d+A/
  for (const [, address, after] of run.out().matchAll(/Bootstrap peer ([abc]:\d) reached\n(.*?)> a half/gs))
    t.notMatch(after, up, address!)
  t.equal(run.out().match(/reached\n/g)?.length, 3)
  run.stdin.write('\u0003')
  t.equal(await run.code, 0)
})

t.test('CL-05 a second Ctrl-C ends at once; an echo of the first does not', async t => {
  const run = start([], { faults: { hangs: 'stop' } })
  await run.shows(listening)
  run.signals.emit('SIGINT')
  run.later(20)
  run.signals.emit('SIGINT')
  t.strictSame(run.exits, [])
  run.later(500)
  run.signals.emit('SIGINT')
  t.strictSame(run.exits, [130])
  t.equal(await run.code, 0, 'a stop that hangs is left behind')
})

t.test('CL-05 SIGTERM while starting', async t => {
  const run = start([], { faults: { hangs: 'start' } })
  const node = await run.node
  run.signals.emit('SIGTERM')
  t.equal(await run.code, 0)
  t.strictSame(node.told, ['start', 'stop'])
  t.equal(run.calls.at(-1), 'release')
})

t.test('CL-05 a reader that goes away ends the node quietly; a full disk does not stay secret', async t => {
  for (const [errno, code, says] of [
    ['EPIPE', 0, ''],
    ['ENOSPC', 1, 'guild-home: ENOSPC'],
  ] as const) {
    const run = start([])
    await run.shows(listening)
    run.stdout.emit('error', Object.assign(new Error(errno), { code: errno }))
    t.equal(await run.code, code, errno)
    t.match(run.err(), says)
    t.equal((await run.node).told.at(-1), 'stop')
  }
})

t.test('connect: prints the peer, says goodbye; listens nowhere, and is nobody in particular', async t => {
  const { code, out, err, calls } = await command(['connect', '127.0.0.1:8002'])
  t.equal(code, 0)
  t.equal(out, `Connected to peer bob at 127.0.0.1:8002 over tcp\nPeerId ${bobId}\n`)
  t.match(err, 'guild-home: no node runs on ./data: starting a short-lived node')
  t.strictSame(calls, ['openControl (default) -', 'loadSwarmKey /home/x/swarm.key true', 'createNode'])
  const asJson = await command(['connect', '127.0.0.1:8002', '--json'])
  t.strictSame(JSON.parse(asJson.out), { ...bob, packets: null })
  const run = start(['connect', 'a:1', '--connect-timeout', '1', '--log', 'error'])
  await run.code
  const node = await run.node
  t.match(node.options, { host: false, mdns: false, connectTimeout: 1 })
  t.strictSame(node.told, ['start', 'connect a:1', 'stop'])
  t.equal(run.err(), '')
})

t.test('connect: as the node of a directory named by hand, under its lock', async t => {
  const { calls } = await command(['connect', 'a:1', '--data-dir', '/d'])
  t.strictSame(calls, [
    'openControl /d -',
    'loadSwarmKey /home/x/swarm.key true',
    'openDataDir /d - one-shot',
    'loadIdentityKey /d/identity.key true',
    'createNode',
    'release',
  ])
})

t.test('connect: how it fails is its exit code', async t => {
  const cases: Partial<Record<ErrorCode, number>> = {
    GH_HANDSHAKE_SWARM: 5,
    GH_HANDSHAKE_TIMEOUT: 4,
    GH_DIAL_REFUSED: 1,
    GH_DIAL_TIMEOUT: 4,
    GH_REFUSED_MAX_PEERS: 5,
    GH_REFUSED_DENIED: 5,
    GH_ADDRESS_INVALID: 2,
  }
  for (const [fault, exit] of Object.entries(cases)) {
    const run = start(['connect', 'a:1'], { faults: { connect: fault as ErrorCode } })
    t.equal(await run.code, exit, fault)
    t.match(run.err(), `(${fault})`)
    t.equal(run.out(), '')
    t.equal((await run.node).told.at(-1), 'stop')
  }
})

t.test('CL-05 connect: cut by Ctrl-C is 130', async t => {
  const run = start(['connect', 'a:1'], { faults: { hangs: 'connect' } })
  const node = await run.node
  while (!node.told.includes('connect a:1')) await new Promise(setImmediate)
  run.signals.emit('SIGINT')
  t.equal(await run.code, 130)
  t.equal(node.told.at(-1), 'stop')
  t.notMatch(run.err(), 'GH_ABORTED')
})

t.test('id: the PeerId, read and never made', async t => {
  const { code, out, calls } = await command(['id', '-d', '/d'])
  t.equal(code, 0)
  t.equal(out, `${bobId}\n`)
  t.strictSame(calls, ['loadIdentityKey /d/identity.key false', 'createNode'])
  t.strictSame(JSON.parse((await command(['id', '--json'])).out), { peerId: bobId })
  const none = await command(['id'], { identity: 'missing' })
  t.equal(none.code, 3)
  t.match(none.err, /makes it/)
  t.strictSame(none.calls, ['loadIdentityKey data/identity.key false'])
})

t.test('swarm-key: fingerprint, show, and new which never overwrites', async t => {
  for (const args of [['swarm-key'], ['swarm-key', 'fingerprint']]) {
    const { code, out, err, calls } = await command(args)
    t.strictSame([code, out, err], [0, 'f00d\n', ''])
    t.strictSame(calls, ['loadSwarmKey /home/x/swarm.key false'])
  }
  t.equal((await command(['swarm-key', 'show'])).out, '/key/swarm/psk/1.0.0/\n/base16/\n00\n')
  const missing = await command(['swarm-key', 'show'], { fresh: true })
  t.strictSame([missing.code, missing.out], [3, ''])
  const made = await command(['swarm-key', 'new', '--swarm-key', 'k'], { fresh: true })
  t.strictSame([made.code, made.out], [0, 'f00d\n'])
  t.match(made.err, 'guild-home: made k;')
  const taken = await command(['swarm-key', 'new'])
  t.strictSame([taken.code, taken.out, taken.calls], [5, '', ['loadSwarmKey /home/x/swarm.key true']])
  t.match(taken.err, 'holds a key already')
  const asJson = await command(['swarm-key', 'show', '--json'])
  t.match(JSON.parse(asJson.out), { path: '/home/x/swarm.key', fingerprint: 'f00d', text: /base16/ })
  t.notMatch((await command(['swarm-key', '--json'])).out, 'base16', 'CL-04 the key only when asked for')
})

t.test('swarm-key rotate: both fingerprints and what to do next; --finish ends it', async t => {
  const { code, out, err, calls } = await command(['swarm-key', 'rotate', '--swarm-key', 'k'])
  t.equal(code, 0)
  t.equal(out, 'new key       f00d  k\nprevious key  f00d  k.previous\n')
  t.match(err, /copy both files.*restart the nodes one by one.*rotate --finish/s)
  t.strictSame(calls, ['rotateSwarmKey k'])
  const asJson = await command(['swarm-key', 'rotate', '--json'])
  t.strictSame(JSON.parse(asJson.out), {
    path: '/home/x/swarm.key',
    fingerprint: 'f00d',
    previousPath: '/home/x/swarm.key.previous',
    previousFingerprint: 'f00d',
  })
  const previous = new Uint8Array(32)
  const finished = await command(['swarm-key', 'rotate', '--finish'], { previous })
  t.strictSame([finished.code, finished.out], [0, 'f00d\n'])
  t.match(
    finished.err,
    'removed /home/x/swarm.key.previous; nodes accept the new key alone from their next start',
  )
  const nothing = await command(['swarm-key', 'rotate', '--finish', '--json'])
  t.equal(JSON.parse(nothing.out).removed, false)
  t.match(nothing.err, 'nothing to finish')
  const astray = await command(['swarm-key', 'show', '--finish'])
  t.strictSame([astray.code, astray.calls], [2, []])
})

t.test('run: while a key is rotated the node gets both', async t => {
  const previous = new Uint8Array(32).fill(1)
  const run = start(['8001'], { previous })
  await run.shows(listening)
  t.strictSame((await run.node).options.previousSwarmKey, previous)
  run.signals.emit('SIGINT')
  await run.code
})
