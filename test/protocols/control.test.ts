/** Requests to a running node: what may be asked, and clients that stall, flood or do not read. */
import t from 'tap'
import { utf8 } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import {
  CONTROL_PROTOCOL,
  type ControlReply,
  type ControlRequest,
  decodeReply,
  decodeRequest,
  encodeControl,
  REQUEST_MAX,
} from '../../src/protocols/control/requests.ts'
import { ControlSession, defaults } from '../../src/protocols/control/session.ts'
import { MessageReader, writeMessage } from '../../src/streams/messages.ts'
import { marks, type Stream } from '../../src/streams/stream.ts'
import { PlainSide, settle } from '../support/plain.ts'

t.test('requests: each comes back as it was; unknown members are left out', async t => {
  const all: ControlRequest[] = [
    { do: 'status' },
    { do: 'events' },
    { do: 'connect', address: 'localhost:1' },
    { do: 'send', text: '' },
    { do: 'send', text: '\u001b[2J\n', to: 'bob' },
  ]
  for (const request of all) t.strictSame(decodeRequest(encodeControl(request)), request)
  t.strictSame(decodeRequest(utf8('{"do":"status","later":[1]}')), { do: 'status' })
  t.strictSame(decodeRequest(utf8('{"do":"send","text":"x","to":null}')), { do: 'send', text: 'x' })
})

t.test('CONTROL-4 what is no request is refused in words', async t => {
  const bad: readonly [string | Uint8Array, RegExp][] = [
    ['', /not JSON/],
    [Uint8Array.of(0xff), /not JSON in UTF-8/],
    ['[]', /not an object/],
    ['null', /not an object/],
    ['3', /not an object/],
    ['{}', /"do" has to be .* not undefined/],
    ['{"do":"stop"}', /not "stop"/],
    ['{"do":"constructor"}', /not "constructor"/],
    ['{"do":"\\u001b[31m"}', /not "\\x1b\[31m"/],
    ['{"do":"connect"}', /"address"/],
    ['{"do":"connect","address":""}', /"address"/],
    [`{"do":"connect","address":"${'a'.repeat(1_025)}"}`, /"address"/],
    ['{"do":"send"}', /"text"/],
    ['{"do":"send","text":"x","to":7}', /"to"/],
  ]
  for (const [text, message] of bad)
    t.throws(() => decodeRequest(typeof text === 'string' ? utf8(text) : text), {
      code: 'GH_CONTROL_REQUEST',
      message,
    })
})

t.test('replies: figures that are absent are null, codes of newer nodes are kept in words', async t => {
  t.strictSame(decodeReply(encodeControl({ ok: { rttMs: undefined } })), { ok: { rttMs: null } })
  t.strictSame(decodeReply(encodeControl({ dropped: 3 })), { dropped: 3 })
  t.strictSame(decodeReply(utf8('{"error":{"code":"GH_NEW","detail":"x"}}')), {
    error: { code: 'GH_INTERNAL', detail: 'GH_NEW: x' },
  })
  for (const text of ['{}', '{"dropped":"3"}', '{"error":{}}', '{"error":null}'])
    t.throws(() => decodeReply(utf8(text)), { code: 'GH_CONTROL_REQUEST' })
})

/** A client and a node's session, with a hand on what the node does. */
class Scene {
  readonly client: PlainSide = new PlainSide(true)
  readonly node: PlainSide
  readonly session: ControlSession
  readonly asked: [number, ControlRequest][] = []
  readonly dropped: number[] = []
  closed: GuildError | undefined

  constructor() {
    this.node = new PlainSide(false, stream => this.session.accept(stream))
    this.session = new ControlSession({
      ask: (id, request) => void this.asked.push([id, request]),
      drop: id => void this.dropped.push(id),
      close: error => {
        this.closed ??= error
      },
      now: () => this.node.now,
    })
  }

  ask(request: ControlRequest | Uint8Array, end = true): Stream {
    const stream = this.client.streams.open(CONTROL_PROTOCOL)
    stream.handler = { readable() {}, writable() {}, reset() {}, stopped() {} }
    writeMessage(stream, request instanceof Uint8Array ? request : encodeControl(request))
    if (end) stream.end()
    this.settle()
    return stream
  }

  settle(): void {
    settle(this.client, this.node)
  }

  at(now: number): void {
    this.node.now = now
    this.client.now = now
    this.session.handle({ kind: 'tick' }, now)
    this.settle()
  }
}

function repliesOf(stream: Stream): ControlReply[] {
  const reader = new MessageReader(1 << 24)
  const replies: ControlReply[] = []
  for (let piece = stream.read(); piece !== undefined; piece = stream.read()) {
    reader.feed(piece)
    for (let message = reader.next(); message !== undefined; message = reader.next())
      replies.push(decodeReply(message))
  }
  return replies
}

t.test('session: a request is asked once it is whole, and answered once', async t => {
  const scene = new Scene()
  const stream = scene.ask({ do: 'status' }, false)
  t.strictSame(scene.asked, [], 'not before the end')
  stream.end()
  scene.settle()
  t.strictSame(scene.asked, [[0, { do: 'status' }]])
  scene.session.answer(0, { name: 'a' })
  scene.session.answer(0, { name: 'b' })
  scene.session.fail(0, new GuildError('GH_INTERNAL'))
  scene.settle()
  t.strictSame(repliesOf(stream), [{ ok: { name: 'a' } }])
  t.ok(stream.finished)
  const failed = scene.ask({ do: 'connect', address: 'a:1' })
  scene.session.fail(2, new GuildError('GH_DIAL_REFUSED', 'a:1'))
  scene.settle()
  t.strictSame(repliesOf(failed), [{ error: { code: 'GH_DIAL_REFUSED', detail: 'a:1' } }])
})

t.test('CONTROL-4 bad requests are answered with their fault, and nothing is asked', async t => {
  const scene = new Scene()
  const two = scene.client.streams.open(CONTROL_PROTOCOL)
  for (let i = 0; i < 2; i++) writeMessage(two, encodeControl({ do: 'status' }))
  two.end()
  const none = scene.client.streams.open(CONTROL_PROTOCOL)
  none.end()
  const half = scene.client.streams.open(CONTROL_PROTOCOL)
  half.write(Uint8Array.of(20, 1, 2))
  half.end()
  scene.settle()
  for (const stream of [two, none, half, scene.ask(utf8('nonsense'))])
    t.match(repliesOf(stream), [{ error: { code: 'GH_CONTROL_REQUEST' } }])
  const large = scene.client.streams.open(CONTROL_PROTOCOL)
  large.write(Uint8Array.of(0x80, 0x01, 0x90, 0x01)) // a message of 102,401 bytes
  scene.settle()
  t.match(repliesOf(large), [{ error: { code: 'GH_STREAM_TOO_LARGE' } }])
  t.equal(REQUEST_MAX, 102_400)
  t.strictSame(scene.asked, [])
})

t.test('CONTROL-5 a request that stalls is reset, an answer nobody reads too', async t => {
  const scene = new Scene()
  const stalled = scene.ask({ do: 'status' }, false)
  let reset = false
  stalled.handler!.reset = () => {
    reset = true
  }
  t.equal(scene.session.deadline(), 1_000 + defaults.requestTimeout)
  scene.at(1_000 + defaults.requestTimeout)
  t.ok(reset)
  scene.ask({ do: 'status' })
  scene.session.answer(2, 'x'.repeat(3_000_000)) // more than the credit of one stream
  scene.settle()
  t.equal(scene.node.streams.size, 1)
  scene.at(scene.node.now + defaults.answerTimeout)
  t.equal(scene.node.streams.buffered, 0, 'its memory is free')
  t.strictSame(scene.closed, undefined)
})

t.test('CONTROL-5 a client that wants nothing is sent away; one that watches is not', async t => {
  const scene = new Scene()
  t.equal(scene.session.deadline(), 1_000 + defaults.idle)
  scene.at(1_000 + defaults.idle - 1)
  t.equal(scene.closed, undefined)
  const stream = scene.ask({ do: 'events' })
  scene.session.answer(0, {})
  scene.at(10 * defaults.idle)
  t.equal(scene.closed, undefined)
  t.equal(scene.session.deadline(), undefined)
  stream.abort()
  scene.settle()
  t.strictSame(scene.dropped, [0], 'the node is told that nobody watches')
  scene.at(11 * defaults.idle)
  t.equal(scene.closed?.code, 'GH_LINK_SILENT')
})

t.test('CONTROL-5 sixteen at a time, two hundred a second', async t => {
  const scene = new Scene()
  for (let i = 0; i < defaults.requests; i++) scene.ask({ do: 'status' })
  const more = scene.ask({ do: 'status' })
  t.equal(scene.asked.length, defaults.requests)
  t.notOk(more.sending.live, 'refused')
  for (const [id] of scene.asked) scene.session.answer(id, 1)
  scene.settle()
  for (const [id] of scene.asked) t.ok(id % 2 === 0)
  const watching = new Scene()
  for (const id of [0, 2]) {
    watching.ask({ do: 'events' })
    watching.session.answer(id, {})
  }
  t.match(repliesOf(watching.ask({ do: 'events' })), [{ error: { code: 'GH_STREAM_LIMIT' } }])
  const flood = new Scene()
  for (let i = 0; i <= defaults.burst && flood.closed === undefined; i++) {
    const stream = flood.ask({ do: 'status' })
    flood.session.answer(stream.id, 1)
    flood.settle()
    repliesOf(stream)
    flood.settle()
  }
  t.equal(flood.closed?.code, 'GH_LINK_BUDGET')
  t.equal(flood.asked.length, defaults.burst, 'one after the other they all were answered')
})

t.test('CONTROL-6 a watcher that does not read loses events and is told how many', async t => {
  const scene = new Scene()
  const stream = scene.ask({ do: 'events' })
  scene.session.answer(0, {})
  const event = { message: 'x'.repeat(10_000) }
  for (let i = 0; i < 200; i++) {
    scene.session.event(0, event)
    scene.settle()
  }
  t.ok(scene.node.streams.buffered < 2 * marks.stream, 'bounded')
  const replies: ControlReply[] = []
  const reader = new MessageReader(1 << 24)
  for (let moved = true; moved; ) {
    moved = false
    for (let piece = stream.read(); piece !== undefined; piece = stream.read()) {
      moved = true
      reader.feed(piece)
      for (let message = reader.next(); message !== undefined; message = reader.next())
        replies.push(decodeReply(message))
    }
    scene.settle()
  }
  const told = replies.filter(reply => 'event' in reply).length
  const lost = replies.flatMap(reply => ('dropped' in reply ? [reply.dropped] : []))
  t.ok(told >= 25)
  t.equal(told + lost.reduce((sum, count) => sum + count, 0), 200, `${told} came, ${lost} did not`)
})

t.test('work is called off when its client goes', async t => {
  const scene = new Scene()
  scene.ask({ do: 'connect', address: 'a:1' })
  scene.node.hangUp()
  scene.node.streams.close(new GuildError('GH_LINK_CLOSED'))
  t.strictSame(scene.dropped, [0])
  scene.session.answer(0, 1)
})
