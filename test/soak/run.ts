/**
 * `npm run soak`: twenty processes on this machine for half an hour, with churn and traffic.
 *
 *   npm run soak -- --nodes 6 --minutes 1.5 --seed 7 --haste 2 --json
 *
 * Ends with 0 when nothing grew, got lost or stayed; with 1 and what did; with 130 on Ctrl-C.
 * Whatever happens, the processes end and the folder goes.
 */
import { setMaxListeners } from 'node:events'
import { optionsOf } from '../support/options.ts'
import { type SoakResult, soak } from './soak.ts'
import type { Line } from './verdict.ts'

const values = optionsOf(import.meta.url, {
  nodes: { type: 'string', default: '20' },
  minutes: { type: 'string', default: '30' },
  seed: { type: 'string', default: '1' },
  haste: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
})
const nodes = Math.trunc(number('nodes', 3, 100))
const minutes = number('minutes', 0.1, 1440)
const seed = number('seed', 0, 2 ** 31)
const haste = number('haste', 0.1, 10)

const stop = new AbortController()
// Whoever sleeps listens: of each process one change at a time, and the soak's own rounds.
setMaxListeners(2 * nodes + 10, stop.signal)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal))

const say = (line: string): void => console.error(line)
try {
  say(`${nodes} processes, ${minutes} minutes, --seed ${seed}`)
  const result = await soak({ nodes, minutes, seed, haste, signal: stop.signal, say })
  console.log(values.json ? JSON.stringify({ nodes, minutes, seed, haste, ...result }) : tableOf(result))
  process.exitCode = result.faults.length === 0 ? 0 : 1
} catch (error) {
  if (!stop.signal.aborted) throw error
  say(`called off by ${stop.signal.reason}`)
  process.exitCode = 130
}

function number(name: 'nodes' | 'minutes' | 'seed' | 'haste', least: number, most: number): number {
  const value = Number(values[name])
  if (value >= least && value <= most) return value
  console.error(`--${name} ${values[name]}: ${least} to ${most}`)
  process.exit(2)
}

function tableOf({ lines, counts, faults, seconds, growthJudged }: SoakResult): string {
  const head = [
    'process',
    'samples',
    'MiB kept',
    '+/10 min',
    'resident',
    '+/10 min',
    'peers',
    'handles',
    'fds',
  ]
  const rows = [head, ...lines.map(cells)]
  const widths = head.map((_, at) => Math.max(...rows.map(row => row[at]!.length)))
  return [
    ...rows.map(row => row.map((cell, at) => cell.padStart(widths[at]!)).join('  ')),
    '(handles and descriptors: beyond one a peer, first -> last)',
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
    growthJudged ? 'growth was judged' : 'too short a run to judge growth by: handles, words and ends were',
    `${seconds.toFixed(0)} s, ${faults.length === 0 ? 'nothing failed' : `failed:\n  ${faults.join('\n  ')}`}`,
  ].join('\n')
}

function cells(line: Line): string[] {
  const pair = (of: readonly [number, number] | undefined): string =>
    of === undefined ? '' : `${of[0]} -> ${of[1]}`
  return [
    line.name,
    String(line.samples),
    line.kept.toFixed(2),
    line.keptGrowth.toFixed(2),
    line.resident.toFixed(0),
    line.residentGrowth.toFixed(1),
    String(line.peers),
    pair(line.handles),
    pair(line.descriptors),
  ]
}
