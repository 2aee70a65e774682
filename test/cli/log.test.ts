/** The log by its commands, with real processes on loopback. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Folder, freePorts, type Running } from '../support/processes.ts'
import { root } from '../support/root.ts'

t.setTimeout(90_000)

const listening = /p2p listen: (\S+)/
const serve = async (folder: Folder, dir: string, listen: string): Promise<[Running, string]> => {
  const node = folder.launch(['p2p-serve', '-d', dir, '--listen', listen])
  return [node, (await node.shows(listening))[1]!]
}
/** Runs to its end; what it said. */
async function done(folder: Folder, args: readonly string[], input = '', code = 0): Promise<string> {
  const running = folder.launch(args)
  running.child.stdin!.end(input)
  const ended = await running.ends()
  if (ended.code !== code) throw new Error(`${args.join(' ')}: ${ended.code}, ${running.err()}`)
  return code === 0 ? running.out() : running.err()
}
const json = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))

t.test('two machines: append, serve, sync, sync again, push; what a script reads', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  t.equal(await done(folder, ['log', 'append', '-d', 'a'], 'one\n{"two":2}\n3\n'), '3 entries\n')
  const [node, address] = await serve(folder, 'a', '/ip4/127.0.0.1/tcp/0')
  t.match(address, /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW\w+$/)
  const peerId = address.split('/').at(-1)!
  const sync = (...more: string[]) => done(folder, ['sync', '-d', 'b', '--peers', address, '--json', ...more])
  t.strictSame(json(await sync()), [{ peerId, pulled: 3, pushed: 0, cursor: 3, via: 'tcp' }])
  t.strictSame(
    json(await sync()),
    [{ peerId, pulled: 0, pushed: 0, cursor: 3, via: 'tcp' }],
    'nothing is left',
  )
  const rows = json(await done(folder, ['log', 'ls', '-d', 'b', '--json']))
  t.strictSame(
    rows.map(({ data }) => data),
    ['one', { two: 2 }, '3'],
  )
  t.strictSame(Object.keys(rows[0]!), ['seq', 'id', 'deviceId', 'timestamp', 'data'])
  const [appended] = json(await done(folder, ['log', 'append', '-d', 'a', '--json'], 'while it runs\n'))
  t.match(appended, { seq: 4, data: 'while it runs' })
  await done(folder, ['log', 'append', '-d', 'b', '--device-id', 'desk', '--user-id', 'bob'], 'mine\n')
  t.match(json(await sync('--push', '--limit', '1')), [{ pulled: 1, pushed: 1, cursor: 4 }])
  t.match(
    json(await sync('--push')),
    [{ pulled: 0, pushed: 0, cursor: 5 }],
    'ours comes by there, and is known',
  )
  t.match(json(await done(folder, ['log', 'ls', '-d', 'a', '--json', '--limit', '1'])), [
    { seq: 5, deviceId: 'desk', data: 'mine' },
  ])
  t.match(await done(folder, ['sync', '-d', 'c'], '', 2), /--peers <multiaddr>/)
  t.match(await done(folder, ['log', 'list'], '', 2), /append, ls or tail/)
  t.equal((await node.ends('SIGTERM')).code, 0)
})

t.test(
  'log append: a line of text is no file, - is standard input, a line without an end is refused',
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const append = (args: readonly string[], input = '', code = 0) =>
      done(folder, ['log', 'append', '-d', 'a', ...args], input, code)
    t.match(
      await append(['git status'], '', 3),
      /git status: no such file; .*echo text \| guild-home log append/,
    )
    t.notOk(existsSync(join(folder.path, 'a')), 'nothing was made for it')
    t.match(await append(['.'], '', 1), /EISDIR/)
    t.equal(await append(['-'], 'one\r\ntwo\rthree'), '3 entries\n')
    writeFileSync(join(folder.path, 'endless'), `four\n${'x'.repeat(4_000_000)}`)
    t.match(await append(['endless'], '', 2), /a line of more than 3145728 bytes/)
    const rows = json(await done(folder, ['log', 'ls', '-d', 'a', '--json']))
    t.strictSame(rows.map(({ data }) => data).slice(0, 3), ['one', 'two', 'three'])
  },
)

t.test('sync --watch goes on through kill -9 and restart of the other, and log tail follows', async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [port] = (await freePorts(1)) as [number]
  const listen = `/ip4/127.0.0.1/tcp/${port}`
  const [first] = await serve(folder, 'a', listen)
  const watch = folder.launch([
    'sync',
    '-d',
    'b',
    '--peers',
    listen,
    '--watch',
    '--interval-sec',
    '0.3',
    '--json',
  ])
  await watch.shows(/"pulled":0/)
  await done(folder, ['log', 'append', '-d', 'a'], 'before\n')
  await watch.shows(/"pulled":1/)
  await first.ends('SIGKILL')
  await watch.complains(/guild-home: .*8?\d+/)
  const [second] = await serve(folder, 'a', listen)
  const tail = folder.launch(['log', 'tail', '-d', 'a', '--json'])
  await tail.shows(/"before"/)
  const since = watch.out().length
  await done(folder, ['log', 'append', '-d', 'a'], 'after\n')
  await tail.shows(/"after"/)
  await watch.shows(/"pulled":1/, since)
  t.equal((await tail.ends('SIGINT')).code, 0, 'Ctrl-C is how it ends')
  await watch.ends('SIGINT')
  t.equal(json(await done(folder, ['log', 'ls', '-d', 'b', '--json'])).length, 2)
  await second.ends('SIGTERM')
})

t.test('example: what is typed into bash on one machine is in the log of the other', async t => {
  if (spawnSync('bash', ['--version']).status !== 0) return t.comment('there is no bash here')
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [node, address] = await serve(folder, 'laptop', '/ip4/127.0.0.1/tcp/0')
  const desk = folder.launch(['p2p-serve', '-d', 'desk', '--listen', '/ip4/127.0.0.1/tcp/0', '-b', address])
  await desk.shows(listening)
  const bin = join(folder.path, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'guild-home'),
    `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'bin/guild-home.js')}' "$@"\n`,
  )
  chmodSync(join(bin, 'guild-home'), 0o755)
  const typed = ['echo "say \\"hi\\""', '', 'false', "printf '%s\\n' a b"]
  const tail = folder.launch(['log', 'tail', '-d', 'desk', '--json'])
  const shell = spawnSync('bash', ['--noprofile', '--norc', '-i'], {
    input: `source '${join(root, 'test/examples/history/guild-history.bash')}'\n${typed.join('\nsleep 1\n')}\nsleep 1\n`,
    cwd: folder.path,
    env: {
      PATH: `${bin}:${process.env.PATH}`,
      HOME: folder.path,
      XDG_CONFIG_HOME: join(folder.path, 'config'),
      GUILD_DATA_DIR: join(folder.path, 'laptop'),
      GUILD_MDNS: 'false',
    },
    encoding: 'utf8',
    timeout: 30_000,
  })
  t.equal(shell.status, 0, shell.stderr)
  // Each of the seven commands is sent by a process that the shell does not wait for; none may outlive the folder.
  await tail.shows(/(?:"line"[\s\S]*){7}/)
  const lines = json(tail.out()).map(({ data }) => data as { line: string; cwd: string; code: number })
  const mine = lines
    .filter(({ line }) => line !== 'sleep 1')
    .sort((a, b) => typed.indexOf(a.line) - typed.indexOf(b.line))
  t.match(mine, [
    { line: 'echo "say \\"hi\\""', code: 0, cwd: /guild-home-/ },
    { line: 'false', code: 1 },
    { line: "printf '%s\\n' a b", code: 0 },
  ])
  await tail.ends('SIGINT')
  for (const one of [node, desk]) await one.ends('SIGTERM')
})
