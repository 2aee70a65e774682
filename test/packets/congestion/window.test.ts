/**
 * NewReno and CUBIC against their formulas, and what all three do alike.
 */
import t from 'tap'
import { minimumWindow } from '../../../src/packets/congestion/controller.ts'
import { Cubic } from '../../../src/packets/congestion/cubic.ts'
import { HyStart } from '../../../src/packets/congestion/hystart.ts'
import { congestionNames, createCongestion } from '../../../src/packets/congestion/index.ts'
import { NewReno } from '../../../src/packets/congestion/newreno.ts'
import { Hand } from '../sent-packet.ts'

const mss = 1200
const options = { mss, now: 0, random: () => 0.5 }

t.test('CC-1 each of the three starts with ten datagrams, and has its name', async t => {
  for (const name of congestionNames) {
    const congestion = createCongestion(name, options)
    t.equal(congestion.name, name)
    t.equal(congestion.window, 12_000)
    t.equal(congestion.explain().name, name)
    t.ok(
      Object.values(congestion.explain()).every(value => value !== Number.POSITIVE_INFINITY),
      'as JSON can say it',
    )
    t.equal(createCongestion(name, { ...options, mss: 1452 }).window, 14_520)
    t.equal(createCongestion(name, { ...options, mss: 9000 }).window, 18_000, 'two large ones')
  }
})

t.test('UQ-19 CC-3 persistent congestion leaves two datagrams, and the way back is quick', async t => {
  for (const name of congestionNames) {
    const congestion = createCongestion(name, options)
    const hand = new Hand(congestion, 40)
    for (let i = 0; i < 4; i++) hand.round()
    const before = congestion.window
    hand.lose(hand.fill())
    congestion.onPersistent(hand.now)
    t.equal(congestion.window, minimumWindow(mss), name)
    for (let i = 0; i < 3; i++) hand.round()
    t.ok(congestion.window >= 4 * mss && congestion.window <= before, `${name}: ${congestion.window}`)
  }
})

t.test('CC-2 losses of one flight ask for one reaction', async t => {
  for (const [name, factor] of [
    ['newreno', 0.5],
    ['cubic', 0.7],
  ] as const) {
    const congestion = createCongestion(name, options)
    const hand = new Hand(congestion, 40)
    for (let i = 0; i < 3; i++) hand.round()
    const window = congestion.window
    const flight = hand.fill()
    hand.lose(flight.slice(0, 2))
    t.equal(congestion.window, window * factor, name)
    hand.lose(flight.slice(5, 7))
    t.equal(congestion.window, window * factor, 'same flight, no second cut')
    hand.ack(flight.slice(7))
    t.equal(congestion.window, window * factor, 'what was sent before the cut does not grow it')
    hand.lose(hand.send(1))
    t.equal(congestion.window, window * factor * factor, 'a later flight: another')
  }
})

t.test('CC-2 the loss of a path-MTU probe says nothing', async t => {
  for (const name of congestionNames) {
    const congestion = createCongestion(name, options)
    const hand = new Hand(congestion, 40)
    hand.round()
    const before = congestion.window
    const [probe] = hand.send(1, true)
    hand.lose([probe!])
    t.equal(congestion.window, before, name)
  }
})

t.test('CC-7 a reaction to losses that were none is taken back', async t => {
  for (const name of ['newreno', 'cubic'] as const) {
    const congestion = createCongestion(name, options)
    const hand = new Hand(congestion, 40)
    for (let i = 0; i < 3; i++) hand.round()
    const before = congestion.window
    const flight = hand.fill()
    hand.lose(flight.slice(0, 3))
    t.ok(congestion.window < before)
    congestion.onSpurious(flight[1]!, hand.now)
    congestion.onSpurious(flight[0]!, hand.now)
    t.ok(congestion.window < before, 'one of them may still be lost')
    congestion.onSpurious(flight[2]!, hand.now)
    t.equal(congestion.window, before, name)

    const later = hand.send(4)
    hand.lose(later.slice(0, 1))
    congestion.onPersistent(hand.now)
    congestion.onSpurious(later[0]!, hand.now)
    t.equal(congestion.window, minimumWindow(mss), 'persistent congestion stands')
  }
})

t.test('CC-6 a window that is not used does not grow', async t => {
  for (const name of ['newreno', 'cubic'] as const) {
    const congestion = createCongestion(name, options)
    const hand = new Hand(congestion, 40)
    for (let i = 0; i < 50; i++) {
      congestion.appLimited(hand.inFlight)
      const packets = hand.send(1)
      hand.now += 40
      hand.ack(packets)
    }
    t.equal(congestion.window, 12_000, name)
  }
})

t.test('NewReno doubles, then adds a datagram a round trip', async t => {
  const reno = new NewReno(options)
  const hand = new Hand(reno, 40)
  hand.round()
  hand.round()
  t.equal(reno.window, 48_000)
  const flight = hand.fill()
  hand.lose(flight.slice(0, 1))
  hand.ack(flight.slice(1))
  t.equal(reno.window, 24_000)
  for (let i = 1; i <= 5; i++) {
    hand.round()
    t.ok(Math.abs(reno.window - 24_000 - i * mss) < 0.05 * mss * i, `${reno.window}`)
  }
})

t.test('CUBIC goes along its curve: level at Wmax after K, as far above after 2 K as it fell', async t => {
  const cubic = new Cubic(options)
  const hand = new Hand(cubic, 200)
  while (cubic.window < 400 * mss) hand.round()
  const top = cubic.window
  const flight = hand.fill()
  hand.lose(flight.slice(0, 1))
  hand.ack(flight.slice(1))
  t.equal(cubic.window, top * 0.7)
  const k = Math.cbrt((0.3 * top) / mss / 0.4) * 1000
  const begin = hand.now + 200
  const at = (elapsed: number): number => 0.4 * ((elapsed - k) / 1000) ** 3 * mss + top
  while (hand.now < begin + 2 * k) {
    hand.round()
    const elapsed = hand.now - begin
    t.ok(Math.abs(cubic.window / at(elapsed + 200) - 1) < 0.03, `${elapsed} ms: ${cubic.window}`)
  }
  t.ok(cubic.window > 1.2 * top, 'past the plateau it looks for more')
})

t.test('CUBIC below the last loss leaves room, and is never slower than Reno', async t => {
  const cubic = new Cubic(options)
  const hand = new Hand(cubic, 10)
  for (let i = 0; i < 3; i++) hand.round()
  const first = cubic.window
  const flight = hand.fill()
  hand.lose(flight.slice(0, 1))
  hand.ack(flight.slice(1))
  t.equal(cubic.explain().wMax, first)
  hand.round()
  const second = cubic.window
  hand.lose(hand.send(1))
  t.equal(cubic.explain().wMax, Math.floor(second * 0.85), 'fast convergence')
  // At 10 ms the curve is slow: Reno's growth of 0.53 datagrams a round leads.
  const from = cubic.window
  for (let i = 0; i < 20; i++) hand.round()
  t.ok(cubic.window >= from + 20 * 0.5 * mss, `${(cubic.window - from) / mss} datagrams in 20 rounds`)
})

t.test('HyStart++ ends slow start when the round trip rises, and takes a false alarm back', async t => {
  const run = (rtts: readonly number[]): (number | undefined)[] => {
    const start = new HyStart()
    let number = 0
    // Ten ACKs a round; the answer to the last of each.
    return rtts.map(rtt => {
      let answer: number | undefined
      for (let i = 0; i < 10; i++) answer = start.onAck(number++, rtt, number + 9 - i)
      return answer
    })
  }
  t.strictSame(run([40, 40, 40, 40]), [1, 1, 1, 1])
  t.strictSame(run([40, 46, 46]), [1, 0.25, 0.25], 'an eighth more: careful')
  t.strictSame(run([40, 43, 43]), [1, 1, 1], 'less than 4 ms is noise')
  t.strictSame(run([40, 46, 41, 41]), [1, 0.25, 1, 1], 'it fell again')
  t.equal(run([40, 46, 46, 46, 46, 46, 46]).at(-1), undefined, 'five careful rounds: done')
})
