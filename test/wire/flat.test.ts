/** Ids are remembered by the thousand: each costs its digits, and no tree of them. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { flat, fromHex, toHex } from '../../src/base/bytes.ts'
import { peerIdFromKey } from '../../src/wire/peer-id.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const COUNT = 10_000

/** Bytes of heap that each of many takes. */
function weight(make: (key: Uint8Array) => string): number {
  const kept: string[] = []
  const key = new Uint8Array(32)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < COUNT; i++) {
    new DataView(key.buffer).setUint32(4, i * 2_654_435)
    kept.push(make(key))
  }
  collect()
  return (process.memoryUsage().heapUsed - before) / kept.length
}

t.test('ids that are kept are kept in one piece', async t => {
  for (const make of [toHex, peerIdFromKey]) {
    const bytes = weight(make)
    t.ok(bytes < 200, `${make.name}: ${bytes.toFixed(0)} bytes each`)
  }
})

t.test('flat: the same text, however long', async t => {
  for (const text of ['', 'a', 'x'.repeat(4096), 'yz'.repeat(10_000)]) t.equal(flat(text), text)
  const bytes = Uint8Array.from({ length: 9_000 }, (_, i) => i)
  t.strictSame(fromHex(toHex(bytes)), bytes)
})
