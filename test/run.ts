/**
 * `npm test`: every test file in a process of its own, three at a time.
 *
 *   npm test                      all of dist/test that ends in .test.js
 *   npm test -- noise link/door   those whose path has one of these in it
 *   npm test -- --slow            those in .slow.js, for which there is no time here; `npm run check` has them
 *
 * The files are plain tap, and each runs alone: `node dist/test/noise/vectors.test.js`. The `tap` command would put
 * a loader into each process, for coverage that nobody asks for here: 0.4 s of CPU time a file, a seventh of
 * the whole suite. A file that fails is shown whole, and of every other the reasons why it skipped
 * something; the last line sums up as tap's own does. Ends non-zero when something failed or nothing ran.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

const JOBS = 3
/** Seconds a file may take. */
const PATIENCE = 120
const SUMMARY = /^# \{ total: \d+.*\}$/gm
const SKIPPED = /^ *(?:not )?ok .*# SKIP.*$/gm

interface Ran {
  readonly ok: boolean
  readonly seconds: number
  readonly output: string
  readonly total: Readonly<Record<'total' | 'pass' | 'fail' | 'skip', number>>
}

function run(file: string): Promise<Ran> {
  const began = performance.now()
  const env = { ...process.env, TAP_TIMEOUT: String(PATIENCE) }
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const pieces: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', piece => pieces.push(piece))
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE * 1_000)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, signal) => {
      clearTimeout(late)
      const output = Buffer.concat(pieces).toString()
      const summary = output.match(SUMMARY)?.at(-1)
      const number = (name: string): number =>
        Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary ?? '')?.[1] ?? 0)
      const total = {
        total: number('total'),
        pass: number('pass'),
        fail: number('fail'),
        skip: number('skip'),
      }
      const ok = status === 0 && summary !== undefined && total.fail === 0
      const ended = summary === undefined ? `\nno summary: it ended with ${status ?? signal}\n` : ''
      resolve({ ok, total, output: output + ended, seconds: (performance.now() - began) / 1_000 })
    })
  })
}

const root = join(import.meta.dirname, '../..')
const slow = process.argv.includes('--slow')
const only = process.argv.slice(2).filter(one => !one.startsWith('-'))
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith(slow ? '.slow.js' : '.test.js'))
  .map(name => relative(root, join(import.meta.dirname, name)))
  .filter(file => only.length === 0 || only.some(part => file.split(sep).join('/').includes(part)))
  .sort()
const sum = { total: 0, pass: 0, fail: 0, skip: 0 }
const failed: string[] = []
const began = performance.now()
const waiting = [...files]
const lane = async (): Promise<void> => {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const { ok, total, output, seconds } = await run(join(root, file))
    for (const key of ['total', 'pass', 'fail', 'skip'] as const) sum[key] += total[key]
    // A file that broke off says of no test that it failed.
    if (!ok && total.fail === 0) {
      sum.total++
      sum.fail++
    }
    if (!ok) failed.push(file)
    console.log(`${ok ? 'ok' : 'FAILED'}  ${file}  ${total.pass} passed  ${seconds.toFixed(1)} s`)
    if (!ok) console.log(output)
    else for (const line of output.match(SKIPPED) ?? []) console.log(`      ${line.trim()}`)
  }
}
await Promise.all(Array.from({ length: JOBS }, lane))
const seconds = ((performance.now() - began) / 1_000).toFixed(0)
for (const file of failed) console.log(`FAILED  ${file}`)
console.log(`${files.length} files, ${failed.length} failed, ${seconds} s`)
const parts = Object.entries(sum).filter(([key, value]) => value > 0 || key === 'total' || key === 'pass')
console.log(`# { ${parts.map(([key, value]) => `${key}: ${value}`).join(', ')} }`)
process.exitCode = failed.length > 0 || sum.pass === 0 ? 1 : 0
