/**
 * What BBR lets go: the window and the pacing rate, made of the model.
 *
 *   pacing = rate × gain × 0.99          window = grows by what is acknowledged, up to BDP × gain + aggregation,
 *                                                 below the bounds of the state
 *
 * Pacing 1 % below the bandwidth lets a queue shrink. The window falls at once and rises with the ACKs, so that a
 * model that errs does not send a burst.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.6.2 and 5.6.4. Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { PathModel } from './bbr-model.ts'
import type { BandwidthProbe } from './bbr-probe.ts'
import { type BbrState, cycles, gains } from './bbr-states.ts'
import { initialWindow } from './controller.ts'

const MARGIN = 0.99

export class Control {
  window: number
  /** Bytes per millisecond. */
  pacing = 0
  readonly #model: PathModel
  /** The window was full in the last round, in this one. */
  #wasFull = false
  #full = false

  constructor(model: PathModel) {
    this.#model = model
    this.window = initialWindow(model.mss)
  }

  onSent(inFlight: number): void {
    if (inFlight + this.#model.mss > this.window) this.#full = true
  }

  onRound(): void {
    this.#wasFull = this.#full
    this.#full = false
  }

  /** Before there is a bandwidth: the window, once in a round trip, as fast as startup goes. */
  pace(rtt: Millis): void {
    this.pacing = (gains.startup.pacing * this.window) / rtt
  }

  /** Until the pipe was full the rate only rises. */
  setPacing(gain: number): void {
    const rate = gain * this.#model.rate * MARGIN
    if (rate > 0 && (this.#model.pipe.reached || rate > this.pacing)) this.pacing = rate
  }

  setWindow(bytes: number, state: BbrState, probe: BandwidthProbe, delivered: number): void {
    const model = this.#model
    const most = model.most(gains[state].window, state === 'up')
    if (model.pipe.reached) this.window = Math.min(this.window + bytes, most)
    else if (this.window < most || delivered < initialWindow(model.mss)) this.window += bytes
    let cap = model.shortTerm.inFlight
    if (state === 'probe-rtt') cap = Math.min(cap, this.measuringWindow)
    if (state === 'probe-rtt' || state === 'cruise')
      cap = Math.min(cap, probe.withHeadroom(model.mss, model.least))
    else if (cycles(state)) cap = Math.min(cap, probe.bound)
    this.window = Math.max(Math.min(this.window, cap), model.least)
  }

  get measuringWindow(): number {
    return Math.max(this.#model.bdp(gains['probe-rtt'].window), this.#model.least)
  }

  /** Was the window what held the sender back, in this round or the last? */
  get isFull(): boolean {
    return this.#full || this.#wasFull
  }
}
