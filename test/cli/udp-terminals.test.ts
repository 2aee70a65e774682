/** The story of the README over UDP alone, with real processes: they meet, talk, lose one and are whole again. */
import t from 'tap'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'

const udp = ['--transport', 'udp', '--no-mdns', '--host', '127.0.0.1', '--interval', '1']

t.test('A10 three terminals over --transport udp: whole, heard, killed, back, gone', notBuilt, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [a, b, c] = (await freePorts(3)) as [number, number, number]
  const open = (name: string, port: number, ...more: string[]): Running =>
    folder.launch(['run', '--port', String(port), '--name', name, ...udp, ...more])

  const alice = open('alice', a)
  await alice.shows(new RegExp(`reached at /ip4/127\\.0\\.0\\.1/udp/${a}/p2p/12D3KooW\\w+$`, 'm'))
  const bob = open('bob', b, '-b', `127.0.0.1:${a}`)
  const carol = open('carol', c, '-b', `/ip4/127.0.0.1/udp/${a}`)
  await Promise.all([alice, bob, carol].map(node => node.shows(/\(2\/20 peers\)/)))
  await alice.shows(new RegExp(`Peer bob connected from 127\\.0\\.0\\.1:${b} `))
  alice.types('hello from alice')
  for (const node of [bob, carol]) await node.shows(/^\[[\d:]+\] \[alice\] hello from alice$/m)

  const status = JSON.parse((await folder.command(['status', '--json', '--port', String(a)])).out)
  t.match(status.peers, [{ transport: 'udp' }, { transport: 'udp' }])
  t.match(await folder.command(['send', '--port', String(b), '--to', 'carol', 'for you']), { code: 0 })
  await carol.shows(/\[bob → you\] for you/)

  await t.test('one-shot commands over UDP', async t => {
    const own = ['--swarm-key', 'config/guild-home/swarm.key', '--transport', 'udp']
    t.match(await folder.command(['connect', ...own, `127.0.0.1:${a}`]), {
      code: 0,
      out: new RegExp(`^Connected to peer alice at 127\\.0\\.0\\.1:${a} over udp\\n`),
    })
    t.match(await folder.command(['send', ...own, '--bootstrap', `127.0.0.1:${a}`, 'from nobody']), {
      code: 0,
    })
    await alice.shows(/from nobody/)
    t.match(await folder.command(['swarm-key', 'new', '--swarm-key', 'other.key']), { code: 0 })
    const other = ['--swarm-key', 'other.key', '--transport', 'udp', '--connect-timeout', '500ms']
    t.match(await folder.command(['connect', ...other, `127.0.0.1:${a}`]), {
      code: 4,
      err: /GH_HANDSHAKE_TIMEOUT/,
    })
  })

  const heard = [alice.out().length, carol.out().length] as const
  await bob.ends('SIGKILL')
  const begun = performance.now()
  const bobAgain = open('bob', b, '-b', `127.0.0.1:${a}`)
  await Promise.all([
    alice.shows(/Peer bob disconnected/, heard[0]),
    carol.shows(/Peer bob disconnected/, heard[1]),
    bobAgain.shows(/\(2\/20 peers\)/),
  ])
  t.comment(
    `killed and back: noticed and whole after ${(performance.now() - begun).toFixed(0)} ms, its start included`,
  )
  bobAgain.types('back again')
  for (const node of [alice, carol]) await node.shows(/\[bob\] back again$/m)

  const before = [alice.out().length, carol.out().length] as const
  const left = performance.now()
  const ended = bobAgain.ends('SIGTERM')
  await Promise.all([
    alice.shows(/Peer bob disconnected: goodbye/, before[0]),
    carol.shows(/Peer bob disconnected: goodbye/, before[1]),
  ])
  t.comment(`a goodbye was heard by all after ${(performance.now() - left).toFixed(0)} ms (bound 1000)`)
  t.equal((await ended).code, 0)
  for (const node of [alice, carol]) t.equal((await node.ends('SIGINT')).code, 0)
  for (const node of [alice, bob, carol, bobAgain]) t.notMatch(node.err(), /GH_|rror/, 'no trouble')
})

t.test(
  'tcp and udp are told at the start, and a node takes both at one number or none',
  notBuilt,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const [port] = (await freePorts(1)) as [number]
    const local = ['--no-mdns', '--host', '127.0.0.1', '--port', String(port)]
    const one = folder.launch(['run', '--json', ...local])
    const [first] = await one.shows(/^.*\n/)
    t.match(JSON.parse(first), {
      event: 'system-start',
      port,
      addresses: [
        new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/${port}/p2p/`),
        new RegExp(`^/ip4/127\\.0\\.0\\.1/udp/${port}/p2p/`),
      ],
    })
    for (const transport of ['udp', 'tcp'])
      t.match(await folder.command(['run', ...local, '--data-dir', transport, '--transport', transport]), {
        code: 1,
        err: /the port is in use.*GH_LISTEN_IN_USE/,
      })
    t.equal((await one.ends('SIGTERM')).code, 0)
  },
)
