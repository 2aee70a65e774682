/** Streams over packets that get lost: what is sent again, what is not, and that nothing is left behind. */
import t from 'tap'
import { ByteWriter } from '../../src/base/writer.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import { encodeStreamHeader } from '../../src/wire/stream-header.ts'
import { LossyPipe } from '../support/lossy-pipe.ts'
import {
  Carried,
  codeOf,
  deliver,
  Listener,
  Pair,
  type PairOptions,
  pattern,
  type Side,
} from '../support/pair.ts'

const KiB = 1024
const header = encodeStreamHeader('/t/1')

interface Packet {
  readonly bytes: Uint8Array
  readonly carried: Carried
}

/** The next packet of a side; it must have one. */
function packet(side: Side, size = 1160): Packet {
  const w = new ByteWriter(new Uint8Array(size))
  const carried = new Carried()
  side.awake = side.streams.fill(w, carried)
  if (w.length === 0) throw new Error('nothing to send')
  return { bytes: new Uint8Array(w.view()), carried }
}

function nothingToSend(side: Side): boolean {
  const w = new ByteWriter(new Uint8Array(1160))
  side.awake = side.streams.fill(w, new Carried())
  return w.length === 0
}

/** Frames of a packet in short: `STREAM 0 at 100, 50 bytes, end`. */
function frames({ bytes }: Packet): string[] {
  const out: string[] = []
  const say = (...words: unknown[]): void => void out.push(words.join(' '))
  deliver(bytes, {
    stream: (id, offset, data, fin) => say('STREAM', id, offset, data.length, ...(fin ? ['fin'] : [])),
    resetStream: (id, code, size) => say('RESET', id, code, size),
    stopSending: (id, code) => say('STOP', id, code),
    maxData: maximum => say('MAX_DATA', maximum),
    maxStreamData: (id, maximum) => say('MAX_STREAM_DATA', id, maximum),
    maxStreams: count => say('MAX_STREAMS', count),
  })
  return out
}

/** A stream from a to b, open at both ends, everything acknowledged. */
function joined(options: PairOptions = {}): { pair: Pair; ours: Stream; theirs: Stream; far: Listener } {
  const pair = new Pair({ packets: true, ...options })
  const ours = pair.a.streams.open('/t/1')
  pair.pump()
  const theirs = pair.b.incoming.at(-1)!
  return { pair, ours, theirs, far: new Listener(theirs) }
}

t.test('STREAM-13 lost bytes leave before new ones, as they were, and need no credit', async t => {
  const { pair, ours, far } = joined({ grants: { streams: 4, streamWindow: 3000, linkWindow: 3000 } })
  ours.write(pattern(5000))
  const [first, second, third] = [packet(pair.a), packet(pair.a), packet(pair.a)]
  const start = header.length
  t.ok(nothingToSend(pair.a), 'all credit is used')
  t.equal(pair.a.streams.unacked, 3000 - start)
  deliver(second.bytes, pair.b.streams)
  second.carried.acked()
  t.equal(pair.a.streams.unacked, 3000 - start, 'what lies behind a gap is kept')
  third.carried.lost()
  first.carried.lost()
  t.ok(pair.a.awake, 'there is something to send again')
  const [, , from, length] = frames(first)[0]!.split(' ')
  const again = packet(pair.a)
  t.equal(frames(again)[0], `STREAM 0 ${from} ${length}`, 'the first that is missing, without the second')
  const rest = packet(pair.a)
  t.strictSame(frames(rest), frames(third))
  for (const one of [again, rest]) {
    deliver(one.bytes, pair.b.streams)
    one.carried.acked()
  }
  t.equal(pair.a.streams.unacked, 0)
  pair.pump()
  t.strictSame(far.content, pattern(5000))
})

t.test('what cannot be acknowledged is kept, but never more than the credit', async t => {
  const window = 20 * KiB
  const { pair, ours } = joined({ grants: { streams: 4, streamWindow: window, linkWindow: 2 * window } })
  const other = pair.a.streams.open('/t/1')
  for (const stream of [ours, other]) stream.write(pattern(100 * KiB))
  const carried: Carried[] = []
  while (!nothingToSend(pair.a) && carried.length < 1000) carried.push(packet(pair.a).carried)
  t.ok(pair.a.streams.unacked <= 2 * window, `${pair.a.streams.unacked} bytes`)
  for (let round = 0; round < 5; round++) {
    for (const one of carried.splice(0)) one.lost()
    while (pair.a.awake && carried.length < 1000) carried.push(packet(pair.a).carried)
    t.ok(pair.a.streams.unacked <= 2 * window, 'sent again, it is kept once')
  }
})

t.test(
  'STREAM-13 an end that is lost is said again, alone or behind lost bytes; the stream stays until it arrives',
  async t => {
    const { pair, ours, theirs } = joined()
    theirs.end()
    pair.pump()
    ours.write(pattern(2000))
    ours.end()
    const [data, last] = [packet(pair.a), packet(pair.a)]
    t.match(frames(last)[0], /fin$/)
    data.carried.acked()
    t.equal(ours.sending.state, 'dataSent')
    t.equal(pair.a.streams.size, 1)
    last.carried.lost()
    const again = packet(pair.a)
    t.strictSame(frames(again), frames(last))
    again.carried.acked()
    t.equal(ours.sending.state, 'done')
    t.strictSame([pair.a.streams.size, pair.a.streams.unacked], [0, 0])
    const next = pair.a.streams.open('/t/1')
    pair.pump()
    next.end()
    const end = packet(pair.a)
    t.strictSame(frames(end), [`STREAM 2 ${header.length} 0 fin`])
    end.carried.lost()
    t.strictSame(frames(packet(pair.a)), frames(end), 'an end without bytes')
    t.ok(nothingToSend(pair.a))
  },
)

t.test('an end that was announced arrives when bytes before it are lost, and is not said twice', async t => {
  const { pair, ours, far } = joined()
  ours.write(pattern(2000))
  ours.end()
  const [data, last] = [packet(pair.a), packet(pair.a)]
  deliver(last.bytes, pair.b.streams)
  last.carried.acked()
  t.strictSame(far.ends, [], 'bytes are missing')
  data.carried.lost()
  const again = packet(pair.a)
  t.notMatch(frames(again)[0], /fin/)
  deliver(again.bytes, pair.b.streams)
  again.carried.acked()
  t.strictSame(far.ends, ['ended'])
  t.strictSame(far.content, pattern(2000))
  t.equal(ours.sending.state, 'done')
})

t.test(
  'STREAM-14 FR-15 a reset that is lost is said again until it arrives; bytes on their way are forgotten',
  async t => {
    const { pair, ours, theirs, far } = joined()
    theirs.end()
    pair.pump()
    ours.write(pattern(2000))
    const data = packet(pair.a)
    const sent = ours.sending.offset
    ours.reset(7)
    t.equal(pair.a.streams.unacked, 0)
    t.equal(pair.a.streams.buffered, 0)
    data.carried.lost()
    const reset = packet(pair.a)
    t.strictSame(frames(reset), [`RESET 0 7 ${sent}`])
    t.ok(nothingToSend(pair.a), 'bytes of a stream that was given up are not sent again')
    reset.carried.lost()
    const again = packet(pair.a)
    t.strictSame(frames(again), frames(reset))
    deliver(again.bytes, pair.b.streams)
    t.strictSame(far.ends, ['reset 7'])
    t.equal(pair.a.streams.size, 1)
    again.carried.acked()
    t.strictSame([pair.a.streams.size, pair.b.streams.size], [0, 0])
  },
)

t.test(
  'STREAM-15 FR-15 all was sent, not all arrived: a reset still cuts it, a stop quietly ends the sending again',
  async t => {
    for (const by of ['reset', 'stop'] as const) {
      const { pair, ours, theirs, far } = joined()
      const near = new Listener(ours)
      theirs.end()
      pair.pump()
      ours.write(pattern(2000))
      ours.end()
      const [data, last] = [packet(pair.a), packet(pair.a)]
      if (by === 'reset') ours.reset(9)
      else {
        theirs.stopSending(9)
        const stop = packet(pair.b)
        deliver(stop.bytes, pair.a.streams)
        stop.carried.acked()
      }
      data.carried.lost()
      last.carried.lost()
      const reset = packet(pair.a)
      t.strictSame(frames(reset), [`RESET 0 9 ${2000 + header.length}`], by)
      deliver(reset.bytes, pair.b.streams)
      reset.carried.acked()
      t.strictSame(near.ends, ['ended'], 'who had sent all is told nothing more')
      t.strictSame(far.ends, by === 'reset' ? ['reset 9'] : [])
      t.strictSame([pair.a.streams.size, pair.b.streams.size], [0, 0])
    }
  },
)

t.test('STREAM-14 a stop that is lost is said again, unless the end has come meanwhile', async t => {
  for (const ended of [false, true]) {
    const { pair, ours, theirs } = joined()
    theirs.stopSending(3)
    const stop = packet(pair.b)
    t.strictSame(frames(stop), ['STOP 0 3'])
    if (ended) {
      ours.end()
      deliver(packet(pair.a).bytes, pair.b.streams)
    }
    stop.carried.lost()
    if (ended) t.ok(nothingToSend(pair.b))
    else t.strictSame(frames(packet(pair.b)), ['STOP 0 3'])
  }
})

t.test(
  'STREAM-14 STREAM-11 credit that is lost is granted again as it is now; an older grant is not',
  async t => {
    const { pair, ours, theirs } = joined({ grants: { streams: 4, streamWindow: 4000, linkWindow: 4000 } })
    const read = (bytes: number): void => {
      pair.now += 1000 // a slow reader: the window stays as it is
      ours.write(pattern(bytes))
      while (pair.a.awake) {
        const one = packet(pair.a)
        deliver(one.bytes, pair.b.streams)
        one.carried.acked()
      }
    }
    read(2500)
    const older = packet(pair.b)
    t.equal(frames(older).length, 2, 'MAX_DATA and MAX_STREAM_DATA')
    deliver(older.bytes, pair.a.streams)
    read(3000)
    const newer = packet(pair.b)
    t.equal(frames(newer).length, 2)
    older.carried.lost()
    t.ok(nothingToSend(pair.b), 'the newer one says more')
    newer.carried.lost()
    const again = packet(pair.b)
    t.equal(frames(again).length, 2)
    const value = (text: string): number => Number(text.split(' ').at(-1))
    for (const [i, frame] of frames(again).entries()) t.ok(value(frame) >= value(frames(newer)[i]!), frame)
    ours.end()
    pair.pump()
    again.carried.lost()
    const left = frames(packet(pair.b)).map(frame => frame.split(' ')[0])
    t.strictSame(left, ['MAX_DATA'], 'credit for a stream that has ended is of no use')
    t.equal(theirs.complete, true)
  },
)

t.test('STREAM-14 STREAM-5 a count of streams that is lost is granted again', async t => {
  const pair = new Pair({ packets: true, grants: { streams: 2 } })
  for (let i = 0; i < 2; i++) pair.a.streams.open('/t/1').end()
  deliver(packet(pair.a).bytes, pair.b.streams)
  for (const stream of pair.b.incoming) {
    new Listener(stream).readAll()
    stream.end()
  }
  const ends = packet(pair.b)
  ends.carried.acked()
  const count = packet(pair.b)
  t.strictSame(frames(count), ['MAX_STREAMS 4'])
  count.carried.lost()
  const again = packet(pair.b)
  t.strictSame(frames(again), ['MAX_STREAMS 4'])
  again.carried.acked()
  t.ok(nothingToSend(pair.b))
})

t.test(
  'FR-06 a window sent once more in vain costs nothing, small frames for a finished stream still do',
  async t => {
    const frame = (length: number): Uint8Array => {
      const w = new ByteWriter()
      encodeStreamHead(w, 0, 0, header.length + length, true)
      return w.raw(header).raw(pattern(length)).view()
    }
    for (const [length, ends] of [
      [1000, false],
      [100, true],
    ] as const) {
      const pair = new Pair({ packets: true })
      deliver(frame(length), pair.b.streams)
      const stream = pair.b.incoming[0]!
      new Listener(stream).readAll()
      stream.end()
      packet(pair.b).carried.acked()
      t.equal(pair.b.streams.size, 0)
      const again = (): void => {
        for (let i = 0; i < 30_000; i++) deliver(frame(length), pair.b.streams)
      }
      t.equal(codeOf(again), ends ? 'GH_LINK_BUDGET' : undefined)
    }
  },
)

t.test('FR-08 a stream whose beginning comes late is no abort; one with a broken beginning is', async t => {
  const rest = (id: number): Uint8Array => {
    const w = new ByteWriter()
    encodeStreamHead(w, id, header.length, 1, true)
    return w.u8(1).view()
  }
  const begin = (id: number, bytes: Uint8Array): Uint8Array => {
    const w = new ByteWriter()
    encodeStreamHead(w, id, 0, bytes.length, false)
    return w.raw(bytes).view()
  }
  const run = (start: Uint8Array): { opened: number; code: string | undefined } => {
    const pair = new Pair({ packets: true })
    let id = 0
    const code = codeOf(() => {
      for (; id < 20_000; id += 2) {
        deliver(rest(id), pair.b.streams)
        deliver(begin(id, start), pair.b.streams)
        pair.b.incoming.pop()?.abort()
        while (pair.b.awake) packet(pair.b).carried.acked()
      }
    })
    return { opened: id / 2, code }
  }
  t.strictSame(run(header), { opened: 10_000, code: undefined })
  const broken = run(Uint8Array.of(4, 1, 2, 3, 4))
  t.equal(broken.code, 'GH_LINK_BUDGET')
  t.ok(broken.opened < 5000, `${broken.opened} streams`)
})

t.test('after the end of the link nothing that was on its way matters', async t => {
  const { pair, ours } = joined()
  ours.write(pattern(2000))
  ours.stopSending(1)
  const [one, two] = [packet(pair.a), packet(pair.a)]
  pair.a.streams.close()
  t.equal(pair.a.streams.unacked, 0)
  const wakes = pair.a.wakes
  one.carried.acked()
  two.carried.lost()
  t.equal(pair.a.wakes, wakes)
  t.equal(pair.a.streams.unacked, 0)
})

t.test('a packet is filled: small pieces of several streams share one', async t => {
  const pair = new Pair({ packets: true })
  for (let i = 0; i < 20; i++) pair.a.streams.open('/t/1').write(pattern(100))
  const one = packet(pair.a)
  t.ok(one.bytes.length > 1160 - 32, `${one.bytes.length} bytes`)
  t.ok(frames(one).length >= 9)
})

/** What one side does with a stream it holds, until it is finished. */
class Script {
  readonly stream: Stream
  readonly hears: Listener
  readonly seed: number
  /** How many bytes it says, and how it ends. */
  readonly length: number
  readonly ending: 'end' | 'reset' | 'stop'
  #said = 0
  cut = false

  constructor(stream: Stream, seed: number, roll: (below: number) => number) {
    this.stream = stream
    this.seed = seed
    this.hears = new Listener(stream, roll(8) > 0)
    this.length = roll(4) === 0 ? roll(150_000) : roll(4000)
    const ending = roll(10)
    this.ending = ending === 0 ? 'reset' : ending === 1 ? 'stop' : 'end'
  }

  step(roll: (below: number) => number): void {
    if (!this.hears.greedy && roll(20) === 0) this.hears.readAll()
    if (this.#said < this.length) {
      const count = Math.min(this.length - this.#said, 1 + roll(8000))
      this.stream.write(pattern(this.length, this.seed).subarray(this.#said, this.#said + count))
      this.#said += count
      if (this.#said > this.length / 2 && this.ending === 'reset') this.cut = true
      if (this.cut) this.stream.reset(5)
    } else if (this.ending === 'stop') this.stream.abort(6)
    else this.stream.end()
  }
}

t.test(
  'UQ-02 UQ-04 UQ-05 many streams over bad paths: each byte once and in order, and nothing is left',
  async t => {
    const troubles = [
      { lost: 2, doubled: 0, spurious: 1, reorder: 5 },
      { lost: 10, doubled: 50, spurious: 10, reorder: 100 },
      { lost: 30, doubled: 10, spurious: 5, reorder: 30 },
      { lost: 0, doubled: 0, spurious: 50, reorder: 100 },
    ]
    for (const [index, trouble] of troubles.entries()) {
      let whole = 0
      let cuts = 0
      for (let seed = 1; seed <= 2; seed++) {
        const scripts = new Map<string, Script>()
        const roll = (below: number): number => pipe.random.below(below)
        const hold = (stream: Stream, side: 'a' | 'b'): void =>
          void scripts.set(
            `${side}${stream.id}`,
            new Script(stream, 2 * stream.id + (side === 'a' ? 0 : 1), roll),
          )
        const pipe = new LossyPipe(
          { seed: 100 * index + seed, ...trouble },
          { rtt: 30, grants: { streams: 6, streamWindow: 20_000, linkWindow: 60_000 }, onStream: hold },
        )
        const { a, b } = pipe.pair
        let opened = 0
        let quiet = 0
        for (let turn = 0; quiet < 300; turn++) {
          if (turn > 60_000)
            return t.fail(`${JSON.stringify(trouble)}: ${a.streams.size} and ${b.streams.size} left`)
          if (opened < 60 && roll(4) === 0) {
            const [side, name] = opened++ % 2 === 0 ? ([a, 'a'] as const) : ([b, 'b'] as const)
            hold(side.streams.open('/t/1'), name)
          }
          if (turn % 3 === 0) for (const script of scripts.values()) script.step(roll)
          const moved = pipe.turn()
          quiet = moved || opened < 60 || a.streams.size + b.streams.size > 0 ? 0 : quiet + 1
        }
        for (const side of [a, b]) {
          t.strictSame(
            [side.streams.size, side.streams.buffered, side.streams.unread, side.streams.unacked],
            [0, 0, 0, 0],
          )
          t.strictSame(side.faults, [])
        }
        for (const [name, script] of scripts) {
          const other = scripts.get(`${name[0] === 'a' ? 'b' : 'a'}${name.slice(1)}`)
          if (other === undefined) continue // cut before it was heard of
          const [said, heard] = [pattern(other.length, other.seed), script.hears.content]
          if (!Buffer.from(heard).equals(said.subarray(0, heard.length)))
            t.fail(`${name} heard something else`)
          if (script.hears.ends.includes('ended')) {
            whole++
            if (heard.length !== said.length) t.fail(`${name} ended at ${heard.length} of ${said.length}`)
          } else cuts++
        }
        // All credit has come back: as many bytes as the link's first window go through again, at once.
        const last = a.streams.open('/t/1')
        const far = () => pipe.pair.b.incoming.at(-1)!
        last.write(pattern(60_000))
        last.end()
        for (let turn = 0; pipe.turn() && turn < 20_000; turn++) scripts.get(`b${last.id}`)?.hears.readAll()
        t.equal(far().id, last.id)
        t.ok(Buffer.from(scripts.get(`b${last.id}`)!.hears.content).equals(pattern(60_000)))
        t.ok(pipe.counts.packets > 1000, JSON.stringify(pipe.counts))
      }
      t.ok(whole > 100 && cuts > 10, `${whole} whole, ${cuts} cut`)
    }
  },
)
