/** A burst that stops short: asked about once, and only where it was one. */
import t from 'tap'
import { Lull } from '../../src/packets/lull.ts'

const PTO = 100

/** So many packets in a row, a millisecond apart; when the last one came. */
function burst(lull: Lull, packets: number, from: number): number {
  for (let i = 0; i < packets; i++) lull.heard(from + i)
  return from + packets - 1
}

t.test('P12 PATH-16 after a burst of sixteen, a probe timeout of silence is asked about, once', async t => {
  const lull = new Lull(() => PTO)
  t.equal(lull.deadline(), undefined)
  const last = burst(lull, 16, 1_000)
  t.equal(lull.deadline(), last + PTO)
  t.notOk(lull.due(last + PTO - 0.001))
  t.ok(lull.due(last + PTO))
  t.equal(lull.deadline(), undefined, 'loss detection sees to the question itself')
  t.notOk(lull.due(last + 10 * PTO))
  const again = burst(lull, 16, 2_000)
  t.ok(lull.due(again + PTO), 'the next burst is another')
})

t.test('PATH-16 a few packets are no burst, and who has just spoken does not ask', async t => {
  const lull = new Lull(() => PTO)
  const last = burst(lull, 15, 0)
  t.equal(lull.deadline(), undefined)
  lull.heard(last + 1)
  lull.asked()
  t.equal(lull.deadline(), undefined, 'an answer is on its way')
  t.notOk(lull.due(last + 10 * PTO))
})

t.test('PATH-16 each packet puts the question off: a slow burst is no silence', async t => {
  const lull = new Lull(() => PTO)
  for (let i = 0; i < 100; i++) {
    t.notOk(lull.due(i * (PTO - 1)))
    lull.heard(i * (PTO - 1))
  }
})

t.test(
  'P12 PATH-16 who asked in the middle of a burst asks again where it stops short behind that',
  async t => {
    const lull = new Lull(() => PTO)
    const middle = burst(lull, 40, 0)
    lull.asked() // and was answered, before our address changed
    const last = burst(lull, 3, middle + 1)
    t.equal(lull.deadline(), last + PTO)
    t.ok(lull.due(last + PTO))
    lull.asked()
    burst(lull, 15, last + 2 * PTO)
    t.equal(lull.deadline(), undefined, 'once for each sixteen')
  },
)
