/** Real nodes in one folder, and commands beside them that ask and steer them. */
import { existsSync, lstatSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { Folder, freePorts, notBuilt, type Running } from '../support/processes.ts'

const windows = process.platform === 'win32' ? { skip: 'there is no control socket on Windows' } : notBuilt

const local = ['--no-mdns', '--host', '127.0.0.1', '--interval', '1']

function launch(folder: Folder, port: number, ...more: string[]): Running {
  return folder.launch(['run', '--port', String(port), '--name', `n${port}`, ...local, ...more])
}

async function idOf(node: Running): Promise<string> {
  return (await node.shows(/PeerId (12D3KooW\w+)/))[1]!
}

t.test(
  'three nodes started three times in one folder keep their identities, in any order',
  windows,
  async t => {
    const folder = new Folder()
    t.teardown(() => folder.remove())
    const ports = await freePorts(3)
    const ids = new Map<number, string>()
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      const nodes: Running[] = []
      for (const index of order) {
        const port = ports[index]!
        const node = launch(folder, port, '-b', `127.0.0.1:${ports[order[0]!]}`)
        nodes.push(node)
        const id = await idOf(node)
        t.equal(id, ids.get(port) ?? id, `port ${port}`)
        ids.set(port, id)
      }
      for (const [port, id] of ids) {
        const { code, out } = await folder.command(['status', '--port', String(port), '--json'])
        t.match({ code, ...JSON.parse(out) }, { code: 0, peerId: id, name: `n${port}` })
      }
      for (const node of nodes) t.equal((await node.ends('SIGTERM')).code, 0)
    }
    t.equal(new Set(ids.values()).size, 3)
    t.notOk(existsSync(join(folder.path, 'data/control.sock')), 'nothing is left')
  },
)

t.test('commands beside running nodes', windows, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [a, b] = (await freePorts(2)) as [number, number]
  const alice = folder.launch(['run', '-p', String(a), '-n', 'alice', ...local])
  const aliceId = await idOf(alice)
  const bob = folder.launch(['run', '-p', String(b), '-n', 'bob', '--json', ...local])
  const bobId = JSON.parse((await bob.shows(/^.*system-start.*\n/))[0]).peerId as string
  const ask = (...args: string[]) => folder.command(args)

  await t.test('status --json is the shape of the contract', async t => {
    const { code, out, err } = await ask('status', '--json')
    t.equal(code, 0)
    t.equal(err, '')
    t.strictSame(Object.keys(JSON.parse(out)), [
      'peerId',
      'name',
      'addresses',
      'uptimeSeconds',
      'peers',
      'stats',
    ])
    t.equal(JSON.parse(out).peerId, aliceId, './data is the one that is meant')
    t.match(await ask('send', 'hello'), { code: 3, err: /GH_PEER_UNKNOWN/, out: '' }, 'nobody is there yet')
  })

  await t.test('connect links the running node, which stays linked', async t => {
    const linked = await ask('connect', `127.0.0.1:${b}`)
    t.match(linked, { code: 0, err: '', out: `Connected to peer bob at 127.0.0.1:${b} over tcp\n` })
    await alice.shows(/Connected to peer bob at/)
    const { out } = await ask('peers', '--json')
    t.strictSame(Object.keys(JSON.parse(out)), [
      'peerId',
      'name',
      'address',
      'transport',
      'direction',
      'rttMs',
      'bytesIn',
      'bytesOut',
      'carrier',
      'packets',
    ])
    t.match(JSON.parse(out), { carrier: 'records', packets: null })
    t.match(await ask('peers', '-d', 'data/node-2'), { code: 0, out: /^1 of 20 peers\n.*NAME[\s\S]*alice/ })
    t.match(await ask('connect', '127.0.0.1:1'), { code: 1, err: /GH_DIAL_REFUSED/ })
    t.match(await ask('connect', 'nowhere'), { code: 2 })
  })

  await t.test('send: to all, to one by name and by PeerId, to nobody', async t => {
    t.match(await ask('send', 'hello', 'all'), { code: 0, out: 'Sent to 1 peer\n' })
    await bob.shows(/"message":"hello all"/)
    t.match(await ask('send', '--to', 'bob', 'psst'), { code: 0, out: `Sent to bob (${bobId})\n` })
    const [line] = await bob.shows(/^.*"message":"psst".*$/m)
    t.match(JSON.parse(line), { event: 'chat-message', from: aliceId, to: bobId, name: 'alice' })
    const byId = await ask('send', '--port', String(b), '--to', aliceId.slice(0, 14), '--json', 'and back')
    t.match({ ...byId, out: JSON.parse(byId.out) }, { code: 0, out: { to: aliceId, name: 'alice' } })
    await alice.shows(/^\[[\d:]+\] \[bob → you\] and back$/m)
    t.match(await ask('send', '--to', 'carol', 'x'), { code: 3, err: /guild-home peers/ })
    t.match(await ask('send'), { code: 2 })
  })

  await t.test('two at once, and several', async t => {
    const begun = performance.now()
    const [one, two] = await Promise.all([ask('status', '--json'), ask('status', '--json')])
    t.equal(JSON.parse(one.out).peerId, aliceId)
    t.equal(JSON.parse(two.out).peerId, aliceId)
    t.comment(`two commands at once: ${(performance.now() - begun).toFixed(0)} ms`)
  })

  await t.test('a client that stalls or sends garbage is not in the way', async t => {
    const socket = connect(join(folder.path, 'data/control.sock'))
    socket.on('error', () => {})
    socket.write(Uint8Array.of(0xff, 0xff, 0x08))
    const garbage = connect(join(folder.path, 'data/control.sock'))
    garbage.on('error', () => {})
    garbage.write(Buffer.alloc(1_000_000, 0xee))
    t.match(await ask('send', 'still here'), { code: 0 })
    await bob.shows(/"message":"still here"/)
    socket.destroy()
    garbage.destroy()
    t.equal(alice.err().match(/ERROR/g), null, alice.err())
  })

  await t.test('B28 monitor: a line per tick in a pipe, objects with --json', async t => {
    const lines = folder.launch(['monitor', '--interval', '100ms'])
    await lines.shows(/^(\[\d\d:\d\d:\d\d\] connected 1\/20, sent .*, received .*, queue 0\n){3}/)
    t.equal((await lines.ends('SIGINT')).code, 0)
    t.notMatch(lines.out(), '\u001b')
    const over = folder.launch(['monitor', '--line', '--interval', '100ms'])
    await over.shows(/^\rconnected 1\/20, [^\r\n]*\rconnected/)
    await over.ends('SIGTERM')
    t.match(over.out(), /\n$/)
    const objects = folder.launch(['monitor', '--json', '--interval', '100ms'])
    await objects.shows(/\n/)
    bob.types('seen by who watches')
    const [line] = await objects.shows(/^.*seen by who watches.*$/m)
    t.match(JSON.parse(line), { event: 'chat-message', from: bobId, time: String })
    await objects.ends('SIGINT')
    for (const one of objects.out().trim().split('\n')) t.ok(JSON.parse(one).event)
    t.match(JSON.parse(/^.*$/m.exec(objects.out())![0]), { event: 'tick', peerId: aliceId, peers: [{}] })
    t.equal(objects.err(), '')
  })

  await t.test('CL-05 monitor into a reader that goes away ends quietly', async t => {
    const monitor = folder.launch(['monitor', '--interval', '50ms'])
    await monitor.shows(/connected/)
    monitor.child.stdout!.destroy()
    t.equal((await monitor.ends()).code, 0)
    t.equal(monitor.err(), '')
  })

  await t.test('CL-04 no key and no secret is ever said on the socket', async t => {
    const { out } = await ask('swarm-key', 'show')
    const secret = /^[0-9a-f]{64}$/m.exec(out)![0]
    for (const args of [
      ['status', '--json', '--debug'],
      ['peers', '--debug'],
      ['monitor', '--help'],
    ])
      t.notMatch(JSON.stringify(await ask(...args)), secret)
  })

  await t.test('a second node on an explicit directory is refused', async t => {
    t.match(await ask('run', '--data-dir', 'data', ...local), { code: 5, err: /GH_STORE_LOCKED/, out: '' })
    t.match(await ask('run', '--data-dir', 'data/node-2', ...local), { code: 5 })
    t.match(await ask('status', '--json'), { code: 0 }, 'and nothing happened to the first')
  })

  await t.test(
    'kill -9 leaves a socket; commands say that nobody runs; the next start replaces it',
    async t => {
      const monitor = folder.launch(['monitor', '--interval', '100ms'])
      await monitor.shows(/connected/)
      await alice.ends('SIGKILL')
      t.match(await monitor.ends(), { code: 1 }, 'who watches ends with it')
      t.match(monitor.err(), /GH_LINK_CLOSED/)
      t.ok(lstatSync(join(folder.path, 'data/control.sock')).isSocket(), 'it is still there')
      t.match(await ask('status'), { code: 3, err: /GH_CONTROL_ABSENT.*\n.*guild-home run/, out: '' })
      t.match(await ask('status', '--port', String(b)), { code: 0, out: /^bob, up/ }, 'bob lives')
      const again = launch(folder, a)
      t.equal(await idOf(again), aliceId)
      t.match(JSON.parse((await ask('status', '--json')).out), { peerId: aliceId })
      t.equal((await again.ends('SIGTERM')).code, 0)
      t.match(await ask('status', '--port', '1'), { code: 3, err: /no node in it has run on port 1/ })
    },
  )

  await t.test('where no node runs: what needs the network starts a short-lived one and says so', async t => {
    const nobody = await ask('send', 'into the void')
    t.match(nobody, { code: 3, err: /short-lived node[\s\S]*--bootstrap/, out: '' })
    const said = await ask('send', '-b', `127.0.0.1:${b}`, 'from outside')
    t.match(said, { code: 0, out: 'Sent to 1 peer\n', err: /starting a short-lived node/ })
    await bob.shows(/"message":"from outside"/)
    const direct = await ask('send', '-b', `127.0.0.1:${b}`, '--to', 'bob', 'for bob')
    t.match(direct, { code: 0, out: `Sent to bob (${bobId})\n` })
    t.match(await ask('connect', `127.0.0.1:${b}`), { code: 0, err: /short-lived/, out: /peer bob/ })
    t.match(await ask('send', '-b', '127.0.0.1:1', 'x'), { code: 1, err: /GH_DIAL_REFUSED/ })
    t.match(await ask('monitor'), { code: 3 })
    t.match(await ask('peers', '--json'), { code: 3 })
  })
})
