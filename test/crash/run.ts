/**
 * `npm run crash`: 200 kills of each case.
 *
 *   npm run crash -- --kills 500 --seed 7 --case blocks --json
 *
 * Ends with 0 when nothing that was acknowledged got lost and nothing else stayed; with 1 and what
 * did; with 130 on Ctrl-C.
 */
import { optionsOf } from '../support/options.ts'
import { cases } from './cases.ts'
import { type CrashResult, crash } from './crash.ts'

const values = optionsOf(import.meta.url, {
  kills: { type: 'string', default: '200' },
  seed: { type: 'string', default: '1' },
  case: { type: 'string' },
  json: { type: 'boolean', default: false },
})
const kills = number('kills', 1, 100_000)
const seed = number('seed', 0, 2 ** 31)
const chosen = cases.filter(({ name }) => values.case === undefined || name === values.case)
if (chosen.length === 0) {
  console.error(`--case ${values.case}: one of ${cases.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal))

const say = (line: string): void => console.error(line)
try {
  const results: Record<string, CrashResult> = {}
  for (const one of chosen)
    results[one.name] = await crash({ case: one, kills, seed, signal: stop.signal, say })
  if (values.json) console.log(JSON.stringify({ seed, results }))
  else
    for (const [name, { kills, told, faults }] of Object.entries(results))
      console.log(
        [`${name}: ${kills} kills, ${told} acknowledged, ${faults.length} faults`, ...faults].join('\n  '),
      )
  process.exitCode = Object.values(results).every(({ faults }) => faults.length === 0) ? 0 : 1
} catch (error) {
  if (!stop.signal.aborted) throw error
  say(`called off by ${stop.signal.reason}`)
  process.exitCode = 130
}

function number(name: 'kills' | 'seed', least: number, most: number): number {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= least && value <= most) return value
  console.error(`--${name} ${values[name]}: ${least} to ${most}`)
  process.exit(2)
}
