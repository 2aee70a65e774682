/**
 * What a command line needs from the process it runs in, handed in.
 *
 * Tests give streams of their own and a fake library; `processIo` gives the real ones.
 *
 * Floor: cli.
 */
import type { EventEmitter } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { type Api, loadApi } from './api.ts'
import type { ExitCode } from './exit-codes.ts'

export interface Io {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown }
  readonly stdout: Writable & {
    readonly isTTY?: boolean
    readonly columns?: number
    readonly rows?: number
  }
  readonly stderr: Writable & { readonly isTTY?: boolean }
  /** Where SIGINT and SIGTERM arrive, SIGCONT, and 'exit' as the last. */
  readonly signals: EventEmitter
  /** Local wall time, for the stamps of lines. */
  readonly now: () => Date
  /** Ends the process at once. */
  readonly exit: (code: ExitCode) => void
  readonly loadApi: () => Promise<Api>
}

export function processIo(): Io {
  return {
    args: process.argv.slice(2),
    env: process.env,
    // Node makes this one when it is asked for, and a node first listens.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signals: process,
    now: () => new Date(),
    exit: code => process.exit(code),
    loadApi,
  }
}
