/** A swarm key replaced while nodes run: old and new meet, and when it is finished the old is refused. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import { nativeSuite } from '../../src/crypto/native.ts'
import { createNode, loadSwarmKey, test as preset, rotateSwarmKey } from '../../src/index.ts'
import { Attempts } from '../../src/node/attempts.ts'
import { parseAddress } from '../../src/wire/address.ts'
import { at, failure, Nodes, until } from '../support/nodes.ts'

const [oldKey, newKey] = [randomBytes(32), randomBytes(32)]
const both = { swarmKey: newKey, previousSwarmKey: oldKey }
const wrong = new GuildError('GH_HANDSHAKE_SWARM')
const where = parseAddress('192.0.2.1:8000')

t.test('while a key is rotated, holders of the old, of both and of the new one meet', async t => {
  const nodes = new Nodes(t)
  const old = await nodes.start({ name: 'old', swarmKey: oldKey })
  const one = await nodes.start({ name: 'one', ...both, bootstrap: [at(old)] })
  const two = await nodes.start({ name: 'two', ...both, bootstrap: [at(one)] })
  await until(() => [old, one, two].every(node => node.peers.length === 2))
  t.ok(one.peers.some(({ name, direction }) => name === 'old' && direction === 'out'))

  await t.test('the one that dials is told of no failure', async t => {
    const late = await createNode({ ...preset, ...both, name: 'late' })
    t.teardown(() => late.stop())
    const failures: unknown[] = []
    late.on('connection-failed', event => failures.push(event))
    await late.start()
    t.equal((await late.connect(at(old))).name, 'old')
    t.strictSame(failures, [])
  })

  await t.test('an old one dials one that has both', async t => {
    const dials = await nodes.start({ name: 'dials', swarmKey: oldKey })
    t.equal((await dials.connect(at(two))).name, 'two')
  })

  await t.test('finished: the old key is refused both ways, the new one is not', async t => {
    const done = await nodes.start({ name: 'done', swarmKey: newKey })
    t.equal((await failure(done.connect(at(old)))).code, 'GH_HANDSHAKE_SWARM')
    t.equal((await failure(old.connect(at(done)))).code, 'GH_HANDSHAKE_SWARM')
    t.equal((await done.connect(at(one))).name, 'one')
  })
})

t.test('neither key fits: one failure, after both', async t => {
  const nodes = new Nodes(t)
  const stranger = await nodes.start({ swarmKey: randomBytes(32) })
  const node = await nodes.start(both)
  t.equal((await failure(node.connect(at(stranger)))).code, 'GH_HANDSHAKE_SWARM')
  t.equal(stranger.stats().strangers_refused, 2, 'both were tried, each once')
})

t.test('a node on a key file takes the previous key from beside it', async t => {
  const path = join(t.testdir(), 'keys', 'swarm.key')
  mkdirSync(join(path, '..'))
  const { psk } = await loadSwarmKey({ path, create: true })
  await rotateSwarmKey({ path })
  const nodes = new Nodes(t)
  const old = await nodes.start({ name: 'old', swarmKey: psk })
  const rotated = await nodes.start({ swarmKey: path })
  t.equal((await rotated.connect(at(old))).name, 'old')
  rmSync(`${path}.previous`)
  const finished = await nodes.start({ swarmKey: path })
  t.equal((await failure(finished.connect(at(old)))).code, 'GH_HANDSHAKE_SWARM')
})

t.test('an address is dialled with the key that worked there last', async t => {
  const attempts = new Attempts(nativeSuite, [newKey, oldKey], 10_000)
  const [current, previous] = attempts.swarms
  const first = attempts.first(where, 1_000)
  t.match(first, { swarm: current, until: 11_000, last: false })
  const second = attempts.next(first, wrong, 2_000)!
  t.match(second, { swarm: previous, until: 11_000, last: true })
  t.equal(attempts.next(second, wrong, 2_001), undefined, 'two keys, two attempts')
  attempts.worked(second)
  const later = attempts.first(where, 20_000)
  t.equal(later.swarm, previous)
  t.equal(attempts.first(parseAddress('192.0.2.2:8000'), 0).swarm, current, 'another address')
  const back = attempts.next(later, wrong, 20_001)!
  t.equal(back.swarm, current, 'it has the new key by now')
  attempts.worked(back)
  t.equal(attempts.first(where, 0).swarm, current)
})

t.test('no second attempt for other failures, with one key, or when the time is up', async t => {
  const two = new Attempts(nativeSuite, [newKey, oldKey], 10_000)
  const attempt = two.first(where, 0)
  t.equal(two.next(attempt, new GuildError('GH_DIAL_REFUSED'), 1), undefined)
  t.equal(two.next(attempt, new GuildError('GH_HANDSHAKE_IDENTITY'), 1), undefined)
  t.equal(two.next(attempt, wrong, 10_000), undefined)
  const one = new Attempts(nativeSuite, [newKey], 10_000)
  t.equal(one.next(one.first(where, 0), wrong, 1), undefined)
})

t.test(
  'what worked where is remembered for a bounded number of addresses, the oldest going first',
  async t => {
    const attempts = new Attempts(nativeSuite, [newKey, oldKey], 10_000)
    const address = (n: number) => parseAddress(`192.0.2.1:${n}`)
    const swarm = attempts.swarms[1]!
    for (let port = 1; port <= 1_025; port++)
      attempts.worked({ address: address(port), swarm, until: 0, last: true })
    t.equal(attempts.first(address(1), 0).swarm, attempts.swarms[0])
    t.equal(attempts.first(address(2), 0).swarm, swarm)
    t.equal(attempts.first(address(1_025), 0).swarm, swarm)
  },
)

t.test('a previous key that cannot be one is refused', async t => {
  const bad = await failure(createNode({ swarmKey: newKey, previousSwarmKey: new Uint8Array(31) }))
  t.match(bad, { code: 'GH_OPTION_INVALID', message: /previousSwarmKey/ })
  t.match(await failure(createNode({ open: 'town', previousSwarmKey: oldKey })), {
    code: 'GH_OPTION_INVALID',
    message: /previousSwarmKey: a public network has one key/,
  })
})
