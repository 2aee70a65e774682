/**
 * One handshake in datagrams of which the second is lost, written down as it crosses.
 *
 * Dice, keys and clock are seeded, so each run says the same; the dumps are made by the decoders.
 * `protocol/handshake.md` tells the story around it.
 */
import { equal } from '../../src/base/bytes.ts'
import { ByteReader, type Note } from '../../src/base/reader.ts'
import { explainHandshakeDatagram, formatNotes } from '../../src/wire/index.ts'
import { limits } from '../../src/wire/limits.ts'
import { type Crossing, DatagramPath, linked } from './datagram-path.ts'
import { START } from './link-pair.ts'

export const datagramStoryPath = 'protocol/handshake.md'

/** The page with the conversation between its markers. */
export function withDatagrams(page: string): string {
  const marker = /<!-- datagrams -->\n[\s\S]*?<!-- end -->/
  if (!marker.test(page)) throw new Error('the page has no place for the datagrams')
  return page.replace(marker, () => `<!-- datagrams -->\n\`\`\`text\n${told()}\`\`\`\n<!-- end -->`)
}

function told(): string {
  const path = new DatagramPath()
  const alice = path.node('198.51.100.1', { seed: 1, name: 'alice' })
  const bob = path.node('203.0.113.1', { seed: 2, name: 'bob' })
  const lost = 1
  path.weather = ({ number, bytes }) => (number === lost ? [] : [{ bytes, delay: 15 }])
  alice.dial(bob.place)
  if (!path.run(START + 5_000, () => linked(alice, bob))) throw new Error('they did not meet')
  let out = ''
  const before: Uint8Array[] = []
  for (const crossing of path.crossings) {
    const { number, at, from, bytes } = crossing
    const way = from === alice ? 'alice → bob' : 'bob → alice'
    const time = `${(at - START).toFixed(0).padStart(5)} ms`
    const size = `${String(bytes.length).padStart(5)} bytes`
    const fate = number === lost ? ', lost' : ''
    out += `${`#${number + 1}`.padEnd(3)}${time}   ${way} ${size}   ${nameOf(crossing)}${fate}\n`
    const first = before.findIndex(one => equal(one, bytes))
    out += first >= 0 ? `     the same as #${first + 1}, byte for byte\n` : formatNotes(notesOf(bytes))
    before.push(bytes)
  }
  return out
}

function nameOf({ bytes }: Crossing): string {
  if (bytes[0]! >= 0x40) return 'a packet'
  return `handshake datagram 0x0${bytes[0]}`
}

/** Of a packet only the connection id is clear to everybody. */
function notesOf(bytes: Uint8Array): Note[] {
  if (bytes[0]! < 0x40) return explainHandshakeDatagram(bytes)
  const r = new ByteReader(bytes)
  const note = (field: string, length: number): Note => {
    const offset = r.offset
    return { offset, bytes: r.take(length, field), field, value: `${length} bytes` }
  }
  return [
    note('first byte, masked', 1),
    note('connection id', limits.connectionId),
    note('packet number, masked, and frames, sealed', r.remaining),
  ]
}
