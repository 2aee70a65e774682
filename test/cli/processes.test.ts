/** Real processes in the situations people and scripts bring them into. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nativeSuite } from '../../src/crypto/native.ts'
import { test as preset } from '../../src/index.ts'
import { checkOptions } from '../../src/node/config.ts'
import { Happenings } from '../../src/node/emitter.ts'
import { Mesh } from '../../src/node/mesh.ts'
import { systemRuntime } from '../../src/runtime/system.ts'
import { tcpTransport } from '../../src/transport/tcp.ts'
import { until } from '../support/nodes.ts'
import { Folder, freePorts } from '../support/processes.ts'
import { root } from '../support/root.ts'
import { tree } from '../support/tree.ts'

const local = ['--no-mdns', '--host', '127.0.0.1']
const listening = /listening on port (\d+)\n/

t.test('A1 A8 ways to start: bare words, variables, a public network', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [a, b, c, d] = (await freePorts(4)) as [number, number, number, number]
  const first = folder.launch([String(a), ...local])
  t.equal((await first.shows(listening))[1], String(a))
  const second = folder.launch([String(b), `localhost:${a}`, ...local])
  await second.shows(/Connected to peer peer-\d+ at .*\(1\/20 peers\)/)
  await first.shows(new RegExp(`Peer peer-${b} connected from 127\\.0\\.0\\.1:${b} \\(1/20 peers\\)`))
  const third = folder.launch([], {
    GUILD_PORT: String(c),
    GUILD_BOOTSTRAP: `127.0.0.1:1, 127.0.0.1:${a},,`,
    GUILD_NAME: 'carol',
    GUILD_HOST: '127.0.0.1',
    GUILD_MDNS: 'false',
    GUILD_MAX_PEERS: '7',
    GUILD_LOG_LEVEL: 'debug',
    GUILD_HEARTBEAT_INTERVAL: '200ms',
  })
  await third.shows(/\[SYSTEM\] Node carol listening/)
  await third.shows(/\(2\/7 peers\)/)
  await third.shows(/\[DEBUG\] Sent PING to /)
  await third.complains(
    /\[DISCOVERY\] Bootstrap peer 127\.0\.0\.1:1 not reached: nobody answers.*GH_DIAL_REFUSED/,
  )
  const open = folder.launch(['--port', String(d), '--open', 'test town', ...local])
  await open.shows(listening)
  const guest = folder.launch(['--open', 'test town', '--bootstrap', `127.0.0.1:${d}`, ...local])
  await guest.shows(/\(1\/20 peers\)/)
  const stranger = await folder.command(['connect', `127.0.0.1:${d}`, '--open', 'other town'])
  t.match(stranger, { code: 5, err: /closed before message 2: wrong swarm key, or not a guild-home node/ })
  for (const one of [guest, open, third, second, first]) t.equal((await one.ends('SIGTERM')).code, 0)
  t.match(first.out(), /Peer carol disconnected: goodbye/)
})

t.test('npm start passes its arguments on, and Ctrl-C ends both', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const child = spawn(
    'npm',
    ['start', '--silent', '--', '--port', '0', ...local, '--data-dir', folder.path],
    {
      cwd: root,
      env: {
        GUILD_MDNS: 'false',
        PATH: process.env.PATH ?? '',
        HOME: folder.path,
        XDG_CONFIG_HOME: folder.path,
      },
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  let out = ''
  child.stdout.on('data', text => {
    out += text
  })
  await until(() => listening.test(out))
  const closed = new Promise(resolve => child.once('close', resolve))
  process.kill(-child.pid!, 'SIGINT') // what a terminal does: to everybody in the foreground
  await closed
  t.notOk(existsSync(join(folder.path, 'lock')), 'it ended in order: its lock is given back')
})

t.test('CL-02 CL-03 what peers say and call themselves never reaches the terminal raw', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const swarmKey = randomBytes(32)
  writeFileSync(join(folder.path, 'k'), `/key/swarm/psk/1.0.0/\n/base16/\n${swarmKey.toString('hex')}\n`, {
    mode: 0o600,
  })
  const cli = ['run', '--swarm-key', 'k', '--debug', ...local]
  const text = folder.launch(cli)
  const port = (await text.shows(listening))[1]
  const json = folder.launch([...cli, '--json', '--bootstrap', `127.0.0.1:${port}`])
  await json.shows(/"peer-connected"/)
  const evil = 'x\u001b[31m\u202e]\u200b\r\nSYSTEM'
  const mesh = hostile(evil, swarmKey)
  t.teardown(() => mesh.stop())
  await mesh.start()
  mesh.join()
  await mesh.connect({ transport: 'tcp', host: '127.0.0.1', port: Number(port) })
  await until(() => mesh.peers().length === 2)
  mesh.say('\u001b]0;owned\u0007\u001b[2J\n[12:00:00] [SYSTEM] forged\u009b31m')
  await text.shows(/forged/)
  await json.shows(/forged/)
  text.types('/peers')
  await text.shows(/2 of 20 peers/)
  await mesh.stop()
  await text.shows(/disconnected: goodbye/)
  for (const node of [text, json]) {
    t.equal((await node.ends('SIGINT')).code, 0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    t.notMatch(node.out() + node.err(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b]/)
  }
  t.notMatch(text.out(), /^\[12:00:00\]/m, 'no forged line')
  t.match(text.out(), 'x\\x1b[31m\\u{202e}]\\u{200b}\\r\\nSYSTEM', 'but everything can be seen')
  const events = json
    .out()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.ok(
    events.some(({ event, name }) => event === 'peer-connected' && name === evil),
    'programs get it as it is',
  )
})

t.test('CL-05 standard streams that are closed, empty or cut off', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const program = join(root, 'bin/guild-home.js')
  const keys = { XDG_CONFIG_HOME: folder.path }
  const shell = (script: string) => {
    const child = spawn('bash', ['-c', script, 'bash', process.execPath, program], {
      cwd: folder.path,
      env: {
        GUILD_MDNS: 'false',
        PATH: process.env.PATH ?? '',
        HOME: folder.path,
        XDG_CONFIG_HOME: folder.path,
      },
    })
    const text = { out: '', err: '' }
    child.stdout.on('data', part => {
      text.out += part
    })
    child.stderr.on('data', part => {
      text.err += part
    })
    const code = new Promise(resolve => child.once('close', resolve))
    return { child, text, code }
  }
  const run = `"$1" "$2" run ${local.join(' ')}`
  const head = shell(`${run} | head -1; exit \${PIPESTATUS[0]}`)
  await until(() => listening.test(head.text.out))
  // The system tells that nobody reads any more when the next lines are written. The visitor comes
  // from another folder: in this one `connect` would steer the very node.
  const elsewhere = new Folder()
  t.teardown(() => elsewhere.remove())
  for (let i = 0; i < 2; i++)
    await elsewhere.command(['connect', `127.0.0.1:${listening.exec(head.text.out)![1]}`], keys)
  t.equal(await head.code, 0, '| head -1')
  t.match(head.text.out, listening)
  t.notMatch(head.text.err, /EPIPE|Error| {4}at /)
  const help = shell(`"$1" "$2" --help | head -1; exit \${PIPESTATUS[0]}`)
  t.equal(await help.code, 0)
  for (const [what, redirection] of [
    ['</dev/null', '</dev/null'],
    ['closed stdin', '<&-'],
    ['closed stderr', '2>&-'],
  ] as const) {
    const one = shell(`exec ${run} ${redirection}`)
    await until(() => listening.test(one.text.out), what)
    one.child.kill('SIGTERM')
    t.equal(await one.code, 0, what)
    t.notMatch(one.text.err, /Error| {4}at /, what)
  }
  const piped = shell(`printf '/peers\\nhello\\n/quit\\n' | ${run}`)
  t.equal(await piped.code, 0)
  t.match(piped.text.out, /0 of 20 peers/)
  t.match(piped.text.err, /nobody is connected yet/)
})

t.test('CL-05 SIGTERM at any moment of a start: 0, and no lock is left', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  t.equal((await folder.command(['swarm-key', 'new'])).code, 0)
  const codes: unknown[] = []
  for (const after of [0, 20, 40, 60, 80, 100, 120, 150, 200]) {
    const node = folder.launch(['run', ...local])
    await new Promise(resolve => setTimeout(resolve, after))
    const { code, signal } = await node.ends('SIGTERM')
    codes.push(code ?? signal)
    t.ok(code === 0 || signal === 'SIGTERM', `after ${after} ms: ${code ?? signal}`)
    t.notMatch(node.err(), /Error| {4}at /)
  }
  t.comment(codes.join(' '))
  t.notOk(tree(folder.path).some(line => /lock|tmp/.test(line)))
})

t.test('GH_STORE_LOCKED: a data directory named by hand belongs to one node', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const first = folder.launch(['run', '-d', 'mine', ...local])
  await first.shows(listening)
  const second = await folder.command(['run', '-d', 'mine', ...local])
  t.match(second, {
    code: 5,
    out: '',
    err: new RegExp(`mine: process ${first.child.pid} runs on it since .*GH_STORE_LOCKED\\)`),
  })
  const asJson = await folder.command(['run', '-d', 'mine', '--json', ...local])
  t.equal(asJson.code, 5)
  t.match(JSON.parse(asJson.out), { event: 'error', code: 'GH_STORE_LOCKED' })
  await first.ends('SIGKILL')
  const third = folder.launch(['run', '-d', 'mine', ...local])
  await third.shows(listening)
  t.equal((await third.ends('SIGINT')).code, 0, 'the lock of a killed node is taken over')
})

/** A node whose name no option would let through. */
function hostile(name: string, swarmKey: Uint8Array): Mesh {
  return new Mesh({
    config: { ...checkOptions({ ...preset }), name },
    runtime: systemRuntime({ suite: nativeSuite, transports: [tcpTransport()] }),
    swarmKeys: [swarmKey],
    identitySeed: randomBytes(32),
    happenings: new Happenings(),
  })
}
