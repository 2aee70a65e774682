/** The cipher state: its last nonce, rekey, and seals that do not open. On both suites. */
import { createCipheriv } from 'node:crypto'
import t from 'tap'
import { concat, empty, equal, fromHex, toHex, utf8 } from '../../src/base/bytes.ts'
import { nativeSuite, nobleSuite } from '../../src/crypto/index.ts'
import { CipherState, MAX_NONCE } from '../../src/noise/index.ts'
import { Seeded } from '../support/seeded.ts'

for (const [name, suite] of [
  ['native', nativeSuite],
  ['noble', nobleSuite],
] as const) {
  t.test(`${name}: HS-13 a cipher stops at its last nonce and never goes back`, async t => {
    const key = new Seeded(13).bytes(32)
    const sender = new CipherState(2).initializeKey(suite, key)
    const receiver = new CipherState(2).initializeKey(suite, key)
    for (let n = 0; n <= 2; n++) receiver.decryptWithAd(empty, sender.encryptWithAd(empty, utf8(`${n}`)))
    for (let again = 0; again < 2; again++) {
      t.throws(() => sender.encryptWithAd(empty, empty), { code: 'GH_NOISE_NONCE' })
      t.throws(() => sender.encryptParts(empty, empty), { code: 'GH_NOISE_NONCE' })
      t.throws(() => receiver.decryptWithAd(empty, new Uint8Array(16)), { code: 'GH_NOISE_NONCE' })
      t.equal(sender.n, 3)
      sender.rekey() // a new key does not bring back a counter
      receiver.rekey()
    }
    const late = new CipherState().initializeKey(suite, key)
    const twin = late.clone()
    late.setNonce(MAX_NONCE)
    twin.setNonce(MAX_NONCE)
    t.equal(MAX_NONCE, 2 ** 53 - 2)
    const sealed = late.encryptWithAd(empty, utf8('the last'))
    t.equal(toHex(sealed), toHex(openssl(key, '00000000feffffffffff1f00', utf8('the last'))))
    t.ok(equal(twin.decryptWithAd(empty, sealed), utf8('the last')))
    t.throws(() => late.encryptWithAd(empty, empty), { code: 'GH_NOISE_NONCE' })
    for (const wrong of [-1, 0.5, 2 ** 53, Number.NaN])
      t.throws(() => late.setNonce(wrong), { code: 'GH_NOISE_NONCE' })
    t.throws(() => new CipherState(2 ** 60).initializeKey(suite, key).setNonce(2 ** 60), {
      code: 'GH_NOISE_NONCE',
    })
  })

  t.test(`${name}: HS-13 rekey is the paper's, keeps n, and ends the old key`, async t => {
    const key = new Seeded(14).bytes(32)
    const sender = new CipherState().initializeKey(suite, key)
    const receiver = new CipherState().initializeKey(suite, key)
    let current = key
    for (let round = 0; round < 3; round++) {
      const old = sender.clone()
      old.setNonce(round)
      sender.rekey()
      receiver.rekey()
      // REKEY(k): the first 32 bytes of sealing 32 zeros under n = 2^64 - 1.
      current = openssl(current, '00000000ffffffffffffffff', new Uint8Array(32)).subarray(0, 32)
      t.equal(sender.n, round)
      t.throws(() => receiver.decryptWithAd(empty, old.encryptWithAd(empty, utf8('old'))), {
        code: 'GH_NOISE_OPEN',
      })
      const sealed = sender.encryptWithAd(empty, utf8('new'))
      t.equal(toHex(sealed), toHex(openssl(current, `00000000${`0${round}`}00000000000000`, utf8('new'))))
      t.ok(equal(receiver.decryptWithAd(empty, sealed), utf8('new')))
    }
    t.doesNotThrow(() => new CipherState().rekey(), 'without a key there is nothing to change')
  })

  t.test(`${name}: a seal that does not open leaves the counter alone`, async t => {
    const key = new Seeded(15).bytes(32)
    const sender = new CipherState().initializeKey(suite, key)
    const receiver = new CipherState().initializeKey(suite, key)
    const sealed = sender.encryptWithAd(utf8('ad'), utf8('text'))
    for (const length of [0, 15, sealed.length - 1])
      t.throws(() => receiver.decryptWithAd(utf8('ad'), sealed.subarray(0, length)), {
        code: 'GH_NOISE_OPEN',
      })
    t.throws(() => receiver.decryptWithAd(utf8('da'), sealed), { code: 'GH_NOISE_OPEN' })
    t.equal(receiver.n, 0)
    t.ok(equal(receiver.decryptWithAd(utf8('ad'), sealed), utf8('text')))
    const { body, tag } = sender.encryptParts(empty, new Uint8Array(70_000))
    t.same([body.length, tag.length, sender.n], [70_000, 16, 2])
    const none = new CipherState()
    t.same(none.encryptParts(empty, utf8('clear')), { body: utf8('clear'), tag: empty })
    t.ok(equal(none.decryptWithAd(empty, none.encryptWithAd(empty, utf8('clear'))), utf8('clear')))
    t.notOk(none.hasKey)
  })
}

/** ChaCha20-Poly1305 by OpenSSL alone, with the nonce as bytes. */
function openssl(key: Uint8Array, nonce: string, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, fromHex(nonce)!, { authTagLength: 16 })
  const body = cipher.update(plaintext)
  cipher.final()
  return concat(body, cipher.getAuthTag())
}
