/**
 * Runs scenarios by name and seed.
 *
 *   npm run sim -- --case=turmoil --seed=0x2a     one run: what a failure's report asks for
 *   npm run sim -- --seeds=100 --seed=1           every case with seeds 1 to 100
 *   npm run sim -- --seeds=20 --twice             and again, comparing the hashes
 *   npm run sim -- --seeds=1000 --jobs=2          shared among two processes
 *   npm run sim -- --seeds=500 --over=udp         only what is told over datagrams; tcp: only the rest
 *
 * Seeds that once failed run first, unless one run was asked for. A failure is made smaller
 * and printed with the one command that shows what is left of it; `--no-shrink` leaves it whole.
 * The last line sums up.
 */
import { parseArgs } from 'node:util'
import {
  type Form,
  type FormOption,
  formOf,
  formOptions,
  formText,
  play,
  replayCommand,
  type Scenario,
  seedOf,
  seedText,
} from '../../src/testing/index.ts'
import { type FailedSeed, failedSeeds } from './failed-seeds.ts'
import { shrink } from './shrink.ts'

/** What many runs came to. */
export interface Sum {
  runs: number
  failed: number
  /** Virtual milliseconds. */
  time: number
  events: number
}

export interface RunnerOptions {
  /** Default: the list of this project. */
  readonly failedSeeds?: readonly FailedSeed[]
  /** Of so many processes this is that one: it takes every `of`-th run. */
  readonly share?: { readonly index: number; readonly of: number }
  /** Milliseconds a failure may be shrunk for. Default two minutes. */
  readonly patience?: number
}

interface Run {
  readonly told: Scenario
  readonly seed: bigint
  readonly form: Form
}

/** Prints what fails, smaller if it can be, and a line for each run that does not. */
export async function runCases(
  args: string[],
  cases: readonly Scenario[],
  print: (text: string) => void,
  options: RunnerOptions = {},
): Promise<Sum> {
  const { values } = parseArgs({ args, options: flags })
  const sum: Sum = { runs: 0, failed: 0, time: 0, events: 0 }
  const chosen = cases.filter(told => values.case === undefined || told.name === values.case)
  if (chosen.length === 0) {
    print(`no case is called ${values.case}; there are ${cases.map(told => told.name).join(', ')}`)
    return { ...sum, failed: 1 }
  }
  const form = formOf(pick(values))
  const runs: Run[] =
    values.seeds === undefined && values.case !== undefined ? [] : remembered(chosen, options)
  for (const told of chosen)
    for (let i = 0n; i < BigInt(values.seeds ?? '1'); i++)
      runs.push({ told, seed: seedOf(seedOf(values.seed) + i), form })
  const { index, of } = options.share ?? { index: 0, of: 1 }
  for (const [i, run] of runs.entries()) {
    if (i % of !== index) continue
    sum.runs++
    const report = await one(run, values.twice, sum, print)
    if (report === undefined) continue
    sum.failed++
    if (report !== '') await explain(run, report, values['no-shrink'], print, options)
  }
  return sum
}

/** `1000 runs, 0 failed, 27.3 virtual hours, 2412345 events`. */
export function sumText({ runs, failed, time, events }: Sum): string {
  return `${runs} runs, ${failed} failed, ${(time / 3_600_000).toFixed(2)} virtual hours, ${events} events`
}

export const flags = {
  seed: { type: 'string', default: '1' },
  seeds: { type: 'string' },
  case: { type: 'string' },
  twice: { type: 'boolean', default: false },
  jobs: { type: 'string', default: '1' },
  'no-shrink': { type: 'boolean', default: false },
  until: { type: 'string' },
  without: { type: 'string' },
  nodes: { type: 'string' },
  only: { type: 'string' },
  over: { type: 'string' },
} as const

function pick(values: Partial<Record<FormOption, string>>): Partial<Record<FormOption, string>> {
  const out: Partial<Record<FormOption, string>> = {}
  for (const name of formOptions) if (values[name] !== undefined) out[name] = values[name]
  return out
}

function remembered(chosen: readonly Scenario[], options: RunnerOptions): Run[] {
  return (options.failedSeeds ?? failedSeeds).flatMap(({ case: name, seed, form = {} }) => {
    const told = chosen.find(one => one.name === name)
    return told === undefined ? [] : [{ told, seed: seedOf(seed), form }]
  })
}

/** Undefined when all is well; else the report, or nothing when everything was printed. */
async function one(
  { told, seed, form }: Run,
  twice: boolean,
  sum: Sum,
  print: (text: string) => void,
): Promise<string | undefined> {
  let report: string | undefined
  const failed = (text: string): void => {
    report = text
  }
  const go = () => play(told, seed, failed, form).catch(() => undefined)
  const first = await go()
  if (first === undefined) return report ?? `${told.name} ${seedText(seed)} failed without a report`
  const { hash, events, time } = first
  sum.events += events
  sum.time += time
  const again = twice ? await go() : first
  if (again === undefined) return report
  const same = again.hash === hash
  const verdict = same ? 'ok' : 'NOT THE SAME TWICE'
  const name = `${told.name} ${seedText(seed)}${formText(form)}`
  print(`${name} ${hash.slice(0, 16)} ${events} events ${time / 1000} s ${verdict}`)
  return same ? undefined : ''
}

async function explain(
  { told, seed, form }: Run,
  report: string,
  whole: boolean,
  print: (text: string) => void,
  { patience = 120_000 }: RunnerOptions,
): Promise<void> {
  print(report)
  if (whole) return
  const until = performance.now() + patience
  const shrunk = await shrink(told, seed, form, { mayGoOn: () => performance.now() < until })
  if (shrunk === undefined || formText(shrunk.form) === formText(form)) return
  print(`smaller, after ${shrunk.runs} runs:\n${shrunk.report}`)
  print(`smallest: ${replayCommand(told.name, seed, shrunk.form)}`)
}
