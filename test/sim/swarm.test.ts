/** Swarms drawn from the seed, and what their checkers must notice. `npm run sim -- --case=swarm --seeds=N` has more. */
import t from 'tap'
import { play, SeededRandom } from '../../src/testing/index.ts'
import { type IdleCost, idle } from './idle.ts'
import { nodes } from './nodes.ts'
import { POUR, Pours } from './pours.ts'
import { hashes } from './seeds.ts'
import { draw } from './swarm.ts'

t.setTimeout(120_000) // as the suite has it, for runs of this file alone on a busy machine

t.test('P29 swarm: faults, then peace; four seeds end whole, one of them twice are the same', async t => {
  const first = await hashes(t, 'swarm', 4)
  t.equal(new Set(first).size, 4, 'another seed, another hash')
  t.same(await hashes(t, 'swarm', 1), first.slice(0, 1), 'the same seed, the same hash')
})

t.test('what seeds draw: mostly small, sometimes large, all kinds of work', async t => {
  const all = Array.from({ length: 500 }, (_, i) => draw(new SeededRandom(i)))
  const large = all.filter(({ nodes }) => nodes > 10)
  t.ok(large.length > 10 && large.length < 80, `${large.length} of 500 are large`)
  t.ok(large.every(({ nodes }) => nodes >= 20 && nodes <= 25))
  t.ok(all.every(({ nodes, maxPeers }) => maxPeers >= nodes - 2))
  for (const work of ['chat', 'echo', 'pour', 'message', 'leave', 'rotate'] as const)
    t.ok(all.some(drawn => drawn.work.includes(work)) && all.some(drawn => !drawn.work.includes(work)), work)
})

t.test('a byte that is wrong, a stream that comes twice: the one who watches notices', async t => {
  const quiet = (): void => {}
  const poured = (name: string, change: (bytes: Buffer) => Buffer, times = 1) =>
    nodes(name, async (fleet, sim) => {
      const [n1, n2] = fleet.star(2)
      const pours = new Pours(sim)
      await fleet.start()
      await fleet.untilWhole(2000)
      pours.serve(n2!.node)
      // Between the two stands one that reads, changes and sends on.
      n1!.node.handle(POUR, async stream => {
        const all: Uint8Array[] = []
        for await (const chunk of stream as AsyncIterable<Uint8Array>) all.push(chunk)
        for (let i = 0; i < times; i++) {
          const on = await n1!.node.open(n2!.node.peerId, POUR)
          on.end(change(Buffer.concat(all)))
        }
        stream.end()
      })
      const dice = new SeededRandom(3)
      const sent = pours.send(n2!.node, n1!.node.peerId, 1, dice)
      await sim.settle(
        sent.catch(() => {}),
        { limit: 60_000 },
      )
      await sim.pass(5000)
    })
  await t.rejects(
    play(
      poured('wrong-byte', bytes => {
        bytes[5000]! ^= 1
        return bytes
      }),
      1,
      quiet,
    ),
    /pour 1: wrong bytes at/,
  )
  await t.rejects(
    play(
      poured('short', bytes => bytes.subarray(0, -1)),
      1,
      quiet,
    ),
    /pour 1 ended after/,
  )
  await t.rejects(
    play(
      poured('twice', bytes => bytes, 2),
      1,
      quiet,
    ),
    /pour 1 came twice/,
  )
})

t.test('PING-3 idle: two minutes of twelve nodes, asked about from one side', async t => {
  const costs: IdleCost[] = []
  await play(
    idle('idle-short', { nodes: 12, lasts: 120_000, counts: true }, cost => costs.push(cost)),
    1,
  )
  const [cost] = costs as [IdleCost]
  t.equal(cost.links, 66)
  t.ok(cost.bytesPerNodeSecond < 2048, `${cost.bytesPerNodeSecond.toFixed(0)} bytes a node and second`)
  const pings = cost.pingsPerLinkMinute!
  t.ok(pings > 10 && pings < 13, `${pings} PINGs a link and minute, where two sides would send 24`)
})
