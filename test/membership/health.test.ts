/** Retry, health check and reconnect, as the cookbook of B names them; a path that works one way only. */
import t from 'tap'
import { defaults } from '../../src/membership/defaults.ts'
import { type MeshNode, MiniMesh, type MiniMeshOptions } from '../support/mini-mesh.ts'

function pair(options: MiniMeshOptions = {}): readonly [MiniMesh, MeshNode, MeshNode] {
  const mesh = new MiniMesh({ seed: 21, ...options })
  const [a, b] = [mesh.add(1), mesh.add(2)]
  mesh.start(a!)
  mesh.start(b!, a!.address)
  mesh.run(15_000)
  return [mesh, a!, b!]
}

const told = (node: MeshNode, name: string) => node.events.filter(({ event }) => event === name)

t.test('B21 retry: each attempt waits longer, failures are told, success ends it', async t => {
  const mesh = new MiniMesh({ seed: 22 })
  const [a, b] = [mesh.add(1), mesh.add(2)] as const
  b.process.alive = false // its host refuses
  mesh.start(a, b.address)
  const at: number[] = []
  for (let dials = 0; mesh.now < 120_000; mesh.run(mesh.now + 50)) {
    if (a.dials === dials) continue
    dials = a.dials
    at.push(mesh.now)
  }
  const waits = at.slice(1).map((time, i) => time - at[i]!)
  t.ok(waits.length >= 5, `${waits.length} retries in two minutes`)
  for (const [i, wait] of waits.entries()) {
    const full = Math.min(defaults.backoffMax, defaults.backoffFirst * 2 ** i)
    t.ok(wait >= full / 2 - 50 && wait <= full + 300, `retry ${i + 1} after ${wait} ms, of ${full}`)
  }
  t.match(told(a, 'bootstrap-failed'), [{ code: 'GH_DIAL_REFUSED' }], 'the first failure is told, not each')
  mesh.restart(b)
  t.ok(
    mesh.run(mesh.now + defaults.backoffMax + 1_000, () => mesh.linked(a, b)),
    'and it never gives up',
  )
  t.equal(told(a, 'bootstrap-success').length, 1)
})

t.test('B22 a health check every maintenance interval, with the number of peers', async t => {
  const [mesh, a, b] = pair({ node: { maintenanceInterval: 30_000 } })
  a.process.membership.debug = true
  const checks = () =>
    told(a, 'debug').filter(one => 'message' in one && one.message.startsWith('Health check'))
  mesh.run(mesh.now + 300_000)
  t.equal(checks().length, 10, 'every 30 s for five minutes')
  t.match(checks().at(-1), { message: 'Health check: 1 peers connected' })
  mesh.crash(b)
  mesh.run(mesh.now + 31_000)
  t.match(checks().at(-1), { message: 'Health check: 0 peers connected' })
})

t.test('B22 B27 a dropped peer is connected again, by whoever knows the other', async t => {
  const [mesh, a, b] = pair()
  for (let i = 0; i < 5; i++) {
    mesh.cut(mesh.linkBetween(a, b)!)
    mesh.run(mesh.now + 100)
    t.notOk(mesh.linked(a, b))
    t.ok(
      mesh.run(mesh.now + 10_000, () => mesh.linked(a, b)),
      `cut ${i + 1}: linked again within ten seconds`,
    )
    mesh.run(mesh.now + 15_000)
  }
  t.equal(told(a, 'peer-connected').length, 6)
  t.equal(told(a, 'peer-disconnected').length, 5)
})

t.test('PT-13 frames pass one way only: marked unreachable, no flapping above one a minute', async t => {
  for (const peerTimeout of [60_000, 15_000]) {
    const [mesh, a, b] = pair({ node: { peerTimeout } })
    mesh.muted = (from, to) => from === b && to === a
    const before = told(a, 'peer-connected').length
    const from = mesh.now
    mesh.run(from + 1_800_000)
    const ups = told(a, 'peer-connected').length - before
    t.ok(ups >= 1 && ups <= 30, `${ups} links in half an hour at a patience of ${peerTimeout / 1000} s`)
    for (const node of [a, b])
      if (!mesh.linked(a, b)) t.notOk(node.process.membership.partial, 'it does not count as known')
    mesh.muted = () => false
    t.ok(
      mesh.run(mesh.now + 120_000, () => mesh.linked(a, b)),
      'and once both ways work it is back',
    )
    mesh.run(mesh.now + 120_000)
    t.ok(mesh.linked(a, b))
    t.equal(told(a, 'maintenance-cleanup').length > 0, true)
  }
})

t.test('MEM-9 thirty idle links wake a node ten times in an interval, not thirty', async t => {
  const mesh = new MiniMesh({ seed: 23, node: { maxPeers: 40 } })
  const [hub, ...others] = Array.from({ length: 31 }, (_, i) => mesh.add(i + 1)) as [MeshNode, ...MeshNode[]]
  mesh.start(hub)
  // Links that begin at any time: their intervals have nothing in common.
  for (const [i, other] of others.entries()) {
    mesh.run(i * 337)
    mesh.start(other, hub.address)
  }
  mesh.run(60_000)
  t.equal(hub.process.membership.linkCount, 30)
  for (const node of mesh.nodes) node.process.membership.debug = true
  const pings = (node: MeshNode) =>
    told(node, 'debug').filter(one => 'message' in one && one.message.startsWith('Sent PING')).length
  const awake = mesh.nodes.map(() => 0)
  let before = mesh.nodes.map(pings)
  for (let i = 0; i < 6_000; i++) {
    mesh.run(mesh.now + 10)
    const now = mesh.nodes.map(pings)
    for (const [at, count] of now.entries()) if (count > before[at]!) awake[at]!++
    before = now
  }
  const most = Math.max(...awake) / 12
  const links = (31 * 30) / 2
  const each = before.reduce((sum, count) => sum + count, 0) / links / 12
  t.ok(most <= 10, `the busiest was awake to ask ${most.toFixed(1)} times in an interval`)
  t.ok(each <= 1.12, `${each.toFixed(2)} PINGs a link and interval`)
})
