/**
 * What a row of the table of flags holds.
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
  /** May be given several times; the items are joined. */
  readonly many?: true
  readonly commands: readonly CommandName[]
  readonly about: string
  /** Returns the value or throws a Misfit that says what would fit. */
  readonly parse: (text: string) => T
}

/** Keeps the value's type, which `as const` alone would lose. */
export function flag<T>(row: Flag<T>): Flag<T> {
  return row
}
