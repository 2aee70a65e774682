/**
 * BBR: send as fast as the path delivers and keep in flight what fills it, and no more.
 *
 *   ACK ─▶ delivery rate ─▶ ┌ bandwidth, rounds, full pipe   ┐        ┌ pacing rate = rate × gain
 *          round trip ────▶ │ least delay, aggregation       │─ state ┤
 *   loss ─────────────────▶ └ short-term and long-term bound ┘        └ window = BDP × gain
 *
 * Reno and CUBIC take each loss for a full queue, so a radio that drops one packet in a hundred leaves them one part in
 * a hundred of it. BBR measures instead: losses count only above 2 % of a flight, or as a bound
 * until the next probe. This file holds the order of the steps of an ACK, which matters, and what
 * stands outside of the cycle: startup, drain, measuring the delay. Each part it asks has a file of its own.
 *
 * Source: draft-ietf-ccwg-bbr (BBRv3), sections 5.2 to 5.6. Faults: UQ-19. Properties: P11.
 * Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { SentPacket } from '../sent.ts'
import { Control } from './bbr-control.ts'
import { Cycle } from './bbr-cycle.ts'
import { PathModel } from './bbr-model.ts'
import { LOSS_THRESHOLD } from './bbr-noise.ts'
import { type BbrState, cycles, gains, probes } from './bbr-states.ts'
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

const MEASURE: Millis = 200
/** Lost stretches in one round that end startup, with 2 % lost. */
const STARTUP_STRETCHES = 6
const DRAIN_ROUNDS = 3
/** Of a flight of 49 packets or fewer one alone is above the threshold: it takes two to judge a probe. */
const LEAST_LOST = 2

export class Bbr implements Congestion {
  readonly name = 'bbr'
  readonly #delivery: DeliveryRate
  readonly #model: PathModel
  readonly #control: Control
  readonly #cycle: Cycle
  readonly #undo = new BbrUndo()
  #hasRtt: boolean
  #priorWindow = 0
  #drainRound = 0
  #idleRestart = false
  /** When measuring the least delay may end; undefined while the flight is still too large. */
  #measureEnd: Millis | undefined
  #measureRound = false
  /** The noise that startup knew of. */
  #noise = 0

  constructor({ mss, now, random, rtt }: CongestionOptions) {
    this.#delivery = new DeliveryRate(now)
    this.#model = new PathModel(mss, now)
    this.#control = new Control(this.#model)
    this.#cycle = new Cycle(this.#model, this.#control, this.#delivery, this.#undo, random)
    this.#hasRtt = rtt !== undefined
    this.#control.pace(rtt ?? 1)
  }

  get window(): number {
    return this.#control.window
  }

  get pacingRate(): number {
    return this.#control.pacing * 1000
  }

  get state(): BbrState {
    return this.#cycle.state
  }

  onSent(packet: SentPacket, inFlight: number, now: Millis): void {
    if (inFlight <= packet.size && this.#delivery.appLimited) this.#resume(now)
    this.#delivery.onSent(packet, inFlight)
    this.#control.onSent(inFlight)
  }

  onAck(event: AckEvent): void {
    const { now, inFlight } = event
    const sample = this.#delivery.onAck(event)
    const { rounds, pipe, shortTerm, noise } = this.#model
    rounds.update(sample.priorDelivered, this.#delivery.delivered)
    if (rounds.start) this.#control.onRound()
    if (!this.#hasRtt) {
      this.#hasRtt = true
      this.#control.pace(Math.max(sample.rtt, 0.001))
    }
    shortTerm.update(sample, this.#delivery.delivered)
    this.#model.bandwidth.update(sample)
    if (shortTerm.roundStart && !probes(this.#cycle.state) && noise.exceeded(sample.lost, sample.txInFlight))
      shortTerm.adapt(this.#model.bandwidth.value, this.#control.window)
    const { mss, least } = this.#model
    const probing = probes(this.#cycle.state) && this.#control.window > 2 * least
    noise.update(probing, rounds.count, sample.newlyAcked, this.#delivery.lost, mss)
    this.#checkNoise()
    this.#model.noteAcked(sample.newlyAcked, this.#control.window, now)
    pipe.check(sample, rounds.start)
    this.#checkStartup(sample)
    this.#checkDrain(inFlight, now)
    if (pipe.reached) this.#cycle.advance(sample, inFlight, now)
    this.#model.delay.update(sample.rtt, now)
    this.#checkMeasuring(sample, inFlight, now)
    shortTerm.advance(sample)
    this.#model.bound()
    this.#control.setPacing(this.#gain)
    this.#model.setQuantum(this.#control.pacing)
    this.#control.setWindow(sample.newlyAcked, this.#cycle.state, this.#cycle.probe, this.#delivery.delivered)
  }

  // spec: CC-2
  onLost({ lost, largestSent, now }: LossEvent): void {
    const { noise } = this.#model
    for (const packet of lost) {
      if (packet.mtuProbe) continue
      this.#delivery.lost += packet.size
      if (this.#undo.lost(packet.number, largestSent)) this.#save()
      this.#model.shortTerm.note(packet.number, this.#delivery.delivered)
      if (!this.#cycle.probe.judging) continue
      const since = this.#delivery.lost - packet.lostBefore
      if (since >= LEAST_LOST * packet.size && noise.exceeded(since, packet.txInFlight))
        this.#cycle.tooHigh(noise.flightAtLoss(packet, since), packet.appLimited, now)
    }
  }

  onSpurious(packet: SentPacket): void {
    this.#delivery.onSpurious(packet)
    const undo = this.#undo
    if (!undo.spurious(packet.number)) return
    const { shortTerm, pipe } = this.#model
    this.#control.window = Math.max(this.#control.window, undo.window)
    shortTerm.lossInRound = false
    shortTerm.bandwidth = Math.max(shortTerm.bandwidth, undo.shortBandwidth)
    shortTerm.inFlight = Math.max(shortTerm.inFlight, undo.shortInFlight)
    this.#cycle.probe.bound = Math.max(this.#cycle.probe.bound, undo.bound)
    pipe.reset()
    const measuring = this.#cycle.state === 'probe-rtt'
    if (undo.state === 'startup' && this.#cycle.state !== 'startup') {
      pipe.reached = false
      if (!measuring) this.#cycle.move('restart')
    } else if (undo.state === 'up' && (this.#cycle.state === 'down' || this.#cycle.state === 'cruise'))
      this.#cycle.refill()
    undo.state = undefined
    this.#model.bound()
    this.#control.setPacing(this.#gain)
  }

  // spec: CC-3
  onPersistent(): void {
    this.#undo.settle()
    this.#priorWindow = 0
    this.#control.window = minimumWindow(this.#model.mss)
  }

  onMtu(size: number): void {
    this.#model.mss = size
    const least = this.#delivery.delivered === 0 ? initialWindow(size) : this.#model.least
    this.#control.window = Math.max(this.#control.window, least)
  }

  appLimited(inFlight: number): void {
    this.#delivery.markAppLimited(inFlight)
  }

  explain(): Record<string, number | string> {
    const { delay, bandwidth, aggregation, shortTerm, noise } = this.#model
    return finite({
      name: this.name,
      phase: this.#cycle.state,
      window: Math.floor(this.#control.window),
      pacingRate: Math.floor(this.pacingRate),
      bandwidth: Math.floor(bandwidth.value * 1000),
      leastRtt: delay.value,
      longTermBound: this.#cycle.probe.bound,
      shortTermBound: shortTerm.inFlight,
      noise: noise.part,
      extraAcked: Math.floor(aggregation.extra),
    })
  }

  // States

  /** A probe has to deliver more than before, whatever the path loses of itself. */
  get #gain(): number {
    const { pacing } = gains[this.#cycle.state]
    return this.#cycle.state === 'up' ? pacing / (1 - this.#model.noise.part) : pacing
  }

  #checkStartup(sample: RateSample): void {
    if (this.#cycle.state !== 'startup') return
    const { pipe, shortTerm, noise } = this.#model
    if (
      shortTerm.roundStart &&
      shortTerm.stretches >= STARTUP_STRETCHES &&
      noise.exceeded(sample.lost, sample.txInFlight)
    ) {
      this.#undo.state = 'startup'
      pipe.reached = true
      this.#cycle.probe.bound = Math.max(this.#model.bdp(1), shortTerm.latestInFlight)
    }
    if (!pipe.reached) return
    this.#cycle.move('filled')
    this.#drainRound = this.#model.rounds.count
  }

  /** Startup ended at losses that were noise, as is known now: it has another go. */
  #checkNoise(): void {
    const { noise, pipe } = this.#model
    if (noise.part < this.#noise + LOSS_THRESHOLD || this.#cycle.state === 'probe-rtt') return
    this.#noise = noise.part
    if (this.#cycle.state === 'startup') return
    pipe.reset()
    pipe.reached = false
    this.#cycle.probe.bound = Number.POSITIVE_INFINITY
    this.#model.shortTerm.lift()
    this.#cycle.move('restart')
  }

  #checkDrain(inFlight: number, now: Millis): void {
    if (this.#cycle.state !== 'drain') return
    const late = this.#model.rounds.count > this.#drainRound + DRAIN_ROUNDS
    if (!late && inFlight > this.#model.flight(1)) return
    this.#cycle.move('drained')
    this.#cycle.begin(now)
  }

  #checkMeasuring(sample: RateSample, inFlight: number, now: Millis): void {
    const { rounds, delay } = this.#model
    if (this.#cycle.state !== 'probe-rtt' && delay.expired && !this.#idleRestart) {
      this.#cycle.move('measure')
      this.#priorWindow = this.#control.window
      this.#measureEnd = undefined
      this.#cycle.probe.acks = 'stopping'
      rounds.restart(this.#delivery.delivered)
    }
    if (this.#cycle.state === 'probe-rtt') {
      // A small flight shows nothing of the bandwidth.
      this.#delivery.markAppLimited(inFlight)
      if (this.#measureEnd !== undefined) {
        if (rounds.start) this.#measureRound = true
        if (this.#measureRound) this.#endMeasuring(now)
      } else if (inFlight <= this.#control.measuringWindow) {
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
    this.#control.window = Math.max(this.#control.window, this.#priorWindow)
    this.#model.shortTerm.lift()
    if (this.#model.pipe.reached) {
      this.#cycle.move('measured')
      this.#cycle.begin(now)
      // The flight is small already: nothing to drain.
      this.#cycle.move('cruise')
    } else this.#cycle.move('restart')
  }

  /** The first packet after a pause. */
  #resume(now: Millis): void {
    this.#idleRestart = true
    this.#model.aggregation.restart(now)
    if (cycles(this.#cycle.state)) this.#control.setPacing(1)
    else if (this.#cycle.state === 'probe-rtt') this.#endMeasuring(now)
  }

  #save(): void {
    const { shortTerm } = this.#model
    this.#undo.save(this.#control.window, shortTerm.bandwidth, shortTerm.inFlight, this.#cycle.probe.bound)
  }
}
