/** Real processes that find each other again without being told where. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Folder, freePorts, notBuilt } from '../support/processes.ts'

t.test('PT-12 restarted without --bootstrap: the peerbook finds the peers again', notBuilt, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const [a, b, c] = (await freePorts(3)) as [number, number, number]
  const local = ['--no-mdns', '--host', '127.0.0.1', '--interval', '1']
  const open = (name: string, port: number, ...more: string[]) =>
    folder.launch(['run', '-d', name, '--port', String(port), '--name', name, ...local, ...more])
  const whole = (...nodes: readonly { shows(pattern: RegExp): Promise<unknown> }[]) =>
    Promise.all(nodes.map(node => node.shows(new RegExp(`\\(${nodes.length - 1}/20 peers\\)`))))

  const alice = open('alice', a)
  await alice.shows(/listening on port/)
  const bob = open('bob', b, '-b', `127.0.0.1:${a}`)
  const carol = open('carol', c, '-b', `127.0.0.1:${a}`)
  await whole(alice, bob, carol)
  await alice.ends('SIGTERM')
  await bob.ends('SIGINT')
  await carol.ends('SIGTERM')
  const file = join(folder.path, 'alice', 'peers.json')
  const { peers } = JSON.parse(readFileSync(file, 'utf8')) as { peers: { address: string }[] }
  t.equal(peers.length, 2, 'alice dialled nobody, and remembers both')
  if (process.platform !== 'win32') t.equal(statSync(file).mode & 0o777, 0o600)

  const again = [open('alice', a), open('bob', b), open('carol', c)] as const
  await whole(...again)
  again[0].types('still here')
  await again[2].shows(/\[alice\] still here$/m)
  t.notMatch(again.map(node => node.err()).join(''), /ERROR|set-aside/)

  await t.test('after kill -9 the book of a moment ago is there', async t => {
    const { length } = again[0].out()
    for (const node of again.slice(1)) await node.ends('SIGKILL')
    await again[0].shows(/disconnected/, length)
    t.notOk(existsSync(`${file}.tmp`))
    await again[0].ends('SIGTERM')
    const two = [open('bob', b), open('carol', c)] as const
    await whole(...two)
    for (const node of two) await node.ends('SIGTERM')
  })

  await t.test('a damaged one is set aside and said once; the node starts', async t => {
    writeFileSync(file, '{"format":"guild-home peerbook","version":1,"peers":[{"addr')
    const node = open('alice', a)
    await node.shows(/listening on port/)
    await node.ends('SIGTERM')
    t.equal(node.err().match(/a damaged file was set aside: .*peers\.json\.set-aside now/g)?.length, 1)
    t.match(node.err(), /\[ERROR\] .*GH_STORE_DAMAGED/)
    t.ok(existsSync(`${file}.set-aside`))
    const quiet = open('alice', a)
    await quiet.shows(/listening on port/)
    await quiet.ends('SIGTERM')
    t.notMatch(quiet.err(), 'peers.json')
  })
})
