/** What a handshake costs each side, counted: nothing dear for strangers and replays, no key imported twice. */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import t from 'tap'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import type { Self } from '../../src/link/self.ts'
import { createSwarm } from '../../src/link/swarm.ts'
import { End, exchange, makeSelf, START, unitsOf, yes } from '../support/link-pair.ts'

const nothing = { keyPair: 0, dh: 0, sign: 0, verify: 0 }

/** A self whose dear operations are counted from now on. */
function counted(self: Self): { self: Self; count: typeof nothing } {
  const count = { ...nothing }
  const one = <T>(name: keyof typeof nothing, result: T): T => {
    count[name]++
    return result
  }
  const suite: Suite = {
    ...nativeSuite,
    keyPair: secret => one('keyPair', nativeSuite.keyPair(secret)),
    dh: (pair, key) => one('dh', nativeSuite.dh(pair, key)),
    verify: (key, message, signature) => one('verify', nativeSuite.verify(key, message, signature)),
  }
  const { identity } = self
  const counting = {
    publicKey: identity.publicKey,
    sign: (message: Uint8Array) => one('sign', identity.sign(message)),
  }
  const swarms = [createSwarm(suite, new Uint8Array(32).fill(7))]
  return { self: { ...self, suite, swarms, identity: counting }, count }
}

t.test('a swarm costs no cipher until its first handshake, and one for all that follow', async t => {
  let ciphers = 0
  const suite: Suite = {
    ...nativeSuite,
    cipher(key) {
      ciphers++
      return nativeSuite.cipher(key)
    },
  }
  const psk = new Uint8Array(32).fill(7)
  const swarm = createSwarm(suite, psk)
  t.equal(ciphers, 0, 'a node that starts')
  psk.fill(0) // It has a copy of its own.
  const { snapshot } = swarm
  t.equal(ciphers, 1)
  t.equal(swarm.snapshot, snapshot)
  t.equal(ciphers, 1, 'and that is all')
  const end = (seed: number): End => new End({ ...makeSelf({ seed }), swarms: [swarm] }, { proceed: yes })
  const [one, two] = [end(1), new End(makeSelf({ seed: 2, psk: new Uint8Array(32).fill(7) }))]
  exchange(one, two)
  t.ok(one.link.open && two.link.open, 'and it is the state that all others have')
})

t.test(
  'a handshake: three DH, one signature and one verification a side; a cookie costs one key pair',
  async t => {
    for (const [path, startedAt, keyPairs] of [
      ['fresh', 0, 1],
      ['cookie', START, 2],
    ] as const) {
      const a = counted(makeSelf({ seed: 1 }))
      const b = counted(makeSelf({ seed: 2, startedAt }))
      const [one, two] = [new End(a.self, { proceed: yes }), new End(b.self)]
      exchange(one, two)
      t.ok(one.link.open && two.link.open, path)
      t.strictSame(a.count, { keyPair: keyPairs, dh: 3, sign: 1, verify: 1 }, `${path}: the initiator`)
      t.strictSame(b.count, { keyPair: 1, dh: 3, sign: 1, verify: 1 }, `${path}: the responder`)
    }
  },
)

t.test(
  'HS-01 HS-09 [HAND-3] [HAND-5] [HAND-6] a message 1 that is refused costs no DH, no key pair, no signature',
  async t => {
    const b = counted(makeSelf({ seed: 2 }))
    const stranger = new End(makeSelf({ seed: 3, psk: new Uint8Array(32).fill(8) }), { proceed: yes })
    const toStranger = new End(b.self)
    toStranger.give(stranger.takeWire())
    t.equal(toStranger.sent, 0)
    t.strictSame(b.count, nothing, 'another swarm key')

    const recorded = new End(makeSelf({ seed: 1 }), { proceed: yes }).takeWire()
    const first = new End(b.self)
    first.give(recorded)
    t.strictSame(b.count, { ...nothing, keyPair: 1, dh: 2, sign: 1 }, 'new: message 2 was made')
    Object.assign(b.count, nothing)
    const replay = new End(b.self)
    replay.give(recorded)
    t.equal(unitsOf(replay.takeWire()).length, 1, 'a cookie')
    replay.give(recorded)
    t.ok(replay.end, 'and then the end')
    t.strictSame(b.count, nothing, 'a recorded message 1, twice')

    const late = makeSelf({ seed: 4, wall: () => 0 })
    const toLate = new End(b.self)
    toLate.give(new End(late, { proceed: yes }).takeWire())
    t.equal(unitsOf(toLate.takeWire()).length, 1, 'a cookie')
    t.strictSame(b.count, nothing, 'a clock that is off')
  },
)

t.test('native: a peer key is imported once a handshake, our own never', async t => {
  const original = { createPublicKey: crypto.createPublicKey, createPrivateKey: crypto.createPrivateKey }
  const imports = { X25519: 0, Ed25519: 0, private: 0 }
  const isJwk = (key: unknown): key is { key: { crv: 'X25519' | 'Ed25519' } } =>
    typeof key === 'object' && key !== null && 'format' in key && key.format === 'jwk'
  crypto.createPublicKey = key => {
    if (isJwk(key)) imports[key.key.crv]++
    return original.createPublicKey(key)
  }
  crypto.createPrivateKey = key => {
    imports.private++
    return original.createPrivateKey(key)
  }
  t.teardown(() => {
    Object.assign(crypto, original)
    syncBuiltinESMExports()
  })
  const [a, b] = [makeSelf({ seed: 5 }), makeSelf({ seed: 6 })]
  syncBuiltinESMExports()
  const [one, two] = [new End(a, { proceed: yes }), new End(b)]
  exchange(one, two)
  t.ok(one.link.open && two.link.open)
  // Each side: the peer's ephemeral and static key, its identity, and the secret of our own ephemeral.
  t.strictSame(imports, { X25519: 4, Ed25519: 2, private: 2 })
})
