/**
 * BBR: send as fast as the path delivers and keep in flight what fills it, and no more.
 *
 *   ACK ─▶ delivery rate ─▶ ┌ bandwidth, rounds, full pipe   ┐        ┌ pacing rate = rate × gain
 *          round trip ────▶ │ least delay, aggregation       │─ state ┤
 *   loss ─────────────────▶ └ short-term and long-term bound ┘        └ window = BDP × gain
 *
 * Reno and CUBIC take each loss for a full queue, so a radio that drops one packet in a hundred leaves them one part in
 * a hundred of it. BBR measures instead: losses count only above 2 % of a flight, or as a bound
 * until the next probe. This file holds the states and the order of the steps of an ACK, which
 * matters; each part it asks has a file of its own.
 *
 * Source: draft-ietf-ccwg-bbr (BBRv3), sections 5.2 to 5.6. Faults: UQ-19. Properties: P11.
 * Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import { next } from '../../base/states.ts'
import type { SentPacket } from '../sent.ts'
import { BETA } from './bbr-loss.ts'
import { PathModel } from './bbr-model.ts'
import { BandwidthProbe, flightAtLoss, isTooMuch } from './bbr-probe.ts'
import { type BbrState, bbrStates, cycles, gains, probes } from './bbr-states.ts'
import { BbrUndo } from './bbr-undo.ts'
import {
  type AckEvent,
  type Congestion,
  type CongestionOptions,
  finite,
  initialWindow,
  type LossEvent,
  minimumWindow,
} from './controller.ts'
import { DeliveryRate, type RateSample } from './delivery-rate.ts'

/** Pace 1 % below the bandwidth, so that a queue shrinks. */
const MARGIN = 0.99
const MEASURE: Millis = 200
/** Lost stretches in one round that end startup, with 2 % lost. */
const STARTUP_STRETCHES = 6
const DRAIN_ROUNDS = 3
/** Of a flight of 49 packets or fewer one alone is above the threshold: it takes two to judge a probe. */
const LEAST_LOST = 2

export class Bbr implements Congestion {
  readonly name = 'bbr'
  readonly #random: () => number
  readonly #delivery: DeliveryRate
  readonly #model: PathModel
  readonly #probe = new BandwidthProbe()
  readonly #undo = new BbrUndo()
  #state: BbrState = 'startup'
  #window: number
  /** Bytes per millisecond. */
  #pacing: number
  #hasRtt: boolean
  #priorWindow = 0
  #drainRound = 0
  #idleRestart = false
  /** When measuring the least delay may end; undefined while the flight is still too large. */
  #measureEnd: Millis | undefined
  #measureRound = false
  /** The window was full in the last round, in this one. */
  #wasFull = false
  #full = false

  constructor({ mss, now, random, rtt }: CongestionOptions) {
    this.#random = random
    this.#delivery = new DeliveryRate(now)
    this.#model = new PathModel(mss, now)
    this.#window = initialWindow(mss)
    this.#hasRtt = rtt !== undefined
    this.#pacing = this.#firstPacing(rtt ?? 1)
  }

  get window(): number {
    return this.#window
  }

  get pacingRate(): number {
    return this.#pacing * 1000
  }

  get state(): BbrState {
    return this.#state
  }

  onSent(packet: SentPacket, inFlight: number, now: Millis): void {
    if (inFlight <= packet.size && this.#delivery.appLimited) this.#resume(now)
    this.#delivery.onSent(packet, inFlight)
    if (inFlight + this.#model.mss > this.#window) this.#full = true
  }

  onAck(event: AckEvent): void {
    const { now, inFlight } = event
    const sample = this.#delivery.onAck(event)
    const { rounds, pipe, shortTerm } = this.#model
    rounds.update(sample.priorDelivered, this.#delivery.delivered)
    if (rounds.start) {
      this.#wasFull = this.#full
      this.#full = false
    }
    if (!this.#hasRtt) {
      this.#hasRtt = true
      this.#pacing = this.#firstPacing(Math.max(sample.rtt, 0.001))
    }
    shortTerm.update(sample, this.#delivery.delivered)
    this.#model.bandwidth.update(sample)
    if (shortTerm.roundStart && !probes(this.#state) && isTooMuch(sample.lost, sample.txInFlight))
      shortTerm.adapt(this.#model.bandwidth.value, this.#window)
    this.#model.noteAcked(sample.newlyAcked, this.#window, now)
    pipe.check(sample, rounds.start)
    this.#checkStartup(sample)
    this.#checkDrain(inFlight, now)
    if (pipe.reached) this.#advanceCycle(sample, inFlight, now)
    this.#model.delay.update(sample.rtt, now)
    this.#checkMeasuring(sample, inFlight, now)
    shortTerm.advance(sample)
    this.#model.bound()
    this.#setPacing(gains[this.#state].pacing)
    this.#model.setQuantum(this.#pacing)
    this.#setWindow(sample.newlyAcked)
  }

  // spec: CC-2
  onLost({ lost, largestSent, now }: LossEvent): void {
    for (const packet of lost) {
      if (packet.mtuProbe) continue
      this.#delivery.lost += packet.size
      if (this.#undo.lost(packet.number, largestSent)) this.#save()
      this.#model.shortTerm.note(packet.number, this.#delivery.delivered)
      if (!this.#probe.judging) continue
      const since = this.#delivery.lost - packet.lostBefore
      if (since >= LEAST_LOST * packet.size && isTooMuch(since, packet.txInFlight))
        this.#tooHigh(flightAtLoss(packet, since), packet.appLimited, now)
    }
  }

  onSpurious(packet: SentPacket): void {
    this.#delivery.onSpurious(packet)
    const undo = this.#undo
    if (!undo.spurious(packet.number)) return
    const { shortTerm, pipe } = this.#model
    this.#window = Math.max(this.#window, undo.window)
    shortTerm.lossInRound = false
    shortTerm.bandwidth = Math.max(shortTerm.bandwidth, undo.shortBandwidth)
    shortTerm.inFlight = Math.max(shortTerm.inFlight, undo.shortInFlight)
    this.#probe.bound = Math.max(this.#probe.bound, undo.bound)
    pipe.reset()
    const measuring = this.#state === 'probe-rtt'
    if (undo.state === 'startup' && this.#state !== 'startup') {
      pipe.reached = false
      if (!measuring) this.#state = next(bbrStates, this.#state, 'restart')
    } else if (undo.state === 'up' && (this.#state === 'down' || this.#state === 'cruise')) this.#refill()
    undo.state = undefined
    this.#model.bound()
    this.#setPacing(gains[this.#state].pacing)
  }

  // spec: CC-3
  onPersistent(): void {
    this.#undo.settle()
    this.#priorWindow = 0
    this.#window = minimumWindow(this.#model.mss)
  }

  onMtu(size: number): void {
    this.#model.mss = size
    const least = this.#delivery.delivered === 0 ? initialWindow(size) : this.#model.least
    this.#window = Math.max(this.#window, least)
  }

  appLimited(inFlight: number): void {
    this.#delivery.markAppLimited(inFlight)
  }

  explain(): Record<string, number | string> {
    const { delay, bandwidth, aggregation, shortTerm } = this.#model
    return finite({
      name: this.name,
      phase: this.#state,
      window: Math.floor(this.#window),
      pacingRate: Math.floor(this.pacingRate),
      bandwidth: Math.floor(bandwidth.value * 1000),
      leastRtt: delay.value,
      longTermBound: this.#probe.bound,
      shortTermBound: shortTerm.inFlight,
      extraAcked: Math.floor(aggregation.extra),
    })
  }

  // States

  #checkStartup(sample: RateSample): void {
    if (this.#state !== 'startup') return
    const { pipe, shortTerm } = this.#model
    if (
      shortTerm.roundStart &&
      shortTerm.stretches >= STARTUP_STRETCHES &&
      isTooMuch(sample.lost, sample.txInFlight)
    ) {
      this.#undo.state = 'startup'
      pipe.reached = true
      this.#probe.bound = Math.max(this.#model.bdp(1), shortTerm.latestInFlight)
    }
    if (!pipe.reached) return
    this.#state = next(bbrStates, this.#state, 'filled')
    this.#drainRound = this.#model.rounds.count
  }

  #checkDrain(inFlight: number, now: Millis): void {
    if (this.#state !== 'drain') return
    const late = this.#model.rounds.count > this.#drainRound + DRAIN_ROUNDS
    if (!late && inFlight > this.#model.flight(1)) return
    this.#state = next(bbrStates, this.#state, 'drained')
    this.#beginCycle(now)
  }

  #advanceCycle(sample: RateSample, inFlight: number, now: Millis): void {
    if (this.#adaptLongTerm(sample)) return
    const model = this.#model
    switch (this.#state) {
      case 'down':
        if (this.#probe.isTime(now, model.rounds, this.#target() / model.mss)) this.#refill()
        else if (inFlight <= Math.min(this.#probe.withHeadroom(model.mss, model.least), this.#drained()))
          this.#state = next(bbrStates, this.#state, 'cruise')
        return
      case 'cruise':
        if (this.#probe.isTime(now, model.rounds, this.#target() / model.mss)) this.#refill()
        return
      case 'refill':
        if (!model.rounds.start) return
        this.#state = next(bbrStates, this.#state, 'accelerate')
        this.#probe.up(this.#window, model.mss)
        model.rounds.restart(this.#delivery.delivered)
        model.pipe.reset(sample.rate)
        return
      case 'up':
        if (!this.#isEnough(sample, inFlight)) return
        this.#probe.tooHigh = false
        this.#decelerate(now)
    }
  }

  /** What the ACKs of a probe teach. True when the state has changed. */
  #adaptLongTerm(sample: RateSample): boolean {
    const probe = this.#probe
    const { rounds, bandwidth, mss } = this.#model
    if (probe.acks === 'starting' && rounds.start) probe.acks = 'feedback'
    if (probe.acks === 'stopping' && rounds.start) {
      probe.judging = false
      probe.acks = 'other'
      if (cycles(this.#state) && !sample.appLimited) bandwidth.advance()
      if ((this.#state === 'down' || this.#state === 'cruise') && probe.cautious && !probe.tooHigh) {
        this.#refill()
        return true
      }
    }
    if (probe.bound === Number.POSITIVE_INFINITY || isTooMuch(sample.lost, sample.txInFlight)) return false
    probe.bound = Math.max(probe.bound, sample.txInFlight)
    if (this.#state === 'up' && this.#isFull && this.#window >= probe.bound)
      probe.raise(sample.newlyAcked, rounds.start, this.#window, mss)
    return false
  }

  #isEnough(sample: RateSample, inFlight: number): boolean {
    const probe = this.#probe
    if (probe.tooHigh && inFlight >= probe.bound) {
      probe.cautious = true
      return true
    }
    if (this.#isFull && this.#window >= probe.bound) {
      this.#model.pipe.reset(sample.rate)
      return false
    }
    return this.#model.pipe.now
  }

  /** A probe lost too much at this flight. */
  #tooHigh(inFlight: number, appLimited: boolean, now: Millis): void {
    const probe = this.#probe
    probe.tooHigh = true
    probe.judging = false
    if (!appLimited) probe.bound = Math.max(inFlight, this.#target() * BETA)
    if (this.#state !== 'up') return
    this.#undo.state = 'up'
    this.#decelerate(now)
  }

  #decelerate(now: Millis): void {
    this.#state = next(bbrStates, this.#state, 'decelerate')
    this.#beginCycle(now)
  }

  #beginCycle(now: Millis): void {
    this.#model.shortTerm.forgetSignals()
    this.#probe.down(now, this.#random, this.#model.rounds)
    this.#model.rounds.restart(this.#delivery.delivered)
  }

  #refill(): void {
    this.#state = next(bbrStates, this.#state, 'refill')
    this.#model.shortTerm.lift()
    this.#probe.refill()
    this.#model.rounds.restart(this.#delivery.delivered)
  }

  #checkMeasuring(sample: RateSample, inFlight: number, now: Millis): void {
    const { rounds, delay } = this.#model
    if (this.#state !== 'probe-rtt' && delay.expired && !this.#idleRestart) {
      this.#state = next(bbrStates, this.#state, 'measure')
      this.#priorWindow = this.#window
      this.#measureEnd = undefined
      this.#probe.acks = 'stopping'
      rounds.restart(this.#delivery.delivered)
    }
    if (this.#state === 'probe-rtt') {
      // A small flight shows nothing of the bandwidth.
      this.#delivery.markAppLimited(inFlight)
      if (this.#measureEnd !== undefined) {
        if (rounds.start) this.#measureRound = true
        if (this.#measureRound) this.#endMeasuring(now)
      } else if (inFlight <= this.#measuringWindow) {
        this.#measureEnd = now + MEASURE
        this.#measureRound = false
        rounds.restart(this.#delivery.delivered)
      }
    }
    if (sample.delivered > 0) this.#idleRestart = false
  }

  #endMeasuring(now: Millis): void {
    if (this.#measureEnd === undefined || now <= this.#measureEnd) return
    this.#model.delay.measured(now)
    this.#window = Math.max(this.#window, this.#priorWindow)
    this.#model.shortTerm.lift()
    if (this.#model.pipe.reached) {
      this.#state = next(bbrStates, this.#state, 'measured')
      this.#beginCycle(now)
      // The flight is small already: nothing to drain.
      this.#state = next(bbrStates, this.#state, 'cruise')
    } else this.#state = next(bbrStates, this.#state, 'restart')
  }

  /** The first packet after a pause. */
  #resume(now: Millis): void {
    this.#idleRestart = true
    this.#model.aggregation.restart(now)
    if (cycles(this.#state)) this.#setPacing(1)
    else if (this.#state === 'probe-rtt') this.#endMeasuring(now)
  }

  // Control

  #firstPacing(rtt: Millis): number {
    return (gains.startup.pacing * this.#window) / rtt
  }

  #setPacing(gain: number): void {
    const rate = gain * this.#model.rate * MARGIN
    if (rate > 0 && (this.#model.pipe.reached || rate > this.#pacing)) this.#pacing = rate
  }

  #setWindow(bytes: number): void {
    const model = this.#model
    const most = model.most(gains[this.#state].window, this.#state === 'up')
    if (model.pipe.reached) this.#window = Math.min(this.#window + bytes, most)
    else if (this.#window < most || this.#delivery.delivered < initialWindow(model.mss)) this.#window += bytes
    let cap = model.shortTerm.inFlight
    if (this.#state === 'probe-rtt') cap = Math.min(cap, this.#measuringWindow)
    if (this.#state === 'probe-rtt' || this.#state === 'cruise')
      cap = Math.min(cap, this.#probe.withHeadroom(model.mss, model.least))
    else if (cycles(this.#state)) cap = Math.min(cap, this.#probe.bound)
    this.#window = Math.max(Math.min(this.#window, cap), model.least)
  }

  get #measuringWindow(): number {
    return Math.max(this.#model.bdp(gains['probe-rtt'].window), this.#model.least)
  }

  /** What we want in flight: the BDP, unless losses have cut the window. */
  #target(): number {
    return Math.min(this.#model.bdp(1), this.#window)
  }

  /** The flight that has no queue, by the most bandwidth there was. */
  #drained(): number {
    const model = this.#model
    return Math.max(model.bandwidth.value * model.delay.value, model.quantum, model.least)
  }

  get #isFull(): boolean {
    return this.#full || this.#wasFull
  }

  #save(): void {
    const { shortTerm } = this.#model
    this.#undo.save(this.#window, shortTerm.bandwidth, shortTerm.inFlight, this.#probe.bound)
  }
}
