/**
 * `npm run fuzz`: mutated messages into every decoder (P14), each in a thread of its own.
 *
 *   npm run fuzz                                       100,000 inputs for each
 *   npm run fuzz -- --runs=1000000 --jobs=2            the full length
 *   npm run fuzz -- --seconds=60                       what fits into a minute, by the speed of this machine
 *   npm run fuzz -- --only=hello,frames --seed=7       these two, other inputs
 *   npm run fuzz -- --flips                            each bit of a recorded session in turn (P5)
 *   npm run fuzz -- --trips=20000                      so many values of each message, there and back (P14)
 *   npm run fuzz -- --only=hello --input=0a0b          one input: what a failure asks for
 *
 * A decoder that does cryptography gets a share of the inputs; the line says how many. One that
 * has not come back from an input in 20 seconds is ended, and that input is the failure.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { optionsOf } from '../support/options.ts'
import { decoders } from './decoders.ts'
import { flipBits } from './flips.ts'
import { type Decoder, faultOf, type Report } from './fuzz.ts'
import { Thread } from './thread.ts'
import { roundTrips, tripNames } from './trips.ts'

/** Of a failure; a longer input goes to a file. */
const SHOWN = 400
/** For the first look at how fast a decoder is here. */
const TRIAL_RUNS = 2_000

const values = optionsOf(import.meta.url, {
  runs: { type: 'string', default: '100000' },
  seconds: { type: 'string' },
  seed: { type: 'string', default: '1' },
  only: { type: 'string' },
  jobs: { type: 'string', default: '2' },
  input: { type: 'string' },
  list: { type: 'boolean', default: false },
  flips: { type: 'boolean', default: false },
  trips: { type: 'string' },
})

const seed = whole('seed', values.seed, 0)
const jobs = Math.min(whole('jobs', values.jobs, 1), 16)
const chosen = choose()

if (values.list) for (const { name, covers } of chosen) console.log(`${name.padEnd(18)}${covers.join(' ')}`)
else if (values.flips) flipAll()
else if (values.trips !== undefined) tripAll(whole('trips', values.trips, 1))
else if (values.input !== undefined) replay(values.input)
else await runAll()

function choose(): readonly Decoder[] {
  if (values.only === undefined) return decoders
  return values.only.split(',').map(name => {
    const decoder = decoders.find(one => one.name === name)
    if (decoder === undefined)
      wrong(`there is no decoder ${name}; there are ${decoders.map(one => one.name).join(', ')}`)
    return decoder
  })
}

function replay(text: string): void {
  const input = fromHex(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8').trim() : text)
  if (input === undefined || chosen.length !== 1) wrong('--input takes hex, and --only one decoder')
  const fault = faultOf(chosen[0]!, input)
  console.log(`${chosen[0]!.name}: ${fault ?? 'ok'}`)
  process.exitCode = fault === undefined ? 0 : 1
}

function flipAll(): void {
  for (const from of ['initiator', 'responder'] as const) {
    const { bits, codes, wrong } = flipBits(from, 1)
    const ends = [...codes].map(([code, count]) => `${code} ${count}`).join(', ')
    console.log(`P5 ${from}: ${bits} bits flipped, ${wrong.length} accepted or ended wrongly; ends: ${ends}`)
    for (const one of wrong.slice(0, 20)) console.log(`  ${one}`)
    if (wrong.length > 0) process.exitCode = 1
  }
}

function tripAll(runs: number): void {
  for (const message of tripNames) {
    const { lengths, longest } = roundTrips(message, runs, seed)
    console.log(`${message.padEnd(18)}${runs} values, ${lengths.size} lengths, at most ${longest} bytes  ok`)
  }
}

async function runAll(): Promise<void> {
  const runs = whole('runs', values.runs, 1)
  const each =
    values.seconds === undefined ? undefined : (whole('seconds', values.seconds, 1) * jobs) / chosen.length
  const waiting = [...chosen]
  const reports: Report[] = []
  const began = performance.now()
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      let thread = new Thread()
      for (let decoder = waiting.shift(); decoder !== undefined; decoder = waiting.shift()) {
        const { name, share = 1 } = decoder
        let count = Math.ceil(runs / share)
        if (each !== undefined) {
          const before = performance.now()
          const trial = await thread.run({ name, runs: Math.ceil(TRIAL_RUNS / share), seed: seed + 1 })
          const seconds = (performance.now() - before) / 1000
          count = Math.max(trial.runs, Math.floor((trial.runs / seconds) * Math.max(0, each - seconds)))
        }
        const from = performance.now()
        const report = await thread.run({ name, runs: count, seed })
        reports.push(report)
        tell(report, (performance.now() - from) / 1000)
        if (thread.gone) thread = new Thread()
      }
      await thread.end()
    }),
  )
  const failed = reports.filter(({ failure }) => failure !== undefined).length
  const sum = reports.reduce((all, report) => all + report.runs, 0)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  console.log(`${reports.length} decoders, ${sum} inputs in ${seconds} s, ${failed} failed, seed ${seed}`)
  process.exitCode = failed === 0 ? 0 : 1
}

function tell({ name, runs, accepted, slowest, heapGrowth, failure }: Report, seconds: number): void {
  const share = ((100 * accepted) / Math.max(1, runs)).toFixed(1)
  const speed = Math.round(runs / seconds)
  console.log(
    `${name.padEnd(18)}${String(runs).padStart(8)} inputs ${String(speed).padStart(7)}/s ${share.padStart(6)} % accepted` +
      `  slowest ${String(Math.round(slowest)).padStart(6)} µs  heap ${(heapGrowth / 2 ** 20).toFixed(1)} MiB` +
      `  ${failure === undefined ? 'ok' : 'FAILED'}`,
  )
  if (failure === undefined) return
  const hex = toHex(failure.input)
  let given = hex
  if (hex.length > SHOWN) {
    const file = join(tmpdir(), `fuzz-${name}.hex`)
    writeFileSync(file, hex)
    given = `@${file}`
  }
  console.log(`  ${failure.what.slice(0, SHOWN)}`)
  console.log(`  ${failure.input.length} bytes: ${hex.slice(0, SHOWN)}${hex.length > SHOWN ? '…' : ''}`)
  console.log(`  again:  npm run fuzz -- --only=${name} --input=${given}`)
  console.log(`  once it is mended, a line in test/fuzz/found/${name}.txt`)
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least) wrong(`--${name} takes a whole number from ${least}`)
  return value
}

function wrong(what: string): never {
  console.error(what)
  process.exit(2)
}
