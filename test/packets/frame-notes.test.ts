/** Notes of frames: every frame there is, none of what it carries, and an end to them. */
import t from 'tap'
import { concat, fromHex } from '../../src/base/bytes.ts'
import { type FrameNote, notesOf } from '../../src/packets/frame-notes.ts'
import { frameTypes } from '../../src/wire/index.ts'
import { readVectors } from '../support/vectors.ts'

/** A packet of each frame, from the vectors, with what the codec says of it. */
const samples = readVectors('packet-frames').vectors.flatMap(({ result, bytes, value }) =>
  result === 'valid' && value.length === 1 ? [{ bytes: fromHex(bytes)!, frame: value[0] }] : [],
)

const nameOf = (frame: string): string =>
  frame === 'STREAM_FIN' ? 'STREAM' : frame === 'ignored' ? 'UNKNOWN' : frame

t.test('OBS-2 each frame is noted by its name, with its figures', async t => {
  const noted = new Set<string>()
  for (const { bytes, frame } of samples) {
    const [note, ...more] = notesOf(bytes)
    t.equal(note!.type, nameOf(frame.frame))
    t.strictSame(more, [])
    noted.add(note!.type)
    const figures = note as unknown as Record<string, unknown>
    for (const field of ['offset', 'code', 'finalSize', 'sequence', 'retirePriorTo', 'maximum'])
      if (field in figures && field in frame) t.equal(figures[field], frame[field], `${frame.frame} ${field}`)
    if (note!.type === 'ACK') t.strictSame(note!.ranges, frame.ranges)
    if ('length' in figures && 'data' in frame) t.equal(figures.length, frame.data.length / 2)
  }
  const inPackets = Object.entries(frameTypes).filter(
    ([, frame]) => frame.carrier !== 'record' && !('inControl' in frame),
  )
  for (const [name] of inPackets) t.ok(noted.has(nameOf(name)), `${name} is among the vectors`)
})

t.test('OBS-2 no note holds what streams carry, a reset token or the bytes of a challenge', async t => {
  for (const { bytes, frame } of samples)
    for (const secret of [frame.data, frame.resetToken, frame.detail])
      if (typeof secret === 'string' && secret.length >= 8)
        t.notOk(JSON.stringify(notesOf(bytes)).includes(secret), frame.frame)
})

t.test('notes: PADDING in one piece, and not more than 128 of a packet', async t => {
  const probe = Uint8Array.of(frameTypes.PROBE.type)
  t.strictSame(notesOf(concat(probe, new Uint8Array(1_000), probe)), [
    { type: 'PROBE' },
    { type: 'PADDING', length: 1_000 },
    { type: 'PROBE' },
  ])
  const many = notesOf(new Uint8Array(5_000).fill(frameTypes.PROBE.type))
  t.equal(many.length, 129)
  t.strictSame(many.at(-1), { type: 'MORE', length: 5_000 - 128 } satisfies FrameNote)
  t.strictSame(notesOf(concat(probe, Uint8Array.of(0x3f))), [{ type: 'PROBE' }], 'as far as it makes sense')
})
