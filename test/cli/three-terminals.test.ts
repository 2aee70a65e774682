/** The story of the README with real processes: three terminals in one folder. */
import { statSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { Folder, freePorts, notBuilt } from '../support/processes.ts'

const folder = new Folder()
t.teardown(() => folder.remove())

t.test('the program answers by itself: help, version, typing errors', async t => {
  t.match(await folder.command(['--help']), { code: 0, out: /--bootstrap/, err: '' })
  t.match(await folder.command(['--version']), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
  t.match(await folder.command(['--prot', '1']), { code: 2, err: /did you mean --port\?/, out: '' })
  t.match(await folder.command([], { GUILD_PORT: 'x' }), { code: 2, err: /GUILD_PORT=x/ })
  t.throws(() => statSync(join(folder.path, 'data')), 'nothing was written')
  t.throws(() => statSync(join(folder.path, 'config')))
})

t.test('A16 D1 three terminals meet, talk, lose one and are whole again', notBuilt, async t => {
  const [a, b, c] = (await freePorts(3)) as [number, number, number]
  const local = ['--no-mdns', '--host', '127.0.0.1', '--interval', '1']
  const open = (name: string, port: number, ...more: string[]) =>
    folder.launch(['run', '--port', String(port), '--name', name, ...local, ...more])
  const mesh = (...nodes: readonly { shows(pattern: RegExp): Promise<unknown> }[]) =>
    Promise.all(nodes.map(node => node.shows(/\(2\/20 peers\)/)))

  const alice = open('alice', a)
  await alice.shows(
    new RegExp(`^\\[\\d\\d:\\d\\d:\\d\\d\\] \\[SYSTEM\\] Node alice listening on port ${a}\\n`),
  )
  t.match(alice.err(), /made a new swarm key, .*swarm\.key, fingerprint [0-9a-f]{32}\n/)
  const bob = open('bob', b, '-b', `127.0.0.1:${a}`)
  const [, bobId] = await bob.shows(/PeerId (12D3KooW\w+)/)
  const begun = performance.now()
  const carol = open('carol', c, '-b', `127.0.0.1:${a}`)
  await carol.shows(/listening on port/)
  const up = performance.now()
  await mesh(alice, bob, carol)
  t.comment(
    `whole ${(performance.now() - up).toFixed(0)} ms after the last listened (bound 1000), ${(up - begun).toFixed(0)} ms to listening`,
  )
  t.notMatch(bob.err(), 'swarm key', 'the key is there')

  alice.types('hello from alice')
  for (const node of [bob, carol]) await node.shows(/^\[[\d:]+\] \[alice\] hello from alice$/m)
  alice.types('/peers')
  await alice.shows(/^2 of 20 peers$/m)
  t.notMatch(alice.out(), 'hello from alice', 'own words are not echoed')

  const heard = [alice.out().length, carol.out().length] as const
  await bob.ends('SIGKILL')
  await alice.shows(/Peer bob disconnected|Removed stale peer bob/, heard[0])
  await carol.shows(/Peer bob disconnected|Removed stale peer bob/, heard[1])
  const bobAgain = open('bob', b, '-b', `127.0.0.1:${a}`)
  const [, sameId] = await bobAgain.shows(/PeerId (12D3KooW\w+)/)
  t.equal(sameId, bobId, 'E14 the same PeerId after a restart')
  await mesh(bobAgain)
  bobAgain.types('back again')
  for (const node of [alice, carol]) await node.shows(/\[bob\] back again$/m)

  await t.test('connect: who is there, wrong key, nobody, silence', async t => {
    // Named by hand, the key asks for a node of its own: without it, the node on ./data is steered.
    const own = ['connect', '--swarm-key', 'config/guild-home/swarm.key']
    t.match(await folder.command([...own, `127.0.0.1:${a}`]), {
      code: 0,
      out: new RegExp(`^Connected to peer alice at 127\\.0\\.0\\.1:${a} over tcp\\n`),
      err: /short-lived node/,
    })
    const { out } = await folder.command([...own, `127.0.0.1:${a}`, '--json'])
    t.match(JSON.parse(out), { name: 'alice', direction: 'out', transport: 'tcp' })
    t.match(await folder.command(['swarm-key', 'new', '--swarm-key', 'other.key']), { code: 0 })
    t.equal(statSync(join(folder.path, 'other.key')).mode & 0o777, 0o600, 'CL-01')
    t.match(await folder.command(['connect', `127.0.0.1:${a}`, '--swarm-key', 'other.key']), {
      code: 5,
      err: /GH_HANDSHAKE_SWARM/,
      out: '',
    })
    const [nobody] = (await freePorts(1)) as [number]
    t.match(await folder.command([...own, `127.0.0.1:${nobody}`]), { code: 1, err: /GH_DIAL_REFUSED/ })
    const held: Socket[] = []
    const silent = createServer(socket => void held.push(socket))
    await new Promise<void>(resolve => silent.listen(nobody, '127.0.0.1', resolve))
    t.match(await folder.command([...own, `127.0.0.1:${nobody}`, '--connect-timeout', '500ms']), {
      code: 4,
    })
    for (const socket of held) socket.destroy()
    await new Promise(resolve => silent.close(resolve))
  })

  await t.test('A2 a busy port is a clear failure', async t => {
    const taken = await folder.command(['run', String(a), ...local])
    t.match(taken, { code: 1, err: /^guild-home: the port is in use.*GH_LISTEN_IN_USE/m })
  })

  for (const node of [alice, bobAgain, carol]) {
    const { code, after } = await node.ends('SIGINT')
    t.equal(code, 0, 'SIGINT ends with 0')
    t.ok(after < 5000)
    t.comment(`ended in ${after.toFixed(0)} ms (bound 1000)`)
  }
})

t.test('run --json: objects only; the end of a pipe does not stop it; SIGTERM ends it', notBuilt, async t => {
  const node = folder.launch(['run', '--json', '--no-mdns', '--host', '127.0.0.1'])
  const [first] = await node.shows(/^.*\n/)
  t.match(JSON.parse(first), { event: 'system-start', port: Number, time: /^\d{4}-.*Z$/ })
  node.types('/peers')
  await node.shows(/"event":"peers"/)
  node.child.stdin!.end('/discover')
  const { code } = await node.ends('SIGTERM')
  t.equal(code, 0)
  for (const line of node.out().trim().split('\n')) t.ok(JSON.parse(line).time)
})

t.test('CL-05 a reader that goes away ends the node quietly', notBuilt, async t => {
  const node = folder.launch(['run', '--no-mdns', '--host', '127.0.0.1'])
  await node.shows(/listening/)
  node.child.stdout!.destroy()
  node.types('/peers')
  node.types('/peers')
  t.equal((await node.ends()).code, 0)
  t.notMatch(node.err(), /EPIPE|Error/)
})
