/**
 * The time one turn of the event loop may spend on reading, over all links of a node together.
 *
 *   data ─▶ begin … read … end ─▶ spent? ─▶ held ─▶ [ held, held, held ]      the pipe is paused
 *                                                      │ a slice each, once the turn has read
 *                                                      └▶ nothing left: the pipe goes on
 *
 * One read takes 256 KiB at most, and the system hands in one after the other while a socket is full.
 * Frames of one byte make of them a tenth of a second a link, during which nobody else is heard
 * and no timer runs. So a turn has a budget; a link that meets its end keeps what is left and waits
 * in line. A slice is shorter than the budget: twenty bad links cost an honest one behind them
 * one turn or two, not twenty.
 *
 * Refuses nothing: what waits is bounded by one read a link, for a paused pipe reads no more (P15, FR-04).
 * Time is counted, not work, because what a frame costs is known only afterwards. Where it stands
 * still within a turn, as in the simulated network, nothing is ever held.
 *
 * Floor: node.
 */
import type { Millis } from '../base/machine.ts'
import type { Drive } from '../runtime/drive.ts'

/** What a turn may read: some 10 MiB of bulk, and far less than anybody notices. */
const BUDGET: Millis = 10
/** What a link that was held may read before the next in line has its turn. */
const SLICE: Millis = 1
/** Reading below this is not worth being told where the turn ends. */
const SMALL: Millis = 1

export class Turn {
  readonly #drive: Drive
  /** Each reads one slice; true when something is left. */
  readonly #held = new Set<() => boolean>()
  readonly #turned = (): void => this.#next()
  #used: Millis = 0
  /** What `#used` may reach for those that read now. */
  #most: Millis = BUDGET
  #since: Millis | undefined

  constructor(drive: Drive) {
    this.#drive = drive
  }

  /** Bytes are about to be read. */
  begin(): void {
    this.#since = this.#drive.now()
  }

  /** They were. */
  end(): void {
    this.#used = this.#sofar()
    this.#since = undefined
    if (this.#used >= SMALL) this.#drive.defer(this.#turned)
  }

  /** Whoever reads has had its time. */
  spent(): boolean {
    return this.#sofar() >= this.#most
  }

  /** Puts one in line, if it is not there: `more` reads a slice and says whether anything is left. */
  hold(more: () => boolean): void {
    this.#held.add(more)
    this.#drive.defer(this.#turned)
  }

  /** It is gone, and is asked no more. */
  drop(more: () => boolean): void {
    this.#held.delete(more)
  }

  /** The turn has done its reading: the budget is whole again, and first theirs who waited. */
  #next(): void {
    this.#used = 0
    const line = [...this.#held]
    for (const more of line) {
      if (this.#used >= BUDGET) break
      if (!this.#held.delete(more)) continue // gone meanwhile
      this.#most = this.#used + SLICE
      this.begin()
      try {
        if (more()) this.#held.add(more)
      } finally {
        this.end()
        this.#most = BUDGET
      }
    }
    if (this.#held.size > 0) this.#drive.defer(this.#turned)
  }

  #sofar(): Millis {
    return this.#since === undefined ? this.#used : this.#used + this.#drive.now() - this.#since
  }
}
