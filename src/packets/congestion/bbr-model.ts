/**
 * BBR's picture of the path: how fast it is, how long, and what both come to.
 *
 *   bandwidth × least round trip = bytes that fill the path (BDP)
 *   × gain + aggregation, at least a quantum, at least four packets = bytes that may be in flight
 *
 * The parts measure, each in a file of its own; here they are put together. Rates are bytes per millisecond.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.5 and 5.6.4. Page: protocol/congestion.md · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import { Aggregation, REMEMBERED_ROUNDS } from './bbr-aggregation.ts'
import { FullPipe, MostBandwidth, Rounds } from './bbr-bandwidth.ts'
import { LeastDelay } from './bbr-delay.ts'
import { ShortTerm } from './bbr-loss.ts'
import { Noise } from './bbr-noise.ts'
import { initialWindow } from './controller.ts'

/** Fewer packets in flight and a receiver that acknowledges every other one stops the flow. */
const LEAST_PACKETS = 4
/** A quantum: what leaves at one go; 1 ms of sending, at most 64 KiB. */
const QUANTUM_MOST = 64 * 1024

export class PathModel {
  mss: number
  readonly rounds = new Rounds()
  readonly bandwidth = new MostBandwidth()
  readonly pipe = new FullPipe()
  readonly shortTerm = new ShortTerm()
  readonly delay: LeastDelay
  readonly aggregation: Aggregation
  readonly noise: Noise
  /** The bandwidth to go by: the most there was, bounded by recent losses. */
  rate = 0
  /** Bytes that leave at one go. */
  quantum: number

  constructor(mss: number, now: Millis) {
    this.mss = mss
    this.quantum = 2 * mss
    this.delay = new LeastDelay(now)
    this.aggregation = new Aggregation(now)
    this.noise = new Noise(mss)
  }

  /** The least window that keeps a path in use. */
  get least(): number {
    return LEAST_PACKETS * this.mss
  }

  /** Bandwidth-delay product, times `gain`. */
  bdp(gain: number): number {
    if (this.delay.value === Number.POSITIVE_INFINITY) return gain * initialWindow(this.mss)
    return gain * this.rate * this.delay.value
  }

  /** What may be in flight at a gain, without what aggregation asks for. */
  flight(gain: number): number {
    return Math.max(this.bdp(gain), this.quantum, this.least)
  }

  /** The most that may be in flight. `up`: probing, two packets more so that the smallest flight can grow. */
  most(gain: number, up: boolean): number {
    const flight = Math.max(this.bdp(gain) + this.aggregation.extra, this.quantum, this.least)
    return up ? flight + 2 * this.mss : flight
  }

  /** `bytesPerMilli`: the pacing rate. */
  setQuantum(bytesPerMilli: number): void {
    this.quantum = Math.max(Math.min(bytesPerMilli, QUANTUM_MOST), 2 * this.mss)
  }

  noteAcked(bytes: number, window: number, now: Millis): void {
    const keep = this.pipe.reached ? REMEMBERED_ROUNDS : 2
    this.aggregation.update(bytes, this.rate, window, this.rounds.count, keep, now)
  }

  bound(): void {
    this.rate = Math.min(this.bandwidth.value, this.shortTerm.bandwidth)
  }
}
