/**
 * A scenario: a name, a seed and a story; on failure, how to see it again.
 *
 *   simulation "split" failed
 *     seed  0x00000000000000ff    after 812 events, 41.250 s
 *     hash  9f2c…
 *     last events
 *        41.230000  data      alice > bob 66 bytes 0040…
 *     again: npm run sim -- --seed=0x00000000000000ff --case=split
 *
 * Floor: testing.
 */
import { preload } from '../preload.ts'
import type { Fault } from './faults.ts'
import { type Form, formText } from './form.ts'
import { type Seed, seedOf, seedText } from './random.ts'
import { Simulation, type SimulationOptions } from './simulation.ts'

/** A story a runner can find by its name and tell with any seed. */
export interface Scenario {
  readonly name: string
  readonly body: (sim: Simulation) => Promise<void>
  readonly options: Omit<SimulationOptions, 'seed' | 'form'>
}

export function scenario(
  name: string,
  body: (sim: Simulation) => Promise<void>,
  options: Omit<SimulationOptions, 'seed' | 'form'> = {},
): Scenario {
  return { name, body, options }
}

export interface SimulateOptions extends SimulationOptions {
  /** How the runner calls it. */
  readonly name: string
  /** Where a failure's report goes, with the world as it stood. Default: standard error. */
  readonly report?: Report
}

export type Report = (text: string, sim: Simulation) => void

/** What a run amounted to. */
export interface Outcome {
  readonly seed: bigint
  readonly hash: string
  readonly events: number
  /** Virtual milliseconds. */
  readonly time: number
}

/** Runs a story in a simulation of its own. What it throws is reported, then thrown on. */
export async function simulate(
  options: SimulateOptions,
  body: (sim: Simulation) => Promise<void>,
): Promise<Outcome> {
  await preload()
  const sim = new Simulation(options)
  try {
    await body(sim)
  } catch (error) {
    const report: Report = options.report ?? (text => console.error(text))
    report(failureReport(options.name, sim, error), sim)
    throw error
  }
  return { seed: sim.seed, hash: sim.hash(), events: sim.transcript.count, time: sim.now }
}

/** Runs a scenario with a seed, or what `form` leaves of it. */
export function play(told: Scenario, seed: Seed, report?: Report, form: Form = {}): Promise<Outcome> {
  const options = { ...told.options, name: told.name, seed: seedOf(seed), form }
  return simulate(report === undefined ? options : { ...options, report }, told.body)
}

/** The one command that runs it again. */
export function replayCommand(name: string, seed: bigint, form: Form = {}): string {
  return `npm run sim -- --seed=${seedText(seed)} --case=${name}${formText(form)}`
}

function failureReport(name: string, sim: Simulation, error: unknown): string {
  return [
    `simulation "${name}" failed: ${reasonOf(error)}`,
    `  seed  ${seedText(sim.seed)}    after ${sim.transcript.count} events, ${(sim.now / 1000).toFixed(3)} s`,
    `  hash  ${sim.hash()}`,
    ...(sim.faults.length === 0 ? [] : [`  faults ${sim.faults.slice(-20).map(faultText).join(', ')}`]),
    '  last events',
    ...sim.transcript.lines().map(line => `  ${line}`),
    `  again: ${replayCommand(name, sim.seed, sim.form)}`,
  ].join('\n')
}

/** What went wrong, and why, as far as it is known. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} (${reasonOf(error.cause)})`
}

function faultText({ number, kind, at }: Fault): string {
  return `${number} ${kind} ${(at / 1000).toFixed(1)} s`
}
