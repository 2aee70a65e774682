/** The control stream: frames whole and in order, over packets that are lost, late and doubled. */
import t from 'tap'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { ControlIn, ControlOut, defaults } from '../../src/packets/control-stream.ts'
import type { InFlight } from '../../src/wire/frames/index.ts'
import { codeOf, pattern } from '../support/pair.ts'
import { Seeded } from '../support/seeded.ts'

const KiB = 1024

/** Reads CONTROL frames as a link would. */
function deliver(packet: Uint8Array, to: ControlIn, frames: Uint8Array[]): void {
  const r = new ByteReader(packet)
  while (r.remaining > 0) {
    if (r.varint('type') !== 0x06) throw new Error('not CONTROL')
    const offset = r.varint('offset')
    const lent = new Uint8Array(r.prefixed(1 << 16, 'bytes'))
    to.take(offset, lent, frame => frames.push(new Uint8Array(frame)))
    lent.fill(0xee)
  }
}

function packet(out: ControlOut, size: number): { bytes: Uint8Array; carries: InFlight[]; more: boolean } {
  const w = new ByteWriter(new Uint8Array(size))
  const carries: InFlight[] = []
  const more = out.fill(w, { add: frame => carries.push(frame) })
  return { bytes: w.view(), carries, more }
}

t.test('frames arrive whole and in order, whatever happens to packets', async t => {
  let frames = 0
  let lost = 0
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Seeded(seed)
    const [out, into] = [new ControlOut(), new ControlIn()]
    const [said, heard]: [Uint8Array[], Uint8Array[]] = [[], []]
    const flying: ReturnType<typeof packet>[] = []
    const chance = [0, 10, 30][seed % 3]!
    for (let turn = 0; turn < 100_000; turn++) {
      if (said.length < 60 && random.below(4) === 0) {
        const longest = [5, 200, 3000, 32 * KiB][random.below(4)]!
        const frame = pattern(1 + random.below(longest), turn)
        if (out.push(frame)) said.push(frame)
      }
      if (out.waiting && flying.length < 100) {
        const one = packet(out, 20 + random.below(random.below(2) === 0 ? 1180 : 60))
        if (one.carries.length > 0) flying.push(one)
      }
      if (random.below(2) === 0 && flying.length > 0) {
        const [one] = flying.splice(random.below(Math.min(flying.length, 20)), 1)
        if (random.below(100) < chance) {
          // Half of what is thought lost has arrived.
          if (random.below(2) === 0) deliver(one!.bytes, into, heard)
          for (const frame of one!.carries) frame.lost()
          lost++
        } else {
          deliver(one!.bytes, into, heard)
          if (random.below(4) === 0) deliver(one!.bytes, into, heard)
          for (const frame of one!.carries) frame.acked()
        }
      }
      if (said.length === 60 && out.settled && flying.length === 0) break
    }
    t.strictSame(heard.length, said.length, `seed ${seed}`)
    t.ok(Buffer.concat(heard).equals(Buffer.concat(said)))
    t.ok(out.settled && !out.waiting)
    frames += heard.length
  }
  t.ok(frames === 2400 && lost > 500, `${frames} frames, ${lost} packets lost`)
})

t.test('at most 64 KiB are on their way and 256 KiB wait', async t => {
  const out = new ControlOut()
  let pushed = 0
  while (out.push(pattern(16 * KiB))) pushed++
  t.equal(pushed, 15, 'fifteen with their lengths stay below 256 KiB')
  const sent: ReturnType<typeof packet>[] = []
  while (out.waiting) sent.push(packet(out, 1200))
  const bytes = sent.reduce((sum, one) => sum + one.bytes.length, 0)
  t.ok(bytes >= 64 * KiB && bytes < 66 * KiB, `${bytes} in ${sent.length} packets`)
  t.notOk(packet(out, 1200).more, 'until the peer has said that it got them')
  sent[1]!.carries[0]!.acked()
  t.notOk(out.waiting, 'the first is still missing')
  sent[0]!.carries[0]!.acked()
  t.ok(out.waiting)
})

t.test('bytes too far ahead, too many gaps, frames too long or empty end the link', async t => {
  const never = (): never => {
    throw new Error('no frame is whole')
  }
  const take = (into: ControlIn, offset: number, bytes: Uint8Array): string | undefined =>
    codeOf(() => into.take(offset, bytes, never))
  t.equal(take(new ControlIn(), defaults.ahead - 9, pattern(10)), 'GH_LINK_FLOW')
  t.equal(take(new ControlIn(), defaults.ahead - 10, pattern(10)), undefined)
  const holes = new ControlIn()
  for (let i = 1; i <= defaults.gaps; i++) holes.take(2 * i, pattern(1), never)
  t.equal(take(holes, 3 * defaults.gaps, pattern(1)), 'GH_LINK_BUDGET')
  t.equal(take(holes, 3, pattern(1)), undefined, 'what closes a gap is taken')
  const framed = (length: number): Uint8Array => new ByteWriter().varint(length).view()
  t.equal(take(new ControlIn(), 0, framed(0)), 'GH_WIRE_LENGTH')
  t.equal(take(new ControlIn(), 0, framed(32 * KiB)), undefined)
  t.equal(take(new ControlIn(), 0, framed(32 * KiB + 1)), 'GH_WIRE_LENGTH')
  const cut = new ControlIn()
  t.equal(take(cut, 0, framed(32 * KiB + 1).subarray(0, 2)), undefined)
  t.equal(
    take(cut, 2, framed(32 * KiB + 1).subarray(2)),
    'GH_WIRE_LENGTH',
    'also when its length came in two',
  )
  t.equal(take(new ControlIn(), 0, Uint8Array.of(0x40, 0x01)), 'GH_WIRE_VARINT')
})
