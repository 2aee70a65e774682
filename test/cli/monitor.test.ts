/** What `monitor` makes of a node: speeds, charts, lines that fit, and a terminal given back. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import type { Blocks, CliControl, Files, NodeMessage, NodeStatus } from '../../src/cli/api.ts'
import { columnsOf, cut, fit } from '../../src/cli/monitor/columns.ts'
import { bytes, chart, Meter, uptime } from '../../src/cli/monitor/meter.ts'
import { Screen } from '../../src/cli/monitor/screen.ts'
import { screenLines, summary } from '../../src/cli/monitor/views.ts'
import { bob, bobId, command, noContents, noon, start } from '../support/cli.ts'

const csi = '\u001b['

const status: NodeStatus = {
  peerId: bobId,
  name: 'alice',
  addresses: ['/ip4/127.0.0.1/tcp/8001'],
  port: 8001,
  uptimeSeconds: 3_725,
  maxPeers: 20,
  peers: [bob],
  stats: {
    blocks_sent: 0,
    blocks_received: 0,
    peers_connected: 1,
    want_list_size: 7,
    blocks_provided: 0,
    strangers_refused: 0,
    bytes_in: 1_000,
    bytes_out: 2_000,
    messages_dropped: 0,
    events_dropped: 0,
  },
}

t.test('columns: wide, narrow and combining characters; a cut text never ends too wide', async t => {
  for (const [text, columns] of [
    ['', 0],
    ['bob', 3],
    ['漢字', 4],
    ['e\u0301', 1],
    ['한국', 4],
    ['🎉', 2],
    ['▁█…', 3],
  ] as const)
    t.equal(columnsOf(text), columns, text)
  for (let most = 0; most < 12; most++) {
    t.ok(columnsOf(cut('a漢b字c🎉d한e', most)) <= most, `${most}`)
    t.equal(columnsOf(fit('a漢b字c🎉d한e', most)), most)
  }
  t.equal(cut('hello', 5), 'hello')
  t.equal(cut('hello!', 5), 'hell…')
})

t.test('meter: bytes a second between two looks; a new link to a peer begins anew', async t => {
  const meter = new Meter()
  meter.look(status, 1_000)
  t.strictSame(meter.speed(), { in: 0, out: 0, history: [] }, 'one look tells no speed')
  const later = { ...status, stats: { ...status.stats, bytes_in: 3_000, bytes_out: 2_500 } }
  meter.look({ ...later, peers: [{ ...bob, bytesIn: 1_010, bytesOut: 5 }] }, 3_000)
  t.strictSame(meter.speed(), { in: 1_000, out: 250, history: [1_250] })
  t.strictSame(meter.speed(bobId), { in: 500, out: 2.5, history: [502.5] })
  t.strictSame(meter.speed('nobody'), { in: 0, out: 0, history: [] })
  for (let i = 2; i < 40; i++) meter.look(later, 1_000 + 1_000 * i)
  t.equal(meter.speed().history.length, 12, 'bounded')
  t.equal(meter.speed(bobId).history.length, 12)
})

t.test('figures as people read them', async t => {
  t.strictSame([0, 999, 999.6, 1_234, 99_949, 99_950, 999_499, 999_500, 1e15].map(bytes), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.2 kB',
    '99.9 kB',
    '100 kB',
    '999 kB',
    '1.0 MB',
    '1000 TB',
  ])
  t.strictSame([0, 59.9, 60, 3_725, 90_061].map(uptime), ['0s', '59s', '1m 0s', '1h 2m', '1d 1h'])
  t.equal(chart([0, 1, 50, 100]), '▁▁▄█')
  t.equal(chart([]), '')
  t.equal(
    summary(status, new Meter()),
    'connected 1/20, sent 2.0 kB (0 B/s), received 1.0 kB (0 B/s), queue 7',
  )
})

t.test('screen: peers and events share any size of terminal', async t => {
  const many = {
    ...status,
    peers: Array.from({ length: 30 }, (_, i) => ({ ...bob, peerId: `${bobId}${i}` })),
  }
  const events = Array.from({ length: 50 }, (_, i) => `event ${i}`)
  for (const look of [status, many, { ...status, peers: [] }])
    for (let rows = 1; rows < 60; rows++) {
      const lines = screenLines(look, new Meter(), noon, events, { columns: 90, rows })
      t.equal(lines.length, rows, `${look.peers.length} peers on ${rows} rows`)
      t.match(lines.at(-1)!.text, 'q or Ctrl-C')
    }
  const texts = screenLines(many, new Meter(), noon, events, { columns: 90, rows: 24 }).map(one => one.text)
  t.match(texts[0], /^ alice {2}12D3KooW….* {2}port 8001 {2}up 1h 2m +15:04:32$/)
  t.match(texts.join('\n'), /… and 2\d more/)
  t.match(texts.join('\n'), 'event 49')
})

t.test('screen: only what changed is written, each line at its place, and all is given back', async t => {
  let written = ''
  const terminal = Object.assign(new PassThrough(), { columns: 10, rows: 3 })
  terminal.on('data', part => {
    written += String(part)
  })
  const take = () => {
    const all = written.replaceAll('\u001b[', '<')
    written = ''
    return all
  }
  const screen = new Screen(terminal)
  screen.draw([{ text: 'too early' }])
  t.equal(take(), '')
  screen.enter()
  screen.enter()
  t.equal(take(), '<?1049h<?25l<?7l<2J')
  screen.draw([{ text: 'one' }, { text: 'two', style: 'bold' }, { text: 'three' }, { text: 'below' }])
  t.equal(take(), '<1;1H<2Kone<2;1H<2K<1mtwo<0m<3;1H<2Kthree')
  screen.draw([{ text: 'one' }, { text: '0123456789abc' }])
  t.equal(take(), '<2;1H<2K012345678…<3;1H<2K')
  screen.draw([{ text: 'one' }, { text: '0123456789abc' }])
  t.equal(take(), '', 'nothing changed')
  terminal.columns = 5
  terminal.emit('resize')
  t.equal(take(), '<?7l<?25l<2J<1;1H<2Kone<2;1H<2K0123…')
  screen.leave()
  screen.leave()
  t.equal(take(), '<0m<?7h<?25h<?1049l')
  terminal.emit('resize')
  t.equal(take(), '', 'and left alone')
})

/** A node whose end, events and questions a test has in hand. */
class FakeControl extends EventEmitter implements CliControl {
  readonly blocks = noContents<Blocks>()
  readonly files = noContents<Files>()
  closed = 0
  fault: Error | undefined
  readonly logAppend: CliControl['logAppend'] = () => Promise.reject(new Error('a fake has no log'))
  readonly logEntries: CliControl['logEntries'] = () => Promise.reject(new Error('a fake has no log'))
  readonly sync: CliControl['sync'] = () => Promise.reject(new Error('a fake has no log'))

  async status(): Promise<NodeStatus> {
    this.emit('asked')
    if (this.fault !== undefined) throw this.fault
    return status
  }

  async *events({ signal }: { signal?: AbortSignal } = {}): AsyncGenerator<NodeMessage> {
    yield { event: 'chat-message', id: '', from: bobId, name: 'bob', message: '\u001b[2Jhi', timestamp: 0 }
    await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))))
  }

  async connect(): Promise<typeof bob> {
    return bob
  }

  async broadcast(): Promise<number> {
    return 3
  }

  async send(_text: string, { to }: { to: string }): Promise<{ peerId: string; name: string }> {
    return { peerId: bobId, name: to }
  }

  async close(): Promise<void> {
    this.closed++
  }
}

const ends: readonly [string, (run: ReturnType<typeof start>, control: FakeControl) => void, number][] = [
  ['q', run => void run.stdin.write('q'), 0],
  ['Ctrl-C as a key', run => void run.stdin.write('\u0003'), 0],
  ['SIGINT', run => void run.signals.emit('SIGINT'), 0],
  ['SIGTERM', run => void run.signals.emit('SIGTERM'), 0],
  [
    'the end of the node',
    (_, control) => {
      control.fault = Object.assign(new Error('the link is closed'), { code: 'GH_LINK_CLOSED' })
    },
    1,
  ],
]

for (const [how, act, code] of ends)
  t.test(`CL-05 monitor: ${how} gives the terminal back`, async t => {
    const control = new FakeControl()
    const run = start(['monitor', '--interval', '50ms'], { control, terminal: true })
    const raw: boolean[] = []
    Object.assign(run.stdin, { setRawMode: (on: boolean) => raw.push(on) })
    await run.shows('NAME')
    t.ok(run.out().startsWith(`${csi}?1049h`))
    t.ok(run.out().includes('[15:04:32] [bob] \\x1b[2Jhi'), 'what a peer sends is shown, not done')
    act(run, control)
    t.equal(await run.code, code)
    t.ok(run.out().endsWith(`${csi}?7h${csi}?25h${csi}?1049l`))
    t.equal(raw.at(-1), false)
    t.equal(control.closed, 1)
    t.equal(run.signals.listenerCount('exit'), 0)
    t.equal(run.signals.listenerCount('SIGINT'), 0)
    t.equal(run.err() === '', code === 0)
  })

t.test('CL-05 monitor: a process that ends at once gives the terminal back too', async t => {
  const run = start(['monitor'], { control: new FakeControl(), terminal: true })
  await run.shows('NAME')
  run.signals.emit('exit')
  t.ok(run.out().endsWith(`${csi}?1049l`))
  run.signals.emit('SIGINT')
  await run.code
})

t.test('B28 monitor: its ticks', async t => {
  const dumb = start(['monitor'], { control: new FakeControl(), terminal: true, env: { TERM: 'dumb' } })
  await dumb.shows('connected')
  t.equal(dumb.out(), `[15:04:32] ${summary(status, new Meter())}\n`, 'no screen on a dumb terminal')
  dumb.signals.emit('SIGINT')
  t.equal(await dumb.code, 0)
  const slow = start(['monitor', '--interval', '1h'], { control: new FakeControl() })
  await slow.shows('connected')
  slow.signals.emit('SIGINT')
  t.equal(await slow.code, 0, 'an interval longer than half the peer timeout is fine here')
  t.equal((await command(['monitor', 'now'])).code, 2)
  t.match(await command(['monitor']), { code: 3, err: /GH_CONTROL_ABSENT/ })
})

t.test('send and connect: to the running node, unless keys are named by hand', async t => {
  const scene = () => ({ control: new FakeControl() })
  t.match(await command(['send', 'hi', 'you'], scene()), { code: 0, out: 'Sent to 3 peers\n', err: '' })
  t.match(await command(['send', '--to', 'bob', 'hi', '--json'], scene()), {
    out: `{"to":"${bobId}","name":"bob"}\n`,
  })
  t.match((await command(['connect', 'a:1'], scene())).calls, ['openControl (default) -'])
  t.strictSame((await command(['connect', 'a:1', '--open', 'town'], scene())).calls, ['createNode'])
  t.match((await command(['connect', 'a:1', '--port', '8001'])).code, 3, 'one named by its port has to run')
  t.match((await command(['connect', 'a:1'], { env: { GUILD_PORT: '8001' } })).code, 0)
  const sent = start(['send', '-b', 'a:1', '--to', 'bob', 'x'])
  t.equal(await sent.code, 0)
  t.strictSame((await sent.node).told, ['start', 'connect a:1', 'send bob x', 'stop'])
})
