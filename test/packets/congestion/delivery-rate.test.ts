/**
 * Delivery-rate samples: slopes, bubbles, bunched ACKs.
 */
import t from 'tap'
import { DeliveryRate, type RateSample } from '../../../src/packets/congestion/delivery-rate.ts'
import type { SentPacket } from '../../../src/packets/sent.ts'
import { packetOf, roundTrips } from '../sent-packet.ts'

class Bench {
  readonly rate = new DeliveryRate(0)
  inFlight = 0
  #next = 0

  send(time: number): SentPacket {
    const packet = packetOf(this.#next++, time, 1000)
    this.inFlight += 1000
    this.rate.onSent(packet, this.inFlight)
    return packet
  }

  ack(now: number, ...acked: SentPacket[]): RateSample {
    const priorInFlight = this.inFlight
    this.inFlight -= 1000 * acked.length
    const rtt = roundTrips(10)
    return this.rate.onAck({
      now,
      acked,
      newest: acked.at(-1)!,
      inFlight: this.inFlight,
      priorInFlight,
      rtt,
      lost: [],
    })
  }
}

t.test('delivery rate: the slope between two knees', async t => {
  const bench = new Bench()
  const sent: SentPacket[] = []
  let sample: RateSample | undefined
  for (let now = 0; now < 60; now++) {
    if (now >= 10) sample = bench.ack(now, sent[now - 10]!)
    sent.push(bench.send(now))
  }
  t.equal(sample!.newlyAcked, 1000)
  t.equal(sample!.rate, 1000, 'a packet a millisecond')
  t.equal(sample!.rtt, 10)
})

t.test('delivery rate: bunched ACKs do not make a path faster than it was sent to', async t => {
  const bench = new Bench()
  const packets = Array.from({ length: 10 }, (_, i) => bench.send(2 * i))
  const sample = bench.ack(28, ...packets)
  t.ok(sample.rate <= 10_000 / 18, `${sample.rate}`)
  t.equal(sample.newlyAcked, 10_000)
})

t.test('CC-6 delivery rate: a bubble marks what follows until it is through', async t => {
  const bench = new Bench()
  const first = [bench.send(0), bench.send(1)]
  bench.rate.markAppLimited(bench.inFlight)
  t.equal(bench.rate.appLimited, true)
  const second = [bench.send(5), bench.send(6)]
  t.equal(bench.ack(11, ...first).appLimited, false, 'sent before the bubble')
  t.equal(bench.rate.appLimited, true)
  t.equal(bench.ack(16, ...second).appLimited, true, 'sent behind it')
  t.equal(bench.rate.appLimited, false, 'it is through')
  t.equal(bench.ack(30, bench.send(20)).appLimited, false)
})

t.test('delivery rate: an interval below the least round trip is no sample', async t => {
  const bench = new Bench()
  const packet = bench.send(0)
  t.equal(bench.ack(9, packet).rate, 0)
  const next = bench.send(9)
  t.equal(bench.ack(19, next).rate, 100)
})

t.test('CC-7 delivery rate: a late arrival is delivered, and not lost', async t => {
  const bench = new Bench()
  const [late, packet] = [bench.send(0), bench.send(0)]
  bench.rate.lost += late.size
  bench.rate.onSpurious(late)
  t.equal(bench.rate.lost, 0)
  bench.ack(10, packet)
  t.equal(bench.rate.delivered, 2000)
})
