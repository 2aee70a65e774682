/**
 * `npm run sim`: see runner.ts. The crowds take long, and run only when one is named.
 *
 * `npm run sim` gives it a large young generation: nearly all that a run makes is gone within an event or two.
 * With `--jobs=2` the runs are shared among two processes, each of which is this program.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { optionsOf } from '../support/options.ts'
import { bitswapCases } from './bitswap.ts'
import { cases } from './cases.ts'
import { idleCases } from './idle.ts'
import { largeCases } from './large.ts'
import { logCases } from './log.ts'
import { nodeCases } from './nodes.ts'
import { flags, runCases, type Sum, sumText } from './runner.ts'
import { slowAttacks } from './udp-attacks.ts'
import { allUdpCases } from './udp-swarm.ts'

const JOBS_MAX = 64
const args = process.argv.slice(2)
const values = optionsOf(new URL('runner.js', import.meta.url).href, flags)
const began = performance.now()
const sum = process.send === undefined ? await whole() : await share()
if (process.send === undefined) {
  console.log(`${sumText(sum)}, ${((performance.now() - began) / 1000).toFixed(1)} s`)
  process.exitCode = sum.failed === 0 ? 0 : 1
} else process.send(sum, () => process.disconnect())

async function whole(): Promise<Sum> {
  const jobs = Math.max(1, Math.min(JOBS_MAX, Math.trunc(Number(values.jobs)) || 1))
  if (jobs === 1) return share()
  const sums = await Promise.all(Array.from({ length: jobs }, (_, index) => job(index, jobs)))
  return sums.reduce((a, b) => ({
    runs: a.runs + b.runs,
    failed: a.failed + b.failed,
    time: a.time + b.time,
    events: a.events + b.events,
  }))
}

/** One more of us; one that dies counts as a failure. */
function job(index: number, of: number): Promise<Sum> {
  return new Promise(resolve => {
    const child = fork(fileURLToPath(import.meta.url), args, {
      env: { ...process.env, SIM_SHARE: `${index}/${of}` },
    })
    let sum: Sum = { runs: 0, failed: 1, time: 0, events: 0 }
    child.on('message', told => {
      sum = told as Sum
    })
    child.on('close', () => resolve(sum))
  })
}

function share(): Promise<Sum> {
  const [index = 0, of = 1] = (process.env.SIM_SHARE ?? '0/1').split('/').map(Number)
  const slow = [...largeCases, ...idleCases, ...slowAttacks].filter(({ name }) => name === values.case)
  const onPipes = values.over === 'udp' ? [] : [...cases, ...nodeCases, ...logCases, ...bitswapCases]
  const onDatagrams = values.over === 'tcp' ? [] : allUdpCases()
  const print = (text: string): void => console.log(text)
  return runCases(args, [...onPipes, ...onDatagrams, ...slow], print, { share: { index, of } })
}
