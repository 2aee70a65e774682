/** `bench`: every kind, run for a moment, and the shape of what it says. No speeds. How it ends: `bench.test.ts`. */
import t from 'tap'
import { blocks, effortOf } from '../../src/cli/bench/blocks.ts'
import { idle } from '../../src/cli/bench/idle.ts'
import { withFarSide } from '../../src/cli/bench/kinds.ts'
import { mesh } from '../../src/cli/bench/mesh.ts'
import { messages } from '../../src/cli/bench/messages.ts'
import { fieldsOf, type Row, tableOf } from '../../src/cli/bench/rows.ts'
import { startup } from '../../src/cli/bench/startup.ts'
import { tcp } from '../../src/cli/bench/tcp.ts'
import { udp } from '../../src/cli/bench/udp.ts'
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
