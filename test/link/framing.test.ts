/**
 * What a peer may put into records, and when: each rule broken on purpose by a peer that seals well.
 */
import t from 'tap'
import { concat, toHex, utf8 } from '../../src/base/bytes.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import type { Proved } from '../../src/link/handshake.ts'
import { defaults } from '../../src/link/link-io.ts'
import { RecordSender } from '../../src/link/records.ts'
import { openResponderUnit } from '../../src/link/responder-unit.ts'
import { frameUnit } from '../../src/link/units.ts'
import { CipherState, HandshakeState } from '../../src/noise/index.ts'
import { encodeAccepted, encodeClose, encodeRefused, encodeRekey } from '../../src/wire/frames/admission.ts'
import { encodePeers } from '../../src/wire/frames/peers.ts'
import { encodePing } from '../../src/wire/frames/ping.ts'
import { encodeHello, helloSignedBytes } from '../../src/wire/hello.ts'
import { limits } from '../../src/wire/limits.ts'
import { encodeMessage1 } from '../../src/wire/message-1.ts'
import { closeCodes, parameters, responderUnits } from '../../src/wire/registry.ts'
import { End, exchange, makeSelf, pair, START, unitsOf, WALL } from '../support/link-pair.ts'

const empty = new Uint8Array(0)
const nonce = (n: number): Uint8Array => new Uint8Array(8).fill(n)
type Encode = (w: ByteWriter) => void
const ping =
  (n = 1): Encode =>
  w =>
    encodePing(w, nonce(n))

/** Seals whatever it is told to, with the key that is the peer's turn. */
function sealer(cipher: CipherState): (...frames: Encode[]) => Uint8Array {
  const sender = new RecordSender(cipher, START)
  return (...frames) => {
    const w = new ByteWriter()
    for (const encode of frames) encode(w)
    const chunks: Uint8Array[] = []
    sender.seal(w, chunks, START)
    return concat(...chunks)
  }
}

/** An open link, and the peer's hand on its own sealing key. */
function open(): { a: End; b: End; seal: (...frames: Encode[]) => Uint8Array } {
  const { a, b } = pair()
  exchange(a, b)
  return { a, b, seal: sealer(b.proved!.send) }
}

/** An initiator that has sent message 3, and the responder's hand. */
function awaiting(): { a: End; seal: (...frames: Encode[]) => Uint8Array } {
  const { a, b } = pair()
  b.admits = false
  exchange(a, b)
  const output = b.outputs.find(one => one.kind === 'proved')
  if (output?.kind !== 'proved') throw new Error('not proved')
  return { a, seal: sealer(output.proved.send) }
}

const errorOf = (end: End): string | undefined => end.end?.error.code

t.test('FRAME-1 a record is the length of its sealed bytes, then those', async t => {
  const { a, seal } = open()
  for (const count of [1, 30]) {
    const record = seal(...Array.from({ length: count }, () => ping()))
    t.strictSame([...record.subarray(0, 2)], [(9 * count + 16) >> 8, (9 * count + 16) & 255])
    t.equal(record.length, 2 + 9 * count + 16)
    a.give(record)
  }
  t.ok(a.link.open)
})

t.test('FRAME-3 two directions, two keys, two counters that begin at 0 and are not sent', async t => {
  const { a, b } = pair()
  let kept: { first: Uint8Array; proved: Proved } | undefined
  b.admits = false
  exchange(a, b)
  const output = b.outputs.find(one => one.kind === 'proved')
  if (output?.kind === 'proved') {
    const { send, receive } = output.proved
    t.strictSame([send.n, receive.n], [0, 0])
    const clones = [send.clone(), receive.clone()] as const
    b.link.handle({ kind: 'admit', observed: empty }, START)
    b.flush()
    const first = b.takeWire().subarray(2)
    kept = { first, proved: output.proved }
    t.equal(clones[0].decryptWithAd(empty, first)[0], 0x20, 'ACCEPTED, nonce 0, no associated data')
    t.throws(() => clones[1].decryptWithAd(empty, first), { code: 'GH_NOISE_OPEN' })
    t.strictSame([send.n, receive.n], [1, 0])
  }
  t.ok(kept)
})

t.test('FRAME-4 a record holds whole frames, and at least one', async t => {
  const none = open()
  none.a.give(none.seal())
  t.equal(errorOf(none.a), 'GH_WIRE_LENGTH')
  const cut = open()
  cut.a.give(cut.seal(ping(), w => w.varint(1).raw(nonce(2).subarray(0, 4))))
  t.equal(errorOf(cut.a), 'GH_WIRE_SHORT', 'not continued in the next record')
})

t.test('FRAME-5 the frames before a malformed one were acted on, it and those behind it not', async t => {
  const { a, seal } = open()
  a.takeWire()
  a.give(
    seal(
      w => w.varint(0x1b).varint(1).varint(2),
      w => w.varint(0x3f),
      w => w.varint(0x1b).varint(3).varint(4),
    ),
  )
  t.strictSame(a.frames, [['mesh', 1, 2]])
  t.equal(errorOf(a), 'GH_WIRE_FRAME')
})

t.test('FRAME-6 a frame behind REKEY closes the link; REKEY as the last one does not', async t => {
  const good = open()
  good.a.give(good.seal(ping(), encodeRekey))
  t.ok(good.a.link.open)
  const bad = open()
  bad.a.give(bad.seal(encodeRekey, ping()))
  t.equal(errorOf(bad.a), 'GH_LINK_PROTOCOL')
})

t.test('FRAME-7 the next key comes by 2^30 sealed bytes or 120 s, whichever is first', async t => {
  let rekeys = 0
  const sealed = new Uint8Array(limits.recordPlaintext)
  const tag = new Uint8Array(16)
  const cheap = {
    seal: () => sealed,
    sealParts: (_: number, __: Uint8Array, text: Uint8Array) => ({ body: text, tag }),
    sealInto: () => {},
    open: () => empty,
    rekeyed: () => {
      rekeys++
      return cheap
    },
  }
  const state = () => new CipherState().initializeKey({ ...nativeSuite, cipher: () => cheap }, nonce(1))
  const full = new ByteWriter(sealed.length).raw(sealed.subarray(1))
  const sender = new RecordSender(state(), START)
  let bytes = 0
  for (let records = 0; rekeys === 0 && records < 20_000; records++) {
    const w = new ByteWriter(sealed.length).raw(full.view())
    bytes += sender.seal(w, [], START) - 2
  }
  t.equal(rekeys, 1)
  t.ok(bytes >= limits.rekeyBytes && bytes <= limits.rekeyBytes + 2 * limits.record, `${bytes}`)
  sender.seal(new ByteWriter(sealed.length).raw(full.view()), [], START)
  t.equal(rekeys, 1, 'and bytes are counted from there on')
  const timed = new RecordSender(state(), START)
  const at = (now: number): number => {
    timed.seal(new ByteWriter().raw(nonce(1)), [], now)
    return rekeys
  }
  t.equal(at(START + limits.rekeyAfter - 1), 1)
  t.equal(at(START + limits.rekeyAfter), 2)
  t.equal(at(START + 2 * limits.rekeyAfter - 1), 2, 'counted from the last one')
})

t.test('FRAME-8 a peer that takes smaller records gets none above that', async t => {
  const self = makeSelf({ seed: 1 })
  const b = new End(makeSelf({ seed: 2 }))
  const state = new HandshakeState({
    snapshot: self.swarms[0]!.snapshot,
    initiator: true,
    s: self.staticKey,
    random: self.random.bytes,
  })
  const own = new Map([[parameters.MAX_RECORD, limits.recordLeast]])
  const payload = encodeMessage1({ versions: [1], time: WALL, parameters: own, cookie: empty })
  b.give(frameUnit(state.writeMessage(payload)))
  state.readMessage(b.takeWire().subarray(3))
  const message3 = state.writeMessage(hash =>
    encodeHello({
      ...self.hello(),
      identityKey: self.identity.publicKey,
      signature: self.identity.sign(helloSignedBytes('initiator', hash)),
      parameters: new Map(),
      linkId: nonce(1),
      resumable: false,
    }),
  )
  b.give(frameUnit(message3))
  t.ok(b.link.open)
  for (let i = 0; i < 10; i++) b.link.send(w => w.varint(0x40).prefixed(new Uint8Array(10_000)))
  b.flush()
  const sizes = unitsOf(b.takeWire()).map(unit => unit.length - 2)
  t.ok(Math.max(...sizes) <= limits.recordLeast, `${sizes}`)
  t.ok(Math.max(...sizes) > limits.recordLeast - 10_016, 'and they are filled')
})

t.test('CHAT-6 chat gives way where a peer reads slowly; what is not chat waits', async t => {
  const { a, b } = open()
  for (let i = 0; i < defaults.droppableFrames + 50; i++) a.link.send(ping(i & 255), true)
  t.equal(a.link.dropped, 50)
  a.link.send(ping(), false)
  t.equal(a.link.dropped, 50)
  a.flush()
  exchange(a, b)
  t.equal(a.outputs.filter(({ kind }) => kind === 'pong').length, defaults.droppableFrames + 1)
  a.link.send(ping(), true)
  t.equal(a.link.dropped, 50, 'once it reads again it is told again')
  t.ok(a.link.open && b.link.open)
})

t.test('FRAME-9 what is not for records is not known in them: every type below 0x40', async t => {
  const known = new Set([0, 1, 2, 4, 5, 8, 9, 0x0e, 0x10, 0x11, 0x12, 0x18, 0x19, 0x1a, 0x1b])
  for (let type = 0; type < 0x40; type++) {
    if (known.has(type) || (type >= 0x20 && type <= 0x24)) continue
    const { a, seal } = open()
    a.give(seal(w => w.varint(type)))
    t.equal(errorOf(a), 'GH_WIRE_FRAME', `0x${type.toString(16)}`)
  }
})

t.test('FRAME-10 an end without CLOSE is a broken link, not a goodbye', async t => {
  const { a } = open()
  a.closed()
  t.match(a.end, { by: 'transport', closeCode: undefined, error: { code: 'GH_LINK_CLOSED' } })
  const other = open()
  other.a.give(other.seal(w => encodeClose(w, closeCodes.GOODBYE, '')))
  other.a.closed()
  t.match(other.a.end, { by: 'remote', closeCode: closeCodes.GOODBYE })
})

t.test('CLOSE-1 behind CLOSE nothing is heard, and nothing more is said', async t => {
  const { a, seal } = open()
  a.takeWire()
  a.give(
    seal(
      w => encodeClose(w, closeCodes.GOODBYE, ''),
      w => w.varint(0x1b).varint(1).varint(2),
      ping(),
    ),
  )
  a.give(seal(ping()))
  a.link.send(ping())
  a.flush()
  t.strictSame(a.frames, [])
  t.equal(a.takeWire().length, 0)
  t.ok(a.carrierEnded, 'its side has ended')
})

t.test('HAND-14 HS-21 the first frame is ACCEPTED or REFUSED; any other closes the link', async t => {
  const early: Encode[] = [
    ping(),
    w => w.varint(0x02).raw(nonce(1)),
    encodeRekey,
    w => w.varint(0x22),
    w => encodePeers(w, []),
    w => w.varint(0x18),
    w => w.varint(0x1b).varint(1).varint(1),
    w => w.varint(0x08).varint(0).varint(0).varint(0),
  ]
  for (const [i, frame] of early.entries()) {
    const { a, seal } = awaiting()
    a.give(seal(frame))
    t.equal(errorOf(a), 'GH_LINK_PROTOCOL', `frame ${i}`)
    t.notOk(a.link.open)
  }
  const quiet = awaiting()
  quiet.a.give(
    quiet.seal(
      w => w.varint(0).varint(0x40).varint(0),
      w => encodeAccepted(w, empty),
    ),
  )
  t.ok(quiet.a.link.open, 'what says nothing may stand before it')
  const twice = awaiting()
  const accepted: Encode = w => encodeAccepted(w, empty)
  twice.a.give(twice.seal(accepted))
  t.ok(twice.a.link.open)
  twice.a.give(twice.seal(accepted))
  t.equal(errorOf(twice.a), 'GH_LINK_PROTOCOL', 'ACCEPTED once')
  const refused = awaiting()
  refused.a.give(
    refused.seal(
      w => encodeRefused(w, 'DENIED', ''),
      w => encodePeers(w, []),
      w => encodeClose(w, closeCodes.DISCONNECTED, ''),
    ),
  )
  t.equal(errorOf(refused.a), 'GH_REFUSED_DENIED')
})

t.test('HAND-3 a message 1 that opens and is malformed: closed at once, without a byte', async t => {
  const good = encodeMessage1({ versions: [1], time: WALL, parameters: new Map(), cookie: empty })
  for (const payload of [empty, utf8('x'), good.subarray(1), concat(good, nonce(0))]) {
    const { b, selfA } = pair()
    const state = new HandshakeState({
      snapshot: selfA.swarms[0]!.snapshot,
      initiator: true,
      s: selfA.staticKey,
      random: selfA.random.bytes,
    })
    b.give(frameUnit(state.writeMessage(payload)))
    t.equal(b.sent, 0, toHex(payload))
    t.ok(b.carrierEnded && b.stranger)
    t.equal(errorOf(b), 'GH_HANDSHAKE_FAILED')
  }
})

t.test('HAND-7 a cookie is sealed as the page says, computed here by hand', async t => {
  const { b, selfA } = pair({ b: { startedAt: START } })
  const state = new HandshakeState({
    snapshot: selfA.swarms[0]!.snapshot,
    initiator: true,
    s: selfA.staticKey,
    random: selfA.random.bytes,
  })
  const message1 = encodeMessage1({ versions: [1], time: WALL, parameters: new Map(), cookie: empty })
  b.give(frameUnit(state.writeMessage(message1)))
  const unit = b.takeWire().subarray(2)
  t.equal(unit[0], responderUnits.COOKIE)
  const [salt, sealed] = [unit.subarray(1, 17), unit.subarray(17)]
  const extracted = nativeSuite.hmac(state.chainingKey, salt)
  const key = nativeSuite.hmac(extracted, Uint8Array.of(1))
  const cookie = nativeSuite.cipher(key).open(0, state.handshakeHash, sealed)
  t.equal(cookie.length, 16)
  t.strictSame(cookie, openResponderUnit(nativeSuite, state, unit.subarray(1)))
  t.equal(2 + unit.length, 51, 'HAND-8: smaller than any message 1')
})

t.test('HAND-6 one cookie, and a retry that carries it; a second cookie is not obeyed', async t => {
  const { a, b } = pair({ b: { startedAt: START } })
  const message1 = a.takeWire()
  b.give(message1)
  const cookie = b.takeWire()
  b.give(message1) // without the cookie
  t.equal(b.sent, cookie.length, 'not a byte more')
  t.equal(errorOf(b), 'GH_HANDSHAKE_FAILED')
  a.give(cookie)
  t.ok(a.takeWire().length > 0)
  a.give(cookie)
  t.equal(errorOf(a), 'GH_HANDSHAKE_FAILED', 'it was for an ephemeral key that is gone')
  t.equal(a.takeWire().length, 0)
})
