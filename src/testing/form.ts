/**
 * What is left of a run once it has been made smaller, and how a command says it.
 *
 *   --until=12.5          faults for twelve and a half seconds, then peace
 *   --without=crash,clock these kinds of fault happen no more
 *   --nodes=3             the first three nodes only
 *   --only=2,7            of all faults only these two, by their numbers
 *
 * The faults of a seed are drawn before any begins and each has dice of its own, so that
 * leaving some out leaves the others as they were.
 *
 * Floor: testing.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { type FaultKind, troubles } from './faults.ts'

/** Empty: the whole run. */
export interface Form {
  /** Virtual time at which peace begins, if that is earlier than the scenario's own. */
  readonly until?: Millis
  readonly without?: readonly FaultKind[]
  /** At most so many nodes. */
  readonly nodes?: number
  /** Numbers of the faults that happen. */
  readonly only?: readonly number[]
}

/** The names of the options, for whoever parses a command. */
export const formOptions = ['until', 'without', 'nodes', 'only'] as const
export type FormOption = (typeof formOptions)[number]

/** ` --until=12.5 --nodes=3`, or nothing. */
export function formText({ until, without, nodes, only }: Form): string {
  const words: string[] = []
  if (until !== undefined) words.push(`--until=${until / 1000}`)
  if (without !== undefined && without.length > 0) words.push(`--without=${without.join()}`)
  if (nodes !== undefined) words.push(`--nodes=${nodes}`)
  if (only !== undefined) words.push(`--only=${only.length === 0 ? 'none' : only.join()}`)
  return words.map(word => ` ${word}`).join('')
}

/** What a command says. GH_OPTION_INVALID names what makes no sense. */
export function formOf(options: Partial<Record<FormOption, string>>): Form {
  const { until, without, nodes, only } = options
  return {
    ...(until === undefined ? {} : { until: number(until, 'until', 0) * 1000 }),
    ...(without === undefined ? {} : { without: without.split(',').map(kindOf) }),
    ...(nodes === undefined ? {} : { nodes: whole(nodes, 'nodes', 1) }),
    ...(only === undefined
      ? {}
      : { only: only === 'none' ? [] : only.split(',').map(one => whole(one, 'only', 0)) }),
  }
}

function kindOf(text: string): FaultKind {
  const kind = troubles.find(one => one === text)
  if (kind === undefined) throw invalid('without', text, troubles.join(', '))
  return kind
}

function number(text: string, name: string, least: number): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < least)
    throw invalid(name, text, `a number from ${least}`)
  return value
}

function whole(text: string, name: string, least: number): number {
  const value = number(text, name, least)
  if (!Number.isInteger(value)) throw invalid(name, text, 'a whole number')
  return value
}

function invalid(name: string, text: string, fix: string): GuildError {
  return new GuildError('GH_OPTION_INVALID', `--${name}=${text} (${fix})`)
}
