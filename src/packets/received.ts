/**
 * Which packets came, and when to say so.
 *
 *   noted     0 1 2 3   5 6 7       ACK 7, delay, [5 7] [0 3]
 *                     ▲
 *                     a gap: told at once, unless packets of this path often come late by so much
 *
 * An acknowledgement costs a packet, and a sender needs few of them: every second packet at first,
 * then one in a quarter of a round trip, but at least every 32nd. It is never later than
 * max_ack_delay, nor than a quarter of the round trip. What is out of the ordinary is told at once.
 * Once the peer has seen an acknowledgement, what it said is not said again.
 *
 * A number is asked about before its packet is opened (`isNew`), and noted after: a forged one must
 * leave no trace.
 *
 * Refuses: a number seen before or older than the last 8,192; ranges beyond the highest 64.
 * Source: RFC 9000, 13.2; the frequency after RFC 9002, 7.7 and draft-ietf-quic-ack-frequency.
 * Page: protocol/recovery.md (spec: LOSS-11, LOSS-12, LOSS-13, LOSS-14, LOSS-15) · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'
import { RangeSet } from '../base/ranges.ts'
import type { ByteWriter } from '../base/writer.ts'
import { ReplayWindow } from '../noise/replay-window.ts'
import { encodeAck } from '../wire/frames/ack.ts'
import type { InFlight, Manifest } from '../wire/frames/index.ts'
import { limits } from '../wire/limits.ts'
import { GRANULARITY, type Rtt } from './rtt.ts'

/** Packets to an acknowledgement: two as RFC 9000 has it, and never more than a burst of the peer's pacer. */
const EVERY_LEAST = 2
const EVERY_MOST = 32
/** So many acknowledgements a round trip are enough, and so much of it is one held back at most. */
const A_ROUND = 4
/** A packet this late makes the peer count it as lost, unless it has learned better. */
const NOTABLE = 3
/** Beyond this a packet is not late but lost. */
const USUAL_MAX = 1024
/** Gaps in a row that nothing filled, until less lateness is usual. */
const CALM = 16

export class Received {
  readonly #rtt: Rtt
  readonly #maxAckDelay: Millis
  readonly #window = new ReplayWindow()
  readonly #ranges = new RangeSet()
  #largestAt: Millis = 0
  #news = false
  /** Packets that elicit an acknowledgement, since the last one. */
  #waiting = 0
  #waitingSince: Millis = 0
  #hurry = false
  /** How late packets of this path usually come, in packets. */
  #usual = 0
  #calm = 0
  /** Where the oldest gap begins that the peer was not yet told of at its full depth. */
  #gap: number | undefined
  /** The least number noted behind the largest since an acknowledgement was written. */
  #leastNew = Number.POSITIVE_INFINITY
  /** One acknowledgement for so many packets, by the rate of the last round trip. */
  #every = EVERY_LEAST
  #roundSince: Millis = 0
  #roundCount = 0

  /** `maxAckDelay`: what we promised to wait at most. */
  constructor(rtt: Rtt, maxAckDelay: Millis = limits.ackDelay) {
    this.#rtt = rtt
    this.#maxAckDelay = maxAckDelay
  }

  /** The greatest number noted; -1 before the first. */
  get largest(): number {
    return this.#window.greatest
  }

  /** May this packet still be taken? Changes nothing. */
  isNew(number: number): boolean {
    return this.#window.isNew(number)
  }

  /**
   * A packet was opened. False, and nothing changed, when it was not new. `atOnce`: its sender
   * asked for an answer (PROBE).
   */
  note(number: number, eliciting: boolean, now: Millis, atOnce = false): boolean {
    const before = this.#window.greatest
    if (!this.#window.mark(number)) return false
    this.#ranges.add(number, number + 1)
    if (this.#ranges.size > limits.ackRangesWritten)
      this.#ranges.remove(this.#ranges.start(0)!, this.#ranges.end(0)!)
    this.#news = true
    if (number > before) {
      this.#largestAt = now
      if (number > before + 1 && before >= 0) this.#open(before + 1)
      if (this.#gap !== undefined) this.#watch(number)
    } else this.#late(before - number, number)
    if (!eliciting) return true
    this.#countRound(now)
    if (this.#waiting++ === 0) this.#waitingSince = now
    if (atOnce) this.#hurry = true
    return true
  }

  /** Something came that no acknowledgement has told: worth one where a packet leaves anyway. */
  get hasNews(): boolean {
    return this.#news
  }

  /** When an acknowledgement must leave. Undefined: nobody waits for one. */
  get ackDeadline(): Millis | undefined {
    if (this.#waiting === 0) return undefined
    if (this.#hurry || this.#waiting >= this.#every) return this.#waitingSince
    return this.#waitingSince + this.#delay()
  }

  ackDue(now: Millis): boolean {
    const deadline = this.ackDeadline
    return deadline !== undefined && deadline <= now
  }

  /**
   * Writes an ACK of the highest ranges that fit. False, and nothing written, when nothing came
   * yet or there is no room.
   */
  writeAck(w: ByteWriter, now: Millis, manifest: Manifest | undefined, room: number = w.room): boolean {
    if (encodeAck(w, this.#ranges, now - this.#largestAt, room) === 0) return false
    this.#news = false
    this.#waiting = 0
    this.#hurry = false
    this.#leastNew = Number.POSITIVE_INFINITY
    manifest?.add(new Told(this.#ranges.end(this.#ranges.size - 1)! - 1, this))
    return true
  }

  /** The peer has seen an ACK with this largest number: what it told need not be told again (RFC 9000, 13.2.4). */
  told(largest: number): void {
    // Not the last range: an ACK must have one. Nor what came late since, which nobody told yet.
    const last = this.#ranges.start(this.#ranges.size - 1)!
    this.#ranges.remove(0, Math.min(largest + 1, last, this.#leastNew))
  }

  #open(gap: number): void {
    if (this.#usual < NOTABLE) this.#hurry = true
    this.#gap ??= gap
  }

  /** Is the gap now so deep that the peer will want to act on it? */
  #watch(number: number): void {
    if (number - this.#gap! < Math.max(NOTABLE, this.#usual)) return
    this.#hurry = true
    this.#gap = undefined
    if (this.#usual > 0 && ++this.#calm >= CALM) {
      this.#calm = 0
      this.#usual >>>= 1
    }
  }

  #late(by: number, number: number): void {
    if (number < this.#leastNew) this.#leastNew = number
    this.#calm = 0
    if (by > this.#usual) {
      if (by >= NOTABLE) this.#hurry = true // the peer may count it as lost already
      this.#usual = Math.min(by, USUAL_MAX)
    }
  }

  #countRound(now: Millis): void {
    this.#roundCount++
    const round = now - this.#roundSince
    if (round < this.#rtt.smoothed) return
    const each = (this.#roundCount * this.#rtt.smoothed) / round
    this.#every = this.#rtt.sampled
      ? Math.min(Math.max(Math.floor(each / A_ROUND), EVERY_LEAST), EVERY_MOST)
      : EVERY_LEAST
    this.#roundSince = now
    this.#roundCount = 0
  }

  #delay(): Millis {
    const share = this.#rtt.sampled ? this.#rtt.smoothed / A_ROUND : this.#maxAckDelay
    return Math.min(Math.max(share, GRANULARITY), this.#maxAckDelay)
  }
}

/** An ACK on its way. Its loss asks for nothing: the next one says more. */
class Told implements InFlight {
  readonly #largest: number
  readonly #received: Received

  constructor(largest: number, received: Received) {
    this.#largest = largest
    this.#received = received
  }

  acked(): void {
    this.#received.told(this.#largest)
  }

  lost(): void {}
}
