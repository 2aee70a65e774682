import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import { defaults } from '../../src/link/link-io.ts'
import { freshSalt, openResponderUnit, sealResponderUnit } from '../../src/link/responder-unit.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { frameUnit } from '../../src/link/units.ts'
import { HandshakeState } from '../../src/noise/index.ts'
import { encodeMesh, encodeRequestPeers } from '../../src/wire/frames/peers.ts'
import { limits } from '../../src/wire/limits.ts'
import { encodeMessage1 } from '../../src/wire/message-1.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { closeCodes, parameters, responderUnits } from '../../src/wire/registry.ts'
import { End, exchange, makeSelf, pair, START, unitsOf, WALL, yes } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

const psk = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

t.test('HAND-5 HAND-18 fresh path: three messages, then ACCEPTED; both know each other', async t => {
  const { a, b, selfA, selfB } = pair()
  exchange(a, b)
  t.ok(a.link.open)
  t.ok(b.link.open)
  t.equal(a.proved?.peerId, peerIdFromKey(selfB.identity.publicKey))
  t.equal(b.proved?.peerId, peerIdFromKey(selfA.identity.publicKey))
  t.equal(a.proved?.hello.name, 'bob')
  t.equal(b.proved?.hello.name, 'alice')
  t.equal(toHex(a.proved!.linkId), toHex(b.proved!.linkId), 'one link id at both ends')
  t.equal(toHex(a.proved!.staticKey), toHex(selfB.staticKey.publicKey))
  t.strictSame(a.proved?.hello.linkId, new Uint8Array(8), 'drawn by the initiator')
})

for (const [why, b] of [
  ['the responder has just started', { startedAt: START - 1000 }],
  ['the clocks differ by more than 120 s', { wall: () => WALL + 121_000 }],
] as const)
  t.test(`HAND-5 cookie path: ${why}`, async t => {
    const { a, b: responder } = pair({ b })
    const kinds: number[] = []
    exchange(a, responder, (unit, _index, from) => {
      if (from === 'responder' && kinds.length < 2) kinds.push(unit[2]!)
      return unit
    })
    t.strictSame(kinds, [responderUnits.COOKIE, responderUnits.MESSAGE_2])
    t.ok(a.link.open && responder.link.open)
  })

t.test('HAND-8 HS-19 the cookie is no larger than the message 1 it answers', async t => {
  const { a, b } = pair({ b: { startedAt: START } })
  const message1 = a.takeWire()
  b.give(message1)
  t.ok(b.sent <= message1.length, `${b.sent} bytes for ${message1.length}`)
})

t.test('HAND-2 a retry on the cookie path has a new ephemeral key', async t => {
  const { a, b } = pair({ b: { startedAt: START } })
  const first = a.takeWire()
  b.give(first)
  a.give(b.takeWire())
  const second = a.takeWire()
  t.not(toHex(first.subarray(2, 34)), toHex(second.subarray(2, 34)))
})

t.test('HAND-3 HS-01 wrong swarm key in message 1: closed, 0 bytes out, 0 DH, one stranger', async t => {
  const { a, b, selfB } = pair({ a: { psk: psk(9) } })
  let dh = 0
  const counted: Suite['dh'] = (...args) => {
    dh++
    return nativeSuite.dh(...args)
  }
  const suite: Suite = { ...nativeSuite, dh: counted }
  const counting = new End({ ...selfB, suite, swarms: [createSwarm(suite, psk(7))] })
  const message1 = a.takeWire()
  b.give(message1)
  counting.give(message1)
  t.equal(b.sent, 0)
  t.ok(b.carrierEnded && b.stranger)
  t.equal(b.end?.error.code, 'GH_HANDSHAKE_SWARM')
  t.equal(counting.sent, 0)
  t.equal(dh, 0)
  a.closed()
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_SWARM')
  t.match(a.end?.error.message, /closed before message 2: wrong swarm key, or not a guild-home node/)
})

t.test(
  'while a key is rotated a responder opens what either key sealed, the initiator says which it uses',
  async t => {
    const self = makeSelf({ seed: 2 })
    const swarms = [createSwarm(self.suite, psk(8)), createSwarm(self.suite, psk(7))]
    for (const [which, swarm] of swarms.entries()) {
      const b = new End({ ...self, swarms })
      const a = new End({ ...makeSelf({ seed: 1 }), swarms }, { proceed: yes, swarm })
      exchange(a, b)
      t.ok(a.link.open && b.link.open, `swarm ${which}`)
    }
    const both = new End({ ...makeSelf({ seed: 3 }), swarms }, { proceed: yes, swarm: swarms[1]! })
    const old = new End(makeSelf({ seed: 4, psk: psk(7) }))
    exchange(both, old)
    t.ok(both.link.open && old.link.open, 'to one that holds the old key alone')
    const first = new End({ ...makeSelf({ seed: 5 }), swarms }, { proceed: yes })
    exchange(first, new End(makeSelf({ seed: 6, psk: psk(7) })))
    t.equal(first.end?.error.code, 'GH_HANDSHAKE_SWARM', 'the first is what it uses unless told')
  },
)

t.test('while a key is rotated the cookie path keeps to the swarm it began with', async t => {
  const self = makeSelf({ seed: 2, startedAt: START })
  const swarms = [createSwarm(self.suite, psk(8)), createSwarm(self.suite, psk(7))]
  const b = new End({ ...self, swarms })
  const a = new End({ ...makeSelf({ seed: 1 }), swarms }, { proceed: yes, swarm: swarms[1]! })
  exchange(a, b)
  t.ok(a.link.open && b.link.open)
})

t.test('HS-02 random first bytes of every length get nothing back', async t => {
  const dice = new Seeded(42)
  for (let length = 1; length <= 1500; length += 7) {
    const b = new End(makeSelf({ seed: 2 }))
    b.give(dice.bytes(length))
    if (b.end === undefined) b.tick(START + defaults.message1Timeout)
    t.equal(b.sent, 0)
    if (b.end === undefined || !b.stranger) t.fail(`length ${length}: still there`)
  }
})

t.test('HAND-13 HS-03 connect, then nothing: closed after 5 s, no bytes', async t => {
  const b = new End(makeSelf())
  t.equal(b.link.deadline(), START + 5000)
  b.tick(START + 4999)
  t.notOk(b.end)
  b.tick(START + 5000)
  t.equal(b.end?.error.code, 'GH_HANDSHAKE_TIMEOUT')
  t.equal(b.sent, 0)
})

t.test('HAND-13 HS-04 one byte per second: the same absolute deadline, not extended', async t => {
  const { a } = pair()
  const b = new End(makeSelf({ seed: 2 }))
  const message1 = a.takeWire()
  for (let second = 1; second < 5; second++) {
    b.now = START + 1000 * second
    b.give(message1.subarray(second - 1, second))
  }
  t.equal(b.link.deadline(), START + 5000)
  b.tick(START + 5000)
  t.ok(b.end)
  t.equal(b.sent, 0)
})

for (const [title, length] of [
  ['0', 0],
  ['1,201', 1201],
  ['65,535', 65_535],
] as const)
  t.test(`HAND-4 NUM-4 HS-05 first length prefix ${title}: closed before any body is buffered`, async t => {
    const b = new End(makeSelf())
    b.give(Uint8Array.of(length >>> 8, length & 255))
    t.ok(b.carrierEnded && b.stranger)
    t.equal(b.end?.error.code, 'GH_WIRE_LENGTH')
    t.equal(b.sent, 0)
  })

t.test('HS-06 a low-order ephemeral or static key: no session, no crash', async t => {
  const { a, b } = pair()
  exchange(a, b, (unit, index) => {
    if (index !== 1) return unit
    const zero = unit.slice()
    zero.fill(0, 3, 35) // e of message 2
    return zero
  })
  t.equal(a.end?.by, 'handshake')
  t.notOk(a.link.open || b.link.open)
})

t.test('HS-07 our own message 1 sent back, to the dialler and to our listener', async t => {
  const self = makeSelf()
  const a = new End(self, { proceed: yes })
  const message1 = a.takeWire()
  const listener = new End(self)
  listener.give(message1)
  t.equal(listener.takeWire()[2], responderUnits.COOKIE, 'our listener does not take it for fresh')
  a.give(message1)
  t.equal(a.end?.by, 'handshake')
})

t.test('HAND-12 HS-08 dialling oneself is refused by both ends, with a code that says so', async t => {
  const self = makeSelf()
  const a = new End(self, { proceed: yes })
  const b = new End(self)
  exchange(a, b)
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_SELF')
  t.notOk(b.link.open)
})

t.test('HAND-6 HS-09 recorded message 1 again: at most one cookie, no session', async t => {
  const { a, b, selfB } = pair()
  const recorded: Uint8Array[] = []
  exchange(a, b, (unit, _index, from) => {
    if (from === 'initiator') recorded.push(unit.slice())
    return unit
  })
  t.ok(b.link.open)
  const replay = new End(selfB)
  replay.give(recorded[0]!)
  const answer = unitsOf(replay.takeWire())
  t.equal(answer.length, 1)
  t.equal(answer[0]![2], responderUnits.COOKIE)
  replay.give(recorded[0]!)
  t.equal(replay.sent, answer[0]!.length, 'not a byte more')
  t.ok(replay.end)
  t.notOk(replay.link.open)
})

t.test('HAND-6 HS-09 HS-20 a cookie of another connection: another cookie, no session', async t => {
  const { a, b, selfB } = pair({ b: { startedAt: START } })
  exchange(a, b)
  t.ok(b.link.open)
  const again = new End(makeSelf({ seed: 3 }), { proceed: yes })
  const other = new End(selfB)
  other.give(again.takeWire())
  again.give(other.takeWire())
  const retry = again.takeWire()
  other.give(retry)
  t.ok(other.takeWire().length > 100, 'message 2')
  const third = new End(selfB)
  third.give(retry)
  t.equal(third.takeWire()[2], responderUnits.COOKIE, 'elsewhere its cookie is worth nothing')
})

for (const path of ['fresh', 'cookie'] as const) {
  const options = path === 'fresh' ? {} : { b: { startedAt: START } }
  const messages = path === 'fresh' ? 3 : 5

  t.test(`HS-10 each message one byte shorter or longer: abort at that message (${path} path)`, async t => {
    for (let which = 0; which < messages; which++)
      for (const by of [-1, 1]) {
        const { a, b } = pair(options)
        exchange(a, b, (unit, index) => {
          if (index !== which) return unit
          const body = by === 1 ? new Uint8Array([...unit.subarray(2), 0]) : unit.subarray(2, unit.length - 1)
          return new Uint8Array([body.length >>> 8, body.length & 255, ...body])
        })
        t.notOk(a.link.open || b.link.open, `message ${which + 1}, ${by} byte`)
        t.ok(a.end ?? b.end)
      }
  })

  t.test(`HS-11 each byte of each message altered: abort, no partial trust (${path} path)`, async t => {
    let cases = 0
    for (let which = 0; which < messages; which++)
      for (let at = 2; ; at++) {
        const { a, b } = pair(options)
        let inside = false
        exchange(a, b, (unit, index) => {
          if (index !== which || at >= unit.length) return unit
          inside = true
          const changed = unit.slice()
          changed[at]! ^= 1 << (at % 8)
          return changed
        })
        if (!inside) break
        cases++
        if (a.link.open || b.link.open || a.frames.length + b.frames.length > 0)
          t.fail(`message ${which + 1}, byte ${at}: a session resulted`)
      }
    t.ok(cases > 400, `${cases} cases`)
  })
}

t.test('HAND-11 HS-12 the identity is not the pinned one: typed error, no HELLO of ours', async t => {
  const other = peerIdFromKey(makeSelf({ seed: 77 }).identity.publicKey)
  const { a, b } = pair({ expect: other })
  exchange(a, b)
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_IDENTITY')
  t.match(a.end?.error.message, other)
  t.notOk(
    b.outputs.some(output => output.kind === 'proved'),
    'the peer never learnt who called',
  )
})

t.test('HS-12 an objection after message 2 (already linked) ends the dial before message 3', async t => {
  const { b, selfA } = pair()
  const a = new End(selfA, { proceed: () => new GuildError('GH_REFUSED_DUPLICATE') })
  exchange(a, b)
  t.equal(a.end?.error.code, 'GH_REFUSED_DUPLICATE')
  t.notOk(b.outputs.some(output => output.kind === 'proved'))
})

t.test('HAND-1 HS-15 another prologue, pattern or version: abort, no retry with weaker settings', async t => {
  const selfA = makeSelf({ seed: 1 })
  const renamed: Suite = { ...nativeSuite, name: '25519_ChaChaPoly_BLAKE2s' }
  const a = new End({ ...selfA, suite: renamed, swarms: [createSwarm(renamed, psk(7))] }, { proceed: yes })
  const b = new End(makeSelf({ seed: 2 }))
  exchange(a, b)
  t.equal(b.sent, 0)
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_SWARM')
  t.equal(a.outputs.filter(output => output.kind === 'write').length, 1, 'said once, not again')
})

t.test(
  'HAND-9 HS-21 the payload of message 1 is not acted on: a proved peer is told of only after message 3',
  async t => {
    const { a, b } = pair()
    b.give(a.takeWire())
    t.notOk(b.outputs.some(output => output.kind === 'proved'))
    t.equal(b.frames.length, 0)
  },
)

t.test('HS-21 an initiator that is refused is never open', async t => {
  const { a, b } = pair()
  b.admits = false
  exchange(a, b)
  t.notOk(a.link.open)
  b.link.handle({ kind: 'refuse', reason: 'MAX_PEERS', detail: '', entries: [] }, START)
  b.drain()
  exchange(a, b)
  t.equal(a.end?.error.code, 'GH_REFUSED_MAX_PEERS')
})

t.test('refusals are typed, sealed, and carry peers to try instead', async t => {
  for (const reason of ['MAX_PEERS', 'DUPLICATE', 'DENIED'] as const) {
    const { a, b } = pair()
    b.admits = false
    exchange(a, b)
    const entries = [{ identityKey: psk(1), name: 'carol', age: 3, addresses: [Uint8Array.of(1, 2)] }]
    b.link.handle({ kind: 'refuse', reason, detail: 'why', entries }, START)
    b.drain()
    exchange(a, b)
    t.equal(a.end?.error.code, `GH_REFUSED_${reason}`)
    const refused = a.outputs.find(output => output.kind === 'refused')
    t.strictSame(refused?.kind === 'refused' && refused.entries.map(entry => entry.name), ['carol'])
  }
})

t.test('the native and the noble suite understand each other', async t => {
  const selfA = makeSelf({ seed: 1 })
  const noble = {
    ...selfA,
    suite: nobleSuite,
    identity: nobleSuite.identity(psk(5)),
    staticKey: nobleSuite.keyPair(psk(6)),
    swarms: [createSwarm(nobleSuite, psk(7))],
  }
  const a = new End(noble, { proceed: yes })
  const b = new End(makeSelf({ seed: 2 }))
  exchange(a, b)
  t.ok(a.link.open && b.link.open)
})

t.test('every split of the handshake gives the same result', async t => {
  for (const size of [1, 2, 3, 33, 1000]) {
    const { a, b } = pair()
    for (let round = 0; round < 6; round++)
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const wire = from.takeWire()
        for (let at = 0; at < wire.length; at += size) to.give(wire.subarray(at, at + size))
      }
    t.ok(a.link.open && b.link.open, `pieces of ${size}`)
  }
})

t.test('HAND-13 the whole handshake has a deadline of 10 s at both ends', async t => {
  const { a, b } = pair()
  b.give(a.takeWire())
  t.equal(b.link.deadline(), START + 10_000)
  t.equal(a.link.deadline(), START + 10_000)
  a.tick(START + 10_000)
  b.tick(START + 10_000)
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_TIMEOUT')
  t.equal(b.end?.error.code, 'GH_HANDSHAKE_TIMEOUT')
})

t.test('CLOSE-1 goodbye: CLOSE tells the peer, whose end is a goodbye', async t => {
  const { a, b } = pair()
  exchange(a, b)
  a.link.handle({ kind: 'close', code: closeCodes.GOODBYE, error: new GuildError('GH_LINK_CLOSED') }, START)
  a.drain()
  exchange(a, b)
  t.equal(b.end?.by, 'remote')
  t.equal(b.end?.closeCode, closeCodes.GOODBYE)
  t.equal(a.end?.by, 'local')
  a.tick(START + defaults.closeLinger)
  t.equal(a.link.deadline(), undefined)
})

t.test('HAND-8 HAND-15 a version nobody here speaks is refused with words that arrive, sealed', async t => {
  const { b, selfA } = pair()
  const state = new HandshakeState({
    snapshot: selfA.swarms[0]!.snapshot,
    initiator: true,
    s: selfA.staticKey,
    random: selfA.random.bytes,
  })
  const content = { versions: [99], time: WALL, parameters: new Map(), cookie: new Uint8Array(0) }
  const message1 = frameUnit(state.writeMessage(encodeMessage1(content)))
  b.give(message1)
  t.ok(b.sent <= message1.length, 'HAND-8: no larger than what it answers')
  t.notOk(
    b.outputs.some(output => output.kind === 'end-carrier' && output.abruptly),
    'a reset would overtake them',
  )
  const [unit] = unitsOf(b.takeWire())
  t.equal(unit?.[2], responderUnits.VERSION_REFUSAL)
  t.strictSame([...openResponderUnit(selfA.suite, state, unit!.subarray(3))], [1, 1])
  t.equal(b.end?.error.code, 'GH_HANDSHAKE_VERSION')
})

t.test('FRAME-8 a record size too small for our control frames is refused', async t => {
  for (const size of [1, limits.recordLeast - 1, limits.recordLeast]) {
    const { b, selfA } = pair()
    const state = new HandshakeState({
      snapshot: selfA.swarms[0]!.snapshot,
      initiator: true,
      s: selfA.staticKey,
      random: selfA.random.bytes,
    })
    const own = new Map([[parameters.MAX_RECORD, size]])
    const content = { versions: [1], time: WALL, parameters: own, cookie: new Uint8Array(0) }
    b.give(frameUnit(state.writeMessage(encodeMessage1(content))))
    t.equal(b.end !== undefined, size < limits.recordLeast, `${size}`)
  }
})

t.test(
  'a link that ended is cut when its carrier does not close: by whoever ended it, at both ends',
  async t => {
    const { a, b } = pair()
    exchange(a, b)
    a.link.handle(
      { kind: 'close', code: closeCodes.REPLACED, error: new GuildError('GH_LINK_CLOSED') },
      START,
    )
    a.drain()
    b.give(a.takeWire())
    for (const one of [a, b]) {
      const last = () => one.outputs.filter(({ kind }) => kind === 'end-carrier').at(-1)
      one.closed() // the other half-closes; what we wrote is still under way
      t.same(last(), { kind: 'end-carrier', abruptly: false })
      t.equal(one.link.deadline(), START + defaults.closeLinger)
      one.tick(START + defaults.closeLinger - 1)
      t.same(last(), { kind: 'end-carrier', abruptly: false })
      one.tick(START + defaults.closeLinger)
      t.same(last(), { kind: 'end-carrier', abruptly: true })
      t.equal(one.link.deadline(), undefined)
      t.equal(one.outputs.filter(({ kind }) => kind === 'ended').length, 1)
    }
  },
)

t.test('frames in one piece with ACCEPTED come after the link was made known', async t => {
  const order: string[] = []
  const note = (name: string) => () => void order.push(name)
  const a = new End(makeSelf({ seed: 1 }), { proceed: yes }, (_, observed) => {
    order.push(`known, seen as ${observed === undefined ? 'nothing' : toHex(observed)}`)
    const streams = { stream: early, resetStream: early, stopSending: early }
    const credit = { maxData: early, maxStreamData: early, maxStreams: early, fill: () => false }
    const mesh = { requestPeers: note('REQUEST_PEERS'), peers: early, chat: early, mesh: note('MESH') }
    return { streams: { ...streams, ...credit }, mesh }
  })
  const b = new End(makeSelf({ seed: 2 }))
  b.admits = false
  exchange(a, b)
  b.link.handle({ kind: 'admit', observed: Uint8Array.of(1, 2) }, START)
  b.link.send(encodeRequestPeers)
  b.link.send(w => encodeMesh(w, 1, 2))
  b.flush()
  a.give(b.takeWire())
  t.same(order, ['known, seen as 0102', 'REQUEST_PEERS', 'MESH'])
})

function early(): never {
  throw new Error('no such frame was sent')
}

t.test('whatever an echo begins as, it is told to be no node', async t => {
  for (let first = 0; first < 256; first++) {
    const { a } = pair()
    const echo = a.takeWire().slice(2)
    echo[0] = first
    a.give(frameUnit(echo))
    const { code, message } = a.end!.error
    t.equal(code, 'GH_HANDSHAKE_FAILED', `0x${first.toString(16)}`)
    t.match(message, /what answers there is not a guild-home node: /)
  }
})

t.test('HS-19 an initiator comes back with one cookie, and ends the dial at a second', async t => {
  const { selfA, selfB } = pair()
  const cookieFor = (message1: Uint8Array): Uint8Array => {
    const state = new HandshakeState({
      snapshot: selfB.swarms[0]!.snapshot,
      initiator: false,
      s: selfB.staticKey,
      random: length => selfB.random.bytes(length),
    })
    state.readMessage(message1.subarray(2))
    const salt = freshSalt(selfB.random)
    return frameUnit(sealResponderUnit(selfB.suite, responderUnits.COOKIE, state, salt, new Uint8Array(16)))
  }
  const a = new End(selfA, { proceed: yes })
  a.give(cookieFor(a.takeWire()))
  const retry = a.takeWire()
  t.ok(retry.length > 0)
  a.give(cookieFor(retry))
  t.equal(a.end?.error.code, 'GH_HANDSHAKE_FAILED')
  t.equal(a.takeWire().length, 0, 'it cannot be made to go on for ever')
})
