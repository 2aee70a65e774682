/**
 * BBR's states and the cycle of its probes: when to go from one to the next.
 *
 *   down ── flight is small ──▶ cruise ── time for a probe ──▶ refill ── a round ──▶ up
 *    ▲                                                                              │
 *    └────────── the rate grows no more · the bound is touched · too much is lost ──┘
 *
 * It holds the state, and moves by the table only; startup and measuring, which stand outside of the cycle, are
 * moved by `bbr.ts`. The ACKs of a probe come in a round trip after its packets left, so what
 * they teach is told apart from the state (`AckPhase`).
 *
 * Source: draft-ietf-ccwg-bbr sections 5.3.3 and 5.5.10.2. Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import { next } from '../../base/states.ts'
import type { Control } from './bbr-control.ts'
import { BETA } from './bbr-loss.ts'
import type { PathModel } from './bbr-model.ts'
import { BandwidthProbe } from './bbr-probe.ts'
import { type BbrState, bbrStates, cycles } from './bbr-states.ts'
import type { BbrUndo } from './bbr-undo.ts'
import type { DeliveryRate, RateSample } from './delivery-rate.ts'

export class Cycle {
  state: BbrState = 'startup'
  readonly probe = new BandwidthProbe()
  readonly #model: PathModel
  readonly #control: Control
  readonly #delivery: DeliveryRate
  readonly #undo: BbrUndo
  readonly #random: () => number

  constructor(
    model: PathModel,
    control: Control,
    delivery: DeliveryRate,
    undo: BbrUndo,
    random: () => number,
  ) {
    this.#model = model
    this.#control = control
    this.#delivery = delivery
    this.#undo = undo
    this.#random = random
  }

  move(event: keyof typeof bbrStates): void {
    this.state = next(bbrStates, this.state, event)
  }

  advance(sample: RateSample, inFlight: number, now: Millis): void {
    if (this.#adaptLongTerm(sample)) return
    const model = this.#model
    switch (this.state) {
      case 'down':
        if (this.probe.isTime(now, model.rounds, this.#target() / model.mss)) this.refill()
        else if (inFlight <= Math.min(this.probe.withHeadroom(model.mss, model.least), this.#drained()))
          this.move('cruise')
        return
      case 'cruise':
        if (this.probe.isTime(now, model.rounds, this.#target() / model.mss)) this.refill()
        return
      case 'refill':
        if (!model.rounds.start) return
        this.move('accelerate')
        this.probe.up(this.#control.window, model.mss)
        model.rounds.restart(this.#delivery.delivered)
        model.pipe.reset(sample.rate)
        return
      case 'up':
        if (!this.#isEnough(sample, inFlight)) return
        this.probe.tooHigh = false
        this.#decelerate(now)
    }
  }

  /** What the ACKs of a probe teach. True when the state has changed. */
  #adaptLongTerm(sample: RateSample): boolean {
    const probe = this.probe
    const { rounds, bandwidth, mss } = this.#model
    if (probe.acks === 'starting' && rounds.start) probe.acks = 'feedback'
    if (probe.acks === 'stopping' && rounds.start) {
      probe.judging = false
      probe.acks = 'other'
      if (cycles(this.state) && !sample.appLimited) bandwidth.advance()
      if ((this.state === 'down' || this.state === 'cruise') && probe.cautious && !probe.tooHigh) {
        this.refill()
        return true
      }
    }
    if (
      probe.bound === Number.POSITIVE_INFINITY ||
      this.#model.noise.exceeded(sample.lost, sample.txInFlight)
    )
      return false
    probe.bound = Math.max(probe.bound, sample.txInFlight)
    if (this.state === 'up' && this.#control.isFull && this.#control.window >= probe.bound)
      probe.raise(sample.newlyAcked, rounds.start, this.#control.window, mss)
    return false
  }

  #isEnough(sample: RateSample, inFlight: number): boolean {
    const probe = this.probe
    if (probe.tooHigh && inFlight >= probe.bound) {
      probe.cautious = true
      return true
    }
    if (this.#control.isFull && this.#control.window >= probe.bound) {
      this.#model.pipe.reset(sample.rate)
      return false
    }
    return this.#model.pipe.now
  }

  /** A probe lost too much at this flight. */
  tooHigh(inFlight: number, appLimited: boolean, now: Millis): void {
    const probe = this.probe
    probe.tooHigh = true
    probe.judging = false
    if (!appLimited) probe.bound = Math.max(inFlight, this.#target() * BETA)
    if (this.state !== 'up') return
    this.#undo.state = 'up'
    this.#decelerate(now)
  }

  #decelerate(now: Millis): void {
    this.move('decelerate')
    this.begin(now)
  }

  begin(now: Millis): void {
    this.#model.shortTerm.forgetSignals()
    this.probe.down(now, this.#random, this.#model.rounds)
    this.#model.rounds.restart(this.#delivery.delivered)
  }

  refill(): void {
    this.move('refill')
    this.#model.shortTerm.lift()
    this.probe.refill()
    this.#model.rounds.restart(this.#delivery.delivered)
  }

  /** What we want in flight: the BDP, unless losses have cut the window. */
  #target(): number {
    return Math.min(this.#model.bdp(1), this.#control.window)
  }

  /** The flight that has no queue, by the most bandwidth there was. */
  #drained(): number {
    const model = this.#model
    return Math.max(model.bandwidth.value * model.delay.value, model.quantum, model.least)
  }
}
