/**
 * P15: a link that is told "enough" keeps the rest of a read, and goes on where it stopped.
 */
import t from 'tap'
import { GuildError } from '../../src/base/errors.ts'
import type { ByteWriter } from '../../src/base/writer.ts'
import { defaults } from '../../src/link/link-io.ts'
import { encodeClose } from '../../src/wire/frames/admission.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { limits } from '../../src/wire/limits.ts'
import { closeCodes } from '../../src/wire/registry.ts'
import { End, exchange, makeSelf, START, yes } from '../support/link-pair.ts'

const nonce = (n: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, n >>> 24, n >>> 16, n >>> 8, n)

/** Two open ends, of which the responder is told "enough" as often as `looks` says. */
function metered(): { a: End; b: End; allow: (looks: number) => void } {
  let left = Number.POSITIVE_INFINITY
  const a = new End(makeSelf({ seed: 1 }), { proceed: yes })
  const b = new End(makeSelf({ seed: 2 }), undefined, undefined, () => left-- <= 0)
  exchange(a, b)
  if (!a.link.open || !b.link.open) throw new Error('not open')
  b.takeWire()
  return {
    a,
    b,
    allow: looks => {
      left = looks
    },
  }
}

/** One record for each ping. */
function records(from: End, count: number, first = 0): Uint8Array {
  for (let i = 0; i < count; i++) {
    from.link.send(w => encodePing(w, nonce(first + i)))
    from.flush()
  }
  return from.takeWire()
}

/** All pings in one record. */
function record(from: End, count: number, last?: (w: ByteWriter) => void): Uint8Array {
  for (let i = 0; i < count; i++) from.link.send(w => encodePing(w, nonce(i)))
  if (last !== undefined) from.link.send(last)
  from.flush()
  return from.takeWire()
}

/** Which pings the other side answered, in order. */
function answered(a: End, b: End): number[] {
  a.give(b.takeWire())
  return a.outputs
    .filter(output => output.kind === 'pong')
    .map(({ nonce }) => new DataView(nonce.buffer, nonce.byteOffset).getUint32(4))
}

const upTo = (count: number): number[] => [...Array(count).keys()]

t.test('P15 a read of many records is split between them: nothing lost, nothing out of order', async t => {
  const { a, b, allow } = metered()
  const chunk = records(a, 100)
  allow(7)
  b.give(chunk)
  chunk.fill(0xee) // the memory was lent
  t.ok(b.link.held)
  t.same(answered(a, b), upTo(7))
  for (let slices = 1; b.link.held; slices++) {
    allow(10)
    b.more()
    t.same(answered(a, b), upTo(Math.min(100, 7 + 10 * slices)))
  }
  t.equal(b.link.recordsIn, 100)
  allow(5)
  b.give(records(a, 5, 100))
  t.notOk(b.link.held, 'what is read to its end is not held')
  t.same(answered(a, b), upTo(105))
})

t.test('P15 told enough at once, a link reads nothing of a chunk and loses nothing of it', async t => {
  const { a, b, allow } = metered()
  const chunk = records(a, 3)
  const cut = chunk.length - 5
  allow(0)
  b.give(chunk.slice(0, cut))
  t.ok(b.link.held)
  t.equal(b.link.recordsIn, 0)
  allow(0)
  b.more()
  t.ok(b.link.held)
  allow(100)
  b.more()
  t.notOk(b.link.held, 'half a record is not held: it waits for its other half')
  b.give(chunk.slice(cut))
  t.same(answered(a, b), upTo(3))
})

t.test('P15 one record of many frames is split between frames', async t => {
  const { a, b, allow } = metered()
  const step = defaults.framesAtOnce
  const chunk = record(a, 10 * step + 3)
  allow(1)
  b.give(chunk)
  t.ok(b.link.held)
  t.same(answered(a, b), upTo(step))
  allow(2)
  b.more()
  t.same(answered(a, b), upTo(4 * step), 'two looks passed, the third held')
  allow(1000)
  b.more()
  t.notOk(b.link.held)
  t.same(answered(a, b), upTo(10 * step + 3))
  t.equal(b.link.recordsIn, 1)
})

t.test('P15 held within a record, its REKEY is still the last frame and the next record opens', async t => {
  const { a, b, allow } = metered()
  a.now = START + limits.rekeyAfter
  const chunk = Buffer.concat([record(a, 100), records(a, 3, 100)])
  allow(1)
  b.give(chunk)
  while (b.link.held) {
    allow(1)
    b.more()
  }
  t.same(answered(a, b), upTo(103))
})

t.test('P15 a handshake is held between its units as well', async t => {
  let left = 0
  const a = new End(makeSelf({ seed: 1 }), { proceed: yes })
  const b = new End(makeSelf({ seed: 2 }), undefined, undefined, () => left-- <= 0)
  for (let i = 0; i < 10 && !a.link.open; i++) {
    b.give(a.takeWire())
    if (b.link.held) {
      left = 1
      b.more()
    }
    a.give(b.takeWire())
  }
  t.ok(a.link.open && b.link.open)
})

t.test(
  'P15 a carrier that breaks while bytes are held ends the link, and what was held is not read',
  async t => {
    const { a, b, allow } = metered()
    allow(2)
    b.give(records(a, 10))
    b.closed(new Error('ECONNRESET'))
    t.equal(b.end?.by, 'transport')
    t.notOk(b.link.held)
    allow(100)
    b.more()
    t.equal(b.link.recordsIn, 2)
  },
)

t.test('P15 P3 of a stranger little is held: what no handshake has is read at once, and refused', async t => {
  const b = new End(makeSelf({ seed: 2 }), undefined, undefined, () => true)
  b.give(new Uint8Array(defaults.heldUnproved).fill(1))
  t.ok(b.link.held)
  t.equal(b.end, undefined)
  const c = new End(makeSelf({ seed: 2 }), undefined, undefined, () => true)
  c.give(new Uint8Array(defaults.heldUnproved + 1).fill(1))
  t.notOk(c.link.held)
  t.equal(c.end?.by, 'handshake')
})

t.test('P15 closed by us while bytes are held, a link reads them no more', async t => {
  const { a, b, allow } = metered()
  allow(1)
  b.give(record(a, 100))
  t.ok(b.link.held)
  const error = new GuildError('GH_LINK_CLOSED', 'enough of it')
  b.link.handle({ kind: 'close', code: closeCodes.DISCONNECTED, error }, b.now)
  b.drain()
  t.equal(b.end?.by, 'local')
  t.notOk(b.link.held)
  allow(100)
  b.more()
  a.give(b.takeWire())
  t.equal(a.end?.closeCode, closeCodes.DISCONNECTED)
  t.same(answered(a, b), upTo(defaults.framesAtOnce))
})

t.test('P15 a CLOSE behind held frames is heard in its place', async t => {
  const { a, b, allow } = metered()
  allow(1)
  b.give(record(a, 100, w => encodeClose(w, closeCodes.GOODBYE, '')))
  t.equal(b.end, undefined)
  allow(100)
  b.more()
  t.equal(b.end?.closeCode, closeCodes.GOODBYE)
  t.notOk(b.link.held)
})
