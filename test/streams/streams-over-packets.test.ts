/** Every test of `streams.test.ts` once more, with packets between the two sides instead of records. */
import t from 'tap'

process.env.GUILD_CARRIER = 'packets'
const { Pair } = await import('../support/pair.ts')

t.test('these pairs are joined by packets', async t => {
  const pair = new Pair()
  pair.a.streams.open('/t/1')
  pair.flush(pair.a)
  t.equal(pair.a.carried?.count, 1)
})

await import('./streams.test.ts')
