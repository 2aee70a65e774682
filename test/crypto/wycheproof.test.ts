/** Wycheproof: what breaks other people's cryptography, tried on both suites. */
import t from 'tap'
import { concat, empty, equal, equalConstantTime, fromHex, toHex } from '../../src/base/bytes.ts'
import { GuildError } from '../../src/base/errors.ts'
import type { Aead } from '../../src/crypto/cipher.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import { nativeAead } from '../../src/crypto/native.ts'
import { nobleAead } from '../../src/crypto/noble.ts'
import { hkdf } from '../../src/noise/index.ts'
import { aesGcm } from '../noise/support/suites.ts'
import { sharedJson } from '../support/shared.ts'

// biome-ignore lint/suspicious/noExplicitAny: foreign JSON
type Case = any

const suites = { native: nativeSuite, noble: nobleSuite }
const aeads = { native: nativeAead, noble: nobleAead }
const both = ['native', 'noble'] as const

/** A case for a key or nonce size that the port cannot even say. */
const outside = Symbol('outside')

/** Runs a file on both suites; `judge` says what is wrong with a case, or nothing. */
function wycheproof(
  file: string,
  count: number,
  judge: (test: Case, suite: (typeof both)[number], group: Case) => string | undefined | typeof outside,
  expectedOutside = 0,
): void {
  const vectors = sharedJson(`vectors/wycheproof/${file}_test.json`)
  t.test(`${file}: ${count} cases`, { skip: vectors === undefined && 'no vectors here' }, async t => {
    for (const name of both) {
      const faults: string[] = []
      let done = 0
      let left = 0
      for (const group of vectors.testGroups)
        for (const test of group.tests) {
          const fault = judge(test, name, group)
          if (fault === outside) left++
          else if (fault !== undefined)
            faults.push(`${test.tcId} (${test.comment}, ${test.result}): ${fault}`)
          done++
        }
      t.strictSame(faults, [], name)
      t.equal(done, count, `${name}: all were seen`)
      t.equal(left, expectedOutside, `${name}: all but ${expectedOutside} were judged`)
    }
  })
}

const p = 2n ** 255n - 19n

wycheproof('x25519', 518, (test, name) => {
  const suite = suites[name]
  const publicKey = fromHex(test.public)!
  // "acceptable" cases divide: zeros and non-canonical keys we refuse, twist points we take.
  const refused = /^0*$/.test(test.shared) || littleEndian(publicKey) >= p
  if (refused && test.result === 'valid') return 'a valid key would be refused'
  let shared: string
  try {
    shared = toHex(suite.dh(suite.keyPair(fromHex(test.private)!), publicKey))
  } catch (error) {
    if ((error as GuildError).code !== 'GH_NOISE_KEY') throw error
    return refused ? undefined : 'refused'
  }
  if (refused) return 'taken'
  return shared === test.shared ? undefined : 'another secret'
})

wycheproof('ed25519', 151, (test, name, group) => {
  const verified = suites[name].verify(fromHex(group.publicKey.pk)!, fromHex(test.msg)!, fromHex(test.sig)!)
  return verified === (test.result === 'valid') ? undefined : `verify says ${verified}`
})

// ChaCha20-Poly1305 has 12-byte nonces only: the other lengths (all invalid) cannot be said.
wycheproof(
  'chacha20_poly1305',
  325,
  (test, name) => (test.iv.length === 24 ? judgeAead(aeads[name](fromHex(test.key)!), test) : outside),
  9,
)

// Noise speaks AES-256 with 12-byte nonces only; it serves the Noise vectors, never a node.
wycheproof(
  'aes_gcm',
  316,
  (test, name) =>
    test.key.length === 64 && test.iv.length === 24
      ? judgeAead(aesGcm[name](fromHex(test.key)!), test)
      : outside,
  250,
)

wycheproof('hkdf_sha256', 86, (test, name) => {
  const [salt, ikm, info] = [test.salt, test.ikm, test.info].map(hex => fromHex(hex)!)
  let okm: string
  try {
    okm = toHex(hkdf(suites[name], salt!, ikm!, info!, test.size))
  } catch (error) {
    if ((error as GuildError).code !== 'GH_WIRE_LENGTH') throw error
    return test.result === 'invalid' ? undefined : 'refused'
  }
  return okm === test.okm && test.result === 'valid' ? undefined : 'other bytes'
})

wycheproof('hmac_sha256', 174, (test, name, group) => {
  const message = fromHex(test.msg)!
  const key = fromHex(test.key)!
  const whole = suites[name].hmac(key, message)
  const cut = message.length >> 1
  const parts = suites[name].hmac(key, message.subarray(0, cut), empty, message.subarray(cut))
  if (!equal(whole, parts)) return 'in parts it is another'
  const same = equalConstantTime(whole.subarray(0, group.tagSize / 8), fromHex(test.tag)!)
  return same === (test.result === 'valid') ? undefined : `tag is ${same ? 'the same' : 'another'}`
})

function judgeAead(aead: Aead, test: Case): string | undefined {
  const [iv, aad, msg, ct, tag] = [test.iv, test.aad, test.msg, test.ct, test.tag].map(hex => fromHex(hex)!)
  const sealed = concat(ct!, tag!)
  if (test.result === 'valid') {
    if (!equal(aead.seal(iv!, aad!, msg!), sealed)) return 'sealed to other bytes'
    const parts = aead.sealParts(iv!, aad!, msg!)
    if (!equal(concat(parts.body, parts.tag), sealed)) return 'sealed in parts to other bytes'
  }
  try {
    const opened = aead.open(iv!, aad!, sealed)
    if (test.result !== 'valid') return 'opened'
    return equal(opened, msg!) ? undefined : 'opened to other bytes'
  } catch (error) {
    if (!(error instanceof GuildError) || error.code !== 'GH_NOISE_OPEN') throw error
    return test.result === 'invalid' ? undefined : 'did not open'
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`)
}
