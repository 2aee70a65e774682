/** `bench`: how it ends, that it leaves nothing behind, and its rows. What each kind says: `bench.slow.ts`. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { fieldsOf, median, quantile, rowOf, tableOf } from '../../src/cli/bench/rows.ts'
import { command } from '../support/cli.ts'
import { Folder } from '../support/processes.ts'

const folder = new Folder()
t.teardown(() => folder.remove())

t.test('bench: an unknown kind, or one too many, ends with 2 and names what there is', async t => {
  for (const args of [['upd'], ['quic'], ['tcp', 'messages']]) {
    const { code, out, err } = await command(['bench', ...args])
    t.equal(code, 2)
    t.equal(out, '')
    t.match(err, /^guild-home: .*tcp.*messages.*mesh.*idle.*\n$/)
  }
  t.match((await command(['bench', 'tpc'])).err, /did you mean tcp\?/)
  t.match(
    (await command(['bench', '--help'])).out,
    'Usage: guild-home bench [tcp|udp|messages|blocks|mesh|idle|startup]',
  )
})

t.test('CL-05 bench: Ctrl-C ends it with 130, and its other process with it', async t => {
  const running = folder.launch(['bench', 'tcp', '--json'])
  const worker = await childOf(running.child.pid!)
  const { code, after } = await running.ends('SIGINT')
  t.equal(code, 130)
  t.ok(after < 5 * 2_000, `${after.toFixed(0)} ms`)
  t.equal(running.out(), '')
  if (worker !== undefined) t.throws(() => process.kill(worker, 0), { code: 'ESRCH' })
})

/** The first child of a process, where the system tells; undefined elsewhere. */
async function childOf(pid: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  for (let tries = 0; tries < 500; tries++) {
    const found = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10)
    if (found > 0) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('no child was started')
}

t.test('rows: medians, quantiles and the table', async t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([1, 2]), 1.5)
  t.equal(quantile([1, 2, 3, 4, 5], 0.99), 4.96)
  const row = rowOf({ name: 'a', unit: 'MB/s', about: 'words' }, [1000, 1100, 900], [2000])
  t.strictSame(row, { name: 'a', unit: 'MB/s', about: 'words', value: 1000, baseline: 2000, ratio: 0.5 })
  const alone = rowOf({ name: 'b', unit: 'ms', about: 'more' }, [1.5004999])
  t.strictSame(fieldsOf(alone), { name: 'b', unit: 'ms', value: 1.5, baseline: null, ratio: null })
  t.equal(
    tableOf([row, alone]),
    [
      '   guild-home    raw  ratio',
      'a       1,000  2,000   0.50  MB/s  words',
      'b        1.50                ms    more',
    ].join('\n'),
  )
})
