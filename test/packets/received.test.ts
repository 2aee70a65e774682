/** Acknowledging: how often, when at once, which ranges, and what need not be said again. */
import t from 'tap'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { Received } from '../../src/packets/received.ts'
import { Rtt } from '../../src/packets/rtt.ts'
import { decodeAck } from '../../src/wire/frames/ack.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { limits } from '../../src/wire/index.ts'
import { Seeded } from '../support/seeded.ts'

function known(smoothed: number): Rtt {
  const rtt = new Rtt()
  rtt.sample(smoothed, 0)
  return rtt
}

/** What one ACK says: its numbers, highest first, its delay, and whoever wants to hear of it. */
function tell(received: Received, now: number, room = 1200) {
  const w = new ByteWriter()
  const frames: InFlight[] = []
  if (!received.writeAck(w, now, { add: frame => frames.push(frame) }, room)) return undefined
  const r = new ByteReader(w.view())
  r.varint('frame type')
  const { delay, count, ranges } = decodeAck(r)
  r.end('ack')
  const said: [number, number][] = []
  for (let i = 0; i < count; i++) said.push([ranges[2 * i]!, ranges[2 * i + 1]!])
  return { said, delay, length: w.length, acked: () => frames[0]!.acked() }
}

t.test('LOSS-11 every second packet at first, and never later than was promised', async t => {
  const received = new Received(new Rtt())
  t.equal(received.ackDeadline, undefined)
  t.equal(tell(received, 0), undefined, 'nothing to say')
  received.note(0, false, 5)
  t.equal(received.ackDeadline, undefined, 'an ACK is not answered')
  t.ok(received.hasNews)
  received.note(1, true, 10)
  t.equal(received.ackDeadline, 10 + limits.ackDelay)
  t.notOk(received.ackDue(34.9))
  t.ok(received.ackDue(35))
  received.note(2, true, 12)
  t.ok(received.ackDue(12), 'the second one')
  t.match(tell(received, 14), { said: [[0, 2]], delay: 2 })
  t.notOk(received.hasNews || received.ackDue(1000))
  received.note(3, true, 20, true)
  t.ok(received.ackDue(20), 'PROBE asks')
})

t.test('LOSS-11 a quarter of a round trip, and more packets to an ACK as the rate grows', async t => {
  for (const [rtt, wait] of [
    [40, 10],
    [400, 25],
    [0.2, 1],
  ] as const) {
    const received = new Received(known(rtt))
    received.note(0, true, 100)
    t.equal(received.ackDeadline, 100 + wait, `round trip ${rtt}`)
  }
  // Packets a millisecond, and how many of them an acknowledgement is for once the rate is known.
  for (const [rate, every] of [
    [0.1, 2],
    [0.5, 5],
    [1, 10],
    [10, 32],
  ] as const) {
    const received = new Received(known(40))
    let acks = 0
    let now = 0
    const count = 4000
    for (let n = 0; n < count; n++) {
      now += 1 / rate
      if (n >= 1000 && received.ackDeadline !== undefined && received.ackDeadline < now) {
        tell(received, received.ackDeadline)
        acks++
      }
      received.note(n, true, now)
      if (received.ackDue(now)) {
        tell(received, now)
        if (n >= 1000) acks++
      }
    }
    const each = (count - 1000) / acks
    t.ok(Math.abs(each - every) <= 1 || (rate === 0.1 && each <= 2), `${rate} packets/ms: one for ${each}`)
  }
})

t.test('LOSS-12 a gap is told at once, and again when it is deep', async t => {
  const received = new Received(known(400))
  let now = 0
  const due: number[] = []
  const come = (number: number): void => {
    received.note(number, true, ++now)
    if (!received.ackDue(now)) return
    due.push(number)
    tell(received, now)
  }
  for (let n = 0; n < 4000; n++) come(n) // ten a round would be one ACK in 32
  due.length = 0
  for (let n = 4001; n < 4010; n++) come(n)
  t.ok(due.includes(4001), 'the packet behind the gap')
  t.ok(due.includes(4003), 'and the one that makes it three deep')
  due.length = 0
  come(4000)
  t.strictSame(due, [4000], 'one that comes late after all')
})

t.test('UQ-04 LOSS-12 lateness that is usual here is not told at once', async t => {
  const received = new Received(known(40))
  const random = new Seeded(4)
  const order = Array.from({ length: 20_000 }, (_, n) => ({
    n,
    at: n + (random.below(4) === 0 ? random.below(101) : 0),
  }))
  order.sort((a, b) => a.at - b.at)
  let acks = 0
  order.forEach(({ n }, i) => {
    const now = i / 10
    received.note(n, true, now)
    if (!received.ackDue(now)) return
    tell(received, now)
    if (i > 2000) acks++
  })
  t.ok(acks < 18_000 / 25, `${acks} acknowledgements for 18,000 packets`)
})

t.test('LOSS-13 the highest 64 ranges, and as many as there is room for', async t => {
  const received = new Received(known(40))
  for (let n = 0; n < 400; n += 2) received.note(n, true, 1)
  const whole = tell(received, 2)!
  t.equal(whole.said.length, limits.ackRangesWritten)
  t.strictSame(whole.said[0], [398, 398])
  t.strictSame(whole.said.at(-1), [272, 272])
  for (const room of [5, 8, 20, 60]) {
    const part = tell(received, 2, room)
    if (part === undefined) t.ok(room < 7, `${room}`)
    else t.ok(part.length <= room && part.said[0]![1] === 398, `${room}`)
  }
})

t.test('P4 LOSS-15 no packet is taken twice, and asking changes nothing', async t => {
  const received = new Received(known(40))
  t.equal(received.largest, -1)
  t.ok(received.isNew(1e9), 'a forged number is only asked about')
  t.equal(received.largest, -1)
  let taken = 0
  for (let again = 0; again < 10; again++)
    for (let n = 0; n < 20_000; n++) if (received.isNew(n) && received.note(n, true, n)) taken++
  t.equal(taken, 20_000)
  received.note(30_000, true, 0)
  t.notOk(received.isNew(30_000 - 8192), 'too old to know')
  t.ok(received.isNew(30_000 - 8191))
  t.notOk(received.note(7, true, 0))
})

t.test('LOSS-14 what the peer has seen told is not told again, and nothing is left untold', async t => {
  const all = { said: 0, forgotten: 0 }
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Seeded(seed)
    const received = new Received(known(40))
    const came = new Set<number>()
    const heard = new Set<number>()
    const flying: (() => void)[] = []
    let top = 0
    for (let i = 0; i < 1500; i++) {
      const number = Math.max(0, ++top - (random.below(5) === 0 ? random.below(40) : 0))
      if (random.below(20) === 0) top += random.below(3)
      if (received.note(number, true, i)) came.add(number)
      if (random.below(6) > 0) continue
      const ack = tell(received, i)!
      for (const [first, last] of ack.said)
        for (let n = first; n <= last; n++) {
          if (!came.has(n)) t.fail(`seed ${seed}: ${n} never came`)
          heard.add(n)
        }
      all.said += ack.said.length
      if (random.below(3) > 0) flying.push(ack.acked)
      if (flying.length > 4) {
        flying.splice(random.below(4), 1)[0]!()
        all.forgotten++
      }
    }
    tell(received, 1500)?.said.forEach(([first, last]) => {
      for (let n = first; n <= last; n++) heard.add(n)
    })
    const untold = [...came].filter(n => !heard.has(n))
    if (untold.length > 0) t.fail(`seed ${seed}: ${untold} came and were never told`)
  }
  t.ok(all.forgotten > 1000)
  const received = new Received(known(40))
  for (const n of [0, 1, 5, 6, 9]) received.note(n, true, 1)
  const first = tell(received, 1)!
  t.equal(first.said.length, 3)
  received.note(3, true, 2)
  first.acked()
  t.strictSame(
    tell(received, 3)!.said,
    [
      [9, 9],
      [5, 6],
      [3, 3],
    ],
    'from the late one on',
  ) // 3 was not in it
})
