/** The two suites against each other, byte for byte, and where libraries differ; the fingerprint. */

import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import t from 'tap'
import { concat, empty, equal, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import type { Suite } from '../../src/base/ports.ts'
import { nativeSuite, nobleSuite, swarmKeyFingerprint } from '../../src/crypto/index.ts'
import { nativeAead } from '../../src/crypto/native.ts'
import { nobleAead } from '../../src/crypto/noble.ts'
import { hkdf } from '../../src/noise/index.ts'
import { Seeded } from '../support/seeded.ts'
import { sharedJson } from '../support/shared.ts'

const suites: readonly (readonly [string, Suite])[] = [
  ['native', nativeSuite],
  ['noble', nobleSuite],
]

t.test('native and noble agree byte for byte on random input', async t => {
  t.equal(nativeSuite.name, nobleSuite.name)
  t.equal(nativeSuite.hashLength, nobleSuite.hashLength)
  t.equal(nativeSuite.blockLength, nobleSuite.blockLength)
  const random = new Seeded(2024)
  const faults: string[] = []
  const check = (what: string, make: (suite: Suite) => Uint8Array): void => {
    const [a, b] = [make(nativeSuite), make(nobleSuite)]
    if (!equal(a, b)) faults.push(`${what}: ${toHex(a)} and ${toHex(b)}`)
    for (const bytes of [a, b])
      if (Object.getPrototypeOf(bytes) !== Uint8Array.prototype)
        faults.push(`${what}: not a plain Uint8Array`)
  }
  for (let round = 0; round < 25; round++) {
    const [one, two, data, more] = [32, 32, random.below(3000), random.below(300)].map(n => random.bytes(n))
    const nonce = random.below(2) === 0 ? random.below(1000) : random.u32() * 2 ** 20 + random.below(2 ** 20)
    check('public key', suite => suite.keyPair(one!).publicKey)
    check('dh', suite => suite.dh(suite.keyPair(one!), suite.keyPair(two!).publicKey))
    check('hash', suite => suite.hash(data!, empty, more!))
    check('hash of nothing', suite => suite.hash())
    check('hmac', suite => suite.hmac(more!, data!, one!))
    check('hkdf', suite => hkdf(suite, one!, two!, more!, 1 + (nonce % 200)))
    check('seal', suite => suite.cipher(one!).seal(nonce, more!, data!))
    check('seal nothing', suite => suite.cipher(one!).seal(nonce, empty, empty))
    check('rekey', suite => suite.cipher(one!).rekeyed().rekeyed().seal(nonce, more!, data!))
    check('mask', suite => suite.headerMask(one!.subarray(0, 16)).mask(two!.subarray(16)))
    check('identity', suite => suite.identity(one!).publicKey)
    check('signature', suite => suite.identity(one!).sign(data!))
    for (const [[name, from], [other, to]] of [
      [suites[0]!, suites[1]!],
      [suites[1]!, suites[0]!],
    ] as const) {
      const { body, tag } = from.cipher(one!).sealParts(nonce, more!, data!)
      const sealed = concat(body, tag)
      if (body.length !== data!.length || tag.length !== 16) faults.push(`${name}: parts of a wrong size`)
      if (!equal(to.cipher(one!).open(nonce, more!, sealed), data!)) faults.push(`${name} to ${other}`)
      const { publicKey, sign } = from.identity(two!)
      if (!to.verify(publicKey, data!, sign(data!))) faults.push(`signature of ${name} on ${other}`)
      if (to.verify(publicKey, concat(data!, more!, Uint8Array.of(0)), sign(data!))) faults.push('forged')
    }
  }
  t.strictSame(faults, [])
})

for (const [name, suite] of suites) {
  t.test(`${name}: malformed keys and seals are typed errors`, async t => {
    const pair = suite.keyPair(new Uint8Array(32).fill(1))
    for (const length of [0, 31, 33]) {
      const wrong = new Uint8Array(length).fill(9)
      t.throws(() => suite.keyPair(wrong), { code: 'GH_NOISE_KEY' })
      t.throws(() => suite.dh(pair, wrong), { code: 'GH_NOISE_KEY' })
      t.throws(() => suite.cipher(wrong), { code: 'GH_NOISE_KEY' })
      t.throws(() => suite.identity(wrong), { code: 'GH_NOISE_KEY' })
      t.throws(() => suite.headerMask(wrong), { code: 'GH_NOISE_KEY' })
      t.notOk(suite.verify(wrong, empty, new Uint8Array(64)))
      t.notOk(suite.verify(suite.identity(new Uint8Array(32)).publicKey, empty, wrong))
    }
    t.throws(() => suite.dh({ publicKey: pair.publicKey }, pair.publicKey), { code: 'GH_NOISE_KEY' })
    const other = suite === nativeSuite ? nobleSuite : nativeSuite
    t.throws(() => suite.dh(other.keyPair(new Uint8Array(32).fill(1)), pair.publicKey), {
      code: 'GH_NOISE_KEY',
    })
    const cipher = suite.cipher(new Uint8Array(32))
    const sealed = cipher.seal(0, empty, utf8('text'))
    for (let length = 0; length < sealed.length; length++)
      t.throws(() => cipher.open(0, empty, sealed.subarray(0, length)), { code: 'GH_NOISE_OPEN' })
    t.throws(() => cipher.open(1, empty, sealed), { code: 'GH_NOISE_OPEN' })
    t.throws(() => cipher.rekeyed().open(0, empty, sealed), { code: 'GH_NOISE_OPEN' })
  })

  t.test(`P5 ${name}: what does not open makes no stack, and other errors keep theirs`, async t => {
    const cipher = suite.cipher(new Uint8Array(32))
    const depth = Error.stackTraceLimit
    try {
      cipher.open(0, empty, new Uint8Array(40))
      t.fail('it opened')
    } catch (error) {
      t.notMatch((error as Error).stack, /\n +at /)
    }
    t.equal(Error.stackTraceLimit, depth)
    t.match(new Error('another').stack, /\n +at /)
  })

  t.test(`${name}: keys are copied, so zeroing the caller's changes nothing`, async t => {
    const key = new Uint8Array(32).fill(3)
    const [cipher, pair, identity] = [suite.cipher(key), suite.keyPair(key), suite.identity(key)]
    const half = key.subarray(0, 16)
    const mask = suite.headerMask(half)
    const masked = toHex(mask.mask(half))
    key.fill(0)
    t.equal(toHex(mask.mask(new Uint8Array(16).fill(3))), masked)
    const again = new Uint8Array(32).fill(3)
    t.ok(equal(cipher.seal(0, empty, empty), suite.cipher(again).seal(0, empty, empty)))
    const nine = suite.keyPair(new Uint8Array(32).fill(5)).publicKey
    t.ok(equal(suite.dh(pair, nine), suite.dh(suite.keyPair(again), nine)))
    t.ok(equal(identity.sign(key), suite.identity(again).sign(key)))
  })

  t.test(`${name}: signatures on the edge are refused, the same by both`, async t => {
    const { Point } = ed25519
    const order = Point.Fn.ORDER
    const { publicKey, sign } = suite.identity(new Uint8Array(32).fill(4))
    const message = utf8('a message')
    const good = sign(message)
    t.ok(suite.verify(publicKey, message, good))

    // S + L says the same to a careless verifier: a second signature without the key.
    const s = littleEndian(good.subarray(32)) + order
    t.notOk(suite.verify(publicKey, message, concat(good.subarray(0, 32), bytes(s))), 'S above the order')

    // Under a key of low order one signature fits every message; the last four are no proper spellings.
    const any = concat(Point.BASE.multiply(7n).toBytes(), bytes(7n))
    const low = [
      `01${'0'.repeat(62)}`,
      `ec${'ff'.repeat(30)}7f`,
      '00'.repeat(32),
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      `01${'0'.repeat(60)}80`,
      `ec${'ff'.repeat(31)}`,
      `ed${'ff'.repeat(30)}7f`,
      `ee${'ff'.repeat(30)}7f`,
    ]
    for (const hex of low) {
      const lowKey = fromHex(hex)!
      t.ok(ed25519.verify(any, message, lowKey, { zip215: true }), `ZIP-215 takes ${hex}`)
      let taken = 0
      for (let i = 0; i < 16; i++) if (suite.verify(lowKey, utf8(`${i}`), any)) taken++
      t.equal(taken, 0, 'we do not')
    }

    // R with a part of order eight: equal only after the cofactor. noble's own verify takes it.
    const eight = Point.fromBytes(
      fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')!,
    )
    const a = 123_456_789n
    const key = Point.BASE.multiply(a)
    const r = Point.BASE.multiply(987_654_321n).add(eight).toBytes()
    const k = littleEndian(sha512(concat(r, key.toBytes(), message))) % order
    const crafted = concat(r, bytes((987_654_321n + k * a) % order))
    t.ok(ed25519.verify(crafted, message, key.toBytes(), { zip215: false }), 'the cofactor hides it')
    t.notOk(suite.verify(key.toBytes(), message, crafted), 'we do not')
  })
}

const quic = sharedJson('vectors/quic/rfc9001-appendix-a.json')
t.test(
  "PROT-3 the header masks of RFC 9001's appendix, and its ChaCha20-Poly1305 packet",
  { skip: quic === undefined && 'no vectors here' },
  async t => {
    for (const [name, suite] of suites) {
      for (const side of ['client', 'server'] as const) {
        const mask = suite.headerMask(fromHex(quic[side].hp)!)
        const { sample, mask: expected } = quic[`${side}_initial`]
        t.equal(toHex(mask.mask(fromHex(sample)!)), expected, `${name}: ${side}`)
        mask.mask(new Uint8Array(16))
        t.equal(toHex(mask.mask(fromHex(sample)!)), expected, `${name}: ${side}, after another block`)
      }
    }
    // Its nonces are an IV with the number in it, ours Noise's: so below the cipher, where both are bytes.
    const { key, nonce, unprotected_header, plaintext, ciphertext } = quic.chacha20_short_header
    for (const aead of [nativeAead(fromHex(key)!), nobleAead(fromHex(key)!)])
      t.equal(
        toHex(aead.seal(fromHex(nonce)!, fromHex(unprotected_header)!, fromHex(plaintext)!)),
        ciphertext,
      )
    t.comment('its ChaCha20 header mask is left out: we mask with AES alone')
  },
)

const pnet = sharedJson('vectors/pnet/swarm-key.json')
t.test(
  'the swarm key fingerprint is the one others print',
  { skip: pnet === undefined && 'no vectors here' },
  async t => {
    const { published, derived_here } = pnet.fingerprint
    for (const { psk, fp } of [...published, ...derived_here]) t.equal(swarmKeyFingerprint(fromHex(psk)!), fp)
    t.equal(published.length + derived_here.length, 5)
  },
)

t.test('the fingerprint of the published key, and of nothing else than 32 bytes', async t => {
  const psk = fromHex('6189c5cf0b87fb800c1a9feeda73c6ab5e998db48fb9e6a978575c770ceef683')!
  t.equal(swarmKeyFingerprint(psk), '45fc986bbc9388a11d939df26f730f0c')
  for (const length of [0, 31, 33])
    t.throws(() => swarmKeyFingerprint(new Uint8Array(length)), { code: 'GH_NOISE_KEY' })
})

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`)
}

function bytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}
