import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { defaults } from '../../src/link/link-io.ts'
import { encodeProbe } from '../../src/wire/frames/ack.ts'
import { encodeDatagram } from '../../src/wire/frames/datagram.ts'
import type { FrameSource, StreamFrames } from '../../src/wire/frames/index.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import { limits } from '../../src/wire/limits.ts'
import { End, exchange, makeSelf, START, unitsOf, yes } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

const nonce = (n: number): Uint8Array => new Uint8Array(8).fill(n)

/** A source of stream frames that a test fills by hand, and a sink that notes what came. */
class Raw implements StreamFrames, FrameSource {
  readonly waiting: Uint8Array[] = []
  readonly got: { id: number; offset: number; data: string; fin: boolean }[] = []
  bytes = 0
  fill(w: ByteWriter): boolean {
    while (this.waiting.length > 0 && this.waiting[0]!.length <= w.room) w.raw(this.waiting.shift()!)
    return this.waiting.length > 0
  }
  stream(id: number, offset: number, data: Uint8Array, fin: boolean): void {
    this.bytes += data.length
    if (this.got.length < 1000) this.got.push({ id, offset, data: toHex(data), fin })
  }
  resetStream(): void {}
  stopSending(): void {}
  maxData(): void {}
  maxStreamData(): void {}
  maxStreams(): void {}
}

function frame(id: number, offset: number, data: Uint8Array, fin = false): Uint8Array {
  const w = new ByteWriter(data.length + 32)
  encodeStreamHead(w, id, offset, data.length, fin)
  return w.raw(data).view()
}

/** Two open links whose streams are raw. */
function opened(): { a: End; b: End; rawA: Raw; rawB: Raw } {
  const mesh = { requestPeers() {}, peers() {}, chat() {}, mesh() {} }
  const rawA = new Raw()
  const rawB = new Raw()
  const a = new End(makeSelf({ seed: 1 }), { proceed: yes }, () => ({ streams: rawA, mesh }))
  const b = new End(makeSelf({ seed: 2 }), undefined, () => ({ streams: rawB, mesh }))
  exchange(a, b)
  if (!a.link.open || !b.link.open) throw new Error('not open')
  return { a, b, rawA, rawB }
}

t.test(
  'DGRAM-1 FRAME-9 a record hands on DATAGRAM, drops it unheard, and closes on a frame of packets',
  async t => {
    const mesh = { requestPeers() {}, peers() {}, chat() {}, mesh() {} }
    const heard: string[] = []
    const a = new End(makeSelf({ seed: 1 }), { proceed: yes }, () => ({ streams: new Raw(), mesh }))
    const b = new End(makeSelf({ seed: 2 }), undefined, () => ({
      streams: new Raw(),
      mesh,
      datagram: bytes => heard.push(toHex(bytes)),
    }))
    exchange(a, b)
    a.link.send(w => encodeDatagram(w, nonce(5)))
    b.link.send(w => encodeDatagram(w, nonce(6)))
    a.flush()
    b.flush()
    exchange(a, b)
    t.strictSame(heard, ['0505050505050505'])
    t.ok(a.link.open && b.link.open, 'nobody listens at a, and that is no fault')
    a.link.send(encodeProbe)
    a.flush()
    exchange(a, b)
    t.match(b.end, { by: 'protocol', error: { code: 'GH_WIRE_FRAME' } })
  },
)

function say(end: End, raw: Raw, ...frames: Uint8Array[]): void {
  raw.waiting.push(...frames)
  end.link.streamsWaiting()
  end.flush()
}

t.test('PING-1 all frames of one turn leave in one record; each PING comes back as PONG', async t => {
  const { a, b, rawA, rawB } = opened()
  a.link.send(w => encodePing(w, nonce(1)))
  a.link.send(w => encodePing(w, nonce(2)))
  say(a, rawA, frame(1, 0, nonce(3)), frame(3, 0, nonce(4)))
  const units = unitsOf(a.takeWire())
  t.equal(units.length, 1)
  b.give(units[0]!)
  t.equal(rawB.got.length, 2)
  exchange(a, b)
  t.strictSame(
    a.outputs.filter(output => output.kind === 'pong').map(output => toHex(output.nonce)),
    [toHex(nonce(1)), toHex(nonce(2))],
  )
})

t.test('at most 256 KiB are sealed ahead of the carrier, and a PING does not wait behind bulk', async t => {
  const { a, rawA } = opened()
  const before = a.sent
  for (let i = 0; i < 40; i++) rawA.waiting.push(frame(1, i * 60_000, new Uint8Array(60_000)))
  a.link.streamsWaiting()
  a.flush()
  const first = a.sent - before
  t.ok(first >= defaults.unsent && first < defaults.unsent + limits.record + 2, `${first} bytes`)
  a.link.handle({ kind: 'flush', buffered: defaults.unsent }, START)
  a.drain()
  t.equal(a.sent - before, first, 'nothing more while the carrier is full')
  a.takeWire()
  a.link.send(w => encodePing(w, nonce(9)))
  a.flush()
  t.ok(unitsOf(a.takeWire())[0]!.length > 60_000, 'PING shares the next record')
})

t.test('FRAME-3 FRAME-5 HS-14 records dropped, doubled or swapped: authentication error, close', async t => {
  for (const what of ['dropped', 'doubled', 'swapped'] as const) {
    const { a, b, rawA, rawB } = opened()
    for (let i = 0; i < 3; i++) say(a, rawA, frame(1, i, nonce(i)))
    const [one, two, three] = unitsOf(a.takeWire()) as [Uint8Array, Uint8Array, Uint8Array]
    const order = { dropped: [two, three], doubled: [one, one], swapped: [two, one] }[what]
    for (const unit of order) b.give(unit)
    t.equal(b.end?.error.code, 'GH_NOISE_OPEN', what)
    t.equal(rawB.got.length, what === 'doubled' ? 1 : 0, 'nothing after it is believed')
  }
})

t.test('FRAME-5 each bit of a record flipped: not accepted, typed error', async t => {
  const { rawA, a } = opened()
  say(a, rawA, frame(1, 0, nonce(1)))
  const unit = unitsOf(a.takeWire())[0]!
  for (let bit = 16; bit < unit.length * 8; bit += 5) {
    const { b, rawB } = opened()
    const changed = unit.slice()
    changed[bit >> 3]! ^= 1 << (bit & 7)
    b.give(changed)
    if (b.end?.error.code !== 'GH_NOISE_OPEN' || rawB.got.length > 0) t.fail(`bit ${bit}`)
  }
})

t.test('FRAME-7 HS-17 rekey while busy: nothing lost, in both directions, every 120 s', async t => {
  const { a, b, rawA, rawB } = opened()
  const dice = new Seeded(5)
  let sent = 0
  for (let i = 0; i < 400; i++) {
    a.now += dice.fraction() * 20_000
    b.now = a.now
    const size = 1 + Math.floor(dice.fraction() * 2000)
    say(a, rawA, frame(1, sent, new Uint8Array(size)))
    say(b, rawB, frame(0, i, nonce(1)))
    sent += size
    if (dice.fraction() < 0.3) exchange(a, b)
  }
  exchange(a, b)
  t.equal(rawB.bytes, sent)
  t.equal(rawA.bytes, 400 * 8)
  t.ok(a.link.open && b.link.open)
  t.ok(a.now - START > 10 * limits.rekeyAfter, 'several keys were used')
})

t.test('FRAME-6 HS-17 after a rekey the old key opens nothing', async t => {
  const { a, b, rawA } = opened()
  a.now += limits.rekeyAfter
  say(a, rawA, frame(1, 0, nonce(1)))
  const last = a.takeWire()
  say(a, rawA, frame(1, 8, nonce(2)))
  const next = a.takeWire()
  const twin = opened().b // the same seeds, so the same keys, before the rekey
  twin.give(next)
  t.equal(twin.end?.error.code, 'GH_NOISE_OPEN')
  b.give(last)
  b.give(next)
  t.ok(b.link.open)
})

t.test('FRAME-2 FR-01 a record above 65,535 cannot be said; one of length 0 closes', async t => {
  const { b } = opened()
  b.give(Uint8Array.of(0, 0))
  t.equal(b.end?.error.code, 'GH_WIRE_LENGTH')
})

t.test(
  'FRAME-2 FR-02 a length announced whose body never comes: memory stays with what came, the link counts as silent',
  async t => {
    const { b } = opened()
    const records = b.link.recordsIn
    const before = process.memoryUsage().arrayBuffers
    const many = Array.from({ length: 200 }, () => {
      const { b: one } = opened()
      one.give(Uint8Array.of(0xff, 0xff, 1, 2, 3))
      return one
    })
    const grown = process.memoryUsage().arrayBuffers - before
    t.ok(grown < 200 * 70_000 * 2, `${grown} bytes for ${many.length} links`)
    b.give(Uint8Array.of(0xff, 0xff, 1))
    t.equal(b.link.recordsIn, records, 'no sign of life: the silence deadline of membership goes on')
  },
)

t.test('ERR-2 FR-03 an unknown ignorable frame is skipped, an unknown critical one closes', async t => {
  const { a, b, rawA, rawB } = opened()
  say(a, rawA, new ByteWriter().varint(0x41).prefixed(nonce(1)).view(), frame(1, 0, nonce(2)))
  exchange(a, b)
  t.equal(rawB.got.length, 1)
  say(a, rawA, new ByteWriter().varint(0x3f).view())
  exchange(a, b)
  t.equal(b.end?.error.code, 'GH_WIRE_FRAME')
  t.equal(b.end?.by, 'protocol')
  t.equal(a.end?.by, 'remote')
  t.equal(a.end?.error.code, 'GH_LINK_PROTOCOL', 'the peer is told the kind, not the details')
})

t.test('TYPE-5 FR-04 floods of empty frames: the budget is spent, the peer is closed', async t => {
  for (const [what, one] of [
    ['PADDING', Uint8Array.of(0)],
    ['PING', new ByteWriter().varint(1).raw(nonce(1)).view()],
  ] as const) {
    const { a, b, rawA } = opened()
    let frames = 0
    while (b.link.open && frames < 1_000_000) {
      const many = new ByteWriter(8192)
      for (let i = 0; i < 500; i++) many.raw(one)
      say(a, rawA, many.view())
      frames += 500
      exchange(a, b)
    }
    t.equal(b.end?.error.code, 'GH_LINK_BUDGET', what)
    t.ok(frames <= defaults.cheapBurst + 1000, `after ${frames} ${what}`)
  }
})

t.test('a peer that asks and never reads its answers is closed, memory bounded', async t => {
  const { a, b, rawA } = opened()
  // b's carrier takes nothing: its answers pile up.
  for (let i = 0; b.link.open && i < 10_000; i++) {
    say(
      a,
      rawA,
      new ByteWriter()
        .varint(1)
        .raw(nonce(i & 255))
        .view(),
    )
    b.link.handle({ kind: 'bytes', bytes: a.takeWire() }, START)
  }
  b.drain()
  t.equal(b.end?.error.code, 'GH_LINK_BUDGET')
})

t.test('random bytes in an open link never throw anything untyped', async t => {
  const dice = new Seeded(11)
  for (let i = 0; i < 300; i++) {
    const { b } = opened()
    b.give(dice.bytes(1 + (i % 90)))
    if (b.end !== undefined && !b.end.error.code.startsWith('GH_')) t.fail(String(b.end.error))
  }
  t.pass()
})
