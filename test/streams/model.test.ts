/**
 * Model against machine: a byte array per direction of each stream, and what each side did.
 *
 * Two `Streams` exchange records that are delayed, and cut at every size, while a random
 * script writes, reads, ends, resets and stops. What is read must be what was written. Then the
 * same with packets, which also overtake each other, get lost, come twice, and are thought lost
 * when they are not.
 */
import fc from 'fast-check'
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { Carried, deliver, Listener, Pair, pattern } from '../support/pair.ts'

const seed = Number(process.env.GUILD_SEED ?? 0x5eed02)
t.comment(`GUILD_SEED=${seed} replays this`)

/** One direction of one stream. */
interface Way {
  readonly written: number[]
  readonly read: number[]
  ended: boolean
  cut: boolean
}

interface End {
  readonly stream: Stream
  readonly hears: Listener
  readonly out: Way
  readonly in: Way
}

type Step =
  | { readonly do: 'open' | 'end' | 'reset' | 'stop'; readonly who: number; readonly at: number }
  | { readonly do: 'write' | 'read'; readonly who: number; readonly at: number; readonly length: number }
  | { readonly do: 'send'; readonly who: number; readonly size: number }
  /** Packets: which of those on their way, and what becomes of it. */
  | { readonly do: 'arrive'; readonly who: number; readonly at: number; readonly fate: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'attack'; readonly kind: number; readonly at: number }

const who = fc.nat(1)
const at = fc.nat(5)
const length = fc.oneof(fc.nat(40), fc.nat(2000), fc.integer({ min: 4000, max: 30_000 }))
const size = fc.oneof(
  fc.integer({ min: 32, max: 90 }),
  fc.integer({ min: 90, max: 3000 }),
  fc.constant(65_519),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('open' as const), who, at }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), who, at, length }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), who, at, length }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), who, size }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('arrive' as const), who, at: fc.nat(30), fate: fc.nat(19) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('end' as const, 'reset' as const, 'stop' as const), who, at }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(50) }) },
)
const attack: fc.Arbitrary<Step> = fc.record({ do: fc.constant('attack' as const), kind: fc.nat(5), at })

/** A record, or a packet with what it carries. */
interface Flying {
  readonly bytes: Uint8Array
  readonly carried: Carried | undefined
}

class World {
  readonly pair: Pair
  readonly sides: [End[], End[]] = [[], []]
  readonly flying: [Flying[], Flying[]] = [[], []]
  /** Packets that were lost, by what happened to them. */
  readonly fates = { late: 0, lost: 0, spurious: 0, doubled: 0 }
  readonly packets: boolean
  readonly transcript: string[] = []
  readonly byId = new Map<number, [Way, Way]>()
  attacks = 0
  sizes = new Set<number>()
  #fill = 0

  constructor(packets = false) {
    this.packets = packets
    this.pair = new Pair({
      packets,
      rtt: 20,
      highMark: 20_000,
      grants: { streams: 3, streamWindow: 5000, linkWindow: 9000 },
      onStream: (stream, side) => this.#arrived(stream, side === 'a' ? 0 : 1),
    })
  }

  #arrived(stream: Stream, side: number): void {
    const [there, back] = this.byId.get(stream.id)!
    this.sides[side]!.push({ stream, hears: new Listener(stream, false), out: back, in: there })
  }

  run(step: Step): void {
    if (step.do === 'wait') this.pair.now += step.ms
    else if (step.do === 'attack') this.#attack(step.kind, step.at)
    else if (step.do === 'send') {
      const w = new ByteWriter(new Uint8Array(step.size))
      const carried = this.packets ? new Carried() : undefined
      this.#streams(step.who).fill(w, carried)
      if (w.length === 0) return
      const bytes = new Uint8Array(w.view())
      this.sizes.add(bytes.length)
      this.flying[step.who]!.push({ bytes, carried })
      this.transcript.push(`${step.who}: ${Buffer.from(bytes).toString('base64')}`)
    } else if (step.do === 'arrive') this.#arrive(step.who, step.at, step.fate)
    else if (step.do === 'open') {
      if (this.sides[step.who]!.length < 6) this.#open(step.who)
    } else {
      const ends = this.sides[step.who]!
      const end = ends[step.at % Math.max(1, ends.length)]
      if (end !== undefined) this.#act(end, step)
    }
  }

  #arrive(side: number, at: number, fate: number): void {
    const flying = this.flying[side]!
    const there = this.#streams(1 - side)
    if (!this.packets || flying.length === 0) {
      const first = flying.shift()
      if (first !== undefined) deliver(first.bytes, there)
      return
    }
    const index = at % flying.length
    if (index > 0) this.fates.late++
    const [{ bytes, carried }] = flying.splice(index, 1) as [Flying]
    if (fate > 3) {
      deliver(new Uint8Array(bytes), there)
      if (fate === 4) {
        deliver(new Uint8Array(bytes), there)
        this.fates.doubled++
      }
      carried!.acked()
    } else {
      if (fate === 0) deliver(new Uint8Array(bytes), there) // it arrives, and its acknowledgement does not
      this.fates[fate === 0 ? 'spurious' : 'lost']++
      carried!.lost()
    }
  }

  #streams(side: number) {
    return side === 0 ? this.pair.a.streams : this.pair.b.streams
  }

  #open(side: number): void {
    const stream = this.#streams(side).open('/model/1')
    const ways: [Way, Way] = [
      { written: [], read: [], ended: false, cut: false },
      { written: [], read: [], ended: false, cut: false },
    ]
    this.byId.set(stream.id, ways)
    this.sides[side]!.push({ stream, hears: new Listener(stream, false), out: ways[0], in: ways[1] })
  }

  #act(end: End, step: Step): void {
    const { stream } = end
    if (step.do === 'write' && !end.out.ended) {
      const bytes = pattern(step.length, this.#fill++)
      const live = stream.sending.live
      stream.write(bytes)
      if (live) for (const byte of bytes) end.out.written.push(byte)
    } else if (step.do === 'read') this.read(end, step.length + 1)
    else if (step.do === 'end') {
      stream.end()
      end.out.ended = true
    } else if (step.do === 'reset') {
      if (stream.sending.open) end.out.cut = true
      stream.reset(1)
    } else if (step.do === 'stop') {
      stream.stopSending(2)
      end.in.cut = true
    }
  }

  read(end: End, most: number): boolean {
    const piece = end.stream.read(most)
    if (piece === undefined) return false
    for (const byte of piece) end.in.read.push(byte)
    return true
  }

  /** Frames that are refused, or ignored, whatever has happened before. */
  #attack(kind: number, at: number): void {
    const b = this.pair.b.streams
    const frames = [
      () => b.stream(2 ** 40 + 1, 0, pattern(9), false),
      () => b.stream(2 ** 40, 0, pattern(9), false),
      () => b.stream(2 * at, 2 ** 40, pattern(9), true),
      () => b.resetStream(2 * at, 1, 2 ** 41),
      () => this.sides[1].some(end => end.stream.id === 0) && b.stream(0, 0, new Uint8Array(0), true),
      () => b.stopSending(2 ** 41 + 1, 1),
    ]
    try {
      frames[kind]!()
    } catch (error) {
      if (!(error instanceof GuildError)) throw error
      this.attacks++
    }
  }

  /** Both sides end, read and answer until nothing moves. */
  finish(): void {
    for (;;) {
      let moved = this.pair.pump(1000) > 0
      for (const side of this.sides)
        for (const end of side) {
          end.stream.end()
          end.out.ended = true
          while (this.read(end, 1e9)) moved = true
        }
      if (!moved && this.pair.pump() === 0) return
    }
  }

  check(): string | undefined {
    for (const end of [...this.sides[0], ...this.sides[1]]) {
      const name = `stream ${end.stream.id}`
      const { written, read, cut } = end.in
      if (!read.every((byte, i) => byte === written[i])) return `${name}: read something else`
      const told = end.hears.ends
      const resets = told.filter(notice => notice.startsWith('reset')).length
      const ends = told.filter(notice => notice === 'ended').length
      if (resets + ends > 1) return `${name}: told ${told}`
      if (ends === 1 && read.length !== written.length) return `${name}: ended early`
      const met = this.sides.every(side => side.some(other => other.stream.id === end.stream.id))
      if (!met && !end.out.cut) return `${name}: never announced, though its opener did not give up`
      if (met && !cut && (ends !== 1 || read.length !== written.length))
        return `${name}: ${read.length} of ${written.length}`
    }
    for (const side of [this.pair.a, this.pair.b]) {
      if (side.streams.size !== 0) return `${side.streams.size} streams left`
      if (side.streams.buffered !== 0 || side.streams.unread !== 0) return 'bytes left'
      if (side.streams.unacked !== 0) return `${side.streams.unacked} bytes kept`
      if (side.faults.length > 0) return side.faults[0]!.message
    }
    return undefined
  }
}

/** A direction whose reader stopped may lose its end on the way: the answer is a reset. */
for (const packets of [false, true]) {
  const where = packets ? 'packets that get lost' : 'records'
  t.test(`FR-15 over ${where} what is read is what was written, and nothing is left`, async t => {
    const sizes = new Set<number>()
    const fates = { late: 0, lost: 0, spurious: 0, doubled: 0 }
    let bytes = 0
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400, size: 'max' }), steps => {
        const world = new World(packets)
        world.run({ do: 'open', who: 0, at: 0 })
        for (const one of steps) {
          world.run(one)
          for (const side of [world.pair.a, world.pair.b]) {
            if (side.streams.unread > 9000 + 8 * 1024 * 1024) throw new Error('more unread than was granted')
            const { unacked } = side.streams
            if (unacked > (packets ? 9000 + 8 * 1024 * 1024 : 0)) throw new Error(`${unacked} bytes are kept`)
          }
        }
        while (world.flying[0].length + world.flying[1].length > 0) {
          world.run({ do: 'arrive', who: 0, at: 0, fate: 9 })
          world.run({ do: 'arrive', who: 1, at: 0, fate: 9 })
        }
        world.finish()
        for (const one of world.sizes) sizes.add(one)
        for (const fate of ['late', 'lost', 'spurious', 'doubled'] as const) fates[fate] += world.fates[fate]
        for (const end of world.sides[1]) bytes += end.in.read.length
        const wrong = world.check()
        if (wrong !== undefined) throw new Error(wrong)
      }),
      { seed, numRuns: 150, endOnFailure: true },
    )
    t.ok(sizes.size > 100, `${sizes.size} sizes of ${where}`)
    t.ok(bytes > 100_000, `${bytes} bytes`)
    for (const [fate, count] of Object.entries(fates))
      t.ok(packets ? count > 100 : count === 0, `${count} ${fate}`)
  })
}

t.test('a frame that is refused leaves the state unchanged', async t => {
  let attacks = 0
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: step }, { weight: 1, arbitrary: attack }), {
        maxLength: 200,
        size: 'max',
      }),
      steps => {
        const [attacked, twin] = [new World(), new World()]
        for (const world of [attacked, twin]) {
          world.run({ do: 'open', who: 0, at: 0 })
          for (const one of steps) if (one.do !== 'attack' || world === attacked) world.run(one)
        }
        attacks += attacked.attacks
        const notices = (world: World): string =>
          JSON.stringify(world.sides.map(side => side.map(end => end.hears.told)))
        if (attacked.transcript.join('\n') !== twin.transcript.join('\n')) throw new Error('other bytes')
        if (notices(attacked) !== notices(twin)) throw new Error('other notices')
      },
    ),
    { seed, numRuns: 150, endOnFailure: true },
  )
  t.ok(attacks > 1000, `${attacks} refused frames`)
})
