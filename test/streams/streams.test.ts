import t from 'tap'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { defaults } from '../../src/streams/streams.ts'
import { readFrame } from '../../src/wire/frames/index.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import { limits } from '../../src/wire/limits.ts'
import { streamCodes } from '../../src/wire/registry.ts'
import { encodeStreamHeader } from '../../src/wire/stream-header.ts'
import {
  codeOf,
  deliver,
  Listener,
  Pair,
  type PairOptions,
  pattern,
  record,
  sinkFor,
} from '../support/pair.ts'

const KiB = 1024
const header = encodeStreamHeader('/t/1')
const nothing = new Uint8Array(0)

/** A stream from a to b, both ends listened to. */
function joined(options: PairOptions = {}): {
  pair: Pair
  ours: Stream
  theirs: Stream
  near: Listener
  far: Listener
} {
  const pair = new Pair(options)
  const ours = pair.a.streams.open('/t/1')
  const near = new Listener(ours)
  pair.pump()
  const theirs = pair.b.incoming.at(-1)!
  return { pair, ours, theirs, near, far: new Listener(theirs) }
}

/** A side b alone, to be fed frames by hand. It holds the higher PeerId: even ids are the peer's. */
function alone(options: PairOptions = {}): { pair: Pair; b: Pair['b']['streams'] } {
  const pair = new Pair(options)
  return { pair, b: pair.b.streams }
}

const sizes = (pair: Pair): [number, number] => [pair.a.streams.size, pair.b.streams.size]

t.test('STREAM-1 bytes there and back, ids by who is lower, one wake for many writes', async t => {
  const { pair, ours, theirs, near, far } = joined()
  t.equal(ours.id, 0)
  t.equal(theirs.protocol, '/t/1')
  t.equal(pair.b.streams.open('/u/1').id, 1)
  t.equal(pair.a.streams.open('/v/1').id, 2)
  pair.pump()
  const wakes = pair.a.wakes
  for (let i = 0; i < 100; i++) ours.write(pattern(100, i))
  t.equal(pair.a.wakes - wakes, 1)
  ours.end()
  t.equal(pair.pump(), 1, 'a hundred writes and the end leave in one record')
  t.equal(far.bytes, 10_000)
  t.strictSame(far.told, ['readable', 'ended'])
  theirs.write(pattern(50))
  theirs.end()
  pair.pump()
  t.strictSame(near.content, pattern(50))
  t.strictSame(near.ends, ['ended'])
  t.strictSame(sizes(pair), [2, 2], 'the finished one has left both tables')
})

t.test('several senders take turns of 16 KiB; one alone has the whole record', async t => {
  const pair = new Pair()
  const streams = [0, 1, 2, 3].map(() => pair.a.streams.open('/t/1'))
  pair.pump()
  for (const stream of streams) stream.write(pattern(100 * KiB))
  const shares = new Map<number, number>()
  const r = new ByteReader(record(pair.a.streams)!)
  const sink = sinkFor({
    ...(pair.b.streams as object),
    stream: (id: number, _offset: number, data: Uint8Array) => shares.set(id, data.length),
  } as never)
  while (r.remaining > 0) readFrame(r, sink)
  t.equal(shares.size, 4)
  t.ok([...shares.values()].every(length => length > 15 * KiB && length <= 16 * KiB))
})

t.test('control frames leave before data, however much of that is in line', async t => {
  const { pair, ours, theirs } = joined()
  const bulk = pair.a.streams.open('/t/1')
  bulk.write(pattern(200_000))
  ours.reset(3)
  theirs.stopSending(4)
  t.strictSame([...record(pair.a.streams)!.subarray(0, 4)], [0x04, 0, 3, header.length])
  t.strictSame([...record(pair.b.streams)!], [0x05, 0, 4])
})

t.test('FR-05 truncated, over-long and too large numbers: a typed error, and nothing changed', async t => {
  const { pair, ours, far } = joined()
  ours.write(pattern(5))
  pair.pump()
  const sink = sinkFor(pair.b.streams)
  const send = (...bytes: number[]): string | undefined =>
    codeOf(() => readFrame(new ByteReader(Uint8Array.from(bytes)), sink))
  t.equal(send(0x08), 'GH_WIRE_SHORT')
  t.equal(send(0x08, 0x40), 'GH_WIRE_SHORT')
  t.equal(send(0x08, 0x40, 0x02, 0, 1, 9), 'GH_WIRE_VARINT', 'over-long id')
  t.equal(send(0x08, 0, 0xe0, 0, 0, 0, 0, 0, 0, 0, 1, 9), 'GH_WIRE_VARINT', 'offset 2^61')
  t.equal(send(0x08, 0, 0xc0, 0x1f, 255, 255, 255, 255, 255, 255, 1, 9), 'GH_WIRE_VALUE', 'end past 2^53 - 1')
  t.equal(send(0x08, 0, 5, 0x80, 1, 0, 0), 'GH_WIRE_LENGTH', 'longer than any record')
  t.equal(send(0x08, 0, 5, 2, 9), 'GH_WIRE_SHORT')
  t.equal(send(0x04, 0, 0), 'GH_WIRE_SHORT')
  t.equal(send(0x11, 0, 0xff, 255, 255, 255, 255, 255, 255, 255), 'GH_WIRE_VARINT')
  t.equal(send(0x10, 0xc0, 0x1f, 255, 255, 255, 255, 255, 255), undefined, '2^53 - 1 is taken exactly')
  ours.write(pattern(5, 5))
  pair.pump()
  t.equal(far.bytes, 10, 'the stream goes on')
})

t.test(
  'STREAM-9 FR-06 frames for finished streams are ignored and cost; for impossible ones they end the link',
  async t => {
    const { pair, ours, theirs } = joined()
    ours.end()
    theirs.end()
    pair.pump()
    t.strictSame(sizes(pair), [0, 0])
    const { a, b } = pair
    for (const side of [a, b]) {
      side.streams.stream(0, 0, pattern(9), false)
      side.streams.stream(0, 1e6, nothing, true)
      side.streams.resetStream(0, 1, 99)
      side.streams.stopSending(0, 1)
      side.streams.maxStreamData(0, 1e9)
      t.equal(side.streams.size, 0)
      t.equal(record(side.streams), undefined, 'nothing is answered')
    }
    t.equal(
      codeOf(() => b.streams.stream(1, 0, header, false)),
      'GH_LINK_PROTOCOL',
      'ours, never opened',
    )
    t.equal(
      codeOf(() => b.streams.maxStreamData(3, 1)),
      'GH_LINK_PROTOCOL',
    )
    t.equal(
      codeOf(() => b.streams.stopSending(2 ** 53 - 1, 1)),
      'GH_LINK_PROTOCOL',
    )
    t.equal(
      codeOf(() => b.streams.stream(2 ** 53 - 2, 0, header, false)),
      'GH_LINK_STREAMS',
    )
    let ignored = 0
    const end = codeOf(() => {
      for (; ignored < 1e6; ignored++) b.streams.stream(0, 0, nothing, false)
    })
    t.equal(end, 'GH_LINK_BUDGET')
    t.ok(ignored <= defaults.cheap.burst)
  },
)

t.test('TYPE-5 FR-04 empty frames and grants of nothing spend a budget, which fills again', async t => {
  const attacks: Record<string, (b: Pair['b']['streams']) => void> = {
    'empty STREAM': b => b.stream(0, header.length, nothing, false),
    MAX_DATA: b => b.maxData(0),
    MAX_STREAMS: b => b.maxStreams(0),
    MAX_STREAM_DATA: b => b.maxStreamData(0, 5),
  }
  for (const [name, attack] of Object.entries(attacks)) {
    const { pair, b } = alone()
    b.stream(0, 0, header, false)
    const flood = (): number => {
      for (let i = 0; i < 1e6; i++) if (codeOf(() => attack(b)) === 'GH_LINK_BUDGET') return i
      return -1
    }
    t.equal(flood(), defaults.cheap.burst, name)
    pair.now += 1000
    t.equal(flood(), defaults.cheap.perSecond, `${name}, a second later`)
  }
})

t.test('STREAM-5 FR-07 more opens than granted: a limit error, and memory is bounded', async t => {
  const { pair, b } = alone()
  let opened = 0
  const end = codeOf(() => {
    for (; opened < 1e6; opened++) b.stream(2 * opened, 0, header, false)
  })
  t.equal(end, 'GH_LINK_STREAMS')
  t.equal(opened, limits.streams)
  t.equal(b.size, limits.streams)
  t.equal(pair.b.incoming.length, limits.streams)
})

t.test('STREAM-2 FR-07 opening past the peer’s limit waits, boundedly, goes on as others finish', async t => {
  const pair = new Pair({ grants: { streams: 4 }, onStream: stream => new Listener(stream) })
  const streams: Stream[] = []
  const end = codeOf(() => {
    for (;;) streams.push(pair.a.streams.open('/t/1'))
  })
  t.equal(end, 'GH_STREAM_LIMIT')
  t.equal(streams.length, 4 + defaults.waiting)
  t.ok(
    streams.every(({ id }, i) => id === 2 * i),
    'ascending, each once',
  )
  streams[6]!.abort(3)
  for (const stream of streams) stream.end()
  pair.pump()
  t.equal(pair.b.incoming.length, 4, 'only those granted have left')
  for (let done = 0; done < pair.b.incoming.length; done++) {
    pair.b.incoming[done]!.end()
    pair.pump()
  }
  t.equal(pair.b.incoming.length, 3 + defaults.waiting, 'all but the one given up while it waited')
  t.strictSame(sizes(pair), [0, 0])
  pair.a.streams.open('/t/1')
})

t.test('FR-08 open and reset, over and over: the budget ends the link', async t => {
  const kinds: Record<string, (b: Pair['b']['streams'], id: number) => void> = {
    'header, then reset': (b, id) => {
      b.stream(id, 0, header, false)
      b.resetStream(id, 0, header.length)
    },
    'reset alone': (b, id) => b.resetStream(id, 0, 0),
    'an end without a header': (b, id) => b.stream(id, 0, nothing, true),
    'header, then stop': (b, id) => {
      b.stream(id, 0, header, true)
      b.stopSending(id, 0)
    },
  }
  for (const [name, attack] of Object.entries(kinds)) {
    const { pair, b } = alone({
      onStream: stream => {
        const listener = new Listener(stream)
        listener.reset = () => stream.abort()
      },
    })
    let largest = 0
    let count = 0
    const end = codeOf(() => {
      for (; count < 100_000; count++) {
        attack(b, 2 * count)
        record(b)
        largest = Math.max(largest, b.size)
      }
    })
    t.equal(end, 'GH_LINK_BUDGET', name)
    t.ok(count <= defaults.aborts.burst, `after ${count}`)
    t.ok(largest <= 1, `${name}: at most ${largest} in the table`)
    pair.now += 1000
  }
})

t.test('FR-08 one that cancels its own requests at an honest pace is left alone', async t => {
  const pair = new Pair({ onStream: stream => new Listener(stream) })
  for (let i = 0; i < 5000; i++) {
    pair.now += 1000 / defaults.aborts.perSecond
    const stream = pair.a.streams.open('/t/1')
    pair.pump()
    stream.abort()
    pair.pump()
    pair.b.incoming[i]!.abort()
    pair.pump()
  }
  t.strictSame(sizes(pair), [0, 0])
})

t.test('STREAM-10 FR-09 data past stream’s or link’s credit: a flow error, nothing changed', async t => {
  const grants = { streamWindow: 1000, linkWindow: 1500 }
  const { b } = alone({ grants })
  b.stream(0, 0, header, false)
  t.equal(
    codeOf(() => b.stream(0, 1000, pattern(1), false)),
    'GH_LINK_FLOW',
  )
  t.equal(
    codeOf(() => b.stream(0, 5, pattern(996), false)),
    'GH_LINK_FLOW',
  )
  t.equal(
    codeOf(() => b.resetStream(0, 0, 1001)),
    'GH_LINK_FLOW',
  )
  b.stream(0, header.length, pattern(1000 - header.length), false)
  b.stream(2, 0, header, false)
  t.equal(
    codeOf(() => b.stream(2, header.length, pattern(996 - header.length + 5), false)),
    'GH_LINK_FLOW',
  )
  t.equal(
    codeOf(() => b.stream(4, 0, pattern(1001), false)),
    'GH_LINK_FLOW',
    'a new one is refused too',
  )
  t.equal(
    codeOf(() => b.stream(4, 2 ** 53 - 9, pattern(1), false)),
    'GH_LINK_FLOW',
  )
  t.equal(b.size, 2, 'and leaves no trace')

  const link = alone({ grants: { streamWindow: 4 * KiB, linkWindow: 5 * KiB } }).b
  link.stream(0, 0, new Uint8Array(4 * KiB), false)
  t.equal(
    codeOf(() => link.stream(2, 0, new Uint8Array(KiB + 1), false)),
    'GH_LINK_FLOW',
    'link',
  )
  t.equal(
    codeOf(() => link.resetStream(2, 0, KiB + 1)),
    'GH_LINK_FLOW',
    'a reset claims credit as well',
  )
  link.stream(2, 0, new Uint8Array(KiB), false)
})

t.test('STREAM-7 FR-10 data after the end, or two different ends: a final-size error', async t => {
  const { b } = alone()
  const H = header.length
  b.stream(0, 0, header, false)
  b.stream(0, H, pattern(10), true)
  const refuse = (act: () => void, what: string): void => {
    t.equal(codeOf(act), 'GH_LINK_FINAL_SIZE', what)
  }
  refuse(() => b.stream(0, H + 10, pattern(1), false), 'data behind the end')
  refuse(() => b.stream(0, H + 10, pattern(1), true), 'a later end')
  refuse(() => b.stream(0, H, pattern(9), true), 'an earlier end')
  refuse(() => b.resetStream(0, 0, H + 9), 'a reset with another size')
  b.stream(0, H, pattern(10), true)
  b.resetStream(0, 0, H + 10)
  t.pass('the same end again is no error')

  b.stream(2, 0, header, false)
  b.stream(2, H, pattern(10), false)
  refuse(() => b.stream(2, H, pattern(5), true), 'an end below what has come')
  refuse(() => b.resetStream(2, 0, H + 5), 'a reset below what has come')
  b.resetStream(2, 0, H + 50)
  refuse(() => b.stream(2, H + 40, pattern(11), false), 'data behind a reset')
  refuse(() => b.resetStream(2, 0, H + 51), 'two resets that differ')
  b.stream(2, H + 10, pattern(5), false)
})

t.test('STREAM-11 FR-11 credit that shrinks is ignored; the largest is taken as it is', async t => {
  const { pair, ours, far } = joined({ grants: { streamWindow: 1000, linkWindow: 100_000 } })
  far.greedy = false
  ours.write(pattern(5000))
  pair.pump()
  const sent = ours.sending.offset
  t.equal(sent, 1000)
  const { streams } = pair.a
  streams.maxStreamData(0, 500)
  streams.maxData(3)
  streams.maxStreams(1)
  pair.pump()
  t.equal(ours.sending.offset, 1000, 'nothing taken back, nothing sent')
  streams.maxStreamData(0, Number.MAX_SAFE_INTEGER)
  streams.maxData(Number.MAX_SAFE_INTEGER)
  streams.maxStreams(Number.MAX_SAFE_INTEGER)
  t.equal(
    codeOf(() => pair.pump()),
    'GH_LINK_FLOW',
    'the other side never granted that',
  )
  t.equal(ours.buffered, 0)
  streams.open('/t/1')
})

t.test('FR-12 one stream is never read: its sender blocks, all others move on', async t => {
  const pair = new Pair({ rtt: 10 })
  const stuck = pair.a.streams.open('/stuck/1')
  const others = [1, 2, 3].map(() => pair.a.streams.open('/t/1'))
  pair.pump()
  for (const stream of pair.b.incoming.slice(1)) new Listener(stream)
  new Listener(pair.b.incoming[0]!, false)
  while (stuck.write(pattern(64 * KiB)));
  pair.pump()
  for (let i = 0; i < 100; i++) {
    pair.now += 50
    for (const stream of others) stream.write(pattern(200 * KiB, i))
    pair.pump()
    t.ok(others.every(stream => stream.buffered === 0))
  }
  t.equal(stuck.sending.offset, limits.streamWindow, 'no byte past its window')
  t.equal(pair.b.streams.unread, limits.streamWindow - encodeStreamHeader('/stuck/1').length)
})

t.test('FR-12 even thirty unread streams leave the link to the others; memory is bounded beyond', async t => {
  const pair = new Pair({ rtt: 10 })
  const moving = pair.a.streams.open('/t/1')
  pair.pump()
  const far = new Listener(pair.b.incoming[0]!)
  const fill = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const stream = pair.a.streams.open('/stuck/1')
      pair.pump()
      new Listener(pair.b.incoming.at(-1)!, false)
      stream.write(pattern(300 * KiB))
      pair.pump()
    }
  }
  fill(30)
  moving.write(pattern(10_000_000))
  pair.pump()
  t.equal(far.bytes, 10_000_000)
  fill(100)
  // The reading stream has grown to 16 MiB by now, the link's window to 24, and 8 are slack.
  t.ok(pair.b.streams.unread <= 32 * 1024 * KiB, `${pair.b.streams.unread} bytes are held`)
  for (const stream of pair.b.incoming.slice(1)) stream.stopSending()
  moving.write(pattern(1000))
  pair.pump()
  t.equal(far.bytes, 10_001_000, 'giving up on them gives the credit back')
})

t.test('FR-13 10 MiB in one-byte frames: correct, and memory stays with the window', async t => {
  const { pair, b } = alone()
  b.stream(0, 0, header, false)
  const stream = pair.b.incoming[0]!
  const total = 10 * 1024 * KiB
  const group = 4096
  const w = new ByteWriter(new Uint8Array(65_519))
  const grant = new ByteWriter(new Uint8Array(100))
  let at = header.length
  let sum = 0
  let expected = 0
  let most = 0
  let kept = 0
  for (let done = 0; done < total; ) {
    // Read only when the window is nearly used up: the line is as long as it may be.
    while (stream.unread < 200 * KiB && done < total) {
      w.reset()
      for (let i = 0; i < group; i++, done++, at++) {
        encodeStreamHead(w, 0, at, 1, false)
        w.u8((done * 7) & 255)
        expected = (expected * 31 + ((done * 7) & 255)) | 0
      }
      deliver(w.view(), b)
    }
    most = Math.max(most, stream.unread)
    const blocks = new Set<ArrayBufferLike>()
    for (let piece = stream.read(); piece !== undefined; piece = stream.read()) {
      blocks.add(piece.buffer)
      for (const byte of piece) sum = (sum * 31 + byte) | 0
    }
    kept = Math.max(
      kept,
      [...blocks].reduce((bytes, block) => bytes + block.byteLength, 0),
    )
    while (b.fill(grant.reset()));
  }
  t.equal(sum, expected, 'every byte, once, in order')
  t.ok(most > 190 * KiB, `${most} bytes waited at once`)
  t.ok(kept <= most * 1.1, `in ${kept} bytes of memory`)
})

t.test('FR-15 each side ends on its own, and the other goes on', async t => {
  for (const first of ['a', 'b'] as const) {
    const { pair, ours, theirs, near, far } = joined()
    const [one, two] = first === 'a' ? [ours, theirs] : [theirs, ours]
    const [oneHears, twoHears] = first === 'a' ? [near, far] : [far, near]
    one.write(pattern(10))
    one.end()
    one.end()
    t.equal(
      codeOf(() => one.write(pattern(1))),
      'GH_STATE_EVENT',
      'after end nothing is written',
    )
    pair.pump()
    t.strictSame(twoHears.ends, ['ended'])
    t.ok(two.complete)
    t.strictSame(sizes(pair), [1, 1])
    two.write(pattern(20))
    pair.pump()
    t.equal(oneHears.bytes, 20, `${first} hears what came after its own end`)
    two.end()
    pair.pump()
    t.strictSame(oneHears.ends, ['ended'])
    t.strictSame(sizes(pair), [0, 0])
  }
})

t.test('FR-15 reset races with end: whichever left first counts, on both sides alike', async t => {
  const cases: Record<string, { act: (s: Stream, pump: () => void) => void; told: string[] }> = {
    'end, sent, then reset': {
      act: (s, pump) => {
        s.end()
        pump()
        s.reset(7)
      },
      told: ['ended'],
    },
    'end, then reset': {
      act: s => {
        s.end()
        s.reset(7)
      },
      told: ['reset 7'],
    },
    'reset, then end': {
      act: s => {
        s.reset(7)
        s.end()
      },
      told: ['reset 7'],
    },
    'reset twice': {
      act: s => {
        s.reset(7)
        s.reset(8)
      },
      told: ['reset 7'],
    },
  }
  for (const [name, { act, told }] of Object.entries(cases))
    for (const side of ['a', 'b'] as const) {
      const { pair, ours, theirs, near, far } = joined()
      const [actor, other, hears] = side === 'a' ? [ours, theirs, far] : [theirs, ours, near]
      actor.write(pattern(10))
      act(actor, () => pair.pump())
      pair.pump()
      t.strictSame(hears.ends, told, `${name}, by ${side}`)
      other.end()
      pair.pump()
      t.strictSame(sizes(pair), [0, 0], `${name}: nothing left behind`)
      t.equal(pair.a.streams.buffered + pair.b.streams.buffered, 0)
      t.equal(pair.a.streams.unread + pair.b.streams.unread, 0)
    }
})

t.test('STREAM-8 FR-15 frames of the two sides cross: stop against end, both reset', async t => {
  const cases: Record<string, (ours: Stream, theirs: Stream) => void> = {
    'stop crosses end': (ours, theirs) => {
      ours.end()
      theirs.stopSending(9)
      theirs.end()
    },
    'stop crosses reset': (ours, theirs) => {
      ours.reset(1)
      theirs.stopSending(2)
      theirs.end()
    },
    'both abort': (ours, theirs) => {
      ours.abort(1)
      theirs.abort(2)
    },
    'abort crosses end': (ours, theirs) => {
      ours.end()
      theirs.abort(2)
      ours.stopSending(4)
    },
    'stop, nothing else': (ours, theirs) => {
      ours.stopSending(1)
      theirs.stopSending(2)
    },
  }
  for (const [name, act] of Object.entries(cases)) {
    const { pair, ours, theirs } = joined()
    ours.write(pattern(100_000))
    theirs.write(pattern(100_000))
    act(ours, theirs)
    // Both records are made before either is delivered.
    const fromA = record(pair.a.streams)
    const fromB = record(pair.b.streams)
    if (fromA !== undefined) deliver(fromA, pair.b.streams)
    if (fromB !== undefined) deliver(fromB, pair.a.streams)
    pair.pump()
    t.strictSame(sizes(pair), [0, 0], name)
    t.equal(pair.a.streams.buffered + pair.b.streams.buffered, 0, name)
    t.equal(pair.a.streams.unread + pair.b.streams.unread, 0, name)
  }
})

t.test('FR-15 a reset or stop before the header has come leaves nothing behind', async t => {
  for (const act of [
    (s: Stream) => s.reset(5),
    (s: Stream) => s.abort(5),
    (s: Stream) => {
      s.reset(5)
      s.stopSending()
    },
  ]) {
    const pair = new Pair()
    const stream = pair.a.streams.open('/t/1')
    const near = new Listener(stream)
    act(stream)
    pair.pump()
    t.strictSame(sizes(pair), [0, 0])
    t.equal(pair.b.incoming.length, 0, 'nobody was bothered')
    t.ok(near.told.length <= 1)
  }
  const pair = new Pair({ onStream: stream => new Listener(stream) })
  const stream = pair.a.streams.open('/t/1')
  stream.stopSending(5)
  pair.pump()
  t.equal(pair.b.incoming.length, 1)
  t.strictSame(
    (pair.b.incoming[0]!.handler as Listener).told,
    ['stopped 5'],
    'told as soon as there is a handler',
  )
})

t.test('a header in pieces, too long, broken or cut short', async t => {
  const { pair, b } = alone()
  for (let i = 0; i < header.length; i++) b.stream(0, i, header.slice(i, i + 1), false)
  t.equal(pair.b.incoming[0]!.protocol, '/t/1')
  t.equal(pair.b.incoming[0]!.unread, 0)
  const bad: Record<string, Uint8Array> = {
    'too long': Uint8Array.of(0x40, 0x81, 0x2f),
    'over-long number': Uint8Array.of(0x40, 0x04, 0x2f),
    'no slash': Uint8Array.of(2, 0x61, 0x62, 0x63),
    'not text': Uint8Array.of(2, 0x2f, 0xff),
    empty: Uint8Array.of(0),
  }
  let id = 2
  for (const [name, bytes] of Object.entries(bad)) {
    b.stream(id, 0, bytes, false)
    const w = new ByteWriter(100)
    w.varint(4).varint(id).varint(streamCodes.PROTOCOL).varint(0)
    w.varint(5).varint(id).varint(streamCodes.PROTOCOL)
    t.strictSame(record(b), new Uint8Array(w.view()), name)
    b.resetStream(id, 0, bytes.length)
    t.equal(b.size, 1, `${name}: gone after the answer`)
    id += 2
  }
  b.stream(id, 0, header.slice(0, 3), true)
  record(b)
  t.equal(b.size, 1, 'an end in the middle of it')
  t.equal(pair.b.incoming.length, 1)
})

t.test('FR-16 a writer that heeds false stays under the high mark, and is told to go on', async t => {
  const highMark = 100 * KiB
  const { pair, ours, near, far } = joined({ highMark, grants: { streamWindow: 32 * KiB } })
  const chunk = pattern(10 * KiB)
  let written = 0
  let largest = 0
  const write = (): void => {
    for (let more = true; more && written < 5_000_000; written += chunk.length) {
      more = ours.write(chunk)
      largest = Math.max(largest, ours.buffered)
    }
    if (written >= 5_000_000) ours.end()
  }
  near.writable = () => {
    t.ok(ours.buffered <= highMark / 2, 'half of it has left')
    write()
  }
  write()
  t.equal(largest, highMark, 'the write that reaches the mark is the last')
  pair.pump()
  t.equal(far.bytes, written)
  t.ok(largest < highMark + chunk.length, `${largest} bytes in line at most`)
  t.strictSame(far.ends, ['ended'])
})

t.test('FR-16 many writers on one link: the mark sinks when the link holds much', async t => {
  const pair = new Pair({ grants: { streamWindow: 1 } })
  for (let i = 0; i < 256; i++) {
    const stream = pair.a.streams.open('/t/1')
    while (stream.write(pattern(16 * KiB)));
  }
  t.ok(pair.a.streams.buffered < 26 * 1024 * KiB, `${pair.a.streams.buffered} bytes`)
})

t.test('credit is sent when half a window is read, not before, and never for what is over', async t => {
  const { pair, ours, theirs, far } = joined({ grants: { streamWindow: 1000, linkWindow: 1e6 }, rtt: 0.1 })
  far.greedy = false
  pair.now = 1000
  ours.write(pattern(5000))
  pair.pump()
  theirs.read(400)
  t.equal(record(pair.b.streams), undefined)
  theirs.read(200)
  t.strictSame([...record(pair.b.streams)!], [0x11, 0, 0x40 | ((605 + 1000) >> 8), (605 + 1000) & 255])
  theirs.stopSending()
  pair.pump()
  t.equal(pair.b.streams.unread, 0)
})

t.test('without link credit nothing waits that could leave, but an end still does', async t => {
  const { streams } = new Pair({ grants: { linkWindow: 20 } }).a
  const stuck = streams.open('/t/1')
  const ending = streams.open('/t/1')
  const w = new ByteWriter(new Uint8Array(1000))
  streams.fill(w)
  stuck.write(pattern(100))
  t.equal(streams.fill(w.reset()), false, 'nothing more to ask for')
  t.equal(stuck.sending.offset + ending.sending.offset, 20)
  ending.end()
  t.equal(streams.fill(w.reset()), false)
  t.strictSame([...w.view()], [0x09, 2, header.length, 0])
  streams.maxData(25)
  t.equal(streams.fill(w.reset()), false)
  t.equal(stuck.sending.offset, 20)
  t.equal(w.length, 9, 'five bytes more')
  streams.maxStreams(300)
  t.equal(streams.fill(w.reset()), false)
  t.equal(w.length, 0, 'nor does other news let any pass')
})

t.test('a thousand streams in turn leave nothing in either table', async t => {
  const pair = new Pair({
    onStream: stream => {
      const listener = new Listener(stream)
      listener.ended = () => {
        stream.write(listener.content)
        stream.end()
      }
    },
  })
  for (let i = 0; i < 1000; i++) {
    const stream = pair.a.streams.open('/echo/1')
    const near = new Listener(stream)
    stream.write(pattern(i))
    stream.end()
    if (i % 100 === 99) {
      pair.pump()
      t.equal(near.bytes, i)
      t.strictSame(near.ends, ['ended'])
      t.strictSame(sizes(pair), [0, 0])
    }
  }
})

t.test('the link ends: every stream is told once, what had come whole can still be read', async t => {
  const { pair, ours, theirs, near, far } = joined()
  far.greedy = false
  const waiting = pair.a.streams.open('/w/1')
  const listener = new Listener(waiting)
  ours.write(pattern(1000))
  ours.end()
  pair.pump()
  ours.stopSending()
  pair.a.streams.close()
  pair.b.streams.close()
  pair.b.streams.close()
  t.strictSame(near.ends, ['closed GH_LINK_CLOSED'])
  t.strictSame(listener.ends, ['closed GH_LINK_CLOSED'])
  t.strictSame(far.ends, ['closed GH_LINK_CLOSED'])
  t.ok(theirs.complete)
  far.readAll()
  t.equal(far.bytes, 1000)
  t.strictSame(far.ends.at(-1), 'ended')
  t.equal(theirs.write(pattern(1)), false)
  t.strictSame(sizes(pair), [0, 0])
  t.equal(pair.a.streams.buffered, 0)
  t.equal(
    codeOf(() => pair.a.streams.open('/t/1')),
    'GH_LINK_CLOSED',
  )
  pair.a.streams.stream(1, 0, header, false)
  t.equal(pair.a.streams.fill(new ByteWriter(new Uint8Array(100))), false)
})

t.test('a handler may call anything: close the link, open, end, from within any notice', async t => {
  for (const where of ['readable', 'writable', 'ended', 'reset', 'stopped'] as const) {
    const { pair, ours, theirs, far } = joined({ highMark: 1000 })
    far[where] = () => {
      pair.b.streams.open('/n/1').end()
      theirs.abort()
      pair.b.streams.close()
    }
    theirs.write(pattern(2000))
    ours.write(pattern(10))
    if (where === 'reset') ours.reset()
    else if (where === 'stopped') ours.stopSending()
    else ours.end()
    pair.pump()
    t.equal(pair.b.streams.size, 0, where)
    t.strictSame(pair.b.faults, [])
  }
})
