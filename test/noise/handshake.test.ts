/**
 * What a handshake refuses, and that refusing changes nothing.
 * Everything runs on both suites.
 */
import t from 'tap'
import { concat, empty, equal, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import type { KeyPair, NoiseSuite } from '../../src/base/ports.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import {
  type HandshakeOptions,
  HandshakeState,
  precompute,
  SymmetricState,
  XXpsk0,
} from '../../src/noise/index.ts'
import { Seeded } from '../support/seeded.ts'
import { patternOf } from './support/patterns.ts'
import { suiteOf } from './support/suites.ts'

const prologue = utf8('guild-home/1 test')
const psk = new Uint8Array(32).fill(7)
const payloads = [utf8('one'), utf8('the second'), utf8('the third payload')]

interface Pair {
  readonly initiator: HandshakeState
  readonly responder: HandshakeState
}

/** Options of one side, with keys of its own. */
function side(suite: NoiseSuite, initiator: boolean, seed: number): HandshakeOptions {
  const random = new Seeded(seed)
  const s = suite.keyPair(random.bytes(32))
  return { suite, pattern: XXpsk0, prologue, initiator, s, psks: [psk], random: n => random.bytes(n) }
}

function pair(suite: NoiseSuite, seed = 1): Pair {
  return {
    initiator: new HandshakeState(side(suite, true, 2 * seed)),
    responder: new HandshakeState(side(suite, false, 2 * seed + 100_001)),
  }
}

/** The two sides of message i: who writes, who reads. */
function turn({ initiator, responder }: Pair, i: number): [HandshakeState, HandshakeState] {
  return i % 2 === 0 ? [initiator, responder] : [responder, initiator]
}

/** Everything of a state that can be seen. */
function picture(state: HandshakeState): string {
  const { handshakeHash, chainingKey, re, rs, ourTurn, complete } = state
  const keys = [handshakeHash, chainingKey, re ?? empty, rs ?? empty].map(toHex)
  return `${keys.join(' ')} ${ourTurn} ${complete}`
}

for (const [name, suite] of [
  ['native', nativeSuite],
  ['noble', nobleSuite],
] as const) {
  t.test(`${name}: three messages, then both ways`, async t => {
    const both = pair(suite)
    for (let i = 0; i < 3; i++) {
      const [writer, reader] = turn(both, i)
      t.ok(writer.ourTurn && !reader.ourTurn)
      let signed = empty
      const message = writer.writeMessage(h => {
        signed = h
        return payloads[i]!
      })
      const read = reader.readMessage(message)
      t.ok(equal(read.payload, payloads[i]!))
      t.ok(equal(read.hash, signed), 'both hold the hash that a signature is made over')
      t.ok(equal(writer.chainingKey, reader.chainingKey), 'and the key cookies are sealed under')
      t.ok(equal(writer.handshakeHash, reader.handshakeHash))
    }
    t.ok(both.initiator.complete && both.responder.complete)
    t.ok(equal(both.initiator.rs!, side(suite, false, 100_003).s!.publicKey))
    const a = both.initiator.split()
    const b = both.responder.split()
    for (let i = 0; i < 3; i++) {
      t.ok(equal(b.receive.decryptWithAd(empty, a.send.encryptWithAd(empty, payloads[i]!)), payloads[i]!))
      t.ok(equal(a.receive.decryptWithAd(empty, b.send.encryptWithAd(empty, payloads[i]!)), payloads[i]!))
    }
    t.throws(() => both.initiator.split(), { code: 'GH_STATE_EVENT' }, 'split once')
    t.throws(() => both.initiator.chainingKey, { code: 'GH_STATE_EVENT' }, 'secrets are gone')
    t.ok(equal(both.initiator.handshakeHash, both.responder.handshakeHash), 'the hash stays')
  })

  t.test(
    `${name}: HS-10 HS-11 every altered, shorter or longer message aborts and changes nothing`,
    async t => {
      const both = pair(suite, 5)
      const random = new Seeded(0xbad)
      for (let i = 0; i < 3; i++) {
        const [writer, reader] = turn(both, i)
        const message = writer.writeMessage(payloads[i]!)
        const bad: Uint8Array[] = [empty, message.subarray(1), message.subarray(0, -1)]
        bad.push(concat(message, Uint8Array.of(0)), concat(Uint8Array.of(0), message))
        bad.push(message.subarray(0, 31), message.subarray(0, 47), new Uint8Array(65_536))
        for (let at = 0; at < message.length; at++) {
          const altered = new Uint8Array(message)
          altered[at]! ^= 1 << random.below(8)
          bad.push(altered)
        }
        const before = picture(reader)
        let refused = 0
        for (const [j, wrong] of bad.entries()) {
          try {
            reader.readMessage(wrong)
            t.fail(`message ${i + 1}, case ${j} was taken`)
          } catch (error) {
            if (!(error instanceof GuildError)) throw error
            refused++
          }
          if (picture(reader) !== before) t.fail(`message ${i + 1}, case ${j} changed the state`)
        }
        t.equal(refused, bad.length, `message ${i + 1}: ${bad.length} wrong ones refused`)
        t.ok(equal(reader.readMessage(message).payload, payloads[i]!), 'the right one is still taken')
      }
      t.ok(both.initiator.complete && both.responder.complete)
    },
  )

  t.test(`${name}: HS-06 a low-order or non-canonical key never gives a session`, async t => {
    const p = 2n ** 255n - 19n
    const lowOrder = [
      littleEndian(0n),
      littleEndian(1n),
      fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')!,
      fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157')!,
      littleEndian(p - 1n),
    ]
    const nonCanonical = [p, p + 1n, p + 9n, 2n ** 255n - 1n, 2n ** 255n + 9n, 2n ** 256n - 1n].map(
      littleEndian,
    )
    // Who holds such a key knows the secret all the same: zeros, or for u = 9 the other's own key.
    const evil = (publicKey: Uint8Array): NoiseSuite => {
      const trap: KeyPair = { publicKey }
      return {
        ...suite,
        keyPair: secret => (secret[0] === 0xee ? trap : suite.keyPair(secret)),
        dh: (own, theirs) => {
          if (own !== trap) return suite.dh(own, theirs)
          return toHex(publicKey).startsWith('09') || publicKey[0] === 0xf6
            ? new Uint8Array(theirs)
            : new Uint8Array(32)
        },
      }
    }
    const trapSecret = new Uint8Array(32).fill(0xee)
    /** At which message the honest side gave up; 4 when there was a session. */
    const attack = (publicKey: Uint8Array, attacker: 'initiator' | 'responder', key: 'e' | 's'): number => {
      const wicked = evil(publicKey)
      const own = side(wicked, attacker === 'initiator', 77)
      const villain = new HandshakeState({
        ...own,
        ...(key === 'e' ? { e: trapSecret } : { s: wicked.keyPair(trapSecret) }),
      })
      const honest = new HandshakeState(side(suite, attacker === 'responder', 78))
      const both: Pair =
        attacker === 'initiator'
          ? { initiator: villain, responder: honest }
          : { initiator: honest, responder: villain }
      for (let i = 0; i < 3; i++) {
        const [writer, reader] = turn(both, i)
        const before = picture(honest)
        try {
          reader.readMessage(writer.writeMessage(payloads[i]!))
        } catch (error) {
          if ((error as GuildError).code !== 'GH_NOISE_KEY') throw error
          if (picture(honest) !== before) t.fail('the honest side changed')
          return i + 1
        }
      }
      return 4
    }
    for (const key of [...lowOrder, ...nonCanonical]) {
      t.equal(attack(key, 'initiator', 'e'), 2, `${toHex(key)} as e in message 1`)
      t.equal(attack(key, 'responder', 'e'), 2)
      t.equal(attack(key, 'responder', 's'), 2)
      t.equal(attack(key, 'initiator', 's'), 3)
    }
    t.equal(attack(littleEndian(9n), 'initiator', 'e'), 4, 'the attack itself works: 9 is a proper key')
    t.equal(attack(littleEndian(9n), 'responder', 's'), 4)
  })

  t.test(`${name}: HS-15 another prologue, psk, pattern or suite aborts`, async t => {
    const first = new HandshakeState(side(suite, true, 9)).writeMessage(payloads[0]!)
    const own = side(suite, false, 10)
    const others: [string, HandshakeOptions][] = [
      ['prologue', { ...own, prologue: utf8('guild-home/2 test') }],
      ['empty prologue', { ...own, prologue: empty }],
      ['psk', { ...own, psks: [new Uint8Array(32).fill(8)] }],
      ['pattern', { ...own, pattern: patternOf('XXpsk0+psk3'), psks: [psk, psk] }],
      ['psk elsewhere', { ...own, pattern: patternOf('XXpsk3') }],
      ['suite', { ...own, suite: suiteOf(name, '25519_AESGCM_SHA256') }],
      ['hash', { ...own, suite: suiteOf(name, '25519_ChaChaPoly_BLAKE2s') }],
    ]
    for (const [what, options] of others) {
      const responder = new HandshakeState(options)
      const before = picture(responder)
      t.throws(() => responder.readMessage(first), { code: 'GH_NOISE_OPEN' }, what)
      t.equal(picture(responder), before)
    }
    // Without any psk message 1 is in the clear, so it is message 2 that fails.
    const initiator = new HandshakeState(side(suite, true, 11))
    const responder = new HandshakeState({ ...side(suite, false, 12), pattern: patternOf('XX'), psks: [] })
    responder.readMessage(initiator.writeMessage(payloads[0]!))
    const second = responder.writeMessage(payloads[1]!)
    t.throws(() => initiator.readMessage(second), { code: 'GH_NOISE_OPEN' }, 'no psk at all')
  })

  t.test(`${name}: HS-07 a message sent back to its writer is refused`, async t => {
    const both = pair(suite, 20)
    const first = both.initiator.writeMessage(payloads[0]!)
    t.throws(() => both.initiator.readMessage(first), { code: /^GH_/ })
    both.responder.readMessage(first)
    const second = both.responder.writeMessage(payloads[1]!)
    t.throws(() => both.responder.readMessage(second), { code: 'GH_NOISE_OPEN' })
    t.throws(() => both.responder.readMessage(first), { code: /^GH_/ })
    both.initiator.readMessage(second)
    const third = both.initiator.writeMessage(payloads[2]!)
    t.throws(() => both.initiator.readMessage(third), { code: 'GH_STATE_EVENT' })
    both.responder.readMessage(third)
  })

  t.test(`${name}: HS-13 split hands a nonce limit on`, async t => {
    const both = pair(suite, 30)
    for (let i = 0; i < 3; i++) {
      const [writer, reader] = turn(both, i)
      reader.readMessage(writer.writeMessage())
    }
    const { send } = both.initiator.split(0)
    send.encryptWithAd(empty, empty)
    t.throws(() => send.encryptWithAd(empty, empty), { code: 'GH_NOISE_NONCE' })
  })
}

t.test('HS-01 a stranger costs no Diffie-Hellman from a precomputed state', async t => {
  const calls = { dh: 0, keyPair: 0, hash: 0, hmac: 0 }
  const counting: NoiseSuite = {
    ...nativeSuite,
    keyPair(secret) {
      calls.keyPair++
      return nativeSuite.keyPair(secret)
    },
    dh(own, theirs) {
      calls.dh++
      return nativeSuite.dh(own, theirs)
    },
    hash(...parts) {
      calls.hash++
      return nativeSuite.hash(...parts)
    },
    hmac(key, ...parts) {
      calls.hmac++
      return nativeSuite.hmac(key, ...parts)
    },
  }
  const stranger = new HandshakeState({ ...side(nativeSuite, true, 1), psks: [new Uint8Array(32)] })
  const message = stranger.writeMessage(payloads[0]!)
  const snapshot = precompute(counting, XXpsk0, prologue, psk)
  const { s, random } = side(nativeSuite, false, 2)
  Object.assign(calls, { dh: 0, keyPair: 0, hash: 0, hmac: 0 })
  const responder = new HandshakeState({ snapshot, initiator: false, s: s!, random })
  t.throws(() => responder.readMessage(message), { code: 'GH_NOISE_OPEN' })
  t.same(calls, { dh: 0, keyPair: 0, hash: 1, hmac: 3 }, 'one hash and one HKDF, then the open that fails')

  // The snapshot serves any number of handshakes, and they agree with the long way.
  for (let seed = 1; seed <= 2; seed++) {
    const initiator = new HandshakeState(side(nativeSuite, true, seed))
    const own = side(nativeSuite, false, seed + 10)
    const again = new HandshakeState({ snapshot, initiator: false, s: own.s!, random: own.random })
    again.readMessage(initiator.writeMessage(payloads[0]!))
    initiator.readMessage(again.writeMessage(payloads[1]!))
    again.readMessage(initiator.writeMessage(payloads[2]!))
    t.ok(equal(initiator.handshakeHash, again.handshakeHash))
    again.split()
  }
  t.throws(() => precompute(nativeSuite, patternOf('XX'), prologue, psk), { code: 'GH_OPTION_INVALID' })
  t.throws(() => precompute(nativeSuite, patternOf('IKpsk0'), prologue, psk), { code: 'GH_OPTION_INVALID' })
  t.throws(() => precompute(nativeSuite, XXpsk0, prologue, psk.subarray(1)), { code: 'GH_NOISE_KEY' })
  snapshot.wipe()
  t.throws(() => new HandshakeState({ snapshot, initiator: false, random }), { code: 'GH_STATE_EVENT' })
})

t.test('writing commits last: a payload that cannot be made or is too large changes nothing', async t => {
  const both = pair(nativeSuite, 40)
  const seen = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const [writer, reader] = turn(both, i)
    const before = picture(writer)
    const fail = (): Uint8Array => {
      throw new RangeError('no signature')
    }
    t.throws(() => writer.writeMessage(fail), RangeError)
    t.throws(() => writer.writeMessage(new Uint8Array(65_535)), { code: 'GH_WIRE_LENGTH' })
    t.equal(picture(writer), before)
    const overhead = [48, 96, 64][i]!
    const message = writer.writeMessage(new Uint8Array(65_535 - overhead))
    t.equal(message.length, 65_535, 'the largest message fits')
    t.equal(reader.readMessage(message).payload.length, 65_535 - overhead)
    seen.add(toHex(message.subarray(0, 32)))
  }
  t.equal(seen.size, 3)

  // A message written anew has a new ephemeral key: one key never seals two payloads.
  const random = new Seeded(50)
  const drawn: Uint8Array[] = []
  const { psks, ...own } = side(nativeSuite, true, 51)
  const initiator = new HandshakeState({
    ...own,
    psks: psks!,
    random: n => {
      drawn.push(random.bytes(n))
      return drawn.at(-1)!
    },
  })
  t.throws(() => initiator.writeMessage(new Uint8Array(65_535)), { code: 'GH_WIRE_LENGTH' })
  initiator.writeMessage()
  t.equal(drawn.length, 2)
  t.ok(
    drawn.every(secret => toHex(secret) === '00'.repeat(32)),
    'and its secret is zeroed',
  )
})

t.test('secrets are zeroed: products of keys at once, the chaining key at the end', async t => {
  const products: Uint8Array[] = []
  const chained: Uint8Array[] = []
  const spying: NoiseSuite = {
    ...nativeSuite,
    // The chaining key is the salt of each derivation: what is handed in here is the state's own copy.
    hmac: (key, ...parts) => {
      chained.push(key)
      return nativeSuite.hmac(key, ...parts)
    },
    dh: (own, theirs) => {
      products.push(nativeSuite.dh(own, theirs))
      return products.at(-1)!
    },
  }
  const both = pair(spying, 60)
  for (let i = 0; i < 3; i++) {
    const [writer, reader] = turn(both, i)
    reader.readMessage(writer.writeMessage())
  }
  t.equal(products.length, 6)
  t.ok(products.every(product => toHex(product) === '00'.repeat(32)))
  both.responder.split()
  both.initiator.wipe()
  t.ok(chained.length > 20)
  t.ok(
    chained.every(key => toHex(key) === '00'.repeat(32)),
    'every chaining key there was is zeros now',
  )
  t.throws(() => both.initiator.split(), { code: 'GH_STATE_EVENT' })
  const early = pair(spying, 61).initiator
  early.wipe()
  t.throws(() => early.writeMessage(), { code: 'GH_STATE_EVENT' }, 'a handshake given up stays so')
  const symmetric = new SymmetricState(nativeSuite, 'a name')
  symmetric.wipe()
  t.throws(() => symmetric.mixKey(empty), { code: 'GH_STATE_EVENT' })
  t.throws(() => symmetric.clone(), { code: 'GH_STATE_EVENT' })
})

t.test('a handshake refuses what its pattern does not allow', async t => {
  const own = side(nativeSuite, true, 70)
  const { initiator, responder } = pair(nativeSuite, 71)
  t.throws(() => responder.writeMessage(), { code: 'GH_STATE_EVENT' })
  t.throws(() => initiator.readMessage(new Uint8Array(64)), { code: 'GH_STATE_EVENT' })
  t.throws(() => initiator.split(), { code: 'GH_STATE_EVENT' })
  t.throws(() => new HandshakeState({ ...own, psks: [] }), { code: 'GH_OPTION_INVALID' })
  t.throws(() => new HandshakeState({ ...own, psks: [psk, psk] }), { code: 'GH_OPTION_INVALID' })
  t.throws(() => new HandshakeState({ ...own, psks: [new Uint8Array(31)] }), { code: 'GH_NOISE_KEY' })
  t.throws(() => new HandshakeState({ ...own, rs: new Uint8Array(33) }), { code: 'GH_NOISE_KEY' })
  t.throws(() => new HandshakeState({ ...own, pattern: patternOf('IK'), psks: [] }), {
    code: 'GH_OPTION_INVALID',
  })
  const { s, ...without } = side(nativeSuite, false, 72)
  t.ok(s)
  const nameless = new HandshakeState(without)
  nameless.readMessage(initiator.writeMessage())
  t.throws(() => nameless.writeMessage(), { code: 'GH_OPTION_INVALID' }, 's is missing')
})

function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}
