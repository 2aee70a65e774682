/**
 * When nothing has been heard for too long, and a word before that.
 *
 *   ──heard──┬───────── timeout ─────────▶ gone
 *            └── keepalive ──▶ say something, once each time
 *   ──asked── 1.5 s, again and again ──▶ doubt: it is worth finding out whether anybody is there
 *   ──refused── 1 s ──▶ gone, unless heard: the peer's system says that nobody listens there
 *
 * The time runs from the last packet that opened, and from the first one sent since then that asks for
 * an answer: a side that has just spoken waits for the answer. The lesser timeout of the two sides
 * counts; never less than three PTO, or one lost answer would end a slow link.
 *
 * Doubt and refusal take three of the shortest round trip where that is longer. They do not go by probe timeouts: one answer that
 * was late, of a machine that was busy or asleep, makes three of those longer than the silence that ends the link.
 *
 * Time in which we did not run ourselves is no silence of the peer (spec: P17).
 * Page: protocol/paths.md (spec: PATH-14, PATH-15, PATH-18; RFC 9000 section 10.1) · Faults: UQ-18 · Floor: packets.
 */
import type { Millis } from '../base/machine.ts'

export const defaults = {
  /** RFC 9308 section 3.2 counts on NAT boxes that forget a UDP mapping after 30 s. */
  timeout: 30_000,
} as const

/** A timeout shorter than this is taken as this: three PTO of a first round trip that nobody measured. */
const LEAST_TIMEOUT = 3_000

/** Whose port is closed has so long to be heard from another. */
const LEAST_REFUSED = 1_000

/** Without an answer for so long: more than most paths take. */
const LEAST_DOUBT = 1_500

/** Of the shortest round trip, where that is longer. */
const TRIPS = 3

/** Timers of a busy loop are less late than this. */
const STALL = 1_000

export interface IdleOptions {
  /** Ours, and what the peer said; the lesser counts. */
  readonly timeout: Millis
  readonly peerTimeout: Millis
  /** Silence after which something is said. Absent: nothing, an idle link may end. */
  readonly keepalive?: Millis
  readonly pto: () => Millis
  /** The shortest round trip so far, or what is taken for it. */
  readonly shortest: () => Millis
}

export class Idle {
  readonly #timeout: Millis
  readonly #keepalive: Millis | undefined
  readonly #pto: () => Millis
  readonly #shortest: () => Millis
  /** When the silence began. */
  #since: Millis
  /** Something that asks for an answer went out since the last packet came. */
  #asked = false
  #doubtAt: Millis = 0
  #keptAt: Millis
  /** When we were told that nobody listens where the peer was. */
  #refusedAt: Millis | undefined

  constructor({ timeout, peerTimeout, keepalive, pto, shortest }: IdleOptions, now: Millis) {
    this.#timeout = Math.max(LEAST_TIMEOUT, Math.min(timeout, peerTimeout))
    // Two chances to be heard before the end.
    this.#keepalive = keepalive === undefined ? undefined : Math.min(keepalive, this.#timeout / 3)
    this.#pto = pto
    this.#shortest = shortest
    this.#since = now
    this.#keptAt = now
  }

  /** A packet opened. Called for each: sets two fields. */
  heard(now: Millis): void {
    this.#since = now
    this.#keptAt = now
    this.#asked = false
    this.#refusedAt = undefined
  }

  /** Nobody listens where the peer was. Anybody may say so: what counts is that the peer is not heard. */
  refused(now: Millis): void {
    this.#refusedAt ??= now
  }

  /** A packet that asks for an answer went out. */
  asked(now: Millis): void {
    if (this.#asked) return
    this.#asked = true
    this.#since = now
    this.#doubtAt = now + this.#trips(LEAST_DOUBT)
  }

  #trips(least: Millis): Millis {
    return Math.max(least, TRIPS * this.#shortest())
  }

  /** When the link is given up if nothing is heard. */
  get endsAt(): Millis {
    const silent = this.#since + Math.max(this.#timeout, 3 * this.#pto())
    if (this.#refusedAt === undefined) return silent
    return Math.min(silent, this.#refusedAt + this.#trips(LEAST_REFUSED))
  }

  deadline(): Millis {
    const ends = this.#asked ? Math.min(this.endsAt, this.#doubtAt) : this.endsAt
    return this.#keepalive === undefined ? ends : Math.min(ends, this.#keptAt + this.#keepalive)
  }

  /** What is due: a word (PROBE will do), a question to the peer's system, the end, or nothing. */
  due(now: Millis): 'keepalive' | 'doubt' | 'gone' | undefined {
    const late = now - this.deadline()
    if (late < 0) return undefined
    if (late > STALL) {
      // We did not run. What came meanwhile waits in the socket: it is read first.
      this.#since += late + STALL
      this.#keptAt += late + STALL
      this.#doubtAt = Math.max(this.#doubtAt, now)
      this.#refusedAt = undefined
      return undefined
    }
    if (now >= this.endsAt) return 'gone'
    if (this.#asked && now >= this.#doubtAt) {
      this.#doubtAt = now + this.#trips(LEAST_DOUBT)
      return 'doubt'
    }
    this.#keptAt = now
    return 'keepalive'
  }
}
