/**
 * The coordinator of a packet connection: what is read, what is left, how it ends. Real ciphers, virtual time.
 */
import t from 'tap'
import type { GuildError } from '../../src/base/errors.ts'
import { toMermaid } from '../../src/base/states.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { packetConnection } from '../../src/packets/connection.ts'
import { PTO_MAX } from '../../src/packets/recovery.ts'
import { encodeProbe } from '../../src/wire/frames/ack.ts'
import { frameTypes } from '../../src/wire/registry.ts'
import { CLOSE, Forger, framesIn, Numbered, PacketPair, tokenOf } from '../support/packet-pair.ts'
import { pattern } from '../support/pair.ts'
import { Seeded } from '../support/seeded.ts'

const PROBE = [frameTypes.PROBE.type]
const codeOf = (error: Error | undefined): string | undefined => (error as GuildError | undefined)?.code

/** A frame of bytes that control carries as it is; its first byte says which. */
const spoken = (length: number, first = 0): Uint8Array => Uint8Array.of(first, ...pattern(length - 1))

function control(offset: number, bytes: Uint8Array): Uint8Array {
  const w = new ByteWriter(new Uint8Array(2_000))
  return w.varint(frameTypes.CONTROL.type).varint(offset).prefixed(bytes).view().slice()
}

/** An ACK of everything from `from` to `to`. */
function ackOf(from: number, to: number): Uint8Array {
  const w = new ByteWriter(new Uint8Array(64))
  w.varint(frameTypes.ACK.type).varint(to).varint(0).varint(0)
  return w
    .varint(to - from)
    .view()
    .slice()
}

t.test('the states are a table, and nothing leaves gone', async t => {
  t.match(toMermaid(packetConnection), /alive --> finishing: finish/)
  for (const moves of Object.values(packetConnection)) t.notOk('gone' in moves)
})

t.test('PKT-7 a packet that opens and holds no frame ends the link', async t => {
  const pair = new PacketPair().settle()
  const forger = new Forger(pair)
  // A number of four bytes: the seal needs no PADDING for its sample.
  pair.a.receive(forger.sealed(new Uint8Array(0), -(2 ** 24)), pair.b.place)
  t.equal(codeOf(pair.a.error), 'GH_WIRE_LENGTH')
  t.ok(forger.heard().some(([name]) => name === 'close'))
})

t.test(
  'TYPE-6 FR-03 frames that belong inside CONTROL, or in records, close when a packet holds them',
  async t => {
    for (const name of [
      'PING',
      'PONG',
      'REQUEST_PEERS',
      'PEERS',
      'CHAT',
      'MESH',
      'ACCEPTED',
      'REFUSED',
      'DRAIN',
      'REKEY',
    ] as const) {
      const pair = new PacketPair().settle()
      pair.a.open()
      new Forger(pair).say([frameTypes[name].type, ...new Array(20).fill(0)])
      t.equal(codeOf(pair.a.error), 'GH_WIRE_FRAME', name)
      t.equal(pair.a.connection.state, 'closing')
    }
    const pair = new PacketPair().settle()
    new Forger(pair).say([0x40, 0x40, 3, 1, 2, 3], PROBE)
    t.equal(pair.a.error, undefined, 'an ignorable one is skipped')
    t.same(pair.a.told.at(-1)?.slice(0, 2), ['ignored', 0x40])
  },
)

t.test('PKT-8 frames of streams before the link is open are left unacknowledged, and come again', async t => {
  const pair = new PacketPair().settle()
  const source = new Numbered()
  pair.a.open(source)
  source.total = 3
  pair.a.connection.departures.waiting()
  pair.run(pair.now + 200)
  t.equal(source.acked.size, 0, 'nothing is acknowledged')
  t.same(
    pair.b.heard.filter(name => name === 'maxStreamData'),
    [],
  )
  pair.b.open()
  t.ok(pair.run(pair.now + 5_000, () => source.acked.size === 3))
  t.same(
    pair.b.told.filter(([name]) => name === 'maxStreamData').map(([, id]) => id),
    [0, 1, 2, 0, 1, 2],
    'once of each of the two probes, though the packets came more than once',
  )
})

t.test(
  'control arrives whole, in order and once, under loss, doubling and lateness (UQ-02, UQ-05)',
  async t => {
    for (let seed = 1; seed <= 10; seed++) {
      const pair = new PacketPair({ weather: { seed, loss: 20, doubled: 30, late: 25 } })
      const said = Array.from({ length: 60 }, (_, n) => spoken(1 + ((n * 977) % 16_000), n))
      for (const [n, frame] of said.entries()) pair.at(1_000 + n * 20, () => pair.a.say(frame))
      t.ok(
        pair.run(120_000, () => pair.b.control.length >= 60 && pair.a.connection.departures.control.settled),
      )
      t.ok(Buffer.concat(pair.b.control).equals(Buffer.concat(said)), `seed ${seed}`)
    }
  },
)

t.test('PKT-10 CLOSE waits until control is acknowledged', async t => {
  const pair = new PacketPair().settle()
  const from = pair.crossings.length
  pair.a.connection.departures.control.push(spoken(5_000))
  pair.a.connection.finish(w => w.raw(CLOSE), pair.now)
  pair.a.flush()
  t.equal(pair.a.connection.state, 'finishing')
  pair.run(pair.now + 15)
  t.equal(pair.b.heard.includes('close'), false)
  pair.run(pair.now + 100)
  t.equal(pair.b.control.length, 1)
  t.ok(pair.b.heard.includes('close'))
  t.ok(pair.sent(pair.a, from).length > 4)
})

t.test('PKT-10 CLOSE waits for control no longer than 3 PTO, and is forgotten after 3 more', async t => {
  const pair = new PacketPair().settle()
  const { connection } = pair.a
  const { pto } = connection.departures
  pair.drops = () => true
  connection.departures.control.push(spoken(500))
  const began = pair.now
  connection.finish(w => w.raw(CLOSE), pair.now)
  pair.run(began + 60_000, () => connection.state === 'closing')
  t.ok(pair.now - began <= 3 * pto + 1, `${pair.now - began} of ${3 * pto}`)
  const closed = pair.now
  pair.run(closed + 60_000, () => connection.state === 'gone')
  t.ok(pair.now - closed <= 3 * connection.departures.pto + 1)
  t.equal(connection.deadline(), undefined)
  t.equal(pair.a.ids.size, 0, 'no id leads here any more')
  t.equal(pair.a.tokens.size, 0, 'no token is looked for any more')
})

t.test(
  'P3 PKT-10 the end takes five seconds each way at most, however long the round trip is said to be',
  async t => {
    const pair = new PacketPair().settle()
    const { connection } = pair.a
    for (let i = 0; i < 20; i++) connection.departures.rtt.sample(8_000, 0)
    t.ok(connection.departures.pto > 5_000)
    pair.drops = () => true
    connection.departures.control.push(spoken(500))
    const began = pair.now
    connection.finish(w => w.raw(CLOSE), pair.now)
    pair.run(began + 200_000, () => connection.state === 'gone')
    t.equal(connection.state, 'gone')
    t.ok(pair.now - began <= 10_002, `${pair.now - began} ms`)
  },
)

t.test('PKT-11 CLOSE is said again to who goes on, ever more rarely', async t => {
  const pair = new PacketPair().settle()
  const forger = new Forger(pair)
  pair.a.connection.finish(w => w.raw(CLOSE), pair.now)
  pair.a.flush()
  t.equal(pair.a.connection.state, 'closing')
  const from = pair.crossings.length
  for (let n = 0; n < 100; n++) forger.say(PROBE)
  const said = forger.heard(from).filter(([name]) => name === 'close')
  t.equal(said.length, 7, 'for the 1st, 2nd, 4th, 8th, 16th, 32nd, 64th')
  t.equal(pair.sent(pair.a, from).length, 7, 'and nothing else')
})

t.test('PKT-11 who hears CLOSE answers it once, drains in silence, and is gone after 3 PTO', async t => {
  const pair = new PacketPair().settle()
  const { connection } = pair.a
  const forger = new Forger(pair)
  const from = pair.crossings.length
  forger.say(CLOSE)
  connection.drain(pair.now) // as its link does
  t.equal(connection.state, 'draining')
  t.same(
    forger
      .heard(from)
      .map(([name]) => name)
      .filter(name => name !== 'ack'),
    ['close'],
  )
  const then = pair.crossings.length
  for (let n = 0; n < 20; n++) forger.say(PROBE)
  pair.a.say(spoken(100))
  const { pto } = connection.departures
  const began = pair.now
  pair.run(began + 60_000, () => connection.state === 'gone')
  t.equal(pair.sent(pair.a, then).length, 0)
  t.ok(pair.now - began <= 3 * pto + 1)
})

t.test('PKT-11 both say CLOSE: both forget at once', async t => {
  const pair = new PacketPair().settle()
  for (const side of [pair.a, pair.b]) {
    side.connection.finish(w => w.raw(CLOSE), pair.now)
    side.flush()
  }
  pair.run(pair.now + 11)
  t.equal(pair.a.connection.state, 'gone')
  t.equal(pair.b.connection.state, 'gone')

  const waiting = new PacketPair().settle()
  const forger = new Forger(waiting)
  waiting.a.connection.departures.control.push(spoken(500))
  waiting.a.connection.finish(w => w.raw(CLOSE), waiting.now)
  waiting.a.flush()
  t.equal(waiting.a.connection.state, 'finishing')
  const from = waiting.crossings.length
  forger.say(CLOSE)
  t.equal(waiting.a.connection.state, 'gone', 'also where ours had not left yet')
  t.ok(forger.heard(from).some(([name]) => name === 'close'))
})

t.test('finishing goes on while the link calls drain: only the peer’s own CLOSE cuts it short', async t => {
  const pair = new PacketPair({ weather: { loss: 0 } }).settle()
  let swallowed = 0
  pair.drops = ({ from }) => from === pair.a && swallowed++ < 1 // what it says last is lost, and goes again
  pair.a.connection.departures.control.push(spoken(500, 7))
  pair.a.connection.finish(w => w.raw(CLOSE), pair.now)
  pair.a.connection.drain(pair.now)
  t.equal(pair.a.connection.state, 'finishing')
  pair.run(pair.now + 5_000)
  t.equal(pair.b.control.length, 1)
  t.ok(pair.b.heard.includes('close'))
})

t.test('UQ-18 idle: gone at the lesser timeout; keepalive prevents it', async t => {
  const pair = new PacketPair({ timeout: 20_000 })
  pair.run(60_000, () => pair.a.silent)
  t.equal(pair.a.connection.state, 'gone')
  t.ok(pair.now >= 20_000 && pair.now <= 24_000, `${pair.now}`)
  t.equal(pair.a.connection.deadline(), undefined)

  const kept = new PacketPair({ timeout: 20_000, keepalive: 5_000 })
  kept.run(300_000)
  t.equal(kept.a.silent, false)
  t.equal(kept.a.connection.state, 'alive')
})

t.test('PATH-18 a second and a half without an answer is told, and so is each after it', async t => {
  const pair = new PacketPair().settle()
  t.equal(pair.a.unanswered, 0)
  pair.drops = () => true
  pair.a.say(spoken(100))
  const began = pair.now
  pair.run(began + 30_000, () => pair.a.unanswered === 1)
  t.ok(pair.now >= began + 1_500 && pair.now < began + 1_600, `${pair.now - began} ms`)
  pair.run(pair.now + 30_000, () => pair.a.unanswered === 2)
  t.ok(pair.now >= began + 3_000 && pair.now < began + 3_100, `${pair.now - began} ms`)
  const { now } = pair
  pair.a.connection.refused(now)
  pair.run(now + 30_000, () => pair.a.silent)
  t.ok(pair.now >= now + 1_000 && pair.now < now + 1_500, `${pair.now - now} ms after it was refused`)

  const alive = new PacketPair().settle()
  alive.a.connection.refused(alive.now)
  alive.a.say(spoken(100))
  alive.run(alive.now + 20_000)
  t.notOk(alive.a.silent, 'it answers: whoever said so was wrong')
  t.equal(alive.a.unanswered, 0)
})

t.test('UQ-19 no answers: probes ever more rarely, up to the cap; then silence ends it', async t => {
  const pair = new PacketPair({ timeout: 10_000_000 }).settle()
  pair.drops = () => true
  const from = pair.crossings.length
  const began = pair.now
  pair.a.say(spoken(100))
  pair.run(began + 400_000)
  const times = pair.sent(pair.a, from).map(({ at }) => at)
  const gaps = times
    .slice(1)
    .map((at, n) => at - times[n]!)
    .filter(gap => gap > 0)
  for (const [n, gap] of gaps.entries())
    if (n > 0)
      t.ok(
        gap <= PTO_MAX + 1 && (gap >= 1.9 * gaps[n - 1]! || gap >= PTO_MAX - 2),
        `${gap} after ${gaps[n - 1]}`,
      )
  t.ok(Math.max(...gaps) >= PTO_MAX - 1, 'the cap is reached')
  t.ok(times.length < 220, `${times.length} packets in 400 s`)
})

t.test('PKT-9 of two probes the first is lost as well: the second said the same', async t => {
  const pair = new PacketPair({ weather: { delay: 10 } }).settle()
  const from = pair.crossings.length
  // The packet itself, and the first probe.
  pair.drops = ({ from: side }) => side === pair.a && pair.sent(pair.a, from).length <= 2
  const began = pair.now
  const { pto } = pair.a.connection.departures
  pair.a.say(spoken(100))
  t.ok(pair.run(began + 10_000, () => pair.b.control.length === 1))
  t.ok(pair.now - began <= pto + 15, `${pair.now - began} ms, of which ${pto} until the probes`)
  t.ok(
    pair.run(pair.now + 1_000, () => pair.a.connection.departures.control.settled),
    'and it is settled',
  )
})

t.test('UQ-19 persistent congestion: the window is the least, and grows again', async t => {
  for (const congestion of ['newreno', 'cubic', 'bbr'] as const) {
    const pair = new PacketPair({ congestion, timeout: 10_000_000, weather: { delay: 20 } }).settle()
    const source = new Numbered(1_000)
    pair.a.open(source)
    pair.b.open()
    source.total = 1_500
    pair.a.connection.departures.waiting()
    pair.run(pair.now + 200)
    pair.drops = () => true
    pair.run(pair.now + 10_000)
    pair.drops = () => false
    const { departures } = pair.a.connection
    let least = Number.POSITIVE_INFINITY
    pair.run(pair.now + 60_000, () => {
      least = Math.min(least, departures.congestion.window)
      return source.acked.size === source.total
    })
    t.ok(least <= 4 * 1_472, `${congestion}: ${least} bytes at the least`)
    t.equal(source.acked.size, source.total, `${congestion}: all arrived`)
  }
})

t.test('UQ-12 an acknowledgement of a packet never sent ends the link', async t => {
  const pair = new PacketPair().settle()
  new Forger(pair).say(ackOf(0, pair.a.connection.departures.recovery.next))
  t.equal(codeOf(pair.a.error), 'GH_LINK_PROTOCOL')
})

t.test('UQ-12 who acknowledges ahead of what came is caught by a number that was left out', async t => {
  const pair = new PacketPair().settle()
  pair.a.open()
  const forger = new Forger(pair)
  const { recovery } = pair.a.connection.departures
  let said = 0
  for (; pair.a.error === undefined && said < 1_000; said++) {
    const from = recovery.next
    pair.a.say(spoken(10))
    forger.say(ackOf(Math.max(0, from - 5), recovery.next - 1)) // whatever it was, it came
    pair.now += 1
  }
  t.equal(codeOf(pair.a.error), 'GH_LINK_PROTOCOL')
  t.match(pair.a.error?.message, /left out/)
  t.ok(said < 500, `after ${said}`)
})

t.test(
  'PKT-12 FR-04 CONTROL that is empty or repeats, and acknowledgements by the dozen, are paid for',
  async t => {
    const pair = new PacketPair().settle()
    const forger = new Forger(pair)
    pair.a.charged.length = 0
    const packet = Array.from({ length: 300 }, () => control(0, new Uint8Array(0)))
    forger.say(...packet)
    t.equal(pair.a.charged.length, 300, 'each empty one')
    forger.say(control(0, Uint8Array.of(2, 1, 2)), control(0, Uint8Array.of(2, 1, 2)))
    t.equal(pair.a.charged.length, 302, 'each repeated one')
    t.equal(pair.a.control.length, 1)
    pair.a.charged.length = 0
    pair.a.say(spoken(10))
    const { recovery } = pair.a.connection.departures
    forger.say(ackOf(recovery.next - 1, recovery.next - 1))
    t.equal(pair.a.charged.length, 0, 'one that tells something costs nothing: our packet paid for it')
    forger.say(...Array.from({ length: 10 }, () => ackOf(recovery.next - 1, recovery.next - 1)))
    t.equal(
      pair.a.charged.filter(type => type === frameTypes.ACK.type).length,
      10,
      'one that repeats is paid for',
    )
    t.ok(pair.crossings.length < 60, 'nobody answers a flood')
  },
)

t.test('UQ-04 control too far ahead, with too many gaps, or in frames too long, ends the link', async t => {
  const ends: Readonly<Record<string, readonly Uint8Array[]>> = {
    GH_LINK_FLOW: [control(65_530, spoken(10))],
    GH_WIRE_LENGTH: [control(0, Uint8Array.of(0xbf, 0xff, 0xff, 0xff, 1))],
  }
  for (const [code, frames] of Object.entries(ends)) {
    const pair = new PacketPair().settle()
    new Forger(pair).say(...frames)
    t.equal(codeOf(pair.a.error), code)
  }
})

t.test('UQ-15 a reset token that was told is looked for, until the end', async t => {
  const pair = new PacketPair().settle()
  t.equal(pair.a.tokens.size, 1, 'of the id in use')
  t.ok(pair.a.tokens.has(Buffer.from(tokenOf(pair.b.localId)).toString('hex')))
  t.equal(pair.a.ids.size, 4)
  pair.a.connection.abandon()
  t.equal(pair.a.tokens.size, 0)
  t.equal(pair.a.ids.size, 0)
  t.equal(pair.a.connection.receive(pair.crossings.at(-1)!.bytes, pair.b.place, pair.now), false)
})

t.test('HS-17 P6 a thousand key changes under 10 % loss: no frame is lost', async t => {
  const pair = new PacketPair({
    phaseLimits: { bytes: 100, after: 1e9 },
    weather: { loss: 10, late: 10, lateness: 5, delay: 1 },
    congestion: 'newreno',
  })
  const [mine, theirs] = [new Numbered(), new Numbered()]
  pair.a.open(mine)
  pair.b.open(theirs)
  let [changes, phase] = [0, pair.a.connection.departures.protection.sendPhase]
  const more = (): void => {
    for (const [side, source] of [
      [pair.a, mine],
      [pair.b, theirs],
    ] as const) {
      source.total += 2
      side.connection.departures.waiting()
      side.flush()
    }
    const now = pair.a.connection.departures.protection.sendPhase
    if (now !== phase) changes++
    phase = now
    if (changes < 1_000) pair.at(pair.now + 10, more)
  }
  more()
  const done = pair.run(10_000_000, () => changes >= 1_000 && mine.acked.size === mine.total)
  t.ok(done)
  t.ok(changes >= 1_000, `${changes} changes`)
  t.equal(pair.a.error, undefined)
  t.equal(pair.b.error, undefined)
  const came = new Set(pair.b.told.filter(([name]) => name === 'maxStreamData').map(([, id]) => id))
  t.equal(came.size, mine.total)
})

t.test('[DGRAM-1] datagrams leave once, directly in a packet, and are never sent again', async t => {
  const pair = new PacketPair({ weather: { loss: 30, seed: 5 } })
  pair.a.open()
  pair.b.open()
  pair.weather = { ...pair.weather, loss: 0 }
  pair.settle()
  pair.weather = { ...pair.weather, loss: 30 }
  for (let n = 0; n < 40; n++)
    pair.at(pair.now + 10 * n, () => {
      pair.a.connection.departures.datagrams.push(Uint8Array.of(n, ...pattern(1_099)))
      pair.a.flush()
    })
  pair.run(pair.now + 20_000)
  const came = pair.b.told
    .filter(([name]) => name === 'datagram')
    .map(([, bytes]) => (bytes as Uint8Array)[0])
  t.ok(came.length > 15 && came.length < 40, `${came.length} of 40`)
  t.equal(new Set(came).size, came.length, 'none twice')
  t.equal(pair.a.connection.departures.control.bytes, 0)
  t.same(pair.b.control, [], 'none inside CONTROL')
})

t.test('[DGRAM-1] datagrams that find no room wait, at most 64; the oldest give way', async t => {
  const pair = new PacketPair().settle()
  pair.a.open()
  pair.b.open()
  pair.drops = () => true
  for (let n = 0; n < 200; n++)
    pair.a.connection.departures.datagrams.push(Uint8Array.of(n, ...pattern(1_099)))
  pair.a.flush()
  const first = pair.sent(pair.a).length
  for (let n = 0; n < 5_000; n++) pair.a.connection.departures.datagrams.push(Uint8Array.of(255))
  t.ok(first < 200 + 20)
  pair.drops = () => false
  pair.run(pair.now + 60_000)
  const came = pair.b.told
    .filter(([name]) => name === 'datagram')
    .map(([, bytes]) => (bytes as Uint8Array)[0])
  t.ok(came.length <= 64, `${came.length} came of those that waited`)
  t.ok(came.filter(n => n === 255).length > 0)
})

t.test('a rate for streams holds back neither control nor acknowledgements', async t => {
  const pair = new PacketPair().settle()
  const source = new Numbered()
  pair.a.open(source)
  pair.b.open()
  source.total = 100
  pair.a.connection.departures.waiting()
  pair.a.connection.departures.control.push(spoken(3_000, 9))
  const from = pair.crossings.length
  pair.a.connection.flush(pair.now, 0)
  t.ok(pair.sent(pair.a, from).length >= 3, 'control of three packets left at once')
  pair.run(pair.now + 15, () => pair.b.control.length > 0)
  t.equal(pair.b.control.length, 1)
})

t.test('P4 P5 every datagram of a session ten times more, and damaged: nothing new', async t => {
  const pair = new PacketPair()
  const source = new Numbered()
  pair.a.open(source)
  pair.b.open()
  source.total = 3_000
  pair.a.connection.departures.waiting()
  pair.run(60_000, () => source.acked.size === source.total)
  pair.run(pair.now + 1_000)
  const dice = new Seeded(3)
  const [told, packetsIn] = [pair.b.told.length, pair.b.connection.packetsIn]
  const all = pair.sent(pair.a)
  for (let n = 0; n < 10 * all.length; n++) {
    const bytes = all[dice.below(all.length)]!.bytes.slice()
    if (n % 2 === 0) bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8)
    t.notOk(pair.b.connection.receive(bytes, pair.a.place, pair.now)) || t.fail(`${n}`)
  }
  t.equal(pair.b.told.length, told)
  t.equal(pair.b.connection.packetsIn, packetsIn)
  t.equal(pair.b.connection.state, 'alive')
})

t.test('PROBE is answered at once; an ACK alone is not', async t => {
  const pair = new PacketPair().settle()
  const forger = new Forger(pair)
  const from = pair.crossings.length
  const w = new ByteWriter(new Uint8Array(8))
  encodeProbe(w)
  forger.say(w.view())
  t.equal(pair.sent(pair.a, from).length, 1)
  forger.say(ackOf(0, 0), new Array(10).fill(0))
  t.equal(pair.sent(pair.a, from).length, 1)
  t.same(framesIn(Uint8Array.of(...PROBE)), [['probe']])
})

t.test('PKT-9 an acknowledgement waits neither for the congestion window nor for data', async t => {
  const pair = new PacketPair({ congestion: 'newreno', timeout: 1e7 }).settle()
  const forger = new Forger(pair)
  const source = new Numbered(1_000)
  pair.a.open(source)
  source.total = 1_000
  pair.a.connection.departures.waiting()
  pair.a.flush()
  pair.run(pair.now + 1_000)
  const { recovery, congestion } = pair.a.connection.departures
  t.ok(recovery.bytesInFlight + 1_472 > congestion.window, 'the window is full')
  const from = pair.crossings.length
  forger.say(PROBE)
  t.same(
    forger.heard(from).map(([name]) => name),
    ['ack'],
  )
})

t.test('what is on its way stays within the congestion window, and fills it', async t => {
  for (const congestion of ['newreno', 'cubic', 'bbr'] as const) {
    const pair = new PacketPair({ congestion, weather: { delay: 40 } }).settle()
    const source = new Numbered(1_000)
    pair.a.open(source)
    pair.b.open()
    source.total = 600
    pair.a.connection.departures.waiting()
    const { departures } = pair.a.connection
    let [over, most] = [0, 0]
    pair.run(pair.now + 10_000, () => {
      const { window } = departures.congestion
      over = Math.max(over, departures.recovery.bytesInFlight - window)
      most = Math.max(most, departures.recovery.bytesInFlight / window)
      return source.acked.size === source.total
    })
    t.ok(over <= 0, `${congestion}: ${over} bytes beyond it`)
    t.ok(most > 0.85, `${congestion}: ${most} of it`)
  }
})

t.test(
  'UQ-10 UQ-09 another host begins congestion control, RTT and size anew; another port keeps the first two',
  async t => {
    for (const what of ['port', 'host'] as const) {
      const pair = new PacketPair({ congestion: 'newreno', weather: { delay: 40 } }).settle()
      const source = new Numbered(1_000)
      pair.a.open(source)
      pair.b.open()
      source.total = 400
      const { departures } = pair.a.connection
      departures.waiting()
      pair.run(pair.now + 10_000, () => source.acked.size === source.total)
      t.equal(departures.mtu.size, 1_472)
      const before = departures.congestion
      const old = pair.b.place
      pair.b.place = what === 'port' ? { ...old, port: 9_999 } : { host: '10.0.9.9', port: 8_000 }
      pair.b.connection.departures.probe()
      const tried = new Set<number>()
      pair.run(pair.now + 3_000, () => tried.add(departures.mtu.size).size === 0)
      t.same(departures.paths.current.remote, pair.b.place)
      t.equal(departures.congestion === before, what === 'port')
      t.ok(tried.has(1_200), 'a new path is searched anew')
      pair.crossings.length = 0
      source.total = 500
      departures.waiting()
      t.ok(
        pair.run(pair.now + 10_000, () => source.acked.size === source.total),
        'and it goes on',
      )
    }
  },
)

t.test('UQ-11 a late packet from elsewhere is read, and asks nobody where he is', async t => {
  const pair = new PacketPair().settle()
  const forger = new Forger(pair)
  const late = forger.sealed(Uint8Array.of(...PROBE, ...PROBE, ...PROBE, ...PROBE))
  forger.say(PROBE)
  const from = pair.crossings.length
  pair.a.receive(late, { host: '10.6.6.6', port: 6 })
  t.same(
    forger.heard(from).filter(([name]) => name === 'pathChallenge'),
    [],
  )
  const newest = forger.sealed(Uint8Array.of(...PROBE, ...PROBE, ...PROBE, ...PROBE))
  pair.a.receive(newest, { host: '10.6.6.6', port: 6 })
  t.ok(forger.heard(from).some(([name]) => name === 'pathChallenge'))
})
