/**
 * Which packets came, which are lost, and when to ask: loss detection.
 *
 *    sent ──▶ out ──acknowledged──▶ acked            one of the two is told for each packet that is
 *              └──── thresholds ──▶ lost ──late──▶ spurious     in flight; a late one besides, if it comes
 *
 * A packet is lost when enough that was sent later came (`reordering.ts` says how much is enough),
 * never because a timer rang: when nothing at all comes, the probe timeout (PTO) asks for
 * an answer, twice as late each time, and the answer tells. Both thresholds fall in order of
 * number, so one pointer walks over the packets once: no acknowledgement costs more than the packets
 * it settles and the ranges it holds.
 *
 * It does not call the frames of a packet: congestion control hears first, then they do. What congestion
 * control must not hear (ACK-only packets, path-MTU probes, packets of a path that was left)
 * is told apart: `ackedAside`, `lostAside`.
 *
 * Refuses: an acknowledgement of a packet that was never sent, before anything else is done with it.
 * Source: RFC 9002, 6 and 7.6, A. Page: protocol/recovery.md (spec: LOSS-3, LOSS-4, LOSS-6, LOSS-8, LOSS-9, LOSS-10)
 * Faults: UQ-04, UQ-12, UQ-14, UQ-19 · Naive twin: test/twins/recovery.ts. Floor: packets.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { AckFrame } from '../wire/frames/ack.ts'
import type { InFlight } from '../wire/frames/index.ts'
import { Reordering } from './reordering.ts'
import { GRANULARITY, type Rtt } from './rtt.ts'
import { ACKED, LOST, OUT, type SentPacket, SentRing } from './sent.ts'

/**
 * No probe waits longer, unless one probe timeout is (fault UQ-19). RFC 9002 has no such bound; here silence ends a link
 * after 30 s, and a path that loses most of what it is given should be asked seven times before that, not four.
 */
export const PTO_MAX: Millis = 4_000
/** Of how many probe timeouts a broken path is made of (kPersistentCongestionThreshold). */
export const PERSISTENT = 3
/** So many probe timeouts after it was sent, a lost packet is forgotten. */
const REMEMBERED = 2
/** Left-out numbers that are remembered, to be caught when acknowledged. */
const TRAPS = 16

export interface RecoveryOptions {
  /** How long the peer may wait before it acknowledges. */
  readonly maxAckDelay: Millis
}

/** What one acknowledgement told. The object and its lists are used again by the next call. */
export interface Acknowledged {
  /** In flight until now, in order of number. */
  readonly acked: readonly SentPacket[]
  /** In order of number. */
  readonly lost: readonly SentPacket[]
  /** Their frames are to be told, congestion control is not: ACK-only, or of a path that was left. */
  readonly ackedAside: readonly SentPacket[]
  /** The same: path-MTU probes, and packets of a path that was left. */
  readonly lostAside: readonly SentPacket[]
  /** Told as lost before, and came. Their frames were told and are not told again. */
  readonly spurious: readonly SentPacket[]
  /** The last of `acked`. */
  readonly newestAcked: SentPacket | undefined
  /** Undefined when this one gave none. `rtt` has it already. */
  readonly rttSample: Millis | undefined
  /** Bytes in flight before it. */
  readonly priorInFlight: number
  /** Nothing came through for three probe timeouts (RFC 9002, 7.6). */
  readonly persistent: boolean
}

/** Later packets came, or later ones came and time passed (RFC 9002, 6.1). */
export type LossReason = 'reordering' | 'time'

export interface TimerResult {
  readonly lost: readonly SentPacket[]
  readonly lostAside: readonly SentPacket[]
  readonly persistent: boolean
  /** So many packets that elicit an acknowledgement must leave now, whatever the window says: 0, 1 or 2. */
  readonly probes: number
}

class Outcome implements Acknowledged, TimerResult {
  readonly acked: SentPacket[] = []
  readonly lost: SentPacket[] = []
  readonly ackedAside: SentPacket[] = []
  readonly lostAside: SentPacket[] = []
  readonly spurious: SentPacket[] = []
  newestAcked: SentPacket | undefined
  rttSample: Millis | undefined
  priorInFlight = 0
  persistent = false
  probes = 0

  clear(inFlight: number): void {
    this.acked.length = 0
    this.lost.length = 0
    this.ackedAside.length = 0
    this.lostAside.length = 0
    this.spurious.length = 0
    this.newestAcked = undefined
    this.rttSample = undefined
    this.priorInFlight = inFlight
    this.persistent = false
    this.probes = 0
  }
}

export class Recovery {
  /** Of packets that elicit, on the path in use. */
  bytesInFlight = 0
  /** -1 before the first. */
  largestAcked = -1
  /** Probe timeouts since anything was acknowledged. */
  ptoCount = 0
  readonly reordering = new Reordering()
  readonly #rtt: Rtt
  readonly #maxAckDelay: Millis
  readonly #ring = new SentRing()
  readonly #outcome = new Outcome()
  /** Everything below was acknowledged, lost, or asks for nothing. */
  #decided = 0
  /** Packets that elicit and are out, on any path. */
  #out = 0
  /** From here the probe timeout counts: the last time one was sent, acknowledged or asked for. */
  #since: Millis = 0
  /** Packets of this path and those before it count no more. */
  #left = -1
  #traps: number[] = []
  /** When the first sample of this path came. */
  #firstSample: Millis | undefined
  /** When the first was sent of the lost packets between which nothing was acknowledged. */
  #brokenSince: Millis | undefined
  /** Losses of packets up to here belong to one and the same trouble. */
  #trouble = -1

  constructor(rtt: Rtt, options: RecoveryOptions) {
    this.#rtt = rtt
    this.#maxAckDelay = options.maxAckDelay
  }

  /** The number the next packet must have, or up to 16 more. */
  get next(): number {
    return this.#ring.next
  }

  /** No packet may be sent: far too many were never heard of. */
  get full(): boolean {
    return this.#ring.full
  }

  onSent(packet: SentPacket): void {
    this.#trim(packet.time)
    const from = this.#ring.next
    this.#ring.push(packet)
    for (let n = from; n < packet.number; n++) this.#traps.push(n)
    if (this.#traps.length > TRAPS) this.#traps.splice(0, this.#traps.length - TRAPS)
    if (!packet.eliciting) return
    this.bytesInFlight += packet.size
    this.#out++
    this.#since = packet.time
  }

  /** Takes an ACK. GH_LINK_PROTOCOL, and nothing changed, for a packet never sent. */
  onAck(ack: AckFrame, now: Millis): Acknowledged {
    this.#check(ack)
    const told = this.#outcome
    told.clear(this.bytesInFlight)
    this.largestAcked = Math.max(this.largestAcked, ack.largest)
    const newest = this.#isOut(ack.largest) ? this.#ring.at(ack.largest) : undefined
    const before = this.#out
    const { ranges } = ack
    for (let i = 2 * ack.count - 2; i >= 0; i -= 2) {
      const last = ranges[i + 1]!
      let n = this.#ring.unsettled(Math.max(ranges[i]!, this.#ring.first))
      for (; n <= last; n = this.#ring.unsettled(n + 1)) this.#acknowledge(n, last, now)
    }
    if (this.#out < before || told.spurious.length > 0) {
      this.ptoCount = 0
      this.#since = now
    }
    if (newest !== undefined && newest.path > this.#left && this.#out < before)
      this.#sample(newest, ack.delay, now)
    this.#detect(now)
    this.#trim(now)
    return told
  }

  /**
   * When `onTimer` wants to be called. `mayProbe` false: as long as nothing may be sent, at the
   * amplification limit, there is no point in asking (RFC 9002, 6.2.2.1).
   */
  deadline(mayProbe = true): Millis | undefined {
    return this.#lossTime() ?? (mayProbe && this.#out > 0 ? this.#since + this.#backoff() : undefined)
  }

  onTimer(now: Millis): TimerResult {
    const told = this.#outcome
    told.clear(this.bytesInFlight)
    const lossTime = this.#lossTime()
    if (lossTime !== undefined) {
      if (lossTime <= now) this.#detect(now)
    } else if (this.#out > 0 && this.#since + this.#backoff() <= now) {
      this.ptoCount++
      this.#since = now
      told.probes = this.ptoCount === 1 ? 1 : 2
    }
    this.#trim(now)
    return told
  }

  /**
   * The frames of the oldest packets that are out, `most` of them: a probe says them again, and its answer helps
   * at once (RFC 9002, 6.2.4). The packets are waited for as before, but hold nothing any more.
   */
  reclaim(most: number): readonly InFlight[] {
    const frames: InFlight[] = []
    const ring = this.#ring
    for (let n = ring.unsettled(this.#decided); n < ring.next && most > 0; n = ring.unsettled(n + 1)) {
      const packet = this.#isOut(n) ? ring.at(n)! : undefined
      if (packet === undefined || !packet.eliciting || packet.frames.length === 0) continue
      frames.push(...packet.frames)
      packet.frames = []
      most--
    }
    return frames
  }

  /**
   * The link moved on from this path: its packets are still waited for and told, aside, but count no
   * more, and give no sample (RFC 9000, 9.4). The caller resets `Rtt`.
   */
  discardPath(path: number): void {
    this.#left = Math.max(this.#left, path)
    this.bytesInFlight = 0
    for (let n = this.#ring.unsettled(this.#decided); n < this.#ring.next; n = this.#ring.unsettled(n + 1))
      if (this.#isOut(n)) {
        const packet = this.#ring.at(n)!
        if (packet.eliciting && packet.path > this.#left) this.bytesInFlight += packet.size
      }
    this.ptoCount = 0
    this.#firstSample = undefined
    this.#brokenSince = undefined
    this.reordering.reset()
  }

  /** Which of the two thresholds a packet that was just told as lost has passed. */
  whyLost(packet: SentPacket): LossReason {
    return this.largestAcked - packet.number >= this.reordering.packets ? 'reordering' : 'time'
  }

  /** spec: LOSS-4 */
  #check(ack: AckFrame): void {
    if (ack.largest >= this.#ring.next)
      throw new GuildError('GH_LINK_PROTOCOL', `packet ${ack.largest} was acknowledged and never sent`)
    for (const number of this.#traps)
      if (number <= ack.largest && covers(ack, number))
        throw new GuildError('GH_LINK_PROTOCOL', `packet ${number} was acknowledged and left out`)
  }

  #isOut(number: number): boolean {
    return number >= this.#ring.first && this.#ring.state(number) === OUT
  }

  #acknowledge(number: number, last: number, now: Millis): void {
    const told = this.#outcome
    const packet = this.#ring.at(number)!
    const late = this.#ring.state(number) === LOST
    this.#ring.settle(number, last)
    if (number < this.#decided) this.#brokenSince = undefined // something came through after all
    if (late) {
      told.spurious.push(packet)
      const rtt = Math.max(this.#rtt.smoothed, this.#rtt.latest)
      if (packet.path > this.#left)
        this.reordering.spurious(this.largestAcked - number, now - packet.time, rtt)
      return
    }
    if (packet.eliciting) this.#out--
    if (!packet.eliciting || packet.path <= this.#left) {
      told.ackedAside.push(packet)
      return
    }
    this.bytesInFlight -= packet.size
    told.acked.push(packet)
    told.newestAcked = packet
  }

  #sample(newest: SentPacket, delay: Millis, now: Millis): void {
    const sample = now - newest.time
    this.#rtt.sample(sample, Math.min(delay, this.#maxAckDelay))
    this.#outcome.rttSample = sample
    this.#firstSample ??= now
  }

  /** Walks on to the first packet that may still come. */
  #detect(now: Millis): void {
    const ring = this.#ring
    const lossDelay = this.#lossDelay()
    const { packets } = this.reordering
    let n = this.#decided
    for (; n < this.largestAcked; n++) {
      const state = ring.state(n)
      if (state === ACKED) this.#brokenSince = undefined
      if (state !== OUT) continue
      const packet = ring.at(n)!
      if (!packet.eliciting) continue // nobody waits for it
      if (this.largestAcked - n < packets && now < packet.time + lossDelay) break
      ring.lose(n)
      this.#lose(packet)
    }
    this.#decided = n
    if (this.#outcome.persistent) this.#rtt.forgetLeast()
  }

  #lose(packet: SentPacket): void {
    const told = this.#outcome
    this.#out--
    const left = packet.path <= this.#left
    if (!left) this.bytesInFlight -= packet.size
    if (left || packet.mtuProbe) {
      told.lostAside.push(packet)
      return
    }
    told.lost.push(packet)
    if (packet.number > this.#trouble) {
      this.#trouble = this.#ring.next - 1
      this.reordering.loss()
    }
    if (this.#firstSample === undefined || packet.time <= this.#firstSample) return
    this.#brokenSince ??= packet.time
    if (packet.time - this.#brokenSince <= PERSISTENT * (this.#rtt.pto + this.#maxAckDelay)) return
    told.persistent = true
    this.#brokenSince = packet.time
  }

  #lossDelay(): Millis {
    return Math.max(this.reordering.factor * Math.max(this.#rtt.smoothed, this.#rtt.latest), GRANULARITY)
  }

  /** When the oldest packet that should have come by now counts as lost. */
  #lossTime(): Millis | undefined {
    if (this.#decided >= this.largestAcked) return undefined
    return this.#ring.at(this.#decided)!.time + this.#lossDelay()
  }

  #backoff(): Millis {
    const once = this.#rtt.pto + this.#maxAckDelay
    return Math.max(once, Math.min(once * 2 ** this.ptoCount, PTO_MAX))
  }

  /** Forgets from the oldest on what is of no more interest. */
  #trim(now: Millis): void {
    const ring = this.#ring
    const oldest = now - REMEMBERED * (this.#rtt.pto + this.#maxAckDelay)
    while (ring.first < ring.next) {
      const packet = ring.at(ring.first)
      if (packet !== undefined) {
        if (packet.eliciting && ring.state(ring.first) === OUT) break
        if (packet.time > oldest && !ring.full) break
      }
      if (this.#decided === ring.first) {
        if (ring.state(ring.first) === ACKED) this.#brokenSince = undefined
        this.#decided++
      }
      ring.shift()
    }
  }
}

/** Is the number in one of the ranges? They descend. */
function covers(ack: AckFrame, number: number): boolean {
  let low = 0
  let high = ack.count - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ack.ranges[2 * middle]! <= number) high = middle
    else low = middle + 1
  }
  return ack.ranges[2 * low]! <= number && number <= ack.ranges[2 * low + 1]!
}
