/** The line port of a real process: by socket, by `nc` where it is installed, and what the console shows. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import t from 'tap'
import { command, start } from '../support/cli.ts'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'
import { Typist } from '../support/typist.ts'

const folder = new Folder()
t.teardown(() => folder.remove())

const local = ['--no-mdns', '--host', '127.0.0.1', '--max-peers', '10']

/** Alice with a line port, and bob linked to her. */
async function pair(...more: readonly string[]): Promise<{ alice: Running; bob: Running; where: string }> {
  const [a, b] = (await freePorts(2)) as [number, number]
  const alice = folder.launch([String(a), '--name', 'alice', '--line-port', '0', ...local, ...more])
  const [, host, port] = await alice.shows(/\[SYSTEM\] Line port at [\d.:]+: nc (127\.0\.0\.1) (\d+)$/m)
  const bob = folder.launch([String(b), `127.0.0.1:${a}`, '--name', 'bob', ...local])
  await alice.shows(/Peer bob connected from 127\.0\.0\.1:\d+ \(1\/10 peers\)$/m)
  return { alice, bob, where: `${host}:${port}` }
}

t.test('D7 D8 D13 D14 a guest at a real process: both consoles, both ways', notBuilt, async t => {
  const { alice, bob, where } = await pair('--debug')
  const [, peerId] = await alice.shows(/PeerId (12D3KooW\w+)/)
  const carol = await Typist.join(t, where, 'carol:Carol')
  t.equal(carol.text, `${peerId}:alice\n`)
  const { port } = carol.socket.address() as { port: number }
  await alice.shows(
    new RegExp(`\\[NETWORK\\] Peer Carol connected from 127\\.0\\.0\\.1:${port} \\(2/10 peers\\)$`, 'm'),
  )
  carol.types('PING', 'REQUEST_PEERS', 'PEERS:', 'hello \u001b[2Jall')
  t.strictSame(await carol.reads(2), ['PONG', 'PEERS:'])
  for (const node of [alice, bob]) await node.shows(/^\[[\d:]+\] \[Carol\] hello \\x1b\[2Jall$/m)
  await alice.shows(/\[DEBUG\] Received PING from Carol$/m)
  bob.types('hello Carol')
  t.strictSame(await carol.reads(1), ['[bob] hello Carol'])
  alice.types('/peers')
  await alice.shows(/^ {2}Carol +line:car…\w{6} +127\.0\.0\.1:\d+ +line +in +-$/m)
  await carol.leaves()
  await alice.shows(/\[NETWORK\] Peer Carol disconnected: goodbye \(1\/10 peers\)$/m)
  for (const node of [alice, bob]) t.equal((await node.ends('SIGTERM')).code, 0)
})

/** An `nc` of this machine that ends when its input does, or why there is none. */
function netcat(): { path: string } | { skip: string } {
  for (const path of ['nc', 'ncat', 'netcat'])
    try {
      execFileSync('sh', ['-c', `command -v ${path}`])
      return { path }
    } catch {}
  return { skip: 'no nc, ncat or netcat on this machine' }
}

const nc = netcat()

t.test(
  'D7 D8 works from nc, byte for byte, in one piece and byte by byte',
  'skip' in nc ? nc : notBuilt,
  async t => {
    const { alice, bob, where } = await pair()
    const [host, port] = where.split(':') as [string, string]
    const [, peerId] = await alice.shows(/PeerId (12D3KooW\w+)/)
    for (const piece of [1_000, 1]) {
      const since = [alice.out().length, bob.out().length] as const
      const child = spawn((nc as { path: string }).path, [host, port])
      t.teardown(() => child.kill())
      const shown = reading(child)
      const session = 'dave:Dave\nPING\nPEERS:[::1]:7\r\nREQUEST_PEERS\n PING\nhello from nc\n'
      for (let at = 0; at < session.length; at += piece) {
        child.stdin.write(session.slice(at, at + piece))
        await new Promise(resolve => setImmediate(resolve))
      }
      for (const text of ['PING', 'hello from nc'])
        for (const [i, node] of [alice, bob].entries())
          await node.shows(new RegExp(`\\[Dave\\] ${text}$`, 'm'), since[i])
      bob.types('hello nc')
      t.equal(await shown(/^\[bob\] hello nc\n/m), `${peerId}:alice\nPONG\nPEERS:\n[bob] hello nc\n`)
      child.kill()
      await alice.shows(/Peer Dave disconnected: /, since[0])
    }
    for (const node of [alice, bob]) t.equal((await node.ends('SIGTERM')).code, 0)
  },
)

t.test('the flags: checked, and handed to the node when there is a line port', async t => {
  for (const args of [
    ['--line-port', 'x'],
    ['--line-port', '65536'],
    ['--line-host', 'here'],
    ['--teach=maybe'],
  ])
    t.equal((await command(['run', ...args])).code, 2, args.join(' '))
  const given = async (...args: readonly string[]): Promise<{ options: object; err: string }> => {
    const { node, code, err, signals } = start(['run', ...args])
    const { options } = await node
    signals.emit('SIGTERM')
    await code
    return { options, err: err() }
  }
  t.notOk('linePort' in (await given('--teach', '--line-host', '::')).options, 'off by default')
  const near = await given('--line-port', '7000', '--teach')
  t.match(near.options, { linePort: 7000, teach: true })
  t.notOk('lineHost' in near.options)
  t.notMatch(near.err, 'line port')
  const far = await given('--line-port', '7000', '--line-host', '127.0.0.1,0.0.0.0')
  t.match(far.options, { linePort: 7000, lineHost: ['127.0.0.1', '0.0.0.0'], teach: false })
  t.match(far.err, /whoever reaches 0\.0\.0\.0 can use the line port/)
})

/** Resolves with all it showed once that holds the pattern. */
function reading(child: ChildProcess): (pattern: RegExp) => Promise<string> {
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', part => {
    text += part
  })
  return pattern =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${pattern} in ${text}`)), 15_000)
      const look = (): void => {
        if (!pattern.test(text)) return
        clearTimeout(timer)
        child.stdout!.off('data', look)
        resolve(text)
      }
      child.stdout!.on('data', look)
      look()
    })
}
