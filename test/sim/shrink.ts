/**
 * Makes a failing run smaller, as long as it still fails.
 *
 *   whole ─▶ half the time with faults ─▶ without a kind ─▶ fewer nodes ─▶ without single faults ─▶ left
 *
 * Each step is a run of the same seed in another form. What fails in the smaller form is taken
 * for the same failure: it may be another one, and then that is worth seeing too.
 */
import { type Fault, type Form, play, type Scenario, type Simulation } from '../../src/testing/index.ts'

export interface Shrunk {
  readonly form: Form
  /** The report of the run in that form. */
  readonly report: string
  /** Runs it took. */
  readonly runs: number
  /** Faults that are left. */
  readonly faults: number
}

export interface ShrinkOptions {
  /** Most runs. Default 200. */
  readonly runs?: number
  /** Asked before each run: is there time for one more? */
  readonly mayGoOn?: () => boolean
}

/** One run that failed. */
interface Failure {
  readonly form: Form
  readonly report: string
  readonly hosts: number
  readonly faults: readonly Fault[]
  readonly time: number
}

/** The smallest failing form that was found; undefined when the run as given does not fail. */
export async function shrink(
  told: Scenario,
  seed: bigint,
  start: Form = {},
  { runs: most = 200, mayGoOn = () => true }: ShrinkOptions = {},
): Promise<Shrunk | undefined> {
  let runs = 0
  const fails = async (form: Form): Promise<Failure | undefined> => {
    if (runs >= most || !mayGoOn()) return undefined
    runs++
    let failure: Failure | undefined
    const report = (text: string, sim: Simulation): void => {
      const { faults, now, hosts } = sim
      failure = { form, report: text, faults, time: now, hosts: hosts.length }
    }
    await play(told, seed, report, form).catch(() => {})
    return failure
  }
  let least = await fails(start)
  if (least === undefined) return undefined
  const tries = async (form: Form): Promise<boolean> => {
    const smaller = await fails(form)
    if (smaller === undefined) return false
    least = smaller
    return true
  }

  // Time. What would have come after the failure never mattered.
  const over = Math.ceil(least.time) + 1
  if (over < (least.form.until ?? Number.POSITIVE_INFINITY)) await tries({ ...least.form, until: over })
  for (
    let step = Math.min(least.form.until ?? Number.POSITIVE_INFINITY, least.time) / 2;
    step >= 250;
    step /= 2
  ) {
    const until = Math.round(Math.min(least.form.until ?? least.time, least.time) - step)
    if (until > 0) await tries({ ...least.form, until })
  }
  // Kinds.
  for (const kind of new Set(least.faults.map(fault => fault.kind)))
    await tries({ ...least.form, without: [...(least.form.without ?? []), kind] })
  // Nodes.
  for (let nodes = (least.form.nodes ?? least.hosts) - 1; nodes >= 1; nodes--)
    if (!(await tries({ ...least.form, nodes }))) break
  // Single faults: first none at all, then halves, then one by one.
  let left = least.faults.map(({ number }) => number)
  if (left.length > 0 && (await tries({ ...least.form, only: [] }))) left = []
  for (let size = Math.ceil(left.length / 2); left.length > 0; size = Math.ceil(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const only = [...left.slice(0, at), ...left.slice(at + size)]
      if (await tries({ ...least.form, only })) left = only
      else at += size
    }
    if (size <= 1) break
  }
  // Numbers of faults say all that their kinds did.
  if (least.form.only !== undefined) {
    const { without: _, ...rest } = least.form
    await tries(rest)
  }
  return { form: least.form, report: least.report, runs, faults: least.faults.length }
}
