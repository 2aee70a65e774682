/**
 * The registry's entries for datagrams: packet numbers, the door, a link on packets.
 *
 * As with records, a seal lets nothing pass that was altered, so beside datagrams as a stranger sends
 * them the frames inside are mutated and sealed again by one who has the keys: a member gone bad.
 */
import { concat, equal } from '../../src/base/bytes.ts'
import type { GuildError } from '../../src/base/errors.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { decodeNumber } from '../../src/packets/packet-number.ts'
import { frameTypes } from '../../src/wire/registry.ts'
import { linked, Member, type PacketNode, PacketPath, packetNodes } from '../support/packet-nodes.ts'
import { pattern } from '../support/pair.ts'
import { given, must, Refused, refused } from './common.ts'
import { messages } from './corpus.ts'
import type { Decoder } from './fuzz.ts'
import { lazily, once } from './sealed-decoders.ts'

/** What bob sends alice, from message 1 to CLOSE, each datagram behind its length. */
const session = once(() => {
  const { path, alice, bob } = packetNodes()
  const all: Uint8Array[] = []
  path.drops = (bytes, from) => {
    if (from === bob) all.push(bytes)
    return false
  }
  const dialled = bob.dial(alice)
  path.run(path.now + 200)
  const stream = dialled.streams!.open('/echo/1')
  stream.write(pattern(700))
  stream.end()
  dialled.link.sendDatagram(pattern(30))
  dialled.flush()
  path.run(path.now + 200)
  return { all, told: alice.link.told, framed: concat(...all.map(framed)) }
})

function framed(datagram: Uint8Array): Uint8Array {
  return Uint8Array.of(datagram.length >>> 8, datagram.length, ...datagram)
}

/** Alice as bob finds her in the recorded session, and nobody else. */
function aliceAlone(): { path: PacketPath; alice: PacketNode } {
  const path = new PacketPath()
  path.drops = () => true
  return { path, alice: path.node({ seed: 1, host: '10.0.0.1' }) }
}

const bobsPlace = { host: '10.0.0.2', port: 8000 }

/** A fault of our own has no place among the ends of a link. */
function endedWell(error: GuildError | undefined): void {
  must(error?.code !== 'GH_INTERNAL', `an end that is no fault of ours: ${error?.message}`)
}

/** A link that stands, and a member who says what he likes; made anew when he was thrown out. */
class Stand {
  #at: { path: PacketPath; alice: PacketNode; member: Member; said: number } | undefined
  /** Bytes of control that were taken. */
  control = 0

  /** Says the frames in one packet. What alice keeps of it must stay within its bounds. */
  say(...packets: readonly Uint8Array[]): void {
    this.#at ??= this.#make()
    const { path, alice, member } = this.#at
    path.now += 1_000
    const { link } = alice
    for (const frames of packets) member.say(frames)
    alice.tick(path.now)
    const { end, packets: connection } = link
    const { departures } = connection!
    must(departures.control.bytes <= 320 * 1024, 'answers wait boundedly')
    must(departures.paths.size <= 4, 'no more than four addresses')
    must((link.streams?.unread ?? 0) <= 9 * 1024 * 1024, 'no more waits than was granted')
    endedWell(end?.error)
    const often = ++this.#at.said > 200 || link.streams!.size > 50
    if (end !== undefined || link.gone || often) this.#at = undefined
    if (end !== undefined) throw end.error
  }

  #make(): { path: PacketPath; alice: PacketNode; member: Member; said: number } {
    const { path, alice, bob } = linked()
    const member = new Member(path, bob, alice)
    path.drops = () => true
    this.control = 0
    return { path, alice, member, said: 0 }
  }
}

const typed = (error: unknown): boolean => refused(error) || (error as { code?: string }).code !== undefined

export const packetDecoders: readonly Decoder[] = [
  {
    // largest, 7 bytes; how many of 4 bytes were sent; those.
    name: 'packet-number',
    covers: ['decodeNumber'],
    corpus: () => [
      Uint8Array.of(0, 0, 0, 0xa8, 0x2f, 0x30, 0xea, 2, 0x9b, 0x32, 0, 0),
      Uint8Array.of(0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0),
      new Uint8Array(12),
    ],
    most: 12,
    decode(input) {
      if (input.length < 12) throw new Refused()
      const largest = input.subarray(0, 7).reduce((sum, byte) => sum * 256 + byte, 0) % (2 ** 53 - 1)
      const bytes = 1 + (input[7]! & 3)
      const truncated = input.subarray(8, 8 + bytes).reduce((sum, byte) => sum * 256 + byte, 0)
      const number = decodeNumber(largest, truncated, 8 * bytes)
      const span = 2 ** (8 * bytes)
      must(Number.isSafeInteger(number) || number >= 2 ** 53, 'a whole number')
      must(number >= 0 && number % span === truncated, 'that ends as it was sent')
      const room = largest > span && largest < Number.MAX_SAFE_INTEGER - span
      must(!room || Math.abs(number - largest - 1) <= span / 2, 'and is the closest of them')
      return undefined
    },
    refuses: refused,
  },
  {
    // What a stranger may send, and what he has recorded of a member.
    name: 'door',
    covers: [],
    corpus: () => session().all,
    most: 1_600,
    share: 4,
    decode: lazily(() => {
      let { path, alice } = aliceAlone()
      let count = 0
      return input => {
        if (++count % 500 === 0) ({ path, alice } = aliceAlone())
        path.now += 3
        const judged = alice.door.judge(input, { host: bobsPlace.host, port: 1 + (count % 4) }, path.now)
        must(judged.kind !== 'reply' || judged.datagram.length <= input.length, 'no more than was asked with')
        must(judged.kind !== 'packet' && judged.kind !== 'unit', 'no link stands, and nobody was dialled')
        must(
          judged.kind !== 'proved' || session().all.some(one => equal(one, input)),
          'only what bob said proves him',
        )
        must(alice.door.halfOpen <= 1_024, 'half-open handshakes are bounded')
        return given(judged.kind === 'drop' ? undefined : true)
      }
    }),
    refuses: refused,
  },
  {
    // A whole session as the path brings it, to a node that has not seen it.
    name: 'packet-link',
    covers: [],
    corpus: () => [session().framed],
    most: 8_192,
    share: 40,
    decode(input) {
      const { path, alice } = aliceAlone()
      const genuine = session().told.map(told => JSON.stringify(told))
      const r = new ByteReader(input)
      let taken = 0
      while (r.remaining >= 2) {
        const length = Math.min((r.u8('length') << 8) | r.u8('length'), r.remaining)
        alice.take(r.take(Math.min(length, r.remaining), 'datagram'), bobsPlace)
        taken += length
        path.now += 5
        alice.tick(path.now)
      }
      must((path.bytes.get(alice) ?? 0) <= 3 * taken + 6_000, 'no flood for an answer')
      for (const { end, told } of alice.all) {
        endedWell(end?.error)
        for (const one of told) must(genuine.includes(JSON.stringify(one)), 'believed only what was said')
      }
      return given(alice.all.length > 0 || undefined)
    },
    refuses: typed,
  },
  {
    // Frames of a member, sealed as they should be, to a link that is open.
    name: 'packet-link-opened',
    covers: [],
    corpus: () => [...messages('packet-frames'), ...messages('frames')].filter(({ length }) => length > 0),
    most: 20_000,
    share: 40,
    decode: lazily(() => {
      const stand = new Stand()
      return input => {
        if (input.length === 0) throw new Refused()
        stand.say(input)
        return undefined
      }
    }),
    refuses: typed,
  },
  {
    // The same inside CONTROL: each input is a piece of that stream, in packets of 1,000 bytes.
    name: 'packet-link-control',
    covers: [],
    corpus: () => messages('frames').map(frame => new ByteWriter().prefixed(frame).view().slice()),
    most: 20_000,
    share: 40,
    decode: lazily(() => {
      const stand = new Stand()
      return input => {
        if (input.length === 0) throw new Refused()
        const packets: Uint8Array[] = []
        for (let at = 0; at < input.length; at += 1_000) {
          const piece = input.subarray(at, at + 1_000)
          const w = new ByteWriter()
          w.varint(frameTypes.CONTROL.type)
            .varint(stand.control + at)
            .prefixed(piece)
          packets.push(w.view().slice())
        }
        stand.control += input.length
        stand.say(...packets)
        return undefined
      }
    }),
    refuses: typed,
  },
]
