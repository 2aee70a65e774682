/**
 * One MiB through one stream, over a link that is slow and loses, to a reader that dawdles.
 *
 *   writer ─▶ [ 64 KiB Node ][ 512 KiB line ] ─▶ link ─▶ [ window 256 KiB ][ 64 KiB Node ] ─▶ reader
 */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import type { Simulation } from '../../src/testing/index.ts'
import { claim, type Fleet, type Member } from './fleet.ts'

const LENGTH = 1024 * 1024
const KIB = 1024

export async function bulk(fleet: Fleet, sim: Simulation): Promise<void> {
  const [n1, n2] = fleet.star(3) as [Member, Member]
  await fleet.start()
  await fleet.untilWhole(2000)
  sim.weather({
    delay: sim.random.between(5, 80),
    jitter: sim.random.between(0, 30),
    loss: sim.random.fraction() * 0.1,
    burst: sim.random.between(1, 4),
    reorder: sim.random.fraction() * 0.2,
    rate: sim.random.between(30_000, 500_000),
  })
  const bytes = sim.random.bytes(LENGTH)
  const digest = createHash('sha256')
  let read = 0
  let reading = false
  let finished = false
  n2.node.handle('/bulk/1', async stream => {
    await sim.world.sleep(20_000)
    reading = true
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      digest.update(chunk)
      read += chunk.length
      if (sim.random.chance(0.2)) await sim.world.sleep(sim.random.below(200))
    }
    stream.end()
    finished = true
  })
  const before = bytesFrom(n2, n1)
  let written = 0
  const stream = await n1.node.open(n2.node.peerId, '/bulk/1')
  const source = function* (): Iterable<Uint8Array> {
    for (let at = 0; at < LENGTH; ) {
      const end = Math.min(LENGTH, at + sim.random.between(1, 20_000))
      written = end
      yield bytes.subarray(at, end)
      at = end
    }
  }
  const sent = pipeline(source, stream, async answer => {
    for await (const _ of answer) claim(false, 'nothing was to be answered')
  })
  await sim.pass(19_000)
  claim(!reading && written < LENGTH, `${written} bytes were taken for a reader that does not read`)
  const most = (64 + 512 + 256 + 64 + 64) * KIB
  claim(written <= most, `${written} bytes wait, at most ${most}`)
  const arrived = bytesFrom(n2, n1) - before
  claim(arrived <= 300 * KIB, `${arrived} bytes arrived against a window of 256 KiB`)
  await sim.settle(sent, { limit: 600_000 })
  claim(finished && read === LENGTH, `${read} of ${LENGTH} bytes arrived`)
  claim(
    digest.digest('hex') === createHash('sha256').update(bytes).digest('hex'),
    'what arrived is not what was sent',
  )
  // The weather lasts: a segment that TCP loses six times in a row is there after 12.6 s.
  await fleet.check(fleet.members, 60_000)
}

function bytesFrom(by: Member, from: Member): number {
  return by.node.peers.find(({ peerId }) => peerId === from.node.peerId)!.bytesIn
}
