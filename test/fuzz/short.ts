/** P14, the short form, for the suite: some thousand inputs, the same ones every time. */
import t from 'tap'
import { type Decoder, fuzz } from './fuzz.ts'

export const seed = Number(process.env.GUILD_SEED ?? 20_260_101)
const RUNS = 1_000 * Number(process.env.GUILD_RUNS ?? 1)
/** How long an input takes is for the long form to say, which has the machine for itself. */
const UNTIMED = Number.POSITIVE_INFINITY

export function shortForm(decoders: readonly Decoder[]): void {
  for (const decoder of decoders)
    t.test(
      `P14 ${decoder.name}: mutated input is refused by its typed error, or means what it encodes`,
      async t => {
        const runs = Math.ceil(RUNS / (decoder.share ?? 1))
        const { failure, accepted, kinds } = fuzz(decoder, runs, seed, UNTIMED)
        const hex = failure === undefined ? '' : Buffer.from(failure.input).toString('hex').slice(0, 2_000)
        t.equal(failure?.what, undefined, hex)
        if (decoder.sealed !== true) t.ok(accepted > 0, `${accepted} of ${runs} are other valid messages`)
        for (const kind of decoder.kinds ?? [])
          t.ok(kinds.includes(kind), `${kind} was among what was accepted`)
      },
    )
}
