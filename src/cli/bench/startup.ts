/**
 * `bench startup`: from the start of a process to a node that listens.
 *
 * Beside it: `node -e 0`, a process that does nothing, for most of the time is Node's own. Both
 * are timed from `spawn`. The node is one of an open network of its own, on 127.0.0.1, with a data directory
 * in the system's temporary folder, which is made once and removed at the end.
 *
 * Floor: cli.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { program } from '../places.ts'
import { alternate } from './measure.ts'
import { type Row, rowOf } from './rows.ts'

const ROUNDS = 15
/** One start may take this long; then something is wrong. */
const PATIENCE = 20_000

export async function startup(signal: AbortSignal, rounds = ROUNDS): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'guild-home-bench-'))
  try {
    const node = ['run', '--port', '0', '--host', '127.0.0.1', '--no-mdns', '--open', 'guild-home-bench']
    const passes = await alternate(
      rounds,
      () => timeOf(['-e', '0'], signal),
      () =>
        timeOf(
          [fileURLToPath(program), ...node, '--json', '--data-dir', join(folder, 'data')],
          signal,
          '"system-start"',
        ),
    )
    return [
      rowOf(
        { name: 'startup', unit: 'ms', about: 'from the start of a process to listening; raw: `node -e 0`' },
        passes.guild,
        passes.raw,
      ),
    ]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Milliseconds until a process says `mark`, or until it ends where there is none. It is ended then. */
async function timeOf(args: readonly string[], signal: AbortSignal, mark?: string): Promise<number> {
  signal.throwIfAborted()
  const begun = performance.now()
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'], timeout: PATIENCE })
  const end = (): void => void child.kill('SIGKILL')
  signal.addEventListener('abort', end, { once: true })
  try {
    return await new Promise<number>((resolve, reject) => {
      let said = ''
      let after: number | undefined
      child.stdout.on('data', (bytes: Uint8Array) => {
        if (mark === undefined || after !== undefined) return
        said += Buffer.from(bytes).toString()
        if (!said.includes(mark)) return
        after = performance.now() - begun
        stop(child)
      })
      child.once('error', reject)
      child.once('exit', code => {
        if (mark === undefined && code === 0) after = performance.now() - begun
        if (after !== undefined) resolve(after)
        else reject(signal.reason ?? new Error(`the process that was measured ended with ${code}`))
      })
    })
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

/** In order, so that it leaves its data directory as it should be; PATIENCE sees to the rest. */
function stop(child: ChildProcess): void {
  child.kill('SIGTERM')
}
