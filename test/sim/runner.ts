/**
 * Runs scenarios by name and seed.
 *
 *   npm run sim -- --case=turmoil --seed=0x2a     one run: what a failure's report asks for
 *   npm run sim -- --seeds=100 --seed=1           every case with seeds 1 to 100
 *   npm run sim -- --seeds=20 --twice             and again, comparing the hashes
 */
import { parseArgs } from 'node:util'
import { play, type Scenario, seedOf, seedText } from '../../src/testing/index.ts'

/** The number of runs that failed; each failure has been printed. */
export async function runCases(
  args: string[],
  cases: readonly Scenario[],
  print: (text: string) => void,
): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      case: { type: 'string' },
      twice: { type: 'boolean', default: false },
    },
  })
  const chosen = cases.filter(told => values.case === undefined || told.name === values.case)
  if (chosen.length === 0) {
    print(`no case is called ${values.case}; there are ${cases.map(told => told.name).join(', ')}`)
    return 1
  }
  let failed = 0
  for (const told of chosen)
    for (let i = 0n; i < BigInt(values.seeds); i++) {
      const seed = seedOf(seedOf(values.seed) + i)
      try {
        const { hash, events, time } = await play(told, seed, print)
        const same = !values.twice || (await play(told, seed, print)).hash === hash
        if (!same) failed++
        const verdict = same ? 'ok' : 'NOT THE SAME TWICE'
        print(
          `${told.name} ${seedText(seed)} ${hash.slice(0, 16)} ${events} events ${time / 1000} s ${verdict}`,
        )
      } catch {
        failed++
      }
    }
  return failed
}
