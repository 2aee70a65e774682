/**
 * What a command is given when it runs.
 *
 * Floor: cli.
 */
import type { Io } from './io.ts'
import type { Output } from './output.ts'
import type { Invocation } from './settings.ts'

/** What a command is given. */
export interface Context {
  readonly invocation: Invocation
  readonly io: Io
  readonly output: Output
}
