/** The line link: every line both ways, however it is split, and what it refuses; in virtual time. */
import fc from 'fast-check'
import t from 'tap'
import { concat, utf8 } from '../../src/base/bytes.ts'
import { accepts } from '../../src/base/states.ts'
import { visible } from '../../src/base/text.ts'
import { defaults, lineLink } from '../../src/link/line-link.ts'
import { LineReader } from '../../src/link/line-reader.ts'
import { limits } from '../../src/wire/limits.ts'
import { Desk, gatewayId } from '../support/line-desk.ts'
import { check } from '../support/property.ts'

const hello = `${gatewayId}:alice`
const open = (options: ConstructorParameters<typeof Desk>[0] = {}): Desk => {
  const desk = new Desk(options).types('bob:Bob\n')
  desk.take()
  return desk
}

/** Every line of D7 to D9 that a guest may send, and some that only look like one. */
const session = [
  ['bob:Bob', hello],
  ['REQUEST_PEERS', 'PEERS:10.0.0.2:7001'],
  ['PEERS:[2001:db8::7]:7000,10.0.0.9:7000'],
  ['PEERS:'],
  ['PING', 'PONG'],
  ['PONG'],
  ['hello everybody', '<chat hello everybody>'],
  [' PING', '<chat PING>'],
  ['  two', '<chat  two>'],
  [''],
  ['안녕 ✌️', '<chat 안녕 ✌️>'],
  ['bob:Bob', '<chat bob:Bob>'],
] as const

t.test('D7 D8 D9 LINE-1 a session, each line with its answer; LF or CRLF', async t => {
  for (const end of ['\n', '\r\n']) {
    const desk = new Desk()
    for (const [typed, ...answers] of session) {
      desk.types(typed + end)
      t.strictSame(desk.take(), answers, JSON.stringify(typed + end))
    }
    t.strictSame(desk.debug, [
      'Received REQUEST_PEERS from Bob',
      'Received PEERS: [2001:db8::7]:7000, 10.0.0.9:7000 from Bob',
      'Received PEERS:  from Bob',
      'Received PING from Bob',
      'Received PONG from Bob',
    ])
  }
})

t.test('LINE-1 the same, split at every byte, and byte by byte', async t => {
  const bytes = utf8(session.map(([typed], i) => `${typed}${i % 2 === 0 ? '\n' : '\r\n'}`).join(''))
  const expected = new Desk().types(bytes).take()
  // One piece is answered in one write, so chat, which is no write, stands before the answers.
  const sorted = (lines: string[]): string[] => lines.toSorted()
  for (let cut = 0; cut <= bytes.length; cut++) {
    const desk = new Desk().types(bytes.subarray(0, cut)).types(bytes.subarray(cut))
    if (sorted(desk.take()).join('\n') !== sorted(expected).join('\n')) t.fail(`cut at ${cut}`)
  }
  const desk = new Desk()
  for (const byte of bytes) desk.types(Uint8Array.of(byte))
  t.strictSame(
    desk.take(),
    session.flatMap(([, ...answers]) => answers),
  )
})

t.test('LINE-1 any bytes in any pieces make the same lines', async t => {
  const lines = (pieces: readonly Uint8Array[]): string[] => {
    const reader = new LineReader()
    const out: string[] = []
    for (const piece of pieces)
      reader.take(piece, line => {
        out.push(Buffer.from(line).toString('hex'))
        return true
      })
    return out
  }
  const text = fc.uint8Array({ maxLength: 900, size: 'max' }).map(bytes => bytes.map(b => (b < 60 ? 10 : b)))
  check(
    fc.property(text, fc.array(fc.nat(900)), (bytes, cuts) => {
      const at = [0, ...cuts.filter(cut => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const pieces = at.slice(1).map((end, i) => bytes.slice(at[i], end))
      return lines(pieces).join() === lines([bytes]).join()
    }),
  )
  t.strictSame(
    lines([utf8('a\rb\r\n\r\n\n')]),
    ['a\rb\n', '\n', '\n'].map(line => Buffer.from(line).toString('hex')),
  )
})

t.test('LINE-1 what has no line end when the guest leaves was never said', async t => {
  const desk = open().types('half a sen')
  t.strictSame(desk.does({ kind: 'carrier-closed', error: undefined }).take(), ['<end>', '<ended goodbye>'])
})

t.test('LINE-3 the first line: ids, names, and what they stand for', async t => {
  const met: string[][] = []
  const admit = (id: string, name: string): undefined => void met.push([id, name])
  const good = ['bob', 'bob:', 'bob: ', 'bob:Bob B.', 'peer-8001:a:b', '민수:민수', `${'x'.repeat(32)}:y`]
  for (const line of good) t.strictSame(new Desk({ admit }).types(`${line}\n`).take(), [hello], line)
  t.strictSame(met, [
    ['bob', 'bob'],
    ['bob', 'bob'],
    ['bob', 'bob'],
    ['bob', 'Bob B.'],
    ['peer-8001', 'a:b'],
    ['민수', '민수'],
    ['x'.repeat(32), 'y'],
  ])
  const bad = [
    gatewayId,
    `${gatewayId}:bob`,
    '12d3koowabc',
    'QmYyQSo1c1Ym7orWxLYvCrM2Em',
    'k51qzi5uqu5d',
    'bafzaajaiaejc',
    '',
    ':bob',
    'a b',
    'x'.repeat(33),
    'PING',
    'PEERS:10.0.0.2:1',
    'bob:\u001b[2J',
    'bob:a\u202eb',
    'b\u200bob',
    'line:bob@x y\u0000',
    'GET / HTTP/1.1',
    'POST / HTTP/1.1',
  ]
  for (const line of bad) {
    const desk = new Desk({ admit }).types(`${line}\nhello\n`)
    const [words, ...rest] = desk.take()
    t.match(words, /^# Not a message: /, JSON.stringify(line))
    t.equal(words, visible(words!), 'CL-02 CL-03 the complaint is safe to show')
    t.strictSame(rest, ['<end>'], 'LINE-4 and that is the end')
  }
  t.equal(met.length, good.length, 'nobody else was asked to be let in')
  for (const reply of ['DUPLICATE', 'MAX_PEERS'])
    t.strictSame(new Desk({ admit }).types(`${reply}\n`).take(), ['<end>'], 'a guest refuses nobody')
})

t.test('LINE-7 DUPLICATE and MAX_PEERS byte for byte, then the end', async t => {
  for (const reason of ['DUPLICATE', 'MAX_PEERS'] as const) {
    const desk = new Desk({ admit: () => reason }).types('bob:Bob\nhello\nPING\n')
    t.strictSame(desk.take(), [reason, '<end>'])
    t.equal(desk.link.deadline(), undefined)
  }
  const desk = open().does({ kind: 'close', reason: 'room was needed', refusal: 'MAX_PEERS' })
  t.strictSame(desk.take(), ['MAX_PEERS', '<end>', '<ended room was needed>'])
})

t.test('LINE-4 the first line has a minute, which nothing extends but being one', async t => {
  const desk = new Desk()
  desk.types('HELP\n')
  t.match(desk.take(), [/^# You are at the line port of alice/])
  for (let i = 0; i < 59; i++) desk.types('b').pass(1_000)
  t.strictSame(desk.take(), [])
  desk.pass(1_000)
  t.strictSame(desk.take(), ['<end>'])
  t.equal(desk.link.deadline(), undefined, 'the gone ask for nothing')
})

t.test('LINE-9 a guest is pinged; any line is life; silence is the end', async t => {
  const desk = open()
  t.strictSame(desk.pass(14_999).take(), [], 'not before its time')
  t.strictSame(desk.pass(1).take(), ['PING'])
  desk.types('PONG\n')
  t.equal(desk.link.rtt, 0)
  desk.pass(15_000)
  t.strictSame(desk.take(), ['PING'])
  desk.pass(40).types('PONG\n')
  t.equal(desk.link.rtt, 40, 'a PONG measures the way since the last PING')
  desk.pass(500).types('PONG\n')
  t.equal(desk.link.rtt, 40, 'PT-11 and one that was not asked for measures nothing')
  for (let i = 0; i < 20; i++) desk.pass(14_000).types(`word ${i}\n`)
  t.notOk(desk.take().some(line => line.startsWith('<ended')))
  desk.pass(59_999)
  t.ok(desk.link.open)
  desk.pass(1)
  t.strictSame(desk.take().slice(-2), ['<drop>', '<ended timeout>'])
  t.match(desk.debug, ['Sent PING to Bob', 'Received PONG from Bob'])
  t.strictSame(open().does({ kind: 'probe' }).take(), ['PING'], 'doubted, it is asked at once')
})

t.test('LINE-2 lines at their limit pass, one more ends it, before its LF', async t => {
  const text = 'x'.repeat(limits.chatText)
  t.strictSame(open().types(`${text}\n`).take(), [`<chat ${text}>`])
  t.strictSame(open().types(` ${text}\r\n`).take(), [`<chat ${text}>`])
  t.match(open().types(`${text}x\n`).take(), [/^# Not a message/, '<end>', /^<ended /])
  const desk = open()
  for (let i = 0; i < limits.line; i += 64) desk.types('x'.repeat(64))
  t.strictSame(desk.take(), [])
  t.match(desk.types('xx').take(), [/^# Not a message/, '<end>', /at most 16640/])
})

t.test('LINE-2 binary ends it: what is not UTF-8 is no person', async t => {
  for (const bytes of [Uint8Array.of(0xff, 10), Uint8Array.of(0xc0, 0xaf, 10), Uint8Array.of(0x80, 10)]) {
    t.match(open().types(bytes).take(), [/^# Not a message/, '<end>', /^<ended /])
    t.match(new Desk().types(bytes).take(), [/^# Not a message/, '<end>'])
  }
  t.match(
    open()
      .types(concat(utf8('PEERS:'), Uint8Array.of(0xff, 10)))
      .take()
      .at(-1),
    /ended/,
  )
})

t.test('LINE-10 malformed PEERS are answered in words, and the guest stays', async t => {
  const desk = open().types('PEERS:nonsense\nPEERS:a:1,,b:2\nDUPLICATE\nPING\n')
  t.match(desk.take(), [
    /^# Not a message: .*port is missing/,
    /^# Not a message/,
    /^# DUPLICATE and/,
    'PONG',
  ])
})

t.test('LINE-6 CL-02 CL-03 what others say: one line, nothing hidden, nobody else’s name', async t => {
  const desk = open()
  const said: [name: string, text: string, shown: string][] = [
    ['carol', 'hi', '[carol] hi'],
    ['carol', 'a\nb\r\n[dave] c', '[carol] a\\nb\\r\\n[dave] c'],
    ['carol', '\u001b[2J\u0007\u202e\u200b\t', '[carol] \\x1b[2J\\x07\\u{202e}\\u{200b}\\t'],
    ['x] [dave', 'hi', '["x] [dave"] hi'],
    ['\u001b]0;x\u0007', 'hi', '["\\x1b]0;x\\x07"] hi'],
    ['carol', 'PING', '[carol] PING'],
  ]
  for (const [name, text, shown] of said) t.strictSame(desk.hears(name, text).take(), [shown])
  const [long] = desk.hears('é'.repeat(32), '\u001b'.repeat(limits.chatText)).take()
  t.ok(Buffer.byteLength(long!) <= limits.chatText, 'cut to what a line may hold')
  t.ok(long!.endsWith('…'))
  t.notMatch(new Desk().hears('carol', 'hi').take(), [/carol/], 'who has not said hello hears nothing')
})

t.test('LINE-12 FR-04 a million empty lines: left out, then shown out', async t => {
  const desk = open()
  const begun = performance.now()
  desk.types(new Uint8Array(1_000_000).fill(10))
  t.match(desk.take(), [/^# Too fast: lines above 50 a second/, '<end>', '<ended too many lines>'])
  t.comment(`${(performance.now() - begun).toFixed(1)} ms of CPU (bound 50)`)
  t.ok(performance.now() - begun < 250)
})

t.test('LINE-12 who pastes a page is heard; who goes on is told, and heard again later', async t => {
  const desk = open()
  const page = Array.from({ length: 600 }, (_, i) => `line ${i}\n`).join('')
  desk.types(page)
  const told = desk.take()
  t.equal(told.filter(line => line.startsWith('<chat')).length, defaults.burst - 1)
  t.equal(told.filter(line => line.startsWith('# Too fast')).length, 1, 'said once')
  desk.pass(2_000).types('PING\n')
  t.strictSame(desk.take(), ['PONG'])
})

t.test('LINE-12 a guest that does not read: bounded, told what it missed, then gone', async t => {
  const desk = open()
  desk.buffered = defaults.buffered
  const text = 'x'.repeat(1_000)
  for (let i = 0; i < 10_000; i++) desk.hears('carol', text)
  t.strictSame(desk.take(), [], 'nothing is given to a full system')
  const kept = Math.floor(defaults.queued / (text.length + '[carol] \n'.length))
  t.equal(desk.link.dropped, 10_000 - kept, 'what does not fit is counted')
  desk.buffered = 0
  desk.pass(defaults.retry)
  const told = desk.take()
  t.equal(told.length, kept + 1)
  t.equal(told.at(-1), `# ${10_000 - kept} lines left out here, for you read too slowly.`)
  t.strictSame(desk.hears('carol', 'again').take(), ['[carol] again'])
  desk.buffered = defaults.buffered
  for (let i = 0; i < 100; i++) desk.hears('carol', text)
  t.match(desk.pass(60_000).take().slice(-2), ['<drop>', '<ended timeout>'])
})

t.test('teach: each line is explained, and only in lines that begin with #', async t => {
  const desk = new Desk({ teach: true })
  t.match(desk.take(), [/^# This is the line port of alice/, /^# First say who you are/])
  desk.types('bob:Bob\n')
  t.match(desk.take(), [hello, /^# HELLO: .*line:bob@12D3/, /^# Between nodes/, /^# Now type/])
  const lines: [typed: string, ...told: (string | RegExp)[]][] = [
    ['PING', 'PONG', /^# PING: .*0x01.*0x02/],
    ['PONG', /^# PONG: /],
    ['REQUEST_PEERS', 'PEERS:10.0.0.2:7001', /^# REQUEST_PEERS: .*0x18.*0x19/],
    ['PEERS:10.0.0.9:1', /^# PEERS: you told 1 line port\./],
    ['hi', '<chat hi>', /^# CHAT: alice signed it in your name and sent it to 2 nodes .* 0 other guests/],
  ]
  for (const [typed, ...told] of lines) t.match(desk.types(`${typed}\n`).take(), told, typed)
  t.match(desk.hears('carol', 'hi').take(), ['[carol] hi', /^# CHAT: from the node 12D3/])
  t.match(desk.hears('dave', 'hi', `line:dave@${gatewayId}`).take(), [
    /dave/,
    /^# CHAT: from a guest, line:d/,
  ])
  t.match(desk.pass(15_000).take(), ['PING', /^# PING: are you there\? .*60 s/])
  t.match(new Desk({ teach: true, admit: () => 'DUPLICATE' }).types('bob\n').take().slice(2), [
    'DUPLICATE',
    /^# DUPLICATE: /,
    '<end>',
  ])
})

t.test('HELP in words, always', async t => {
  for (const desk of [new Desk(), open(), open({ teach: true })]) {
    desk.take()
    const words = desk.types('HELP\n').take()
    for (const word of ['ID:NAME', 'PING', 'REQUEST_PEERS', 'PEERS:A,B', 'HELP', 'anything else'])
      t.ok(
        words.some(line => line.includes(word)),
        word,
      )
    t.ok(words.every(line => line.startsWith('#') && line.length <= 100))
  }
})

t.test('the states: hello once, and after the end nothing moves', async t => {
  t.ok(accepts(lineLink, 'waiting', 'hello'))
  t.notOk(accepts(lineLink, 'open', 'hello'))
  for (const event of ['hello', 'end'] as const) t.notOk(accepts(lineLink, 'ended', event))
  const desk = open().does({ kind: 'close', reason: 'stop' })
  t.strictSame(desk.take(), ['<end>', '<ended stop>'])
  desk.types('PING\n').hears('carol', 'hi').pass(100_000).does({ kind: 'probe' })
  t.strictSame(desk.does({ kind: 'carrier-closed', error: new Error('late') }).take(), [])
})

t.test('LINE-1 ERR-1 any bytes: lines, words, or the end; never anything thrown', async t => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300, size: 'max' }),
    fc.uint8Array({ maxLength: 300, size: 'max', max: 127 }),
    fc
      .constantFrom(
        'some words\n',
        'é\n',
        'bob:Bob\n',
        'PING\r\n',
        'PEERS:',
        'HELP\n',
        '\n',
        ' ',
        'REQUEST_PEERS\n',
      )
      .map(utf8),
  )
  let heard = 0
  check(
    fc.property(fc.array(piece, { maxLength: 12 }), pieces => {
      const desk = new Desk().types('bob:Bob\n')
      for (const bytes of pieces) desk.types(bytes)
      for (const line of desk.take()) {
        if (line.startsWith('<chat')) heard++
        else if (!/^(<end|<ended|# |# {2}|PONG$|PEERS:|12D3)/.test(line)) return false
      }
      return true
    }),
    400,
  )
  t.ok(heard > 50)
})
