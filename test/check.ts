/**
 * `npm run check`: everything that tells whether this checkout is sound, about ten minutes.
 * `npm run check -- --short` leaves out what `npm test` does and takes fewer seeds, for CI.
 *
 * Each step is a command of its own; the last line sums them up: `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process'
import { optionsOf } from './support/options.ts'

const values = optionsOf(import.meta.url, { short: { type: 'boolean', default: false } })
const seeds = values.short ? '3' : '60'
const node = process.execPath
interface Step {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  /** Part of the long form only. */
  readonly long?: boolean
}

const steps: readonly Step[] = [
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'tests', command: ['npm', 'test'], long: true },
  { name: 'fuzz', command: [node, 'dist/test/fuzz/run.js', `--seconds=${values.short ? 15 : 60}`] },
  { name: 'seeds', command: [node, 'dist/test/sim/run.js', '--over=tcp', `--seeds=${seeds}`] },
  {
    name: 'seeds over datagrams',
    command: [node, 'dist/test/sim/run.js', '--over=udp', `--seeds=${values.short ? 1 : 8}`, '--jobs=2'],
  },
  {
    name: 'twenty-five nodes of twenty peers',
    command: [node, 'dist/test/sim/run.js', '--case=crowd-25'],
  },
  {
    name: 'twenty-five nodes at once',
    command: [node, 'dist/test/sim/run.js', '--case=crowd-25-at-once'],
    long: true,
  },
  {
    name: 'sixty nodes of twenty peers',
    command: [node, 'dist/test/sim/run.js', '--case=crowd-60'],
    long: true,
  },
  {
    name: 'seeds, twice alike',
    command: [node, 'dist/test/sim/run.js', '--seeds=2', '--seed=1000', '--twice', '--jobs=2'],
  },
  {
    name: 'soak',
    command: [node, 'dist/test/soak/run.js', '--nodes=6', '--minutes=1.5'],
    long: true,
  },
  {
    name: 'transfers over UDP',
    command: [node, 'dist/test/lab/transfer.js', 'calm', '1 % lost', 'elsewhere', 'two flows of bbr'],
    long: true,
  },
  { name: 'crashes', command: [node, 'dist/test/crash/run.js', `--kills=${values.short ? 10 : 60}`] },
  { name: 'slow tests', command: [node, 'dist/test/run.js', '--slow'] },
  { name: 'floods', command: [node, 'dist/test/floods/run.js', '--short'] },
]

let passed = 0
let failed = 0
for (const { name, command } of steps.filter(step => !(values.short && step.long))) {
  const [program, ...args] = command
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  if (status === 0) passed++
  else failed++
  console.log(`${status === 0 ? 'ok' : 'FAILED'}  ${name}  ${seconds} s`)
  if (status !== 0) {
    const told = `${stdout}${stderr}`
    // What failed comes first: who reads this may be shown the beginning only.
    console.log(
      told
        .split('\n')
        .filter(line => /^\W*(FAILED|not ok)\b/.test(line))
        .slice(0, 20)
        .join('\n'),
    )
    console.log(told.slice(-20_000))
  }
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
