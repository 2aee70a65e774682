/**
 * Handshakes in number: cookies under load, half-open ones, recorded sessions, a relay; and a thousand
 * keys of one busy link.
 */
import t from 'tap'
import type { Suite } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { Freshness } from '../../src/link/freshness.ts'
import { defaults } from '../../src/link/link-io.ts'
import { RecordReceiver, RecordSender } from '../../src/link/records.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { CipherState } from '../../src/noise/index.ts'
import { encodeStreamHead } from '../../src/wire/frames/stream.ts'
import { limits } from '../../src/wire/limits.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'
import { responderUnits } from '../../src/wire/registry.ts'
import { End, exchange, makeSelf, pair, START, unitsOf, yes } from '../support/link-pair.ts'
import { Seeded } from '../support/seeded.ts'

/** A responder that counts its Diffie-Hellmans and remembers so few message 1s that it is under load at once. */
function busy(remembered: number): { self: Self; dhs: () => number } {
  let dhs = 0
  const suite: Suite = {
    ...nativeSuite,
    dh: (...args) => {
      dhs++
      return nativeSuite.dh(...args)
    },
  }
  const self = makeSelf({ seed: 2 })
  const swarms = [createSwarm(suite, new Uint8Array(32).fill(7))]
  return {
    self: { ...self, suite, swarms, freshness: new Freshness(START - 1_000_000, self.random, remembered) },
    dhs: () => dhs,
  }
}

const dialler = (seed: number): End => new End(makeSelf({ seed }), { proceed: yes })

t.test('HS-19 under load, no cookie: an answer no larger than the question, no Diffie-Hellman', async t => {
  const { self, dhs } = busy(4)
  for (let seed = 10; seed < 14; seed++) {
    const b = new End(self)
    b.give(dialler(seed).takeWire())
    t.equal(b.takeWire()[2], responderUnits.MESSAGE_2, 'while there is room, message 2 at once')
  }
  const before = dhs()
  t.equal(before, 8)
  for (let seed = 20; seed < 220; seed++) {
    const b = new End(self)
    const message1 = dialler(seed).takeWire()
    b.give(message1)
    const answer = b.takeWire()
    if (answer[2] !== responderUnits.COOKIE || answer.length > message1.length)
      t.fail(`${answer.length} bytes of kind ${answer[2]} for ${message1.length}`)
  }
  t.equal(dhs(), before)
})

t.test('HS-19 under load, with its cookie a handshake proceeds', async t => {
  const { self, dhs } = busy(1)
  new End(self).give(dialler(10).takeWire())
  for (let seed = 20; seed < 25; seed++) {
    const before = dhs()
    const [a, b] = [dialler(seed), new End(self)]
    exchange(a, b)
    t.ok(a.link.open && b.link.open)
    t.equal(dhs() - before, 3, 'ee, es, se: once')
  }
})

t.test('HS-20 the cookie of another connection, or one too old, leads nowhere', async t => {
  const { self, dhs } = busy(1)
  new End(self).give(dialler(10).takeWire())
  const before = dhs()
  const [a, b, other] = [dialler(20), new End(self), new End(self)]
  b.give(a.takeWire())
  a.give(b.takeWire())
  const retry = a.takeWire()
  // The other connection has given a cookie as well, but another one.
  other.give(dialler(21).takeWire())
  const sent = other.sent
  other.give(retry)
  t.equal(other.end?.error.code, 'GH_HANDSHAKE_FAILED')
  t.equal(other.sent, sent, 'not a byte more')
  // A cookie is as old as its connection at most: no handshake lasts longer, and 120 s would be the most.
  t.ok(defaults.handshakeTimeout < limits.freshness)
  b.tick(START + defaults.handshakeTimeout)
  t.equal(b.end?.error.code, 'GH_HANDSHAKE_TIMEOUT')
  const answered = b.sent
  b.give(retry)
  t.equal(b.sent, answered)
  t.equal(dhs(), before)
})

t.test('P3 HS-18 ten seconds after it began, nothing of a half-open handshake is left', async t => {
  const cut = (end: End): boolean =>
    end.outputs.some(output => output.kind === 'end-carrier' && output.abruptly)
  const openings: Record<string, (b: End) => void> = {
    'nothing came': () => {},
    'half of message 1 came': b => b.give(dialler(1).takeWire().subarray(0, 60)),
    'message 1 came': b => b.give(dialler(1).takeWire()),
    'the other side hung up': b => {
      b.give(dialler(1).takeWire())
      b.now = START + 9_000
      b.closed()
    },
    'message 3 was noise': b => {
      b.give(dialler(1).takeWire())
      b.now = START + 9_999
      b.give(new Uint8Array([0, 5, 1, 2, 3, 4, 5]))
    },
  }
  for (const [what, open] of Object.entries(openings)) {
    const b = new End(makeSelf({ seed: 2 }))
    open(b)
    for (let rounds = 0; rounds < 5; rounds++) {
      const at = b.link.deadline()
      if (at === undefined) break
      if (at > START + 10_000) t.fail(`${what}: until ${at - START}`)
      b.tick(at)
    }
    t.ok(cut(b) && b.end !== undefined && b.link.deadline() === undefined, what)
  }
})

t.test('P4 HS-09 a recorded session sent again ten times: no session, nothing delivered', async t => {
  for (const startedAt of [START - 1_000_000, START]) {
    const { a, b, selfB } = pair({ b: { startedAt } })
    const recorded: Uint8Array[] = []
    const keep = (unit: Uint8Array, _index: number, from: string): Uint8Array => {
      if (from === 'initiator') recorded.push(unit.slice())
      return unit
    }
    exchange(a, b, keep)
    for (let i = 0; i < 20; i++) a.link.send(w => w.varint(0x18))
    a.flush()
    exchange(a, b, keep)
    t.equal(b.frames.length, 20)
    const courses = [recorded, ...recorded.map(unit => Array.from({ length: 10 }, () => unit))]
    for (let times = 0; times < 10; times++)
      for (const course of courses) {
        const again = new End(selfB)
        for (const unit of course) if (again.end === undefined) again.give(unit)
        const answers = unitsOf(again.takeWire())
        if (again.proved !== undefined || again.frames.length > 0) t.fail('a session resulted')
        if (answers.length > 1 || (answers.length === 1 && answers[0]![2] !== responderUnits.COOKIE))
          t.fail(`${answers.length} answers`)
      }
    for (const unit of recorded.slice(-1)) b.give(unit)
    t.equal(b.frames.length, 20, 'nor inside the link itself')
    t.ok(b.end)
  }
})

t.test('P7 whoever relays a handshake is no part of it', async t => {
  for (let seed = 1; seed <= 50; seed++) {
    const relay = makeSelf({ seed: 3 * seed })
    const self = makeSelf({ seed: 3 * seed + 1 })
    const relayId = peerIdFromKey(relay.identity.publicKey)
    const [a, b] = [new End(makeSelf({ seed: 3 * seed + 2 }), { proceed: yes }), new End(self)]
    exchange(a, b)
    t.equal(a.proved?.peerId, peerIdFromKey(self.identity.publicKey), 'not pinned: it meets who answered')
    const pinned = new End(makeSelf({ seed: 3 * seed + 2 }), { proceed: yes, expect: relayId })
    const behind = new End(self)
    exchange(pinned, behind)
    t.equal(pinned.end?.error.code, 'GH_HANDSHAKE_IDENTITY')
    t.notOk(behind.outputs.some(output => output.kind === 'proved'))
  }
})

t.test('HS-17 P6 a thousand keys of one busy link: nothing lost, the old key opens nothing', async t => {
  const key = new Uint8Array(32).fill(9)
  const cipher = (): CipherState => new CipherState().initializeKey(nativeSuite, key)
  const [sender, receiver, old] = [new RecordSender(cipher(), 0), new RecordReceiver(cipher()), cipher()]
  const dice = new Seeded(7)
  const w = new ByteWriter(new Uint8Array(limits.recordPlaintext))
  let [now, keys, sent, got, stale] = [0, 0, 0, 0, 0]
  while (keys < 1_000) {
    now += dice.fraction() * (limits.rekeyAfter / 2)
    const size = 1 + Math.floor(dice.fraction() * 3_000)
    w.reset()
    encodeStreamHead(w, 1, sent, size, false)
    w.raw(new Uint8Array(size))
    const [chunks, head]: [Uint8Array[], number] = [[], w.length]
    sender.seal(w, chunks, now)
    sent += size
    const sealed = new Uint8Array(Buffer.concat(chunks)).subarray(2)
    const plain = receiver.open(sealed)
    got += size
    if (plain.length < head) t.fail('a record came shortened')
    if (keys > 0) {
      // Who kept the key before the last change, and counted on, cannot read what is said now.
      old.setNonce(stale)
      try {
        old.decryptWithAd(new Uint8Array(0), sealed)
        t.fail('the old key opened a record')
      } catch {}
    }
    stale++
    if (plain.length === head) continue
    keys++
    receiver.rekey()
    if (keys > 1) old.rekey()
  }
  t.equal(got, sent)
  t.comment(`${stale} records, ${sent} bytes, ${keys} keys, ${(now / 60_000).toFixed(0)} virtual minutes`)
})
