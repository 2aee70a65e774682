/** Memory and CPU time of this process, as a measurement wants them. */

const collect = (globalThis as { gc?: () => void }).gc

export interface Memory {
  /** What JavaScript can reach, in bytes: the heap, and buffers outside of it. Exact. */
  readonly kept: number
  /** The resident set, in bytes: what the system gave. It moves in steps of its own. */
  readonly resident: number
}

/** Below this a change of the resident set says nothing about what caused it. */
const TELLING = 8 * 1024 * 1024

/** After what was free was collected. */
export async function settled(): Promise<Memory> {
  if (collect === undefined) throw new Error('start with --expose-gc')
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { kept: heapUsed + external, resident: rss }
}

/** Of one of so many, made between the two looks; `resident` where it can be told. */
export function each(
  before: Memory,
  after: Memory,
  count: number,
): { kept: number; resident: number | undefined } {
  const resident = after.resident - before.resident
  return {
    kept: (after.kept - before.kept) / count,
    resident: resident < TELLING ? undefined : resident / count,
  }
}

/** Used so far, by all threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
