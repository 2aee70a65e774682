/** `bench`: the shape of what it says, how it ends, and that it leaves nothing behind. No speeds. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { blocks, effortOf } from '../../src/cli/bench/blocks.ts'
import { idle } from '../../src/cli/bench/idle.ts'
import { withFarSide } from '../../src/cli/bench/kinds.ts'
import { mesh } from '../../src/cli/bench/mesh.ts'
import { messages } from '../../src/cli/bench/messages.ts'
import { fieldsOf, median, quantile, type Row, rowOf, tableOf } from '../../src/cli/bench/rows.ts'
import { startup } from '../../src/cli/bench/startup.ts'
import { tcp } from '../../src/cli/bench/tcp.ts'
import { udp } from '../../src/cli/bench/udp.ts'
import { command } from '../support/cli.ts'
import { Folder } from '../support/processes.ts'

const folder = new Folder()
t.teardown(() => folder.remove())
const { signal } = new AbortController()
const quick = { rounds: 1, milliseconds: 20 }

function wholeRow(t: Tap, row: unknown): void {
  t.strictSame(Object.keys(row as object), ['name', 'unit', 'value', 'baseline', 'ratio'])
  const { name, unit, value, baseline, ratio } = row as Row
  t.match(name, /^[a-z0-9-]+$/)
  t.match(unit, /^\S+$/)
  for (const figure of [value, baseline, ratio]) t.ok(Number.isFinite(figure), `${name}: ${figure}`)
  t.ok(value > 0, `${name} is more than nothing`)
}
type Tap = Pick<typeof t, 'ok' | 'match' | 'strictSame'>

t.test('bench messages --json: one row a line with all its fields, the headline first; exit 0', async t => {
  const { code, out, err } = await folder.command(['bench', 'messages', '--json'])
  t.equal(code, 0, err)
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.strictSame(
    rows.map(({ name }) => name),
    ['messages', 'messages-together', 'messages-cpu'],
  )
  for (const row of rows) wholeRow(t, row)
  t.match(err, /^guild-home: measuring small messages/)
})

t.test('bench udp: bulk in both sizes beside sealed datagrams, trips and handshakes', async t => {
  const rows = await udp(signal, { rounds: 1, milliseconds: 40 })
  t.strictSame(
    rows.map(({ name, unit }) => `${name} ${unit}`),
    [
      'udp MB/s',
      'udp-sender-cpu s/GB',
      'udp-receiver-cpu s/GB',
      'udp-request-p50 µs',
      'udp-request-p99 µs',
      'udp-handshakes 1/s',
      'udp-handshake-cpu ms',
      'udp-large MB/s',
      'udp-large-sender-cpu s/GB',
      'udp-large-receiver-cpu s/GB',
    ],
  )
  for (const row of rows) {
    if (!row.name.includes('handshake')) wholeRow(t, fieldsOf(row))
    else t.ok(row.baseline === null && row.value > 0, `${row.name}: ${row.value}`)
  }
  const reason = new Error('enough')
  await t.rejects(udp(AbortSignal.abort(reason), quick), reason)
})

t.test(
  'bench blocks: by size beside requests over a raw socket, the first block, ten peers, memory',
  async t => {
    const rows = await blocks(signal, { rounds: 1, sizes: [4_096, 1_024], singles: 3, peers: 3, most: 32 })
    t.strictSame(
      rows.map(({ name, unit }) => `${name} ${unit}`),
      [
        'blocks MB/s',
        'blocks-receiver-cpu s/GB',
        'blocks-1k MB/s',
        'first-block ms',
        'first-block-many-peers ms',
        'blocks-many-peers MB/s',
        'blocks-duplicates %',
        'blocks-memory MB',
      ],
    )
    for (const row of rows)
      if (row.baseline !== null) wholeRow(t, fieldsOf(row))
      else t.ok(row.value >= 0, `${row.name}: ${row.value}`)
    t.strictSame(effortOf({ BLOCK_SIZE: '65536' }).sizes, [65_536])
    for (const BLOCK_SIZE of ['0', '-5', 'many', '2097153'])
      t.throws(() => effortOf({ BLOCK_SIZE }), { code: 'GH_OPTION_INVALID' })
    const reason = new Error('enough')
    await t.rejects(blocks(AbortSignal.abort(reason)), reason)
  },
)

t.test('bench tcp and messages: every row, and every byte and message is counted', async t => {
  await withFarSide(signal, async far => {
    const rows = await tcp(far, quick)
    t.strictSame(
      rows.map(({ name }) => name),
      [
        'tcp',
        'tcp-sender-cpu',
        'tcp-receiver-cpu',
        'request-p50',
        'request-p99',
        'handshakes',
        'handshake-cpu',
      ],
    )
    t.equal(rows[0]!.unit, 'MB/s')
    for (const row of rows) wholeRow(t, fieldsOf(row))
    t.comment(`\n${tableOf([...rows, ...(await messages(far, quick))])}`)
  })
})

t.test('bench mesh: a small one', async t => {
  const [row] = await mesh(signal, 5, 1)
  t.match(row, { name: 'mesh', unit: 'ms' })
  wholeRow(t, fieldsOf(row!))
})

t.test('bench idle: a few links for a moment', async t => {
  const rows = await idle(signal, { links: 5, rounds: 1, seconds: 0.5 })
  t.strictSame(
    rows.map(({ name, unit }) => `${name} ${unit}`),
    ['idle-link-memory KB', 'idle-link-kept KB', 'idle-link-cpu ms', 'idle-link-traffic B'],
  )
  for (const { name, value } of rows) t.ok(Number.isFinite(value), `${name}: ${value}`)
  t.ok(
    Number.isFinite(rows[1]!.baseline),
    'of five links a collection may hide the cost: only that it was told',
  )
  t.ok(rows[2]!.baseline === null && rows[3]!.baseline === null)
})

t.test('bench startup: a node beside a process that does nothing', async t => {
  const [row] = await startup(signal, 1)
  t.match(row, { name: 'startup', unit: 'ms' })
  wholeRow(t, fieldsOf(row!))
})

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
