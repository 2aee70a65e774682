/** The replay window: wireguard-go's sequence, a naive twin, the edges. */
import t from 'tap'
import { MAX_NONCE, ReplayWindow } from '../../src/noise/index.ts'
import { Seeded } from '../support/seeded.ts'
import { sharedJson } from '../support/shared.ts'
import { NaiveReplayWindow } from '../twins/replay-window.ts'

const vectors = sharedJson('vectors/replay/wireguard-replay.json')

for (const width of [32, 1024, 8192]) {
  // wireguard-go calls W the distance to the oldest counter still taken: one less than our width.
  const W = width - 1
  // Its counters end at 2^64 - 2^13 - 1, ours after MAX_NONCE.
  const symbols: Record<string, number> = { W, T_LIM: W + 1, RejectAfterMessages: MAX_NONCE + 1 }

  t.test(
    `P4 wireguard-go's sequence, ${width} wide`,
    { skip: vectors === undefined && 'no vectors here' },
    async t => {
      const window = new ReplayWindow(width)
      let done = 0
      for (const { counter, accept } of vectors.main_sequence) {
        t.equal(window.mark(evaluate(counter, symbols)), accept, `${counter}`)
        done++
      }
      t.equal(done, 34)
      for (const { name, ascending, descending, then } of vectors.bulk) {
        const fresh = new ReplayWindow(width)
        const [from, to] = (ascending ?? descending)[0]
          .split('..')
          .map((text: string) => evaluate(text, symbols))
        const step = from <= to ? 1 : -1
        let refused = 0
        for (let n = from; n !== to + step; n += step) if (!fresh.mark(n)) refused++
        t.equal(refused, 0, `bulk ${name}: all taken`)
        for (const [counter, accept] of then)
          t.equal(fresh.mark(evaluate(counter, symbols)), accept, `bulk ${name}: ${counter}`)
      }
    },
  )
}

t.test('the same answers as a twin that remembers everything', async t => {
  let differences = 0
  let taken = 0
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Seeded(seed)
    const width = [32, 64, 1024][seed % 3]!
    const window = new ReplayWindow(width)
    const twin = new NaiveReplayWindow(width)
    let around = seed % 2 === 0 ? 0 : 2 ** 40 + seed
    for (let i = 0; i < 2000; i++) {
      const jump = random.below(50) === 0 ? random.below(5 * width) : random.below(3)
      around += jump
      const counter = Math.max(0, around + 8 - random.below(width + 40))
      const expected = twin.mark(counter)
      if (window.isNew(counter) !== expected || window.mark(counter) !== expected) differences++
      if (expected) taken++
    }
  }
  t.equal(differences, 0)
  t.ok(taken > 10_000, 'and not for want of counters that are taken')
})

t.test('asking changes nothing, and the edges hold', async t => {
  const window = new ReplayWindow()
  t.ok(window.width >= 1024)
  t.equal(window.greatest, -1)
  t.ok(window.isNew(2 ** 50), 'a forged counter is only asked about')
  t.equal(window.greatest, -1)
  for (const wrong of [-1, 0.5, MAX_NONCE + 1, 2 ** 60, Number.NaN, Number.POSITIVE_INFINITY])
    t.notOk(window.isNew(wrong) || window.mark(wrong))
  t.ok(window.mark(MAX_NONCE))
  t.notOk(window.mark(MAX_NONCE))
  t.equal(window.greatest, MAX_NONCE)
  for (const width of [0, -32, 33, Number.NaN])
    t.throws(() => new ReplayWindow(width), { code: 'GH_INTERNAL' })
})

/** `T_LIM*4-(T_LIM-1)`, and no more than that. */
function evaluate(text: string, symbols: Readonly<Record<string, number>>): number {
  const terms = text.replace(/\((.*)\)/, (_, inner: string) => String(evaluate(inner, symbols)))
  return (terms.match(/[+-]?[^+-]+/g) ?? []).reduce((sum, term) => {
    const sign = term.startsWith('-') ? -1 : 1
    const factors = term.replace(/^[+-]/, '').split('*')
    return sum + sign * factors.reduce((product, f) => product * (symbols[f] ?? Number(f)), 1)
  }, 0)
}
