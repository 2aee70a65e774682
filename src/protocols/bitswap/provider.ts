/**
 * A peer as somebody who may have what we want: how fast it is, and what it was asked for.
 *
 *   in flight  ▓▓▓▓▓▓▓░░░  pipeline = rate × (round trip + 250 ms), before that 1 MiB and growing
 *
 * The rate is measured while something is in flight, over a tenth of a second at least. Until the
 * first measure each block that comes widens the pipeline by itself, so that it doubles a
 * round trip. Pure arithmetic: who is asked for what decides `fetching.ts`.
 *
 * Floor: protocols.
 */
import type { Millis } from '../../base/machine.ts'
import { limits } from '../../wire/limits.ts'
import { defaults } from './defaults.ts'
import type { Outbox } from './outbox.ts'

/** Long enough that one turn of the event loop is not taken for the rate. */
const MEASURE: Millis = 100
const NEW_SHARE = 0.3
/** A full pipeline is filled again when it has run down to this. */
const REFILL = 7 / 8
/** What an unmeasured peer is taken for when several could be asked: bytes per ms. */
const RATE_GUESS = 10_000

export class Provider {
  readonly id: string
  /** Keys of the blocks it was asked for, in the order of asking. */
  readonly asked = new Set<string>()
  /** What it is to be told. */
  readonly out: Outbox
  /** Bytes it was asked for and that have not come, sizes guessed. */
  inFlight = 0
  /** It was silent so often in a row. */
  strikes = 0
  /** Bytes of blocks came last. */
  heardAt: Millis = 0
  /** It may be asked: neither gone, nor refused, nor without bitswap. */
  usable = true
  latency: Millis | undefined
  blocks = 0
  bytes = 0
  #rate: number | undefined
  #pipeline: number = defaults.firstPipeline
  #since: Millis | undefined
  /** Its pipeline was full, and has not run down since. */
  #full = false
  #measured = 0

  constructor(id: string, out: Outbox, now: Millis) {
    this.id = id
    this.out = out
    this.heardAt = now
  }

  /** Bytes per millisecond, measured or guessed. */
  get rate(): number {
    return this.#rate ?? RATE_GUESS
  }

  /** Bytes it may be asked for at once. */
  get pipeline(): number {
    return this.#pipeline
  }

  /** May it be asked for a block of this size as well? One at a time always. */
  hasRoom(size: number): boolean {
    if (this.asked.size === 0) return true
    if (this.#full) {
      // An eighth has to come first: then as much is asked for in one message as came in several.
      if (this.asked.size > REFILL * defaults.pipelineWants || this.inFlight > REFILL * this.#pipeline)
        return false
      this.#full = false
    }
    this.#full = this.asked.size >= defaults.pipelineWants || this.inFlight + size > this.#pipeline
    return !this.#full
  }

  /** Milliseconds until a block of this size would be here. */
  expected(size: number): Millis {
    return (this.inFlight + size) / this.rate + (this.latency ?? 0)
  }

  /** How long it may say nothing. */
  get silence(): Millis {
    return defaults.silence + 4 * (this.latency ?? 0)
  }

  /** It was asked, and nothing else was in flight. */
  begun(now: Millis): void {
    this.#since = now
    this.#measured = 0
  }

  /** It answered what it was asked at `askedAt`, with nothing before it in line. */
  answered(askedAt: Millis, now: Millis): void {
    const sample = now - askedAt
    this.latency = this.latency === undefined ? sample : this.latency + (sample - this.latency) / 8
  }

  /** Bytes of a block came. */
  progress(bytes: number, now: Millis): void {
    this.heardAt = now
    this.strikes = 0
    if (this.#since === undefined) return this.begun(now)
    this.#measured += bytes
    const took = now - this.#since
    if (took < MEASURE) return
    const sample = this.#measured / took
    this.#rate = this.#rate === undefined ? sample : this.#rate + NEW_SHARE * (sample - this.#rate)
    this.#pipeline = this.#bounded(this.#rate * ((this.latency ?? 0) + defaults.pipelineTime))
    this.begun(now)
  }

  /** A whole block came. */
  completed(bytes: number): void {
    this.blocks++
    this.bytes += bytes
    if (this.#rate === undefined) this.#pipeline = this.#bounded(this.#pipeline + bytes)
    if (this.asked.size === 0) this.#since = undefined
  }

  /** It said nothing although it should have. */
  silent(): void {
    this.strikes++
    this.#pipeline = this.#bounded(this.#pipeline / 2)
  }

  #bounded(pipeline: number): number {
    return Math.min(defaults.inFlight, Math.max(limits.block / 4, pipeline))
  }
}
