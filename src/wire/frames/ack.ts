/**
 * ACK says which packets came; PROBE says nothing, so that an ACK must answer it.
 *
 *   ACK    0x03 | largest | delay, 8 µs | count | first range | count × ( gap | range )
 *   PROBE  0x07
 *
 *   largest 9, first range 1, gap 1, range 2:        3 4 5 . . 8 9      (RFC 9000 §19.3.1)
 *                                                   range  gap  first
 *
 * A range is how many packets come before its largest; a gap is one less than how many are
 * missing between two ranges. So ranges always descend and never touch or overlap: there are
 * no bytes that would say otherwise, only such that count below 0 (spec: ACK-1, UQ-13). The
 * delay is how long the largest one waited for its ACK, in units of 8 µs, the exponent 3 that QUIC
 * has by default.
 *
 * Refuses: more than 256 ranges, by their count (spec: ACK-2, UQ-14); numbers below 0; a delay
 * above 2^32 - 1 units.
 * Page: protocol/frames.md · Vectors: protocol/vectors/packet-frames.json · Floor: wire.
 */
import { WireError } from '../../base/errors.ts'
import type { Millis } from '../../base/machine.ts'
import type { RangeSet } from '../../base/ranges.ts'
import type { ByteReader } from '../../base/reader.ts'
import { varintLength } from '../../base/varint.ts'
import type { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

/** What an ACK says, valid during the call it is handed to: the next one is read into the same memory. */
export interface AckFrame {
  readonly largest: number
  /** How long the peer says it waited after `largest` came. */
  readonly delay: Millis
  /** How many ranges there are; at least 1, at most 256. */
  readonly count: number
  /** first, last, first, last … both within; the highest range first. What is behind 2 × count is old. */
  readonly ranges: ArrayLike<number>
}

export interface AckSink {
  ack(ack: AckFrame): void
  probe(): void
}

/** Units of the delay field in one millisecond. */
const UNITS = 1000 / 8
/** Nine and a half hours: a link is over long before. */
const DELAY_MOST = 2 ** 32 - 1
/** The count of further ranges takes one byte: there are at most 63. */
const COUNT_LENGTH = 1

/**
 * Writes one ACK of the highest ranges: at most 64, and no more than fit into `room` bytes.
 * `ranges` are the packets that came. Returns how many ranges were written; 0: not even one fitted.
 */
export function encodeAck(w: ByteWriter, ranges: RangeSet, delay: Millis, room: number): number {
  const top = ranges.size - 1
  if (top < 0) return 0
  const largest = ranges.end(top)! - 1
  const waited = Math.min(Math.max(0, Math.round(delay * UNITS)), DELAY_MOST)
  const first = largest - ranges.start(top)!
  let length = 1 + varintLength(largest) + varintLength(waited) + COUNT_LENGTH + varintLength(first)
  if (length > room) return 0
  const most = Math.min(ranges.size, limits.ackRangesWritten)
  let count = 1
  for (; count < most; count++) {
    length += varintLength(gapBelow(ranges, top - count)) + varintLength(rangeLength(ranges, top - count))
    if (length > room) break
  }
  w.varint(frameTypes.ACK.type).varint(largest).varint(waited)
  w.varint(count - 1).varint(first)
  for (let i = top - 1; i > top - count; i--) w.varint(gapBelow(ranges, i)).varint(rangeLength(ranges, i))
  return count
}

function rangeLength(ranges: RangeSet, index: number): number {
  return ranges.end(index)! - ranges.start(index)! - 1
}

/** Between the range at `index` and the one above it. */
function gapBelow(ranges: RangeSet, index: number): number {
  return ranges.start(index + 1)! - ranges.end(index)! - 1
}

/** One frame is read at a time, and is used up before the next: see `AckFrame`. */
const bounds = new Float64Array(2 * limits.ackRanges)

export function decodeAck(r: ByteReader): AckFrame {
  const largest = r.varint('largest')
  const delay = r.varint('delay', DELAY_MOST) / UNITS
  const more = r.varint('range count', limits.ackRanges - 1)
  let last = largest
  let first = below(r, last, 'first range')
  bounds[0] = first
  bounds[1] = last
  for (let i = 1; i <= more; i++) {
    last = below(r, first - 2, 'gap')
    first = below(r, last, 'range')
    bounds[2 * i] = first
    bounds[2 * i + 1] = last
  }
  return { largest, delay, count: more + 1, ranges: bounds }
}

/** `from` less the next number; packets begin at 0. */
function below(r: ByteReader, from: number, field: string): number {
  const at = r.offset
  const number = from - r.varint(field)
  if (number < 0) throw new WireError('GH_WIRE_VALUE', field, at, 'below packet 0') // spec: ACK-1
  return number
}

export function encodeProbe(w: ByteWriter): void {
  w.varint(frameTypes.PROBE.type)
}
