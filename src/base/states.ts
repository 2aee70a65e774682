/**
 * Small lifecycles as constant tables: event → state → next state.
 *
 * The table is the code, the test walks it, and the picture in `protocol/states/`
 * is printed from it.
 *
 * Floor: base.
 */
import { GuildError } from './errors.ts'

export type StateTable = Readonly<Record<string, Readonly<Record<string, string>>>>

type Source<T extends StateTable> = { [E in keyof T]: keyof T[E] }[keyof T]
type Target<T extends StateTable> = { [E in keyof T]: T[E][keyof T[E]] }[keyof T]
/** Every state a table names, as source or as target. */
export type StateOf<T extends StateTable> = (Source<T> | Target<T>) & string

/** The state after `event`, or a typed error: a table has no silent default. */
export function next<T extends StateTable>(table: T, state: StateOf<T>, event: keyof T & string): StateOf<T> {
  const target = table[event]?.[state]
  if (target === undefined) throw new GuildError('GH_STATE_EVENT', `${event} in state ${state}`)
  return target as StateOf<T>
}

export function accepts<T extends StateTable>(table: T, state: StateOf<T>, event: keyof T & string): boolean {
  return table[event]?.[state] !== undefined
}

/** The table as a Mermaid state diagram. */
export function toMermaid(table: StateTable): string {
  const lines = ['stateDiagram-v2']
  for (const [event, moves] of Object.entries(table))
    for (const [from, to] of Object.entries(moves)) lines.push(`  ${from} --> ${to}: ${event}`)
  return `${lines.join('\n')}\n`
}
