/** How far it is: one line over itself on a terminal, nothing anywhere else. */
import { PassThrough } from 'node:stream'
import t from 'tap'
import { CountLine, ProgressLine, progressText } from '../../src/cli/progress.ts'

function terminal(isTTY: boolean): {
  stream: PassThrough & { isTTY: boolean; columns: number }
  take(): string
} {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 })
  let text = ''
  stream.on('data', chunk => {
    text += chunk
  })
  return {
    stream,
    take() {
      const taken = text
      text = ''
      return taken.replaceAll('\u001b[', '<')
    },
  }
}

t.test('the line: name, amount, bar, share, speed, time left; less where less is known', async t => {
  const at = { name: 'sea.jpg', done: 412e6, total: 1.1e9, speed: 96.3e6 }
  t.equal(progressText(at), 'sea.jpg  412 MB of 1.1 GB  [======>             ]  37%  96.3 MB/s  8s left')
  t.equal(progressText({ ...at, total: undefined }), 'sea.jpg  412 MB  96.3 MB/s')
  t.equal(progressText({ ...at, done: 0, speed: 0 }), 'sea.jpg  0 B of 1.1 GB  [                    ]  0%')
  t.equal(
    progressText({ ...at, done: 2e9 }),
    'sea.jpg  2.0 GB of 1.1 GB  [===================>]  100%  96.3 MB/s',
  )
  t.equal(
    progressText({ ...at, done: 0, total: 0, speed: 0 }),
    'sea.jpg  0 B of 0 B  [===================>]  100%',
  )
  t.match(
    progressText({ ...at, name: '\u001b[2J\n'.repeat(20) }),
    /^\\x1b\[2J/,
    'CL-02 names come from others',
  )
  t.notMatch(progressText({ ...at, name: '\u001b[2J' }), '\u001b')
})

t.test(
  'on a terminal: after a moment, ten times a second, the speed of the last seconds, gone at the end',
  async t => {
    const { stream, take } = terminal(true)
    let now = 0
    const line = new ProgressLine(stream, {}, () => now)
    line.about('a', 10_000_000)
    line.reached(1_000)
    t.equal(take(), '', 'what is over at once shows nothing')
    now = 300
    line.reached(300_000)
    t.equal(take(), '\r<2Ka  300 kB of 10.0 MB  [>                   ]  3%  1.0 MB/s  10s left')
    now = 350
    line.reached(400_000)
    t.equal(take(), '', 'not more often')
    for (now = 1_000; now <= 8_000; now += 500) line.reached(1_000_000)
    t.match(take(), / 1\.0 MB of 10\.0 MB {2}\[=>[^\r]*\] {2}10%$/, 'a stall is seen: no speed, no guess')
    line.close()
    line.close()
    t.equal(take(), '\r<2K')
  },
)

t.test('without a terminal, or on a dumb one: nothing', async t => {
  for (const [isTTY, env] of [
    [false, {}],
    [true, { TERM: 'dumb' }],
  ] as const) {
    const { stream, take } = terminal(isTTY)
    let now = 0
    const line = new ProgressLine(stream, env, () => now)
    now = 1_000
    line.about('a', 10)
    line.reached(5)
    line.close()
    const count = new CountLine(stream, env, 'gc')
    count.reached(5)
    count.close()
    t.equal(take(), '')
  }
})

t.test('a narrow terminal: one line is one line', async t => {
  const { stream, take } = terminal(true)
  stream.columns = 30
  let now = 0
  const line = new ProgressLine(stream, {}, () => now)
  now = 1_000
  line.about('n'.repeat(200), 1_000_000)
  const shown = take().replace('\r<2K', '')
  t.ok(shown.length < 30, shown)
})
