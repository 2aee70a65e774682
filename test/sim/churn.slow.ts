/** Whole nodes through trouble of every kind, and peace after it. */
import t from 'tap'
import { hashes } from './seeds.ts'

t.setTimeout(120_000) // as the suite has it, for runs of this file alone on a busy machine

t.test('P29 churn: 5 seeds end whole, each another run; 2 of them twice are the same', async t => {
  const first = await hashes(t, 'churn', 5)
  t.equal(new Set(first).size, 5, 'another seed, another hash')
  t.same(await hashes(t, 'churn', 2), first.slice(0, 2), 'the same seed, the same hash')
})
