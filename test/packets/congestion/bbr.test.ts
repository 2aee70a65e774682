/**
 * BBR by hand: its table of states, its parts, and what it takes back.
 */
import t from 'tap'
import { next, type StateTable } from '../../../src/base/states.ts'
import { Bbr } from '../../../src/packets/congestion/bbr.ts'
import { Aggregation } from '../../../src/packets/congestion/bbr-aggregation.ts'
import { FullPipe, MostBandwidth, Rounds } from '../../../src/packets/congestion/bbr-bandwidth.ts'
import { LeastDelay } from '../../../src/packets/congestion/bbr-delay.ts'
import { ShortTerm } from '../../../src/packets/congestion/bbr-loss.ts'
import { Noise } from '../../../src/packets/congestion/bbr-noise.ts'
import { BandwidthProbe } from '../../../src/packets/congestion/bbr-probe.ts'
import { bbrStates, cycles, gains, probes } from '../../../src/packets/congestion/bbr-states.ts'
import type { RateSample } from '../../../src/packets/congestion/delivery-rate.ts'
import { Seeded } from '../../support/seeded.ts'
import { Hand, packetOf } from '../sent-packet.ts'

const options = { mss: 1200, now: 0, random: () => 0.5 }

const sampleOf = (rate: number, more: Partial<RateSample> = {}): RateSample => ({
  rate,
  appLimited: false,
  delivered: 0,
  priorDelivered: 0,
  newlyAcked: 0,
  txInFlight: 0,
  lost: 0,
  rtt: 0,
  ...more,
})

t.test('BBR: from every state every other can be reached, and each has its gains', async t => {
  const names = Object.keys(gains) as (keyof typeof gains)[]
  const moves = Object.values(bbrStates as StateTable)
  for (const from of names) {
    const reached = new Set<string>([from])
    for (let before = 0; before < reached.size; ) {
      before = reached.size
      for (const move of moves)
        for (const [source, target] of Object.entries(move)) if (reached.has(source)) reached.add(target)
    }
    t.strictSame([...reached].sort(), [...names].sort(), from)
  }
  t.throws(() => next(bbrStates, 'cruise', 'decelerate'), { code: 'GH_STATE_EVENT' })
  t.strictSame(names.filter(cycles), ['down', 'cruise', 'refill', 'up'])
  t.strictSame(names.filter(probes), ['startup', 'refill', 'up'])
})

t.test('BBR doubles its flight each round until the pipe is full, then drains it', async t => {
  const bbr = new Bbr(options)
  const hand = new Hand(bbr, 40)
  const windows = [bbr.window]
  for (let i = 0; i < 3; i++) {
    hand.round()
    windows.push(bbr.window)
  }
  for (let i = 1; i < windows.length; i++) t.ok(windows[i]! >= 1.9 * windows[i - 1]!, `${windows}`)
  t.ok(bbr.pacingRate > 0)
  // From here on no round brings more: a fixed number of packets each.
  for (let i = 0; i < 6 && bbr.state === 'startup'; i++) {
    const packets = hand.send(60)
    hand.now += 40
    hand.ack(packets)
  }
  t.not(bbr.state, 'startup')
})

/** A BBR in startup with a flight of `count` packets out, and what it was. */
const inStartup = (count: number) => {
  const bbr = new Bbr(options)
  const hand = new Hand(bbr, 40)
  for (let i = 0; i < 4; i++) hand.round()
  return { bbr, hand, flight: hand.send(count), window: bbr.window }
}

t.test('CC-5 CC-7 BBR: losses in many places end startup, and their arrival begins it again', async t => {
  const { bbr, hand, flight } = inStartup(100)
  const [lost, arrived] = [flight.filter((_, i) => i % 10 === 0), flight.filter((_, i) => i % 10 !== 0)]
  hand.now += 40
  hand.lose(lost)
  hand.ack(arrived.slice(0, 45))
  t.not(bbr.state, 'startup', 'a tenth lost, in ten places')
  t.ok((bbr.explain().longTermBound as number) > 0)
  for (const packet of lost) bbr.onSpurious(packet)
  t.equal(bbr.state, 'startup')
  t.equal(bbr.explain().longTermBound, undefined)

  const burst = inStartup(100)
  burst.hand.now += 40
  burst.hand.lose(burst.flight.slice(0, 10))
  burst.hand.ack(burst.flight.slice(10, 55))
  t.equal(burst.bbr.state, 'startup', 'one burst as large is not enough')
})

t.test('BBR: what the handshake measured paces the first flight', async t => {
  t.ok(new Bbr({ ...options, rtt: 100 }).pacingRate < new Bbr({ ...options, rtt: 10 }).pacingRate)
  const bbr = new Bbr(options)
  const blind = bbr.pacingRate
  new Hand(bbr, 40).round()
  t.ok(bbr.pacingRate < blind / 10, 'and the first round trip, where nothing was measured')
})

t.test('BBR: larger datagrams, larger least window', async t => {
  const bbr = new Bbr(options)
  bbr.onMtu(9000)
  t.equal(bbr.window, 18_000, 'nothing sent yet: the initial window of that size')
  new Hand(bbr, 40).round()
  bbr.onMtu(20_000)
  t.ok(bbr.window >= 80_000)
})

t.test('CC-6 bandwidth: the most of two cycles; app-limited samples only where they show more', async t => {
  const most = new MostBandwidth()
  most.update(sampleOf(10))
  most.update(sampleOf(5, { appLimited: true }))
  t.equal(most.value, 10)
  most.update(sampleOf(12, { appLimited: true }))
  t.equal(most.value, 12)
  most.advance()
  most.update(sampleOf(7))
  t.equal(most.value, 12, 'the cycle before still counts')
  most.advance()
  t.equal(most.value, 7)
  most.advance()
  t.equal(most.value, 7, 'a cycle without samples forgets nothing')
})

t.test('rounds: one ends with the ACK of a packet that left after the last one ended', async t => {
  const rounds = new Rounds()
  rounds.update(0, 10)
  t.equal(rounds.start, true)
  rounds.update(5, 20)
  t.equal(rounds.start, false)
  rounds.update(10, 30)
  t.strictSame([rounds.start, rounds.count], [true, 2])
  rounds.restart(50)
  rounds.update(30, 60)
  t.equal(rounds.start, false)
})

t.test('full pipe: three rounds that bring less than a quarter more', async t => {
  const pipe = new FullPipe()
  for (const rate of [10, 20, 40]) pipe.check(sampleOf(rate), true)
  pipe.check(sampleOf(41), true)
  pipe.check(sampleOf(42), false)
  pipe.check(sampleOf(42, { appLimited: true }), true)
  pipe.check(sampleOf(42), true)
  t.equal(pipe.now, false)
  pipe.check(sampleOf(49), true)
  t.strictSame([pipe.now, pipe.reached], [true, true])
  pipe.reset()
  t.strictSame([pipe.now, pipe.reached], [false, true], 'a new probe; the pipe was full once')
})

t.test('least delay: 5 s without less ask for a look, 10 s take what it found', async t => {
  const delay = new LeastDelay(0)
  delay.update(40, 10)
  delay.update(60, 4000)
  t.strictSame([delay.value, delay.expired], [40, false])
  delay.update(70, 5020)
  t.strictSame([delay.value, delay.expired], [40, true])
  delay.update(65, 5030)
  delay.measured(5300)
  delay.update(80, 10_020)
  t.strictSame([delay.value, delay.expired], [65, false])
})

t.test('aggregation: what one bunch brings above the bandwidth, for ten rounds', async t => {
  const aggregation = new Aggregation(0)
  // 10 bytes a millisecond, in bunches of 200 every 20 ms.
  for (let round = 1; round <= 5; round++) aggregation.update(200, 10, 10_000, round, 10, 20 * round)
  t.equal(aggregation.extra, 200)
  aggregation.update(200, 10, 150, 6, 10, 120)
  t.equal(aggregation.extra, 200, 'a window bounds what is new')
  for (let i = 1; i <= 400; i++) aggregation.update(9, 10, 10_000, 6 + Math.floor(i / 10), 10, 120 + i)
  t.ok(aggregation.extra <= 20, `smooth again: ${aggregation.extra}`)

  // Against the plain way to keep the most of some rounds.
  const random = new Seeded(5)
  const real = new Aggregation(0)
  const seen: { round: number; extra: number }[] = []
  for (let round = 0, i = 0; i < 500; i++) {
    round += random.below(4) === 0 ? random.below(14) : 0
    const bytes = 1 + random.below(1000)
    real.restart(i)
    real.update(bytes, 1, 1e6, round, 10, i)
    seen.push({ round, extra: bytes })
    const wanted = Math.max(...seen.filter(one => one.round > round - 10).map(one => one.extra))
    if (real.extra !== wanted) t.fail(`${i}: ${real.extra}, not ${wanted}`)
  }
})

t.test('CC-5 short term: three tenths a round at most, never below what arrives', async t => {
  const short = new ShortTerm()
  const round = (rate: number, flight: number): void => {
    short.note(1, 0)
    short.update(sampleOf(rate, { delivered: flight, priorDelivered: 1e9 }), 1e9)
    short.adapt(100, 10_000)
    short.advance(sampleOf(rate, { delivered: flight }))
  }
  round(90, 9500)
  t.strictSame([short.bandwidth, short.inFlight], [90, 9500])
  round(10, 100)
  t.strictSame([short.bandwidth, short.inFlight], [90, 9500], 'the round before still counts')
  round(10, 100)
  t.strictSame([short.bandwidth, short.inFlight], [0.7 * 90, 0.7 * 9500])
  short.lift()
  t.equal(short.bandwidth, Number.POSITIVE_INFINITY)
})

t.test('CC-5 long term: the flight at which losses pass 2 %, room below it, growth above', async t => {
  t.equal(new Noise(1).exceeded(2, 100), false)
  t.equal(new Noise(1).exceeded(2.1, 100), true)
  const packet = packetOf(1, 0, 1000)
  packet.txInFlight = 101_000
  // 1,000 lost of 100,000 before it: 2 % is passed a little into this packet.
  const flight = new Noise(1).flightAtLoss(packet, 2000)
  t.ok(flight > 101_000 && flight < 101_100, `${flight}`)
  t.equal(new Noise(1).flightAtLoss(packet, 9000), 100_000, 'passed long before')

  const probe = new BandwidthProbe()
  t.equal(probe.withHeadroom(1000, 4000), Number.POSITIVE_INFINITY)
  probe.bound = 100_000
  t.equal(probe.withHeadroom(1000, 4000), 85_000)
  probe.up(100_000, 1000)
  const grown = [1, 2, 3, 4].map(() => {
    const before = probe.bound
    for (let i = 0; i < 100; i++) probe.raise(1000, i === 99, 100_000, 1000)
    return (probe.bound - before) / 1000
  })
  t.strictSame(grown, [1, 2, 4, 8], 'packets a round')

  const rounds = new Rounds()
  probe.down(0, () => 0.5, rounds)
  t.equal(probe.isTime(2400, rounds, 100), false)
  t.equal(probe.isTime(2501, rounds, 100), true, '2 to 3 s')
  rounds.sinceProbe = 20
  t.equal(probe.isTime(100, rounds, 20), true, 'or when Reno would lose')
})
