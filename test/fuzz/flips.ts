/**
 * P5: a recorded session, handshake and records, with one bit of it flipped.
 *
 *   recorded   | message 1 | message 3 | record | record | …       what one side's carrier brought
 *   flipped                      ^ one bit, in a length as well as in what is sealed
 *
 * Played to an end made again with the same keys, so that the unflipped recording would be
 * believed to its last byte. What was said before the flip is believed, nothing after it, and
 * the link ends with a typed error: at once, or, where a length now asks for more bytes than
 * come, at the deadline of the handshake or the end of the carrier.
 */
import { type Recorded, recordSession, Speaker, script } from './session.ts'

export interface Flips {
  readonly bits: number
  /** How the links ended: how often each code. */
  readonly codes: Map<string, number>
  /** What must not be, in words; empty when all is well. */
  readonly wrong: string[]
}

type Side = Recorded['from']

/** What `from` said in a session, who listened, and what the listener knew after each unit. */
function recordedOf(from: Side) {
  const units = recordSession()
    .all.filter(one => one.from === from)
    .map(({ unit }) => unit)
  const listener: Side = from === 'initiator' ? 'responder' : 'initiator'
  const told = storyAfterEach(listener, units)
  return { units, listener, told }
}

/** Every `step`th bit of what `from` said, from bit `first` on. */
export function flipBits(from: Side, step: number, first = 0): Flips {
  const { units, listener, told } = recordedOf(from)
  const codes = new Map<string, number>()
  const wrong: string[] = []
  const length = units.reduce((sum, unit) => sum + 8 * unit.length, 0)
  let bits = 0
  for (let bit = first; bit < length; bit += step, bits++) {
    const { story, code, unit } = playFlipped(listener, units, bit)
    codes.set(code, (codes.get(code) ?? 0) + 1)
    const believed = told[unit]!
    if (story.join('\n') !== believed.join('\n'))
      wrong.push(`bit ${bit} of ${from}: ${story.length} things believed, not ${believed.length}`)
    if (!/^GH_/.test(code) || code === 'GH_INTERNAL') wrong.push(`bit ${bit} of ${from}: ended with ${code}`)
  }
  return { bits, codes, wrong }
}

/** P4: each unit of what `from` said comes ten times more, right after its first. */
export function replayUnits(from: Side): Flips {
  const { units, listener, told } = recordedOf(from)
  const codes = new Map<string, number>()
  const wrong: string[] = []
  for (const last of units.keys()) {
    const speaker = new Speaker(listener)
    for (const unit of units.slice(0, last + 1)) {
      speaker.end.give(unit)
      script(speaker)
    }
    for (let time = 0; time < 10; time++) speaker.end.give(units[last]!)
    const code = String(speaker.end.end?.error.code)
    codes.set(code, (codes.get(code) ?? 0) + 1)
    if (speaker.story.join('\n') !== told[last + 1]!.join('\n'))
      wrong.push(`unit ${last} of ${from} counted twice`)
  }
  return { bits: 0, codes, wrong }
}

/** What the listener believes before each unit, and at the end. */
function storyAfterEach(role: Side, units: readonly Uint8Array[]): string[][] {
  const speaker = new Speaker(role)
  const told = [[...speaker.story]]
  for (const unit of units) {
    speaker.end.give(unit)
    script(speaker)
    told.push([...speaker.story])
  }
  if (speaker.end.end !== undefined || told.at(-1)!.length < 3)
    throw new Error('the recording is not believed')
  return told
}

function playFlipped(
  role: Side,
  units: readonly Uint8Array[],
  bit: number,
): { story: string[]; code: string; unit: number } {
  const speaker = new Speaker(role)
  let at = 0
  let flippedAt = -1
  for (const [i, unit] of units.entries()) {
    const offset = bit - 8 * at
    at += unit.length
    const bytes = unit.slice()
    if (offset >= 0 && offset < 8 * unit.length) {
      bytes[offset >> 3]! ^= 1 << (offset & 7)
      flippedAt = i
    }
    speaker.end.give(bytes)
    if (speaker.end.end !== undefined) break
    script(speaker)
  }
  const { end } = speaker
  if (end.end === undefined) end.tick(end.now + 10_001)
  if (end.end === undefined) end.closed()
  return { story: speaker.story, code: String(end.end?.error.code), unit: flippedAt }
}
