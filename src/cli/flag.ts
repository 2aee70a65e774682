/**
 * One row of the table of flags.
 *
 * Floor: cli.
 */
import type { CommandName } from './command-names.ts'

export interface Flag<T> {
  /** One letter for those who type a lot. */
  readonly short?: string
  /** What stands for the value in help; absent for a switch, which has `--no-…`. */
  readonly value?: string
  readonly fallback: T
  readonly fallbackText: string
  /** Variables of older programs that mean the same. */
  readonly oldVariables?: readonly string[]
  /** Keys of config.toml of older programs that mean the same. */
  readonly oldKeys?: readonly string[]
  /** The only words it takes, for completion. */
  readonly choices?: readonly string[]
  /** A further switch and the value it stands for: `--debug` is `--log debug`. */
  readonly shortcut?: { readonly flag: string; readonly text: string }
  /** Its value is for its users alone: said to be set, never shown. */
  readonly secret?: true
  /** It is read and shown, and does nothing yet: why. */
  readonly later?: string
  /** May be given several times; the items are joined. */
  readonly many?: true
  readonly commands: readonly CommandName[]
  readonly about: string
  /** Returns the value or throws a Misfit that says what would fit. */
  readonly parse: (text: string) => T
}

/** A row, its value's type taken from its parser. */
export function flag<T>(row: Flag<T>): Flag<T> {
  return row
}
