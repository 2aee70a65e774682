/**
 * The pacer holds a rate, never waits for nothing, and catches up what a late timer missed.
 */
import fc from 'fast-check'
import t from 'tap'
import { Pacer, paceOf } from '../../src/packets/pacer.ts'
import { check } from '../support/property.ts'
import { roundTrips } from './sent-packet.ts'

const mss = 1200

/** Sends what may leave, wakes when asked, timers as coarse as given; bytes sent until `end`. */
function drive(pacer: Pacer, end: number, timer = 0): { bytes: number; wakes: number; most: number } {
  let now = 0
  let bytes = 0
  let wakes = 0
  let most = 0
  while (now <= end) {
    wakes++
    let burst = 0
    for (; pacer.canSend(now); burst += mss) pacer.spend(mss, now)
    bytes += burst
    most = Math.max(most, burst)
    const next = pacer.next(now)!
    now = timer === 0 ? next : Math.ceil(next / timer) * timer
  }
  return { bytes, wakes, most }
}

t.test('CC-4 pacer: ten packets at once, then the rate', async t => {
  const pacer = new Pacer(mss, 0)
  pacer.setRate(1_200_000)
  let burst = 0
  for (; pacer.canSend(0); burst++) pacer.spend(mss, 0)
  t.equal(burst, 10)
  t.equal(pacer.next(0), 1, 'a packet a millisecond')
  t.equal(pacer.canSend(0.9), false)
  t.equal(pacer.canSend(1), true)
  t.equal(pacer.next(1), undefined)
})

t.test('CC-4 pacer: a rate is held, with exact timers, coarse ones and late ones', async t => {
  for (const rate of [10_000, 1.25e6, 12.5e6, 125e6, 1e9])
    for (const timer of [0, 1, 3]) {
      const pacer = new Pacer(mss, 0)
      pacer.setRate(rate)
      const { bytes, wakes } = drive(pacer, 2000, timer)
      t.ok(
        bytes <= 2 * rate + Math.max(10 * mss, rate * 0.004) + mss,
        `${rate}, ${timer} ms: ${bytes} not above`,
      )
      t.ok(bytes >= 0.97 * 2 * rate - mss, `${rate}, ${timer} ms: ${bytes} not below`)
      t.ok(
        wakes <= 2100 && wakes <= 2 + bytes / mss,
        `${wakes} times awake: a millisecond's worth leaves together`,
      )
    }
})

t.test('CC-4 pacer: after a pause no more than ten packets, or four milliseconds of the rate', async t => {
  for (const [rate, most] of [
    [1.2e6, 10 * mss],
    [120e6, 480_000],
  ] as const) {
    const pacer = new Pacer(mss, 0)
    pacer.setRate(rate)
    drive(pacer, 50)
    let bytes = 0
    for (; pacer.canSend(60_000); bytes += mss) pacer.spend(mss, 60_000)
    t.equal(bytes, most)
  }
})

t.test('CC-4 pacer: whatever happens, the time it names is enough, and comes', async () => {
  check(
    fc.property(
      fc.array(
        fc.record({
          rate: fc.oneof(fc.constant(0), fc.double({ min: 1, max: 5e9, noNaN: true })),
          size: fc.integer({ min: 1200, max: 65_507 }),
          wait: fc.double({ min: 0, max: 50, noNaN: true }),
        }),
        { maxLength: 50 },
      ),
      acts => {
        const pacer = new Pacer(mss, 0)
        let now = 0
        for (const { rate, size, wait } of acts) {
          pacer.setRate(rate)
          pacer.setMtu(size)
          now += wait
          pacer.spend(size, now)
          const next = pacer.next(now)
          if (next === undefined) continue
          if (!(next > now && next <= now + 60_000)) return false
          now = next
          if (!pacer.canSend(now)) return false
        }
        return true
      },
    ),
  )
})

t.test('CC-4 the rate of a window: 1.25 of it each round trip', async t => {
  t.equal(paceOf({ window: 40_000, pacingRate: undefined }, roundTrips(40)), 1_250_000)
  t.equal(paceOf({ window: 40_000, pacingRate: 7 }, roundTrips(40)), 7)
  const none = { latest: 0, smoothed: 0, least: 0, sampled: false }
  t.ok(
    paceOf({ window: 333_000, pacingRate: undefined }, none) > 1e6,
    'RFC 9002: 333 ms before the first sample',
  )
})
