/**
 * `bench udp`: bulk in datagrams between two processes on this machine, in two sizes.
 *
 *   raw     node:dgram with a window and acknowledgements, nothing else
 *   sealed  the same with ChaCha20-Poly1305 for each datagram: what any secure transport pays at least
 *
 * One figure says nothing without the other of the same round: they are taken in turn.
 *
 * Floor: cli.
 */
import { randomBytes } from 'node:crypto'
import { answerOf, endOf, startChild } from './child.ts'
import type { Effort, Pass } from './measure.ts'
import { ETHERNET, LARGEST, pour, Seal } from './raw-datagrams.ts'
import { type Row, rowOf } from './rows.ts'

export type UdpQuestion = { readonly kind: 'start'; readonly key: Uint8Array } | { readonly kind: 'cpu' }

export type UdpAnswer =
  | { readonly kind: 'ready'; readonly ports: Readonly<Record<Way, number>> }
  | { readonly kind: 'cpu'; readonly seconds: number }

/** The ways measured, in the order of a round. A link of guild-home is a third one, set beside `sealed`. */
export const ways = ['raw', 'sealed'] as const
export type Way = (typeof ways)[number]

const usual: Effort = { rounds: 7, milliseconds: 350 }

const sizes = [
  { name: 'udp', bytes: ETHERNET, about: `${ETHERNET}-byte datagrams` },
  { name: 'udp-large', bytes: LARGEST, about: `${LARGEST}-byte datagrams, the most there are` },
]

export async function udp(signal: AbortSignal, effort: Effort = usual): Promise<Row[]> {
  const child = startChild('./udp-process.js')
  try {
    const key = new Uint8Array(randomBytes(32))
    const ready = await answerOf<UdpAnswer>(child, signal, { kind: 'start', key } satisfies UdpQuestion)
    if (ready.kind !== 'ready') throw new Error('the other process of the measurement did not start')
    const cpu = async (): Promise<{ here: number; there: number }> => {
      const answer = await answerOf<UdpAnswer>(child, signal, { kind: 'cpu' } satisfies UdpQuestion)
      const used = process.cpuUsage()
      return {
        here: (used.user + used.system) / 1e6,
        there: answer.kind === 'cpu' ? answer.seconds : Number.NaN,
      }
    }
    const pass = async (way: Way, bytes: number): Promise<Pass> => {
      const seal = way === 'sealed' ? new Seal(key) : undefined
      const before = await cpu()
      const begun = performance.now()
      const count = await pour(ready.ports[way], bytes, effort.milliseconds, seal)
      const seconds = (performance.now() - begun) / 1000
      const after = await cpu()
      return { seconds, count, sender: after.here - before.here, receiver: after.there - before.there }
    }
    const rows: Row[] = []
    for (const size of sizes) rows.push(...(await rowsOf(size, effort.rounds, pass)))
    return rows
  } finally {
    await endOf(child)
  }
}

async function rowsOf(
  { name, bytes, about }: (typeof sizes)[number],
  rounds: number,
  pass: (way: Way, bytes: number) => Promise<Pass>,
): Promise<Row[]> {
  const passes: Record<Way, Pass[]> = { raw: [], sealed: [] }
  for (let round = 0; round <= rounds; round++)
    for (const way of ways) {
      const one = await pass(way, bytes)
      if (round > 0) passes[way].push(one) // the first warms up
    }
  const row = (suffix: string, unit: string, what: string, figure: (pass: Pass) => number): Row =>
    rowOf({ name: `${name}${suffix}`, unit, about: what }, passes.sealed.map(figure), passes.raw.map(figure))
  return [
    row('-sealed', 'MB/s', `bulk in ${about}, each sealed`, ({ count, seconds }) => count / seconds / 1e6),
    row(
      '-sealed-sender-cpu',
      's/GB',
      'CPU time of the sending process',
      ({ count, sender }) => sender / (count / 1e9),
    ),
    row(
      '-sealed-receiver-cpu',
      's/GB',
      'CPU time of the receiving process',
      ({ count, receiver }) => receiver / (count / 1e9),
    ),
  ]
}
