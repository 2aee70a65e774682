/**
 * `bench idle`: what a link costs that nobody uses.
 *
 *   hub ◀── 100 links ── 100 nodes that listen nowhere     all in one process, both ends counted
 *
 * Each round is a process of its own: memory that a round gave back to the process would make the next
 * one look cheaper. Beside it: as many raw connections, each of which has carried a byte.
 *
 * Floor: cli.
 */
import { answerOf, endOf, startChild } from './child.ts'
import { type Row, rowOf } from './rows.ts'

export interface IdleQuestion {
  readonly way: 'raw' | 'guild'
  readonly links: number
  /** Seconds to be idle, without links and with them; 0: memory only. */
  readonly seconds: number
}

/** Of all links together. */
export interface IdleAnswer {
  /** Growth of the resident set, and of what JavaScript can reach. */
  readonly resident: number
  readonly kept: number
  /** CPU seconds in that time beyond those without links. */
  readonly cpu: number
  /** Bytes that both sides sent in that time. */
  readonly sent: number
}

export interface IdleEffort {
  readonly links: number
  readonly rounds: number
  readonly seconds: number
}

/** Two rounds of heartbeats. */
const usual: IdleEffort = { links: 100, rounds: 5, seconds: 10 }

export async function idle(signal: AbortSignal, effort: IdleEffort = usual): Promise<Row[]> {
  const { links, rounds, seconds } = effort
  const raw: IdleAnswer[] = []
  const guild: IdleAnswer[] = []
  for (let round = 0; round < rounds; round++) {
    raw.push(await look({ way: 'raw', links, seconds: 0 }, signal))
    guild.push(await look({ way: 'guild', links, seconds: round === 0 ? seconds : 0 }, signal))
  }
  const aMinute = 60 / seconds / links
  const kilobytes = (all: readonly IdleAnswer[], what: 'resident' | 'kept'): number[] =>
    all.map(answer => answer[what] / links / 1000)
  return [
    rowOf(
      { name: 'idle-link-memory', unit: 'KB', about: `resident memory a link, both its ends, of ${links}` },
      kilobytes(guild, 'resident'),
      kilobytes(raw, 'resident'),
    ),
    rowOf(
      { name: 'idle-link-kept', unit: 'KB', about: 'of that, what JavaScript can reach' },
      kilobytes(guild, 'kept'),
      kilobytes(raw, 'kept'),
    ),
    rowOf({ name: 'idle-link-cpu', unit: 'ms', about: 'CPU time of both its ends a minute' }, [
      guild[0]!.cpu * aMinute * 1000,
    ]),
    rowOf({ name: 'idle-link-traffic', unit: 'B', about: 'sent by both its ends a minute' }, [
      guild[0]!.sent * aMinute,
    ]),
  ]
}

async function look(question: IdleQuestion, signal: AbortSignal): Promise<IdleAnswer> {
  const child = startChild('./idle-process.js', ['--expose-gc', '--compact-on-every-full-gc'])
  try {
    return await answerOf<IdleAnswer>(child, signal, question)
  } finally {
    await endOf(child)
  }
}
