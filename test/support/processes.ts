/** Real `guild-home` processes, in a folder and with a configuration of their own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')
const program = join(root, 'bin/guild-home.js')

/** Why processes that need the library cannot run, if they cannot. */
export const notBuilt: { skip: string } | Record<string, never> = existsSync(join(root, 'dist/src/index.js'))
  ? {}
  : { skip: 'there is no src/index.ts in this checkout yet' }

/** No answer after this long is a failure; what is promised is far less. */
const tooLong = 15_000

export interface Running {
  readonly child: ChildProcess
  out(): string
  err(): string
  /** Resolves with the match once what came on standard output from `since` on holds it. */
  shows(pattern: RegExp, since?: number): Promise<RegExpExecArray>
  /** The same of standard error. */
  complains(pattern: RegExp): Promise<RegExpExecArray>
  types(line: string): void
  /** Sends a signal and resolves with how the process ended. */
  ends(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: string | null; after: number }>
}

export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'guild-home-'))
  readonly #running = new Set<ChildProcess>()

  /** `on`: words to put before the program, such as those of a host of a lab. `script`: instead of the program. */
  launch(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    on: readonly string[] = [],
    script = program,
  ): Running {
    const [first, ...rest] = [...on, process.execPath, script, ...args]
    const child = spawn(first!, rest, {
      cwd: this.path,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: this.path,
        XDG_CONFIG_HOME: join(this.path, 'config'),
        // Nothing a test starts may speak on this machine's own network; a lab host has another.
        ...(on.length === 0 ? { GUILD_MDNS: 'false' } : {}),
        ...env,
      },
    })
    this.#running.add(child)
    const [out, err] = [collect(child, 'stdout'), collect(child, 'stderr')]
    const ended = new Promise<{ code: number | null; signal: string | null }>(resolve => {
      child.once('close', (code, signal) => {
        this.#running.delete(child)
        resolve({ code, signal })
      })
    })
    const told = (by: 'stdout' | 'stderr', pattern: RegExp, since: number): Promise<RegExpExecArray> =>
      within(
        new Promise((resolve, reject) => {
          const look = () => {
            const found = pattern.exec((by === 'stdout' ? out() : err()).slice(since))
            if (found !== null) resolve(found)
          }
          child[by]!.on('data', look)
          child.once('close', () => reject(new Error(`ended without ${pattern}: ${out()}${err()}`)))
          look()
        }),
        () => `no ${pattern} in:\n${out()}${err()}`,
      )
    return {
      child,
      out,
      err,
      shows: (pattern, since = 0) => told('stdout', pattern, since),
      complains: pattern => told('stderr', pattern, 0),
      types: line => void child.stdin!.write(`${line}\n`),
      async ends(signal) {
        const begun = performance.now()
        if (signal !== undefined) child.kill(signal)
        const how = await within(ended, () => `did not end:\n${out()}${err()}`)
        return { ...how, after: performance.now() - begun }
      },
    }
  }

  /** Runs a command to its end. */
  async command(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ code: number | null; out: string; err: string }> {
    const running = this.launch(args, env)
    running.child.stdin!.end()
    const { code } = await running.ends()
    return { code, out: running.out(), err: running.err() }
  }

  /** Ends what still runs and removes the folder. */
  async remove(): Promise<void> {
    await Promise.all(
      [...this.#running].map(child => {
        child.kill('SIGKILL')
        return new Promise(resolve => child.once('close', resolve))
      }),
    )
    // What a shell left running in the background may still write for a moment.
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address !== null && typeof address === 'object') ports.push(address.port)
  }
  for (const server of servers) await new Promise(resolve => server.close(resolve))
  return ports
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[name]!.setEncoding('utf8').on('data', part => {
    text += part
  })
  return () => text
}

async function within<T>(work: Promise<T>, complaint: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint())), tooLong)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
