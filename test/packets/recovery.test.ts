/** Loss detection, rule by rule: what is lost, when to ask, what may not be acknowledged. */
import t from 'tap'
import { PERSISTENT, PTO_MAX, Recovery } from '../../src/packets/recovery.ts'
import { FACTOR, FACTOR_MAX, PACKETS, PACKETS_MAX, Reordering } from '../../src/packets/reordering.ts'
import { GRANULARITY, INITIAL_RTT, Rtt } from '../../src/packets/rtt.ts'
import { MAX_SKIP } from '../../src/packets/sent.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { limits } from '../../src/wire/index.ts'
import { ackOf, ackTo, numbersOf, sentPacket } from '../support/acks.ts'
import { sharedJson } from '../support/shared.ts'

const constants = sharedJson('vectors/quic/rfc9002-constants.json')

/** A path whose round trip is known: `pto` is smoothed + 4 × variance, and no sample changes it. */
class KnownRtt extends Rtt {
  constructor(smoothed: number, variance: number) {
    super()
    Object.assign(this, { smoothed, variance, latest: smoothed, least: smoothed, sampled: true })
  }

  override sample(): void {}
}

function begin(rtt: Rtt = new KnownRtt(40, 5), maxAckDelay = 25): Recovery {
  return new Recovery(rtt, { maxAckDelay })
}

function send(recovery: Recovery, count: number, time: number, more = {}): void {
  for (let i = 0; i < count; i++) recovery.onSent(sentPacket(recovery.next, time, more))
}

t.test('the constants of RFC 9002', { skip: constants === undefined && 'no vectors here' }, async t => {
  t.equal(PACKETS, constants.kPacketThreshold)
  t.equal(`${8 * FACTOR}/8`, constants.kTimeThreshold)
  t.equal(GRANULARITY, constants.kGranularity_ms)
  t.equal(INITIAL_RTT, constants.kInitialRtt_ms)
  t.equal(PERSISTENT, constants.kPersistentCongestionThreshold)
})

t.test('LOSS-6 three later ones came, or nine eighths of a round trip went by', async t => {
  const recovery = begin()
  send(recovery, 6, 0)
  t.strictSame(numbersOf(recovery.onAck(ackOf([2]), 40).lost), [])
  t.equal(recovery.deadline(), 45, 'the time threshold, before any probe')
  t.strictSame(numbersOf(recovery.onAck(ackOf([3]), 41).lost), [0], 'three below 3')
  t.equal(recovery.bytesInFlight, 3 * 1200)
  t.strictSame(numbersOf(recovery.onTimer(44.9).lost), [])
  const late = recovery.onTimer(45)
  t.strictSame(numbersOf(late.lost), [1], 'below an acknowledged one; 4 and 5 are not')
  t.equal(late.probes, 0)
  t.equal(recovery.deadline(), 41 + 40 + 20 + 25, 'nothing left but to probe, from the last word of the peer')
})

t.test('the exercise of protocol/recovery.md', async t => {
  const recovery = begin()
  send(recovery, 10, 0)
  const { lost, acked } = recovery.onAck(ackOf([1, 2, 5]), 40)
  t.strictSame([numbersOf(lost), numbersOf(acked)], [[0], [1, 2, 5]])
  t.equal(recovery.deadline(), 45)
  t.strictSame(numbersOf(recovery.onTimer(45).lost), [3, 4])
  t.equal(recovery.bytesInFlight, 4 * 1200, '6 to 9')
})

t.test('LOSS-3 only packets that elicit are in flight; an ACK-only one is acknowledged aside', async t => {
  const recovery = begin()
  send(recovery, 1, 0, { eliciting: false })
  t.equal(recovery.bytesInFlight, 0)
  t.equal(recovery.deadline(), undefined, 'nobody answers it')
  send(recovery, 1, 1)
  const told = recovery.onAck(ackOf([0, 1]), 41)
  t.strictSame([numbersOf(told.acked), numbersOf(told.ackedAside)], [[1], [0]])
  t.equal(told.rttSample, 40)
  send(recovery, 9, 50, { eliciting: false })
  t.equal(recovery.onAck(ackOf([5]), 60).rttSample, undefined, 'it says nothing of the round trip')
  send(recovery, 1, 60)
  t.strictSame(numbersOf(recovery.onAck(ackOf([11]), 100).lost), [], 'and none of them is ever lost')
})

t.test('LOSS-5 the delay a peer reports counts up to what it promised, and only for news', async t => {
  const rtt = new Rtt()
  const recovery = begin(rtt)
  send(recovery, 6, 0)
  recovery.onAck(ackOf([0], 10), 40)
  t.match(rtt, { smoothed: 40, least: 40 }, 'the first sample is taken as it is')
  t.equal(recovery.onAck(ackOf([1], 4_000_000), 80).rttSample, 80)
  t.equal(rtt.smoothed, 40 + (80 - 25 - 40) / 8, 'of an hour, 25 ms')
  t.equal(recovery.onAck(ackOf([0, 1]), 90).rttSample, undefined, 'heard before')
  t.equal(recovery.onAck(ackOf([1, 0]), 90).newestAcked, undefined)
  send(recovery, 1, 100)
  t.equal(recovery.onAck(ackOf([2, 6]), 140).rttSample, 40)
  t.equal(recovery.onAck(ackOf([3, 6]), 141).rttSample, undefined, 'the largest is no news')
})

t.test(
  'UQ-12 LOSS-4 a packet that was never sent is acknowledged: nothing changes but the link ends',
  async t => {
    const recovery = begin()
    send(recovery, 3, 0)
    recovery.onSent(sentPacket(3 + MAX_SKIP, 0)) // sixteen left out
    const before = JSON.stringify([recovery.bytesInFlight, recovery.largestAcked, recovery.deadline()])
    const never = [4 + MAX_SKIP, 1e6, Number.MAX_SAFE_INTEGER]
    for (const n of never) t.throws(() => recovery.onAck(ackOf([0, n]), 40), { code: 'GH_LINK_PROTOCOL' })
    for (let n = 3; n < 3 + MAX_SKIP; n++)
      t.throws(() => recovery.onAck(ackOf([0, n]), 40), { code: 'GH_LINK_PROTOCOL' }, `left out: ${n}`)
    t.throws(() => recovery.onAck(ackTo(0, 3 + MAX_SKIP), 40), { code: 'GH_LINK_PROTOCOL' })
    t.equal(JSON.stringify([recovery.bytesInFlight, recovery.largestAcked, recovery.deadline()]), before)
    t.strictSame(numbersOf(recovery.onAck(ackOf([0, 1, 2, 3 + MAX_SKIP]), 40).acked), [0, 1, 2, 19])
    t.throws(
      () => recovery.onAck(ackOf([9]), 41),
      { code: 'GH_LINK_PROTOCOL' },
      'also when all else is settled',
    )
  },
)

t.test('UQ-14 the ACK with the most ranges that fit costs what it settles', async t => {
  const count = 100_000
  const times: number[] = []
  let settled = 0
  for (let run = 0; run < 5; run++) {
    const recovery = begin()
    for (let i = 0; i < count; i++) recovery.onSent(sentPacket(i, i / 1000))
    // All but the oldest came already, and that one is waited for still.
    recovery.reordering.spurious(PACKETS_MAX, 80, 40)
    const numbers = Array.from({ length: limits.ackRanges }, (_, i) => count - 1 - 2 * i)
    const worst = { ...ackOf(numbers), ranges: ackOf(numbers).ranges }
    const wide = Float64Array.from(worst.ranges)
    wide[2 * limits.ackRanges - 2] = 1 // the lowest reaches down to 1
    recovery.onAck(ackTo(1, count - 600), 100)
    for (let again = 0; again < 20; again++) {
      const begun = performance.now()
      const told = recovery.onAck({ ...worst, ranges: wide }, 100)
      times.push(performance.now() - begun)
      settled += told.acked.length
    }
    t.equal(recovery.largestAcked, count - 1)
  }
  times.sort((a, b) => a - b)
  const median = times[times.length >>> 1]!
  t.comment(`median ${(1000 * median).toFixed(1)} µs, worst ${(1000 * times.at(-1)!).toFixed(0)} µs`)
  t.equal(settled, 5 * (limits.ackRanges + (599 - 2 * limits.ackRanges + 1)), 'each of them once')
  t.ok(median < 5, 'five times the bound of 1 ms')
})

t.test('LOSS-8 a probe says again what the oldest that are out held, each once', async t => {
  const recovery = begin()
  const said: number[] = []
  const frame = (n: number): InFlight => ({ acked: () => {}, lost: () => void said.push(n) })
  for (let n = 0; n < 4; n++) send(recovery, 1, n, { eliciting: n !== 1, frames: [frame(n)] })
  const tell = (most: number): void => {
    for (const one of recovery.reclaim(most)) one.lost()
  }
  tell(1)
  t.strictSame(said, [0])
  tell(2)
  t.strictSame(said, [0, 2, 3], 'one that asks for nothing is not waited for, so not said again')
  tell(2)
  t.strictSame(said, [0, 2, 3], 'nothing is left to say')
  const { acked } = recovery.onAck(ackOf([0]), 50)
  t.strictSame(numbersOf(acked), [0], 'the packet itself was still waited for')
  t.strictSame(acked[0]!.frames, [], 'and tells nobody twice')
})

t.test(
  'UQ-19 LOSS-8 nothing answers: one probe, then two at a time, each twice as late, up to four seconds',
  async t => {
    const recovery = begin()
    send(recovery, 1, 0)
    let now = 0
    const waits: number[] = []
    for (let i = 0; i < 14; i++) {
      const deadline = recovery.deadline()!
      t.equal(recovery.onTimer(deadline - 0.001).probes, 0)
      const told = recovery.onTimer(deadline)
      t.equal(told.probes, i === 0 ? 1 : 2)
      t.strictSame(numbersOf(told.lost), [], 'a timer loses nothing')
      waits.push(deadline - now)
      now = deadline
      send(recovery, told.probes, now)
    }
    t.strictSame(waits.slice(0, 4), [85, 170, 340, 680])
    t.strictSame(waits.slice(-3), [PTO_MAX, PTO_MAX, PTO_MAX])
    t.equal(recovery.deadline(false), undefined, 'not while nothing may be sent')
    const told = recovery.onAck(ackOf([recovery.next - 1]), now + 40)
    t.equal(recovery.ptoCount, 0, 'an answer ends it')
    t.equal(told.persistent, false, 'no sample was known when the first left')
    t.equal(told.lost.length, recovery.next - 2, 'and tells what was lost; not yet the probe beside the last')
    t.equal(recovery.onTimer(now + 45).lost.length, 1)
    t.equal(recovery.bytesInFlight, 0)
    t.equal(recovery.deadline(), undefined)
  },
)

t.test('UQ-19 LOSS-9 persistent congestion: the example of RFC 9002, 7.6.3', async t => {
  // PTO is 2 s: smoothed 1 s and four times a quarter.
  const recovery = begin(new KnownRtt(1000, 250), 0)
  send(recovery, 1, -2000)
  recovery.onAck(ackOf([0]), -1000) // a sample is known
  send(recovery, 1, 0)
  send(recovery, 1, 1000)
  recovery.onAck(ackOf([1]), 1200)
  for (const time of [2000, 3000, 4000, 5000, 6000]) send(recovery, 1, time)
  for (const time of [8000, 12_000]) {
    t.equal(recovery.deadline(), time)
    t.ok(recovery.onTimer(time).probes > 0)
    send(recovery, 1, time)
  }
  const told = recovery.onAck(ackOf([9]), 12_200)
  t.strictSame(numbersOf(told.lost), [2, 3, 4, 5, 6, 7, 8])
  t.equal(told.persistent, true, 'lost from 1 s to 8 s: longer than 3 × 2 s')
})

t.test(
  'UQ-19 LOSS-9 not persistent: one came through, too short, probes of the MTU, nothing known',
  async t => {
    const run = (times: number[], came: number[], more: (i: number) => object, sampled = true): boolean => {
      const recovery = begin(new KnownRtt(1000, 250), 0)
      if (sampled) {
        send(recovery, 1, -2000)
        recovery.onAck(ackOf([0]), -1000)
      } else recovery.onSent(sentPacket(0, -2000))
      times.forEach((time, i) => {
        send(recovery, 1, time, more(i))
      })
      send(recovery, 1, 12_000)
      return recovery.onAck(ackOf([...came, recovery.next - 1]), 14_000).persistent
    }
    const plain = (): object => ({})
    t.equal(run([1000, 3000, 7100], [], plain), true, 'the plain case')
    t.equal(run([1000, 3000, 7000], [], plain), false, 'six seconds are not more than six')
    t.equal(run([1000, 3000, 7100], [2], plain), false, 'one between them came')
    t.equal(run([1000, 3000, 7100], [], plain, false), false, 'no sample when they left')
    t.equal(
      run([1000, 3000, 7100], [], i => ({ eliciting: i !== 0 })),
      false,
      'the first asked for nothing',
    )
    t.equal(
      run([1000, 3000, 7100], [], i => ({ mtuProbe: i === 2 })),
      false,
      'the last was a probe of the MTU',
    )
  },
)

t.test('LOSS-7 a late packet is told once more, and patience grows to what it needed', async t => {
  const recovery = begin()
  send(recovery, 40, 0)
  t.strictSame(numbersOf(recovery.onAck(ackTo(1, 20), 40).lost), [0])
  const told = recovery.onAck(ackTo(0, 21), 60)
  t.strictSame([numbersOf(told.spurious), numbersOf(told.acked)], [[0], [21]])
  t.match(recovery.reordering, { packets: 22, factor: 1.5 })
  send(recovery, 40, 100)
  t.strictSame(numbersOf(recovery.onAck(ackTo(22, 39), 140).acked).length, 18)
  t.strictSame(numbersOf(recovery.onAck(ackTo(41, 61), 141).lost), [], '21 below: within patience')
  t.strictSame(numbersOf(recovery.onAck(ackTo(41, 62), 142).lost), [40])
})

t.test('LOSS-7 patience has ends: 8,192 packets, two round trips; sixteen true losses shrink it', async t => {
  const reordering = new Reordering()
  reordering.spurious(1e6, 79, 40)
  t.equal(reordering.packets, PACKETS_MAX)
  t.equal(reordering.factor, 79 / 40)
  const before = reordering.factor
  reordering.spurious(1e6, 4000, 40)
  t.ok(reordering.factor === before && before <= FACTOR_MAX, 'later than any patience: nothing to learn')
  for (let i = 0; i < 15; i++) reordering.loss()
  t.equal(reordering.packets, PACKETS_MAX)
  reordering.loss()
  t.match(reordering, { packets: 4097, factor: FACTOR + (before - FACTOR) / 2 })
  for (let i = 0; i < 16 * 20; i++) reordering.loss()
  t.match(reordering, { packets: PACKETS, factor: FACTOR })
})

t.test('LOSS-10 what congestion control must not hear stands aside', async t => {
  const rtt = new Rtt()
  const recovery = begin(rtt)
  send(recovery, 1, 0)
  recovery.onAck(ackOf([0]), 40)
  send(recovery, 1, 100, { mtuProbe: true })
  send(recovery, 6, 100)
  let told = recovery.onAck(ackTo(2, 4), 140)
  t.strictSame([numbersOf(told.lost), numbersOf(told.lostAside)], [[], [1]], 'a path-MTU probe')
  t.equal(recovery.bytesInFlight, 3 * 1200)

  recovery.discardPath(0)
  rtt.reset()
  t.equal(recovery.bytesInFlight, 0, 'packets of a path that was left')
  t.not(recovery.deadline(), undefined, 'are still asked after')
  send(recovery, 4, 150, { path: 1 })
  t.equal(recovery.bytesInFlight, 4 * 1200)
  told = recovery.onAck(ackOf([5]), 160)
  t.strictSame([numbersOf(told.acked), numbersOf(told.ackedAside)], [[], [5]])
  t.equal(told.rttSample, undefined)
  t.equal(rtt.sampled, false)
  told = recovery.onAck(ackTo(8, 11), 190)
  t.strictSame([numbersOf(told.lost), numbersOf(told.lostAside)], [[], [6, 7]])
  t.equal(told.rttSample, 40)
  t.equal(recovery.bytesInFlight, 0)
})

t.test('a million packets later nothing is kept but what is on its way', async t => {
  const recovery = begin()
  let lost = 0
  for (let n = 0; n < 300_000; n++) {
    recovery.onSent(sentPacket(n, n / 100))
    if (n % 8 === 7 && n > 4000) {
      const told = recovery.onAck(ackOf([n - 4000, n - 4001, n - 4002]), n / 100)
      lost += told.lost.length
    }
  }
  t.equal(recovery.full, false)
  t.equal(recovery.bytesInFlight, 4000 * 1200, 'all before is settled')
  t.ok(lost > 180_000)
})
