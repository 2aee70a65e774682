/**
 * What is killed in the middle of its work, and what must hold afterwards.
 *
 *   child    work ─▶ told: one line for each thing that is acknowledged ─▶ SIGKILL, at any moment
 *   parent   check: opens what the child left, holds it against all that was told
 *
 * A case is one object; add it to `cases` and the runner knows it.
 */
import type { SeededRandom } from '../../src/testing/random.ts'
import { blocksCase } from './blocks-case.ts'
import { addCase, getCase } from './files-case.ts'
import { logCase, logReaderCase } from './log-case.ts'

export interface CrashCase {
  readonly name: string
  /** `work` tells `begun` itself, once it is at what is to be killed; the moment is counted from there. */
  readonly late?: true
  /** In the child: works in `folder` until it is killed. `tell` has reached the parent when it returns. */
  work(folder: string, dice: SeededRandom, tell: (line: string) => void): Promise<void>
  /**
   * In the parent: faults in words. `told` is everything since the folder was empty, over several
   * lives of the child, each of which may end in the middle of anything.
   */
  check(folder: string, told: readonly string[]): Promise<string[]>
}

export const cases: readonly CrashCase[] = [blocksCase, addCase, getCase, logCase, logReaderCase]
