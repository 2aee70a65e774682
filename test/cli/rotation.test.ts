/** `swarm-key rotate` as real processes: the files before and after, and nodes on both sides of it. */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Folder, freePorts, notBuilt } from '../support/processes.ts'

t.test('a key is rotated and finished; the files are whole and private all the while', notBuilt, async t => {
  const folder = new Folder()
  t.teardown(() => folder.remove())
  const key = join(folder.path, 'team.key')
  const named = ['--swarm-key', 'team.key']
  const [a, b] = (await freePorts(2)) as [number, number]
  const before = (await folder.command(['swarm-key', 'new', ...named])).out.trim()
  const text = readFileSync(key, 'utf8')
  copyFileSync(key, join(folder.path, 'other.key'))

  const rotated = await folder.command(['swarm-key', 'rotate', ...named])
  t.equal(rotated.code, 0, rotated.err)
  const after = (await folder.command(['swarm-key', ...named])).out.trim()
  t.not(after, before)
  t.match(rotated.out, new RegExp(`^new key +${after} .*\nprevious key +${before} .*previous\n$`))
  t.equal(readFileSync(`${key}.previous`, 'utf8'), text)
  const files = readdirSync(folder.path).filter(name => name.startsWith('team.key'))
  t.strictSame(files.toSorted(), ['team.key', 'team.key.previous'])
  if (process.platform !== 'win32')
    for (const file of files) t.equal(statSync(join(folder.path, file)).mode & 0o777, 0o600, file)

  const again = await folder.command(['swarm-key', 'rotate', ...named])
  t.equal(again.code, 5)
  t.match(again.err, /a rotation of the swarm key is under way.*\n {2}when every node.*rotate --finish/)

  const local = ['--no-mdns', '--host', '127.0.0.1']
  const old = folder.launch([
    'run',
    String(a),
    '-d',
    'old',
    '-n',
    'old',
    '--swarm-key',
    'other.key',
    ...local,
  ])
  await old.shows(/listening on port/)
  const both = ['run', String(b), '-d', 'both', '-n', 'both', ...named, ...local, '-b', `127.0.0.1:${a}`]
  const node = folder.launch(both)
  await node.shows(/\(1\/20 peers\)/)
  t.notMatch(node.err(), 'GH_HANDSHAKE_SWARM')
  await node.ends('SIGTERM')

  const finished = await folder.command(['swarm-key', 'rotate', '--finish', ...named])
  t.strictSame([finished.code, finished.out.trim()], [0, after])
  t.notOk(existsSync(`${key}.previous`))
  const refused = await folder.command(['connect', `127.0.0.1:${a}`, ...named])
  t.equal(refused.code, 5, refused.out)
  t.match(refused.err, 'GH_HANDSHAKE_SWARM')
  await old.ends('SIGTERM')
})
