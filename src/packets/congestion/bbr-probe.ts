/**
 * The long-term bound on the flight, and when to try for more.
 *
 *   flight ▲            ╱✗ more than 2 % lost: this was too much, remember it
 *    bound │─ ─ ─ ─ ─ ─╱─ ─ ─ ─ ─ ─ ─ ─ ─ ─╱─   next probe: only touch it, then go down;
 *          │    ____  ╱ ╲______________   ╱     if that lost nothing, fill up and try again
 *          └───cruise─up─down──cruise───up──▶   past it the bound grows by 1, 2, 4 … packets a round
 *
 * A probe every 2 to 3 s, or as often as Reno would reach its loss on such a path, if that is
 * sooner (62 rounds at most): rare enough that Reno and CUBIC beside it can grow. The dice keep two flows
 * from probing in step.
 *
 * Source: draft-ietf-ccwg-bbr sections 5.3.3.5 to 5.3.3.9 and 5.5.10.2.
 * Page: protocol/congestion.md (spec: CC-5) · Floor: packets.
 */
import type { Millis } from '../../base/machine.ts'
import type { Rounds } from './bbr-bandwidth.ts'

const HEADROOM = 0.15
const RENO_ROUNDS = 63
const WAIT_LEAST: Millis = 2000
const WAIT_SPREAD: Millis = 1000
const none = Number.POSITIVE_INFINITY

/** What the ACKs that come in now are of. */
export type AckPhase = 'other' | 'refilling' | 'starting' | 'feedback' | 'stopping'

export class BandwidthProbe {
  /** Bytes in flight that the path was seen to bear; infinite before a loss says otherwise. */
  bound = none
  acks: AckPhase = 'other'
  /** Do losses judge a probe now? */
  judging = false
  /** The last probe lost too much. */
  tooHigh = false
  /** The last probe only touched the bound. */
  cautious = false
  #upRounds = 0
  #upAcked = 0
  #perPacket = none
  #begin: Millis = 0
  #wait: Millis = 0

  /** The cycle begins. */
  down(now: Millis, random: () => number, rounds: Rounds): void {
    this.#perPacket = none
    rounds.sinceProbe = random() < 0.5 ? 0 : 1
    this.#wait = WAIT_LEAST + WAIT_SPREAD * random()
    this.#begin = now
    this.acks = 'stopping'
  }

  refill(): void {
    this.#upRounds = 0
    this.#upAcked = 0
    this.cautious = false
    this.acks = 'refilling'
  }

  up(window: number, mss: number): void {
    this.judging = true
    this.acks = 'starting'
    this.#steepen(window, mss)
  }

  /** Time for the next probe? `packets`: what we want in flight. */
  isTime(now: Millis, rounds: Rounds, packets: number): boolean {
    return now > this.#begin + this.#wait || rounds.sinceProbe >= Math.min(packets, RENO_ROUNDS)
  }

  /** The bound with room for others. */
  withHeadroom(mss: number, least: number): number {
    if (this.bound === none) return none
    return Math.max(this.bound - Math.max(mss, HEADROOM * this.bound), least)
  }

  /** While probing upward with a full window: the bound grows, faster each round. */
  raise(bytes: number, roundStart: boolean, window: number, mss: number): void {
    this.#upAcked += bytes
    if (this.#upAcked >= this.#perPacket) {
      const packets = Math.floor(this.#upAcked / this.#perPacket)
      this.#upAcked -= packets * this.#perPacket
      this.bound += packets * mss
    }
    if (roundStart) this.#steepen(window, mss)
  }

  #steepen(window: number, mss: number): void {
    this.#perPacket = Math.max(window / 2 ** this.#upRounds, mss)
    this.#upRounds = Math.min(this.#upRounds + 1, 30)
  }
}
