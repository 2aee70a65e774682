/** Whole nodes through trouble of every kind, and peace after it. */
import t from 'tap'
import { hashes } from './seeds.ts'

t.setTimeout(120_000) // as the suite has it, for runs of this file alone on a busy machine

t.test('P29 churn: 20 seeds end whole, each another run; 5 of them twice are the same', async t => {
  const first = await hashes(t, 'churn', 20)
  t.equal(new Set(first).size, 20, 'another seed, another hash')
  t.same(await hashes(t, 'churn', 5), first.slice(0, 5), 'the same seed, the same hash')
})

t.test('eight nodes, trouble every second for three minutes: whole after it', async t => {
  const first = await hashes(t, 'storm', 3)
  t.same(await hashes(t, 'storm', 1), first.slice(0, 1))
})
