import t from 'tap'
import { defaults } from '../../src/membership/defaults.ts'
import { isLower, judge } from '../../src/membership/tie-break.ts'
import { keyOf, type MeshNode, MiniMesh, type Queue, seeded } from '../support/mini-mesh.ts'

t.test('MEM-7 DRAIN-1 HS-16 the table: who keeps what', async t => {
  const young = { age: 0, active: 1, sameProcess: true }
  const old = (age: number) => ({ age, active: 1, sameProcess: true })
  const { replaceAfterLower, replaceAfterHigher } = defaults
  for (const lower of [true, false])
    for (const outbound of [true, false]) {
      t.equal(judge({ lower, outbound, sameProcess: false, active: 0, age: 0 }), 'only')
      t.equal(judge({ lower, outbound, sameProcess: false, active: 1, age: 0 }), 'replace', 'a new process')
      t.equal(judge({ lower, outbound, ...old(replaceAfterHigher) }), 'replace')
    }
  t.equal(judge({ lower: true, outbound: true, ...young }), 'drain')
  t.equal(judge({ lower: true, outbound: false, ...young }), 'duplicate')
  t.equal(judge({ lower: true, outbound: false, ...old(replaceAfterLower - 1) }), 'duplicate')
  t.equal(judge({ lower: true, outbound: false, ...old(replaceAfterLower) }), 'replace')
  t.equal(judge({ lower: false, outbound: true, ...young }), 'keep')
  t.equal(judge({ lower: false, outbound: false, ...young }), 'keep')
  t.equal(judge({ lower: false, outbound: false, ...old(replaceAfterHigher - 1) }), 'keep')
  t.equal(judge({ lower: false, outbound: false, ...young, active: 2 }), 'duplicate', 'never a third')
  const [one, two] = [keyOf(1), keyOf(2)]
  t.ok(isLower(one, two))
  t.notOk(isLower(two, one))
  const high = keyOf(0x80)
  t.ok(isLower(one, high), 'bytes are unsigned')
})

/** Two nodes; the lower is nodes[0]. Each dials the other at the hosts given. */
function pair(seed: number, lowerDials: number, higherDials: number): [MiniMesh, MeshNode, MeshNode] {
  const mesh = new MiniMesh({ seed, chosen: true })
  const lower = mesh.add(1)
  const higher = mesh.add(2)
  for (const [node, dials] of [
    [lower, higherDials],
    [higher, lowerDials],
  ] as const)
    for (let i = 1; i < dials; i++)
      node.hosts.push(`${node.address.host.slice(0, 3)}9.${i}.${node.name.slice(1)}`)
  for (const [node, other, dials] of [
    [lower, higher, lowerDials],
    [higher, lower, higherDials],
  ] as const)
    mesh.start(node, ...other.hosts.slice(0, dials).map(host => ({ ...other.address, host })))
  return [mesh, lower, higher]
}

/** Plays one order; `choose` picks among so many moves. */
function play(mesh: MiniMesh, choose: (moves: readonly Queue[]) => number): number {
  let steps = 0
  for (let moves = mesh.moves(); moves.length > 0; moves = mesh.moves()) {
    if (++steps > 200) throw new Error('no end')
    mesh.deliver(moves[choose(moves)]!)
  }
  return steps
}

/** Every order there is: replays from the start with each prefix of choices. */
function everyOrder(make: () => MiniMesh, check: (mesh: MiniMesh, path: readonly number[]) => void): number {
  let count = 0
  const path: number[] = []
  const widths: number[] = []
  for (;;) {
    const mesh = make()
    let step = 0
    play(mesh, moves => {
      if (step === path.length) path.push(0)
      widths[step] = moves.length
      return path[step++]!
    })
    path.length = step
    check(mesh, path)
    count++
    while (path.length > 0 && path.at(-1)! + 1 >= widths[path.length - 1]!) path.pop()
    if (path.length === 0) return count
    path[path.length - 1]!++
  }
}

function agreed(mesh: MiniMesh): string | undefined {
  const [a, b] = mesh.nodes as [MeshNode, MeshNode]
  if (!mesh.linked(a, b)) return 'the two ends do not use one and the same link'
  for (const node of [a, b]) {
    if (mesh.count(node, 'peer-connected') !== 1) return 'not connected exactly once'
    if (mesh.count(node, 'peer-disconnected') !== 0) return 'a disconnection showed'
  }
  return undefined
}

t.test('ID-4 the lower PeerId is the lower key in unsigned bytes', async t => {
  const key = (first: number, last: number) => new Uint8Array(32).fill(first, 0, 1).fill(last, 31)
  t.ok(isLower(key(0x7f, 0), key(0x80, 0)), 'not signed')
  t.ok(isLower(key(1, 0xff), key(2, 0)), 'the first byte counts most')
  t.ok(isLower(key(1, 0), key(1, 1)))
  t.notOk(isLower(key(1, 1), key(1, 1)))
})

t.test('MEM-7 HS-16 both dial at once: every interleaving ends with one link, one at both ends', async t => {
  for (const [lowerDials, higherDials] of [
    [1, 1],
    [2, 0],
    [0, 2],
  ] as const) {
    let bad: string | undefined
    const count = everyOrder(
      () => pair(1, lowerDials, higherDials)[0],
      (mesh, path) => {
        const before = agreed(mesh)
        mesh.timed()
        mesh.run(mesh.now + defaults.drainFor + 1_000)
        const after = agreed(mesh) ?? (mesh.single() ? undefined : 'a second link is left')
        if (before !== undefined || after !== undefined) bad ??= `${before ?? after}: ${path.join(' ')}`
      },
    )
    t.equal(bad, undefined)
    t.ok(count >= 20, `${lowerDials} and ${higherDials} dials: ${count} orders`)
  }
})

t.test('HS-16 several dials each way, in random order', async t => {
  let bad: string | undefined
  for (let seed = 1; seed <= 400; seed++) {
    const random = seeded(seed)
    const [mesh] = pair(seed, 1 + (seed % 3), 1 + ((seed >> 2) % 3))
    play(mesh, moves => Math.floor(random.fraction() * moves.length))
    const before = agreed(mesh)
    mesh.timed()
    mesh.run(mesh.now + defaults.drainFor + 1_000)
    const after = agreed(mesh) ?? (mesh.single() ? undefined : 'a second link is left')
    if (before !== undefined || after !== undefined) bad ??= `${before ?? after}: seed ${seed}`
  }
  t.equal(bad, undefined)
})

t.test('HS-16 a connection breaks at any moment of any order: one link in the end', async t => {
  let bad: string | undefined
  let count = 0
  for (const broken of [0, 1])
    for (let moment = 0; moment < 12; moment++) {
      count += everyOrder(
        () => {
          const [mesh] = pair(1, 1, 1)
          let step = 0
          const deliver = mesh.deliver.bind(mesh)
          mesh.deliver = queue => {
            if (step++ === moment) mesh.cut(mesh.connections[broken]!)
            deliver(queue)
          }
          return mesh
        },
        (mesh, path) => {
          mesh.timed()
          mesh.run(mesh.now + 60_000)
          const [a, b] = mesh.nodes as [MeshNode, MeshNode]
          if (!mesh.linked(a, b) || !mesh.single())
            bad ??= `connection ${broken} at ${moment}: ${path.join(' ')}`
        },
      )
    }
  t.equal(bad, undefined)
  t.comment(`${count} orders`)
})

t.test('P7 HS-16 1,000 simultaneous pair dials under random delays: one link, one event each', async t => {
  let bad: string | undefined
  for (let seed = 1; seed <= 1_000; seed++) {
    const mesh = new MiniMesh({ seed, delay: [0, 5 + 20 * (seed % 10)] })
    const [a, b] = [mesh.add(seed * 2), mesh.add(seed * 2 + 1)] as const
    mesh.start(a, b.address)
    mesh.at(mesh.random.fraction() * 50, () => mesh.start(b, a.address))
    mesh.run(5_000)
    mesh.run(20_000)
    if (agreed(mesh) !== undefined || !mesh.single()) bad ??= `${agreed(mesh)}: seed ${seed}`
  }
  t.equal(bad, undefined)
})
