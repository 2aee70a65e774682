/** Memory for datagrams: used again, and never while somebody holds it. */
import t from 'tap'
import { Slab } from '../../src/packets/slab.ts'
import { SeededRandom } from '../../src/testing/index.ts'

t.test('what was sent at once is written over, what is kept is not', async t => {
  const slab = new Slab()
  const dice = new SeededRandom(5)
  const kept: { bytes: Uint8Array; filled: number }[] = []
  const buffers = new Set<ArrayBufferLike>()
  for (let i = 0; i < 2_000; i++) {
    const length = dice.chance(0.2) ? 65_507 : 17 + dice.below(1_500)
    const bytes = slab.room(length)
    t.equal(bytes.length, length)
    bytes.fill(i & 0xff)
    buffers.add(bytes.buffer)
    if (!dice.chance(0.1)) continue
    slab.keep(length)
    kept.push({ bytes, filled: i & 0xff })
  }
  const changed = kept.filter(({ bytes, filled }) => bytes.some(byte => byte !== filled))
  t.equal(changed.length, 0, `of ${kept.length} that were kept`)
  const least = kept.reduce((sum, { bytes }) => sum + bytes.length, 0) / (4 * 65_536)
  t.ok(buffers.size <= 2 * least + 1, `${buffers.size} pieces of memory for ${least.toFixed(1)} full ones`)
})

t.test('nothing kept: one piece of memory for all', async t => {
  const slab = new Slab()
  const { buffer } = slab.room(1_200)
  for (let i = 0; i < 1_000; i++) if (slab.room(65_507).buffer !== buffer) return t.fail(`another at ${i}`)
})
