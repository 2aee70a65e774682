/**
 * `npm run bench:growth`: what more nodes cost, and more streams.
 *
 *   npm run bench:growth -- [--json] [--readme] [--only mesh|streams] [--counts 10,50]
 *
 * All nodes of a row live in one process of its own, so the figures are those of one core.
 * `--readme` writes the table into README.md, between its markers; `--rows <file>` takes the rows from what
 * `--json` printed before. Not a part of any test: speed depends on the machine.
 */
import { fork } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { optionsOf } from '../support/options.ts'
import { root } from '../support/root.ts'
import type { MeshRow, Rate } from './growth-mesh.ts'
import type { StreamsRow } from './growth-streams.ts'

/** One row: nothing here may hang. */
const ROW_PATIENCE = 230_000

const values = optionsOf(import.meta.url, {
  json: { type: 'boolean', default: false },
  readme: { type: 'boolean', default: false },
  only: { type: 'string' },
  counts: { type: 'string' },
  rows: { type: 'string' },
})
const wants = (what: string): boolean => values.only === undefined || values.only === what
const meshes: MeshRow[] = []
const streams: StreamsRow[] = []

if (values.rows !== undefined) readRows(values.rows)
else {
  if (wants('mesh')) for (const count of counts(10, 25, 50, 100)) meshes.push(await row('mesh', count))
  if (wants('streams'))
    for (const count of counts(1, 10, 100, 1_000, 10_000)) streams.push(await row('streams', count))
}
if (!values.json) console.log(tables())
if (values.readme) writeReadme()

function readRows(path: string): void {
  for (const line of readFileSync(path, 'utf8').trim().split('\n')) {
    const row = JSON.parse(line) as MeshRow | StreamsRow
    if ('nodes' in row) meshes.push(row)
    else streams.push(row)
  }
}

function counts(...usual: readonly number[]): readonly number[] {
  return values.counts === undefined ? usual : values.counts.split(',').map(Number)
}

/** Measures one row in a process of its own, and shows it. */
function row<T>(kind: 'mesh' | 'streams', count: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, `growth-${kind}.js`), [], {
      execArgv: ['--expose-gc'],
    })
    const late = setTimeout(() => child.kill('SIGKILL'), ROW_PATIENCE)
    child.once('message', (answer: { row?: T; error?: string }) => {
      if (answer.row === undefined) return reject(new Error(answer.error))
      if (values.json) console.log(JSON.stringify(answer.row))
      else console.error(JSON.stringify(answer.row))
      resolve(answer.row)
    })
    child.once('exit', (code, signal) => {
      clearTimeout(late)
      reject(new Error(`${kind} of ${count} ended with ${code ?? signal}`))
    })
    child.send({ count })
  })
}

function tables(): string {
  const parts: string[] = []
  if (meshes.length > 0)
    parts.push(
      table(
        [
          'nodes',
          'links',
          'formed, ms',
          'CPU a link, ms',
          'KB a node',
          'KB a link',
          'process, MB',
          'idle CPU a node, ms/s',
          'chat one to all, shown/s',
          'µs each',
          'all to all, shown/s',
          'µs each',
        ],
        meshes.map(mesh => [
          mesh.nodes,
          mesh.links,
          mesh.formedMs,
          mesh.cpuMsPerLink,
          mesh.bytesPerNode / 1000,
          mesh.bytesPerLink / 1000,
          mesh.resident / 1e6,
          mesh.idleMsPerSecond,
          ...rateOf(mesh.oneToAll),
          ...rateOf(mesh.allToAll),
        ]),
      ),
    )
  if (streams.length > 0)
    parts.push(
      table(
        ['streams on one link', 'opened, ms', 'KB a stream', 'resident', 'MB/s', 'messages/s', 'requests/s'],
        streams.map(one => [
          one.streams,
          one.openMs,
          one.bytesPerStream === undefined ? undefined : one.bytesPerStream / 1000,
          one.residentPerStream === undefined ? undefined : one.residentPerStream / 1000,
          one.megabytesPerSecond,
          one.messagesPerSecond,
          one.requestsPerSecond,
        ]),
      ),
    )
  return parts.join('\n\n')
}

function rateOf({ perSecond, microseconds }: Rate): [number, number] {
  return [perSecond, microseconds]
}

function table(head: readonly string[], rows: readonly (readonly (number | undefined)[])[]): string {
  return [head, head.map(() => '--:'), ...rows.map(cells => cells.map(figure))]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
    .replaceAll(' --: ', '--:')
}

function figure(value: number | undefined): string {
  if (value === undefined) return ''
  if (Number.isInteger(value) || value >= 100) return Math.round(value).toLocaleString('en-US')
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 2)
}

function writeReadme(): void {
  const path = join(root, 'README.md')
  const text = readFileSync(path, 'utf8')
  const marked = /(<!-- growth -->\n)[\s\S]*?(\n<!-- \/growth -->)/
  if (!marked.test(text)) throw new Error('README.md has no <!-- growth --> … <!-- /growth -->')
  writeFileSync(
    path,
    text.replace(marked, (_, before, after) => `${before}\n${tables()}\n${after}`),
  )
}
