import t from 'tap'
import { defaults } from '../../src/membership/defaults.ts'
import { type MeshNode, MiniMesh, type MiniMeshOptions, seeded } from '../support/mini-mesh.ts'

/** N nodes; the first is everybody's bootstrap. */
function star(n: number, options: MiniMeshOptions = {}): MiniMesh {
  const mesh = new MiniMesh({ seed: n, ...options })
  for (let i = 1; i <= n; i++) mesh.add(i)
  mesh.nodes.forEach((node, i) => {
    if (i === 0) mesh.start(node)
    else mesh.start(node, mesh.nodes[0]!.address)
  })
  return mesh
}

const settled = (mesh: MiniMesh, nodes?: readonly MeshNode[]) => () => mesh.whole(nodes) && mesh.single(nodes)

t.test('MEM-2 A13 D1 one bootstrap, all at once: a whole mesh without waiting for a timer', async t => {
  for (const n of [2, 5, 20, 50]) {
    const mesh = star(n)
    t.ok(
      mesh.run(900, () => mesh.now > 100 && mesh.whole()),
      `${n} nodes: whole within the first second`,
    )
    mesh.run(20_000)
    t.ok(settled(mesh)(), `${n} nodes: one link a pair`)
    for (const node of mesh.nodes) {
      if (mesh.count(node, 'peer-connected') !== n - 1) t.fail(`${node.name}: peer-connected once a peer`)
      if (mesh.count(node, 'peer-disconnected') !== 0) t.fail(`${node.name}: no tie-break shows`)
      if (node.process.membership.partial) t.fail(`${node.name}: knows nobody it is not linked to`)
      if (node.process.membership.partialLinks().length > 0) t.fail(`${node.name}: nobody needs forwarding`)
    }
  }
})

t.test('A16 one after the other: the later comer dials the earlier ones, one dial a pair', async t => {
  const n = 20
  const mesh = new MiniMesh({ seed: 7 })
  for (let i = 1; i <= n; i++) {
    const node = mesh.add(i)
    if (i === 1) mesh.start(node)
    else mesh.start(node, mesh.nodes[(i * 7) % (i - 1)]!.address)
    mesh.run(mesh.now + 200)
  }
  t.ok(settled(mesh)())
  const dials = mesh.nodes.map(node => node.dials)
  t.strictSame(
    dials,
    mesh.nodes.map((_, i) => i),
    'node i dialled exactly the i before it',
  )
})

t.test('a chain of bootstraps, and a bootstrap that starts last', async t => {
  const mesh = new MiniMesh({ seed: 3 })
  for (let i = 1; i <= 8; i++) mesh.add(i)
  for (let i = 1; i < 8; i++) mesh.start(mesh.nodes[i]!, mesh.nodes[i - 1]!.address)
  mesh.run(10_000)
  t.equal(mesh.count(mesh.nodes[1]!, 'bootstrap-failed'), 1, 'the first failure is said once')
  mesh.start(mesh.nodes[0]!)
  t.ok(mesh.run(60_000, settled(mesh)))
  t.equal(mesh.count(mesh.nodes[1]!, 'bootstrap-success'), 1)
})

t.test('A11 B22 killed: the others notice at once; started again: whole again', async t => {
  const mesh = star(5)
  mesh.run(15_000)
  const gone = mesh.nodes[2]!
  const others = mesh.nodes.filter(node => node !== gone)
  mesh.crash(gone)
  mesh.run(mesh.now + 1_000)
  for (const node of others) t.equal(mesh.count(node, 'peer-disconnected'), 1)
  t.ok(settled(mesh, others)())
  const before = others.map(node => node.dials)
  mesh.run(mesh.now + 60_000)
  others.forEach((node, i) => {
    t.ok(node.dials - before[i]! <= 8, 'PT-06 a dial that is refused at once is no reason to hurry')
    t.notOk(node.process.membership.partial, 'who is gone does not count as known')
  })
  mesh.restart(gone, mesh.nodes[0]!.address)
  t.ok(
    mesh.run(mesh.now + 2_000, () => mesh.whole()),
    'its own bootstrap is enough',
  )
  mesh.run(mesh.now + 12_000)
  t.ok(settled(mesh)())
})

t.test('the bootstrap itself is killed and comes back knowing nobody: it is dialled', async t => {
  const mesh = star(5)
  mesh.run(15_000)
  mesh.crash(mesh.nodes[0]!)
  mesh.run(mesh.now + 600_000)
  mesh.restart(mesh.nodes[0]!)
  t.ok(mesh.run(mesh.now + defaults.backoffMax + 1_000, () => mesh.whole()))
})

/** Everybody with at least one link, and no more than there are places. */
const nobodyAlone = (mesh: MiniMesh, places: number): boolean =>
  mesh.nodes.every(
    ({ process }) => process.membership.linkCount > 0 && process.membership.linkCount <= places,
  )

t.test('MEM-13 decision 14 a bootstrap that comes back knowing nobody is found by a full mesh', async t => {
  for (const [n, maxPeers] of [
    [4, 2],
    [7, 5],
    [40, 8],
  ] as const)
    for (const away of [3_000, 600_000]) {
      const mesh = star(n, { seed: n + away, node: { maxPeers } })
      mesh.run(60_000)
      const [boot, ...others] = mesh.nodes as [MeshNode, ...MeshNode[]]
      mesh.crash(boot)
      mesh.run(mesh.now + away)
      if (away > 60_000) {
        const full = others.filter(({ process }) => process.membership.linkCount === maxPeers)
        t.ok(full.length >= others.length - 2, `${full.length} of ${others.length} are full without it`)
      }
      mesh.restart(boot)
      t.ok(
        mesh.run(mesh.now + defaults.backoffMax + 1_000, () => boot.process.membership.linkCount > 0),
        `${n} nodes with ${maxPeers} places, ${away / 1000} s away: found`,
      )
      mesh.run(mesh.now + 120_000)
      t.ok(nobodyAlone(mesh, maxPeers), 'and nobody is alone for it')
    }
})

t.test(
  'MEM-13 PT-06 a full mesh costs a bootstrap that has links a dial a node every few minutes',
  async t => {
    const mesh = star(40, { node: { maxPeers: 8 } })
    mesh.run(600_000)
    const boot = mesh.nodes[0]!
    const isFull = ({ process: { membership } }: MeshNode): boolean =>
      membership.linkCount === 8 && membership.linkOf(boot.peerId) === undefined
    const full = mesh.nodes.filter(isFull)
    t.ok(full.length > 20, `${full.length} are full and not linked to it`)
    const dials = (): number => mesh.connections.filter(({ target }) => target === boot).length
    const before = dials()
    const handshakes = mesh.handshakes
    mesh.run(mesh.now + 1_800_000)
    const each = (dials() - before) / full.length
    t.ok(each >= 5 && each <= 13, `${each} dials each in half an hour`)
    t.ok(mesh.handshakes - handshakes < dials() - before, 'most end before the node says who it is')
    t.ok(full.every(isFull), 'and nobody gave a place for it')
  },
)

t.test('HAND-16 a new process of an identity replaces the old link at once (decision 6)', async t => {
  const mesh = star(4)
  mesh.run(16_500)
  const node = mesh.nodes[1]!
  mesh.crash(node, true) // the host was cut off: nobody has noticed
  mesh.restart(node, mesh.nodes[0]!.address)
  t.ok(mesh.run(mesh.now + 2_000, () => mesh.whole()))
  const ends = mesh.nodes[0]!.events.filter(({ event }) => event === 'peer-disconnected')
  t.match(ends, [{ event: 'peer-disconnected', reason: 'restarted' }])
  mesh.run(mesh.now + 70_000)
  t.ok(settled(mesh)())
})

t.test('PT-06 a dead host: timeout, clean-up, back-off; never a dial storm', async t => {
  const mesh = star(5)
  mesh.run(15_000)
  const gone = mesh.nodes[4]!
  mesh.crash(gone, true)
  const before = mesh.nodes.map(node => node.dials)
  mesh.run(mesh.now + defaults.peerTimeout + 1_000)
  for (const node of mesh.nodes.slice(0, 4)) {
    t.equal(mesh.count(node, 'maintenance-cleanup'), 1)
    t.match(
      node.events.filter(({ event }) => event === 'peer-disconnected'),
      [{ reason: 'timeout', peerId: gone.peerId }],
    )
  }
  mesh.run(mesh.now + 3_600_000)
  mesh.nodes.slice(0, 4).forEach((node, i) => {
    const dials = node.dials - before[i]!
    t.ok(dials > 60 && dials < 400, `${dials} dials in an hour`)
    t.ok(mesh.count(node, 'connection-failed') <= 20, 'reported rarely')
  })
  const late = mesh.nodes[0]!.dials
  mesh.run(mesh.now + 3_600_000)
  t.ok(mesh.nodes[0]!.dials - late <= 30, 'after an hour at a slow pace, but still')
  mesh.restart(gone)
  t.ok(mesh.run(mesh.now + defaults.slowPace + 1_000, () => mesh.whole()))
})

t.test('PT-10 halves split for ten minutes, then healed: one mesh', async t => {
  const mesh = star(8)
  mesh.run(15_000)
  const left = new Set(mesh.nodes.slice(0, 4))
  mesh.blocked = (a, b) => left.has(a) !== left.has(b)
  mesh.run(mesh.now + 600_000)
  for (const node of mesh.nodes) t.equal(node.process.membership.peers().length, 3)
  mesh.blocked = () => false
  t.ok(mesh.run(mesh.now + 60_000, settled(mesh)))
})

t.test(
  'MEM-9 P17 a node stalled for three seconds, or suspended for minutes, removes nobody who answers',
  async t => {
    const mesh = star(4)
    mesh.run(15_000)
    const slow = mesh.nodes[1]!
    const { membership } = slow.process
    const peers = membership.peers().length
    const at = membership.deadline()!
    membership.handle({ kind: 'tick' }, at + 3_000)
    membership.handle({ kind: 'tick' }, at + 200_000)
    for (let output = membership.poll(); output !== undefined; output = membership.poll())
      t.not(output.kind, 'close')
    t.equal(membership.peers().length, peers)
  },
)

t.test('MEM-8 decision 14 full nodes: nobody is isolated, and nobody has more than maxPeers', async t => {
  for (const [n, maxPeers] of [
    [6, 3],
    [12, 4],
    [20, 5],
  ] as const) {
    const mesh = star(n, { node: { maxPeers } })
    for (let step = 0; step < 120; step++) {
      mesh.run(mesh.now + 1_000)
      for (const node of mesh.nodes)
        if (node.process.membership.peers().length > maxPeers) t.fail('more than maxPeers')
    }
    for (const node of mesh.nodes)
      t.ok(node.process.membership.peers().length >= 1, `${node.name} of ${n} has a peer`)
    t.ok(
      mesh.nodes.every(({ process: { membership } }) => membership.partial),
      'and each says that its mesh is not whole',
    )
    const late = mesh.add(200)
    mesh.start(late, mesh.nodes[0]!.address)
    t.ok(
      mesh.run(mesh.now + 10_000, () => late.process.membership.peers().length > 0),
      'a late comer too',
    )
  }
})

t.test('MEM-10 a person: connect, disconnect, connect again, duplicates, goodbye', async t => {
  const mesh = new MiniMesh({ seed: 5 })
  const [a, b] = [mesh.add(1), mesh.add(2)] as const
  mesh.start(a)
  mesh.start(b)
  const connect = () => mesh.tell(a, { kind: 'learned', addresses: [b.address], source: 'person' })
  connect()
  mesh.run(1_000)
  t.ok(mesh.linked(a, b))
  connect()
  t.match(a.events.at(-1), { event: 'connection-failed', code: 'GH_REFUSED_DUPLICATE' })
  mesh.tell(a, { kind: 'disconnect', peerId: b.peerId })
  mesh.run(mesh.now + 120_000)
  t.notOk(mesh.linked(a, b), 'neither side undoes it at once')
  t.match(
    b.events.find(({ event }) => event === 'peer-disconnected'),
    { reason: 'disconnected by the peer' },
  )
  connect()
  mesh.run(mesh.now + 1_000)
  t.ok(mesh.linked(a, b))
  mesh.tell(b, { kind: 'stop' })
  const at = mesh.now
  b.process.alive = false
  const dials = a.dials
  mesh.run(at + 1_000)
  t.match(a.events.filter(({ event }) => event === 'peer-disconnected').at(-1), { reason: 'goodbye' })
  mesh.run(at + 4_900)
  t.equal(a.dials, dials, 'gently: not before five seconds')
  mesh.run(at + 7_600)
  t.equal(a.dials, dials + 1)
  mesh.tell(a, { kind: 'learned', addresses: [a.address, { ...b.address, port: 1 }], source: 'person' })
  mesh.run(mesh.now + 1_000)
  const failed = a.events.filter(({ event }) => event === 'connection-failed').map(event => event)
  t.ok(
    failed.some(event => 'code' in event && event.code === 'GH_HANDSHAKE_SELF'),
    'HS-08 said to the person',
  )
  t.ok(failed.some(event => 'code' in event && event.code === 'GH_DIAL_REFUSED'))
})

t.test('HAND-12 HS-08 an address that leads to ourselves is dialled once and never again', async t => {
  const mesh = new MiniMesh({ seed: 9 })
  const node = mesh.add(1)
  mesh.start(node, node.address)
  mesh.run(3_600_000)
  t.equal(node.dials, 1)
  t.equal(mesh.count(node, 'bootstrap-failed'), 0, 'the same list on every node is no fault')
  t.equal(node.process.membership.peers().length, 0)
})

t.test(
  'HS-12 another identity at a known address: it is met as itself, the old one is not blamed',
  async t => {
    const mesh = star(3)
    mesh.run(15_000)
    const [a, b, c] = mesh.nodes as [MeshNode, MeshNode, MeshNode]
    mesh.crash(c)
    c.hosts.length = 0
    const other = mesh.add(77)
    other.hosts[0] = c.address.host
    Object.assign(other, { address: c.address })
    mesh.start(other)
    t.ok(
      mesh.run(mesh.now + 60_000, () => mesh.linked(a, other) && mesh.linked(b, other)),
      'both meet the new one',
    )
  },
)

t.test('churn: crashes, restarts, splits by seed, then peace: whole within a minute', async t => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seeded(seed)
    const mesh = star(7, { seed })
    for (let step = 0; step < 25; step++) {
      mesh.run(mesh.now + 500 + random.fraction() * 10_000)
      const node = mesh.nodes[Math.floor(random.fraction() * mesh.nodes.length)]!
      const die = random.fraction()
      if (die < 0.4) {
        if (node.process.alive) mesh.crash(node, random.fraction() < 0.5)
        else mesh.restart(node, mesh.nodes[0]!.address)
      } else if (die < 0.7) {
        const cut = Math.floor(random.fraction() * 127)
        const side = (x: MeshNode) => (cut >> mesh.nodes.indexOf(x)) & 1
        mesh.blocked = (a, b) => side(a) !== side(b)
      } else mesh.blocked = () => false
    }
    mesh.blocked = () => false
    for (const node of mesh.nodes) if (!node.process.alive) mesh.restart(node, mesh.nodes[0]!.address)
    t.ok(mesh.run(mesh.now + 130_000, settled(mesh)), `seed ${seed}`)
  }
})

t.test('the same seed twice gives the same run', async t => {
  const run = () => {
    const mesh = star(10, { seed: 42 })
    mesh.run(20_000)
    return [mesh.handshakes, mesh.nodes.map(node => [node.dials, node.events])]
  }
  t.strictSame(run(), run())
})
