/** The ring of sent packets against a map, and its bounds. */
import t from 'tap'
import { ACKED, LOST, MAX_SENT, MAX_SKIP, OUT, type SentPacket, SentRing } from '../../src/packets/sent.ts'
import { sentPacket } from '../support/acks.ts'
import { Seeded } from '../support/seeded.ts'

t.test('the same as a map of all numbers, in a window that moves and grows', async t => {
  let wrong = 0
  for (const seed of [1, 2, 3, 4]) {
    const random = new Seeded(seed)
    const ring = new SentRing()
    const twin = new Map<number, { packet: SentPacket; state: number }>()
    let next = 0
    for (let i = 0; i < 6000; i++) {
      const dice = random.below(10)
      if (dice < 5 || ring.size === 0) {
        next += random.below(20) === 0 ? random.below(MAX_SKIP + 1) : 0
        const packet = sentPacket(next, i)
        ring.push(packet)
        twin.set(next++, { packet, state: OUT })
      } else {
        const number = ring.first + random.below(ring.size)
        const settled = [...twin.keys()].filter(n => n >= number && twin.get(n)!.state !== ACKED)
        const unsettled = Math.min(...settled, ring.next)
        if (ring.unsettled(number) !== unsettled) wrong++
        if (unsettled < ring.next) {
          if (ring.at(unsettled) !== twin.get(unsettled)!.packet) wrong++
          if (ring.state(unsettled) !== twin.get(unsettled)!.state) wrong++
          if (dice < 6) {
            ring.lose(unsettled)
            twin.get(unsettled)!.state = LOST
          } else {
            const last = unsettled + random.below(Math.min(9, ring.next - unsettled))
            for (let n = unsettled; n <= last; n = ring.unsettled(n + 1)) {
              ring.settle(n, last)
              twin.get(n)!.state = ACKED
            }
            if (ring.at(unsettled) !== undefined || ring.state(unsettled) !== ACKED) wrong++
          }
        }
        if (random.below(3) > 0) continue
        twin.delete(ring.first)
        ring.shift()
      }
    }
    if (ring.next !== next) wrong++
  }
  t.equal(wrong, 0)
})

t.test('numbers go up, few are left out, and there is an end to it', async t => {
  const ring = new SentRing()
  ring.push(sentPacket(0, 0))
  t.throws(() => ring.push(sentPacket(0, 0)), { code: 'GH_INTERNAL' })
  t.throws(() => ring.push(sentPacket(2 + MAX_SKIP, 0)), { code: 'GH_INTERNAL' })
  ring.push(sentPacket(1 + MAX_SKIP, 0))
  t.equal(ring.at(5), undefined)
  t.equal(ring.unsettled(1), 1 + MAX_SKIP)
  while (!ring.full) ring.push(sentPacket(ring.next, 0))
  t.ok(ring.size <= MAX_SENT)
  t.throws(() => ring.push(sentPacket(ring.next, 0)), { code: 'GH_INTERNAL' })
})

t.test('numbers far beyond 32 bits find their slot', async t => {
  const ring = new SentRing()
  ring.first = ring.next = 2 ** 52 - 40
  for (let i = 0; i < 90; i++) ring.push(sentPacket(2 ** 52 - 40 + i, i))
  for (let i = 0; i < 90; i++) if (ring.at(2 ** 52 - 40 + i)!.time !== i) t.fail(`${i}`)
  t.equal(ring.unsettled(ring.first), ring.first)
})

t.test('an empty ring begins small again, and goes on', async t => {
  const ring = new SentRing()
  for (const burst of [5000, 3, 3000]) {
    for (let i = 0; i < burst; i++) ring.push(sentPacket(ring.next, i))
    for (let n = ring.first; n < ring.next; n++) if (ring.at(n)?.number !== n) t.fail(`${n}`)
    ring.settle(ring.first, ring.first)
    while (ring.size > 0) ring.shift()
    t.equal(ring.unsettled(ring.first), ring.next)
  }
})
