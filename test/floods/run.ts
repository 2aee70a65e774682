/**
 * `npm run floods`: attacks from other processes on one node, each bound asserted.
 *
 *   npm run floods                        all, at the figures of protocol/faults.md
 *   npm run floods -- --short             a tenth or so of each, for everyday
 *   npm run floods -- --only half-open    one of them, or several with commas
 *   npm run floods -- --json              one JSON line a flood
 *
 * Ends by itself: every flood has a deadline, and its processes end with it. The exit code says
 * whether all bounds held. Everything stays on 127.0.0.1.
 */
import { optionsOf } from '../support/options.ts'
import { atTheUdpPort } from './at-the-udp-port.ts'
import { dials, identity, rekeys } from './between.ts'
import { fromInside, fromInsideByDatagrams } from './from-inside.ts'
import { cookies, halfOpen, refusing, replays, strangers } from './from-outside.ts'
import { failures, line, lines, type Outcome } from './report.ts'
import { type Flood, Scene } from './scene.ts'
import { everything } from './together.ts'

const floods: readonly Flood[] = [
  strangers,
  halfOpen,
  replays,
  cookies,
  refusing,
  ...atTheUdpPort,
  ...fromInside,
  ...fromInsideByDatagrams,
  rekeys,
  dials,
  identity,
  everything,
]

/** No flood takes longer. */
const TOO_LONG = 240_000

const values = optionsOf(import.meta.url, {
  short: { type: 'boolean', default: false },
  only: { type: 'string' },
  json: { type: 'boolean', default: false },
})

const named = values.only?.split(',')
// In short, members gone bad over datagrams are left to the suite, which has four of them, unless they are named.
const usual = (flood: Flood): boolean => !values.short || !fromInsideByDatagrams.includes(flood)
const chosen = floods.filter(flood => (named === undefined ? usual(flood) : named.includes(flood.name)))
if (chosen.length === 0 || (named !== undefined && chosen.length < named.length)) {
  console.error(`--only takes ${floods.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
const wrong: string[] = []
for (const flood of chosen) {
  const outcome = await play(flood)
  const rows = failures(outcome).map(figure => `FAILED ${flood.name}: ${line(figure)}`)
  wrong.push(...rows)
  console.log(values.json ? JSON.stringify({ ...outcome, failed: rows.length }) : lines(outcome))
}
// Once more at the end, where they are found.
if (!values.json) console.log(wrong.length === 0 ? 'all bounds held' : wrong.join('\n'))
process.exitCode = wrong.length === 0 ? 0 : 1

async function play({ name, codes, run }: Flood): Promise<Outcome> {
  const scene = new Scene()
  const begun = performance.now()
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not over after ${TOO_LONG / 1000} s`)), TOO_LONG)
    })
    const figures = await Promise.race([run(scene, !values.short), late])
    return { flood: name, codes, seconds: (performance.now() - begun) / 1000, figures }
  } catch (error) {
    console.error(`${name}: ${(error as Error).stack}`)
    const broken = { name: 'ran to its end', value: 0, unit: '', least: 1 }
    return { flood: name, codes, seconds: (performance.now() - begun) / 1000, figures: [broken] }
  } finally {
    clearTimeout(timer)
    await scene.end()
  }
}
