/** The line port of a real process: by socket, by `nc` where it is installed, and what the console shows. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import t from 'tap'
import { command } from '../support/cli.ts'
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

t.test('D7 works from nc', 'skip' in nc ? nc : notBuilt, async t => {
  const { alice, bob, where } = await pair('--teach')
  const [host, port] = where.split(':') as [string, string]
  const child = spawn((nc as { path: string }).path, [host, port])
  t.teardown(() => child.kill())
  const shown = reading(child)
  child.stdin.write('dave:Dave\n')
  await shown(/^12D3KooW\w+:alice$/m)
  await shown(/^# HELLO: you said who you are/m)
  child.stdin.write('PING\nREQUEST_PEERS\nhello from nc\n')
  await shown(/^PONG$/m)
  await shown(/^PEERS:$/m)
  for (const node of [alice, bob]) await node.shows(/\[Dave\] hello from nc$/m)
  bob.types('hello nc')
  await shown(/^\[bob\] hello nc$/m)
  child.kill()
  await alice.shows(/Peer Dave disconnected: /)
  for (const node of [alice, bob]) t.equal((await node.ends('SIGTERM')).code, 0)
})

t.test('the flags reach the node: off by default, loopback, teach', async t => {
  for (const args of [
    ['--line-port', 'x'],
    ['--line-port', '65536'],
    ['--line-host', 'here'],
    ['--teach=maybe'],
  ])
    t.equal((await command(['run', ...args])).code, 2, args.join(' '))
})

function reading(child: ChildProcess): (pattern: RegExp) => Promise<void> {
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
        resolve()
      }
      child.stdout!.on('data', look)
      look()
    })
}
