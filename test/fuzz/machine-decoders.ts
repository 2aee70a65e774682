/** The registry's entries for whole machines that read in the clear: streams, the control socket, line ports, the gate. */
import { utf8 } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import { Gate } from '../../src/discovery/gate.ts'
import { CONTROL_PROTOCOL, encodeControl } from '../../src/protocols/control/requests.ts'
import { ControlSession } from '../../src/protocols/control/session.ts'
import { writeMessage } from '../../src/streams/messages.ts'
import { codecs } from '../support/codecs.ts'
import { Desk } from '../support/line-desk.ts'
import { deliver, Listener, Pair, pattern, record } from '../support/pair.ts'
import { PlainSide } from '../support/plain.ts'
import { given, must, Refused, refused } from './common.ts'
import { messages } from './corpus.ts'
import { type Decoder, onlyWireErrors } from './fuzz.ts'
import { lazily } from './sealed-decoders.ts'
import { dnsMessages } from './wire-decoders.ts'

const typed = (error: unknown): boolean => error instanceof GuildError && error.code !== 'GH_INTERNAL'

/** Two streams of the peer, one of ours, and credit small enough to run out. */
function streamsPair(): Pair {
  const pair = new Pair({
    grants: { streams: 4, streamWindow: 3_000, linkWindow: 5_000 },
    onStream: stream => new Listener(stream, stream.id % 4 === 0),
  })
  for (const [side, length] of [
    [pair.a, 900],
    [pair.a, 2_000],
    [pair.b, 40],
  ] as const) {
    const stream = side.streams.open('/fuzz/1')
    new Listener(stream)
    stream.write(pattern(length))
  }
  return pair
}

/** Records of such a pair, and of one that goes on. */
function streamRecords(): Uint8Array[] {
  const pair = streamsPair()
  const records: Uint8Array[] = []
  for (let size = 64; size < 3_000; size *= 3)
    for (const [from, to] of [
      [pair.a, pair.b],
      [pair.b, pair.a],
    ] as const) {
      const next = record(from.streams, size)
      if (next === undefined) continue
      records.push(next)
      deliver(next, to.streams)
    }
  const streamFrames = /^(STREAM|STREAM_FIN|RESET_STREAM|STOP_SENDING|MAX_)/
  return [
    ...records,
    ...messages('frames').filter(bytes => {
      try {
        const frames = codecs.frames!.decode(bytes)
        return frames.length > 0 && frames.every(({ frame }: { frame: string }) => streamFrames.test(frame))
      } catch {
        return false
      }
    }),
  ]
}

function node(): { side: PlainSide; session: ControlSession } {
  const side = new PlainSide(false, stream => session.accept(stream))
  const session: ControlSession = new ControlSession({
    ask: id => session.answer(id, { name: 'alice' }),
    drop: () => {},
    close: error => side.link.handle({ kind: 'close', code: 7, error }, side.now),
    now: () => side.now,
  })
  return { side, session }
}

/** A client that asks four things at once, as its socket sends them. */
function controlSession(): Uint8Array[] {
  const client = new PlainSide(true)
  for (const request of [
    { do: 'status' },
    { do: 'connect', address: '127.0.0.1:8000' },
    { do: 'send', text: 'hello', to: 'bob' },
    { do: 'events' },
  ] as const) {
    const stream = client.streams.open(CONTROL_PROTOCOL)
    writeMessage(stream, encodeControl(request))
    stream.end()
  }
  const all = client.take()
  client.streams.open('/guild/other/1').end()
  return [all, client.take()]
}

export const machineDecoders: readonly Decoder[] = [
  {
    name: 'streams',
    covers: [],
    corpus: streamRecords,
    share: 4,
    decode(input) {
      const { b, a } = streamsPair()
      deliver(record(a.streams, 4_000)!, b.streams)
      try {
        deliver(input, b.streams)
      } finally {
        must(b.streams.unread <= 5_000 + 8 * 1024 * 1024, 'no more waits than was granted')
        must(b.streams.size <= 5, 'no more streams than were granted')
        must(b.faults.length === 0, 'no handler was made to throw')
        record(b.streams, 2_000)
      }
      return undefined
    },
    // A frame of another layer ends the delivery of this test with an error of its own.
    refuses: error => typed(error) || (error as Error).message === 'not a stream frame',
  },
  {
    name: 'control-session',
    covers: [],
    corpus: controlSession,
    words: ['{"do":', '"status"', '"events"', CONTROL_PROTOCOL],
    most: 8_192,
    share: 4,
    decode(input) {
      const { side, session } = node()
      side.give(input)
      const answer = side.take()
      must(answer.length <= 16_384, 'short answers')
      session.handle({ kind: 'tick' }, side.now)
      if (side.ended === undefined) return undefined
      must(typed(side.ended.error), `a typed end: ${side.ended.error.message}`)
      throw new Refused()
    },
    refuses: refused,
  },
  {
    name: 'line-link',
    covers: [],
    corpus: () => {
      const first = utf8('bob:Bob\n')
      return [first, utf8('HELP\nbob\n'), ...messages('line').map(line => Uint8Array.of(...first, ...line))]
    },
    words: ['PING\n', 'HELP\n', 'REQUEST_PEERS\n', 'PEERS:127.0.0.1:80\n', 'bob:Bob\n', '\r\n'],
    text: true,
    most: 20_000,
    share: 4,
    decode(input) {
      const desk = new Desk({ teach: input.length % 2 === 0 })
      desk.types(input)
      for (const told of desk.take())
        must(
          told.startsWith('<chat') || !/[\p{Cc}\p{Cf}]/u.test(told),
          'nothing hidden is written to a guest',
        )
      for (const said of desk.debug) must(!/\p{Cc}/u.test(said), 'nor to a log')
      return undefined
    },
    refuses: onlyWireErrors,
  },
  {
    name: 'gate',
    covers: [],
    corpus: dnsMessages,
    words: ['_guild-home', '_tcp', 'local', '_dns-sd', '_services'],
    most: 9_100,
    decode: lazily(() => {
      let now = 0
      const gate = new Gate({
        name: 'eth0',
        interfaces: () => [{ name: 'eth0', address: '192.168.1.10', prefix: 24, internal: false }],
        now: () => now,
        about: ['_guild-home', '_dns-sd', 'a'.repeat(32)],
      })
      return input => {
        now += 1_000
        const { malformed } = gate.counts
        const passes = gate.passes(input, '192.168.1.77')
        must(gate.counts.tooMany === 0, 'the budget is not what refuses here')
        must(!passes || gate.counts.malformed === malformed, 'what passes is well-formed')
        return given(passes || undefined)
      }
    }),
    refuses: refused,
  },
]
