/** Bytes on their way out and in, beside their naive twins. */
import t from 'tap'
import { pageSize, Reassembly } from '../../src/base/reassembly.ts'
import { SendBuffer } from '../../src/base/send-buffer.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { pattern } from '../support/pair.ts'
import { Seeded } from '../support/seeded.ts'
import { NaiveReassembly } from '../twins/reassembly.ts'
import { NaiveSendBuffer } from '../twins/send-buffer.ts'

/** What arrived, copied at once where it is only lent. */
class Sink {
  readonly bytes: number[] = []
  readonly pages: Uint8Array[] = []
  append(bytes: Uint8Array): void {
    for (const byte of bytes) this.bytes.push(byte)
  }
  push(page: Uint8Array): void {
    this.pages.push(page)
    this.append(page)
  }
}

t.test('reassembly gives what its naive twin gives, whatever the order and the overlaps', async t => {
  let pieces = 0
  let pages = 0
  let most = 0
  for (let seed = 1; seed <= 24; seed++) {
    const random = new Seeded(seed)
    const data = random.bytes(20_000 + random.below(20_000))
    const [real, twin, sink] = [new Reassembly(), new NaiveReassembly(), new Sink()]
    const longest = [40, 1200, 9000][seed % 3]!
    const given: number[] = []
    for (let i = 0; i < 150; i++) {
      const around = random.below(3) === 0 ? real.contiguous : random.below(data.length)
      const start = Math.min(data.length, Math.max(0, around - random.below(longest)))
      const end = Math.min(data.length, start + random.below(2 * longest))
      const lent = data.slice(start, end)
      real.add(start, lent, sink)
      given.push(...twin.add(start, lent))
      lent.fill(0xee) // the memory is used again
      if (real.contiguous !== twin.contiguous || (i % 8 === 0 && real.gaps !== twin.gaps))
        return t.fail(`seed ${seed}, piece ${i}: ${real.contiguous} and ${real.gaps} gaps`)
      most = Math.max(most, real.gaps)
      pieces++
    }
    if (!Buffer.from(sink.bytes).equals(Buffer.from(given))) return t.fail(`seed ${seed}: other bytes`)
    if (!Buffer.from(sink.bytes).equals(data.subarray(0, real.contiguous)))
      return t.fail(`seed ${seed}: wrong`)
    pages += sink.pages.length
    t.equal(new Set(sink.pages.map(page => page.buffer)).size, sink.pages.length, 'each page once')
  }
  t.ok(pieces === 3600 && pages > 5 && most > 20, `${pieces} pieces, ${pages} whole pages, ${most} gaps`)
})

t.test('a page that was given on is never written again', async t => {
  const [real, sink] = [new Reassembly(), new Sink()]
  real.add(1, pattern(2 * pageSize - 1, 1), sink)
  real.add(0, pattern(1, 9), sink)
  t.equal(sink.pages.length, 1, 'the second page was whole')
  const before = new Uint8Array(sink.pages[0]!)
  real.add(0, new Uint8Array(4 * pageSize), sink)
  real.add(pageSize, new Uint8Array(pageSize), sink)
  t.strictSame(sink.pages[0], before)
  t.equal(real.contiguous, 4 * pageSize)
})

t.test('a send buffer is what its naive twin is: taken, lost, taken again, acknowledged', async t => {
  const seen = { new: 0, again: 0, acked: 0, lost: 0 }
  for (let seed = 1; seed <= 24; seed++) {
    const random = new Seeded(seed)
    const [real, twin] = [new SendBuffer(), new NaiveSendBuffer()]
    const flying: [number, number][] = []
    const past: [number, number][] = []
    const largest = seed % 4 === 0 ? 20_000 : 700
    for (let i = 0; i < 200; i++) {
      const what = random.below(10)
      if (what < 3) {
        const bytes = random.bytes(1 + random.below(largest))
        twin.append(bytes)
        if (random.below(3) === 0) real.lend(bytes)
        else {
          real.append(bytes)
          bytes.fill(0)
        }
      } else if (what < 6) {
        const w = new ByteWriter()
        const from = real.lostFrom ?? real.next
        const again = real.lostFrom !== undefined
        const length = Math.min(again ? real.lostLength : real.bytes, 1 + random.below(1200))
        if (again) real.takeLost(w, length)
        else real.takeNew(w, length)
        if (!Buffer.from(w.view()).equals(Buffer.from(twin.take(from, length))))
          return t.fail(`seed ${seed}: other bytes at ${from}`)
        if (length > 0) flying.push([from, length])
        seen[again ? 'again' : 'new'] += length
      } else {
        // Mostly of what flies; now and then of what was told before, for a loss may prove spurious.
        const of = random.below(8) === 0 ? past : flying
        const [range] = of.splice(random.below(of.length || 1), 1)
        if (range === undefined) continue
        past.push(range)
        const fate = what < 8 ? 'acked' : 'lost'
        real[fate](...range)
        twin[fate](...range)
        seen[fate]++
      }
      for (const field of ['next', 'bytes', 'unacked', 'lostFrom', 'lostLength'] as const)
        if (real[field] !== twin[field])
          return t.fail(`seed ${seed}, step ${i}: ${field} ${real[field]}, not ${twin[field]}`)
    }
  }
  t.ok(seen.new > 200_000 && seen.again > 50_000 && seen.acked > 200 && seen.lost > 200, JSON.stringify(seen))
})

t.test(
  'a send buffer that is acknowledged as it is taken keeps no bytes, and a small block at most',
  async t => {
    const buffers = [new SendBuffer(), new SendBuffer()]
    const all = buffers.map((): number[] => [])
    const out = buffers.map((): number[] => [])
    const drain = (at: number, most: number): void => {
      const buffer = buffers[at]!
      const w = new ByteWriter()
      const from = buffer.next
      buffer.takeNew(w, Math.min(most, buffer.bytes))
      buffer.acked(from, w.length)
      for (const byte of w.view()) out[at]!.push(byte)
      if (buffer.unacked !== 0) throw new Error('something is kept')
    }
    for (let round = 0; round < 400; round++) {
      const at = round % 2
      const piece = pattern(1 + ((round * 7919) % (round % 10 === 0 ? 100_000 : 700)), round)
      for (const byte of piece) all[at]!.push(byte)
      if (round % 7 === 0) buffers[at]!.lend(piece)
      else {
        buffers[at]!.append(piece)
        piece.fill(0) // the writer uses its buffer again
      }
      drain(1 - at, 1 + ((round * 113) % 90_000))
    }
    for (const at of [0, 1]) {
      while (buffers[at]!.bytes > 0) drain(at, 70_000)
      t.ok(Buffer.from(out[at]!).equals(Buffer.from(all[at]!)), `${all[at]!.length} bytes`)
    }
    const [first] = buffers as [SendBuffer, SendBuffer]
    const from = first.next
    first.append(pattern(100), 10)
    t.equal(first.bytes, 10, 'the first ten only')
    first.append(pattern(200_000))
    t.equal(first.clear(), 200_010)
    t.equal(first.bytes + first.unacked, 0)
    t.equal(first.next, from, 'what was never taken has no place')
    first.append(pattern(100))
    const w = new ByteWriter()
    first.takeNew(w, 100)
    t.strictSame(w.view(), pattern(100))
    first.clear()
    first.acked(from, 100)
    first.lost(from, 100)
    t.equal(first.lostFrom, undefined, 'what was dropped is not sent again')
  },
)

t.test('a send buffer leaves what is lent as it is: behind it nothing is written there', async t => {
  const buffer = new SendBuffer()
  // As large as its own blocks, which are used again.
  const lent = pattern(64 * 1024, 3)
  const copied = pattern(64 * 1024, 5)
  const out = new ByteWriter()
  const pour = (): void => {
    const from = buffer.next
    const length = buffer.bytes
    buffer.takeNew(out, length)
    buffer.acked(from, length)
  }
  buffer.append(copied.subarray(0, 100))
  buffer.lend(lent)
  buffer.append(copied)
  buffer.lend(lent)
  t.equal(buffer.bytes, 100 + 3 * 64 * 1024)
  pour()
  const sent = Buffer.concat([copied.subarray(0, 100), lent, copied, lent])
  t.ok(sent.equals(out.view()))
  for (let i = 0; i < 40; i++) {
    buffer.append(pattern(64 * 1024, i))
    if (i % 2 === 0) pour()
  }
  t.strictSame(lent, pattern(64 * 1024, 3))
  buffer.clear()
  buffer.lend(lent)
  t.equal(buffer.clear(), 64 * 1024)
  buffer.append(pattern(64 * 1024))
  t.strictSame(lent, pattern(64 * 1024, 3), 'dropped before it left')
  const few = pattern(100)
  buffer.clear()
  buffer.lend(few)
  few.fill(0)
  out.reset()
  pour()
  t.strictSame(out.view(), pattern(100), 'few bytes are copied')
})
