/** Round trips: the averages of RFC 9002, and a peer that says it waited. */
import t from 'tap'
import { INITIAL_RTT, Rtt } from '../../src/packets/rtt.ts'

t.test('LOSS-5 what the handshake tells: a sample, or how soon to probe', async t => {
  const [sure, guessed, slow, quick] = [new Rtt(), new Rtt(), new Rtt(), new Rtt()]
  sure.begin({ rtt: 600, shortest: 600 })
  t.match(sure, { sampled: true, smoothed: 600, least: 600 })
  guessed.begin({ shortest: 40 })
  t.match(guessed, { sampled: false, smoothed: 40, least: INITIAL_RTT }, 'the least is what was measured')
  t.equal(guessed.pto, 120)
  guessed.sample(50, 0)
  t.match(guessed, { sampled: true, smoothed: 50, least: 50 }, 'and the first sample counts alone')
  slow.begin({ shortest: 5_000 })
  t.equal(Math.round(slow.pto), 999, 'no later than where nothing was seen')
  quick.begin({ shortest: 0 })
  t.equal(quick.pto, 3)
})

t.test('LOSS-5 a guess, then the first sample, then averages', async t => {
  const rtt = new Rtt()
  t.equal(rtt.sampled, false)
  t.equal(Math.round(rtt.pto), 999, 'about a second before anything is known')
  rtt.sample(40, 25)
  t.match(rtt, { sampled: true, latest: 40, smoothed: 40, variance: 20, least: 40 })
  t.equal(rtt.pto, 120)
  rtt.sample(80, 0)
  t.match(rtt, { latest: 80, smoothed: 45, variance: 0.75 * 20 + 0.25 * 35, least: 40 })
  rtt.sample(70, 25)
  t.equal(rtt.smoothed, 45, 'less the delay: 45')
  rtt.sample(60, 25)
  t.equal(rtt.smoothed, 45 + 15 / 8, 'the delay would put it below the least, so it is not believed')
  for (let i = 0; i < 200; i++) rtt.sample(50, 0)
  t.equal(Math.round(1000 * rtt.smoothed), 50_000)
  t.equal(Math.round(1000 * rtt.pto), 51_000, 'variance counts as one millisecond at least')
  t.equal(rtt.least, 40)
  rtt.forgetLeast()
  t.equal(rtt.least, 50)
  rtt.sample(0, 0)
  t.ok(rtt.latest > 0 && rtt.least > 0, 'no sample is nothing')
  rtt.reset()
  t.strictSame({ ...rtt }, { ...new Rtt() })
  t.equal(rtt.smoothed, INITIAL_RTT)
})
