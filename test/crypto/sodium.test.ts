/** libsodium's AEAD beside node:crypto's, where `sodium-native` is installed; the vectors run on it through the native suite. */
import { createSecretKey } from 'node:crypto'
import t from 'tap'
import { concat, equal } from '../../src/base/bytes.ts'
import { opensslAead } from '../../src/crypto/native.ts'
import { sodiumAead } from '../../src/crypto/sodium.ts'
import { SeededRandom } from '../../src/testing/index.ts'

const key = new Uint8Array(32).fill(7)
const aead = sodiumAead(key)
const installed = aead === undefined ? { skip: 'sodium-native is not installed' } : {}

t.test('a key of another length is refused, installed or not', async t => {
  for (const length of [0, 31, 33])
    t.throws(() => sodiumAead(new Uint8Array(length)), { code: 'GH_NOISE_KEY' })
})

t.test('the same bytes as node:crypto, at every length', installed, async t => {
  const one = aead!
  const other = opensslAead('chacha20-poly1305', createSecretKey(key))
  const dice = new SeededRandom(11)
  const faults: string[] = []
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1_172, 1_423, 8_192, 8_193, 65_470])
    for (const more of [0, 14, 17]) {
      const [nonce, associated, plaintext] = [dice.bytes(12), dice.bytes(more), dice.bytes(length)]
      const sealed = other.seal(nonce, associated, plaintext)
      const out = new Uint8Array(length + 16 + 8)
      one.sealInto(nonce, associated, plaintext, out.subarray(4, out.length - 4))
      const parts = one.sealParts(nonce, associated, plaintext)
      const places = [out[0], out[3], out[length + 20], out[length + 23]]
      if (!equal(one.seal(nonce, associated, plaintext), sealed)) faults.push(`seal ${length}`)
      if (!equal(out.subarray(4, length + 20), sealed)) faults.push(`into ${length}`)
      if (places.some(byte => byte !== 0)) faults.push(`beside ${length}`)
      if (!equal(concat(parts.body, parts.tag), sealed)) faults.push(`parts ${length}`)
      const opened = one.open(nonce, associated, sealed)
      if (!equal(opened, plaintext)) faults.push(`open ${length}`)
      if (opened.buffer.byteLength !== length) faults.push(`${length} bytes in ${opened.buffer.byteLength}`)
      const forged = sealed.slice()
      forged[dice.below(forged.length)]! ^= 1 << dice.below(8)
      t.throws(() => one.open(nonce, associated, forged), { code: 'GH_NOISE_OPEN' })
    }
  t.throws(() => one.open(new Uint8Array(12), new Uint8Array(0), new Uint8Array(15)), {
    code: 'GH_NOISE_OPEN',
  })
  t.strictSame(faults, [])
})
