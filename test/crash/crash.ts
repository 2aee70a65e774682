/**
 * Kills a process at moments that a seed draws, and looks at what it left.
 *
 *   seed ─▶ moment ─▶ child works ─▶ SIGKILL ─▶ check ─▶ the next life, in the same folder
 *
 * Some lives share a folder, so that what one crash left meets the next; then a new one.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SeededRandom } from '../../src/testing/random.ts'
import type { CrashCase } from './cases.ts'

export interface CrashOptions {
  readonly case: CrashCase
  readonly kills: number
  readonly seed: number
  readonly signal?: AbortSignal
  readonly say?: (line: string) => void
}

export interface CrashResult {
  readonly kills: number
  /** Lines told: what was acknowledged, all lives together. */
  readonly told: number
  readonly faults: readonly string[]
}

const LIVES = 10
/** Of the child's work, in milliseconds. */
const LONGEST = 250
const TOO_LONG = 30_000

export async function crash({ case: of, kills, seed, signal, say }: CrashOptions): Promise<CrashResult> {
  const dice = new SeededRandom(seed).split(of.name)
  const faults: string[] = []
  let [folder, all] = ['', 0]
  let told: string[] = []
  const clear = (): void => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true })
  }
  let done = 0
  try {
    for (; done < kills && faults.length === 0; done++) {
      signal?.throwIfAborted()
      if (done % LIVES === 0) {
        clear()
        folder = mkdtempSync(join(tmpdir(), 'guild-home-crash-'))
        told = []
      }
      const lines = await oneLife(of.name, folder, dice.next(), dice.fraction() * LONGEST)
      told.push(...lines)
      all += lines.length
      for (const fault of await of.check(folder, told))
        faults.push(`${of.name}, seed ${seed}, kill ${done + 1}: ${fault}`)
      if ((done + 1) % 20 === 0) say?.(`${of.name}: ${done + 1} of ${kills}, ${all} acknowledged`)
    }
  } finally {
    clear()
  }
  return { kills: done, told: all, faults }
}

/** What it told between its beginning and its end. */
async function oneLife(name: string, folder: string, seed: number, moment: number): Promise<string[]> {
  const script = join(import.meta.dirname, 'child.js')
  const child = spawn(process.execPath, [script, name, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let trouble = ''
  child.stderr.on('data', bytes => {
    trouble += bytes
  })
  const lines: string[] = []
  const kill = (): void => void child.kill('SIGKILL')
  let timer = setTimeout(kill, TOO_LONG)
  createInterface({ input: child.stdout }).on('line', line => {
    if (line !== 'begun') return void lines.push(line)
    clearTimeout(timer)
    timer = setTimeout(kill, moment)
  })
  const ended = await new Promise<NodeJS.Signals | null>(resolve =>
    child.once('close', (_, by) => resolve(by)),
  )
  clearTimeout(timer)
  if (ended !== 'SIGKILL') throw new Error(`${name}: it ended by itself: ${trouble}`)
  return lines
}
