/** P5, the short form: every 61st bit of both sides of a recorded session; `npm run fuzz -- --flips` flips them all. */
import t from 'tap'
import { flipBits, replayUnits } from './flips.ts'

// A prime, so that every place in a byte has its turn.
const STEP = 61

for (const from of ['initiator', 'responder'] as const)
  t.test(
    `P5 bits of a recorded TCP session flipped, said by the ${from}: 0 accepted, a typed end`,
    async t => {
      const { bits, codes, wrong } = flipBits(from, STEP)
      t.strictSame(wrong, [])
      t.ok(bits > 100, `${bits} bits`)
      t.ok(codes.get('GH_NOISE_OPEN')! > 0.5 * bits, `${[...codes].join(' · ')}`)
    },
  )

for (const from of ['initiator', 'responder'] as const)
  t.test(
    `P4 each unit the ${from} said comes ten times again: nothing counts twice, the link ends`,
    async t => {
      const { codes, wrong } = replayUnits(from)
      t.strictSame(wrong, [])
      t.strictSame([...codes.keys()], ['GH_NOISE_OPEN'], `${[...codes].join(' · ')}`)
    },
  )

t.test('P5 the recording itself is believed, so a flip is what refuses it', async t => {
  const { bits, wrong } = flipBits('initiator', 1_000_000)
  t.equal(bits, 1, 'the first bit')
  t.strictSame(wrong, [])
})
