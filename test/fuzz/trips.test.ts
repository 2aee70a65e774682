/** Round trips and bounds, the short form; `npm run fuzz -- --trips=20000` is the long one. */
import t from 'tap'
import { vectorMessages } from '../support/vectors.ts'
import { everySplit, roundTrips, tripNames } from './trips.ts'

const seed = Number(process.env.GUILD_SEED ?? 20_260_101)
t.comment(`GUILD_SEED=${seed} replays this`)

t.strictSame([...tripNames].sort(), [...vectorMessages].sort(), 'every message of the vectors has a bound')

for (const message of tripNames)
  t.test(`P14 ${message}: decode(encode(x)) = x, and the encoder keeps to its bound`, async t => {
    const { lengths, longest } = roundTrips(message, 300, seed)
    const fixed = message.startsWith('mdns')
    t.ok(
      fixed ? lengths.size === 1 : lengths.size >= (['numbers', 'packet-head'].includes(message) ? 4 : 20),
      `${lengths.size} lengths`,
    )
    t.comment(`the longest has ${longest} bytes`)
  })

t.test('P14 units cut at every byte are the same units', async t => {
  t.equal(everySplit([1, 300, 2, 65, 1_200]), 1 + 5 * 2 + 1 + 300 + 2 + 65 + 1_200)
})
