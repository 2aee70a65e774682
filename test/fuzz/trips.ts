/**
 * P14: what is encoded decodes to the same, and no encoder makes more than its bound says.
 *
 * Values are drawn at their full size (`size: 'max'`), and the lengths that were seen are given
 * back, so that a test can say that long ones were among them.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { frameUnit, UnitReader } from '../../src/link/units.ts'
import { limits } from '../../src/wire/limits.ts'
import { ANNOUNCEMENT_LENGTH, SEALED_ANNOUNCEMENT_LENGTH } from '../../src/wire/mdns.ts'
import { anyFrame, anyPacketFrame, anyValue } from '../support/arbitraries.ts'
import { codecs, type Json } from '../support/codecs.ts'

/** The most bytes of each message; of frames, of one. */
const bounds: Readonly<Record<string, number>> = {
  frames: limits.peersBytes + 4_096, // PEERS is filled by bytes; CHAT is a text of 16,384 and its names
  // A handshake message is 32 + 48 + 16 bytes beside its payload, and a responder unit's first byte.
  // CLOSE and ignorable frames are smaller; an ACK has at most 256 ranges of two numbers.
  'packet-frames': 1 + 3 * 8 + 2 + 2 * 8 * limits.ackRanges,
  'control-frame': limits.controlFrame,
  'packet-head': 1 + limits.connectionId + 4,
  'handshake-datagram': limits.datagramLeast,
  hello: limits.handshakeMessage - 97,
  'message-1': limits.handshakeMessage - 48,
  'version-refusal': 1 + 16 * 8,
  'stream-header': 2 + limits.protocolId,
  line: limits.line,
  'line-hello': limits.lineId + 1 + limits.name + 1,
  cid: limits.cid,
  numbers: 8,
  bitswap: limits.bitswapHead,
  mdns: ANNOUNCEMENT_LENGTH,
  'mdns-sealed': SEALED_ANNOUNCEMENT_LENGTH,
  'log-entry': limits.logPayload + 1_024,
  'sync-pull': limits.syncPull,
  'sync-batch': limits.syncBatch,
  'entries-push': limits.entriesPush,
  'push-ack': limits.pushAck,
}

const oneFrame: Readonly<Record<string, fc.Arbitrary<Json>>> = {
  frames: anyFrame,
  'packet-frames': anyPacketFrame,
}

export const tripNames: readonly string[] = Object.keys(bounds)

export interface Trips {
  readonly lengths: ReadonlySet<number>
  readonly longest: number
}

/** `runs` values there and back; throws what fast-check says of the first that does not come back. */
export function roundTrips(message: string, runs: number, seed: number): Trips {
  const { decode, encode } = codecs[message]!
  const value: fc.Arbitrary<Json> = oneFrame[message]?.map(frame => [frame]) ?? anyValue[message]!
  const lengths = new Set<number>()
  let longest = 0
  fc.assert(
    fc.property(value, drawn => {
      const bytes = encode(drawn)
      lengths.add(bytes.length)
      longest = Math.max(longest, bytes.length)
      if (bytes.length > bounds[message]!)
        throw new Error(`${bytes.length} bytes, at most ${bounds[message]}`)
      return isDeepStrictEqual(decode(bytes), drawn)
    }),
    { seed, numRuns: runs, endOnFailure: true },
  )
  return { lengths, longest }
}

/** Units cut at every byte, one cut at a time and all at once, come out whole. */
export function everySplit(unitLengths: readonly number[]): number {
  const all = unitLengths.map((length, i) => new Uint8Array(length).fill(i + 1))
  const wire = new Uint8Array(Buffer.concat(all.map(body => frameUnit(body))))
  const read = (chunks: readonly Uint8Array[]): string => {
    const reader = new UnitReader(limits.record)
    const out: string[] = []
    for (const chunk of chunks) {
      reader.give(chunk)
      for (let unit = reader.next(); unit !== undefined; unit = reader.next())
        out.push(Buffer.from(unit).toString('hex'))
      reader.settle()
    }
    return out.join()
  }
  const wanted = all.map(body => Buffer.from(body).toString('hex')).join()
  let splits = 0
  for (let cut = 0; cut <= wire.length; cut++, splits++)
    if (read([wire.subarray(0, cut), wire.subarray(cut)]) !== wanted) throw new Error(`cut at ${cut}`)
  if (read([...wire].map(byte => Uint8Array.of(byte))) !== wanted) throw new Error('byte by byte')
  return splits
}
