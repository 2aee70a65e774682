/**
 * The time one turn of the event loop may spend on reading, over all links of a node together.
 *
 *   fresh   data ─▶ begin … read … end ─▶ spent? ─▶ held, the pipe paused ─▶ [ held, held, held ]
 *   line                       a slice each, once the turn has read its fresh bytes ◀┘
 *                              nothing left ─▶ the pipe goes on
 *
 * One read takes 256 KiB at most, and the system hands in one after the other while a socket is full.
 * Frames of one byte make of them a tenth of a second a link, during which nobody else is heard
 * and no timer runs. So a turn has a budget, and a link a slice of it: whoever meets its end keeps
 * what is left and waits in line. Fresh bytes have a budget of their own, that the line does not use up,
 * so that a link with a word or two to say is heard at once whoever waits there.
 *
 * A datagram does not wait: it may be lost, and its sender takes the loss for what it is. Once the fresh
 * budget is spent only those are still heard who have hardly been read of late, and after eighty
 * milliseconds nobody is.
 *
 * Refuses datagrams beyond that. Of pipes nothing: what waits is bounded by one read and one record a link, for a paused pipe reads no more (P15, FR-04).
 * Time is counted, not work, because what a frame costs is known only afterwards. Where it stands
 * still within a turn, as in the simulated network, nothing is ever held.
 *
 * Floor: node.
 */
import type { Millis } from '../base/machine.ts'
import type { Drive } from '../runtime/drive.ts'

/** What a turn may read of fresh bytes: some 10 MiB of bulk, and far less than anybody notices. */
const FRESH: Millis = 10
/** And of what was held: less, for whoever waits there has had more than others. */
const LINE: Millis = 5
/** Datagrams the system hands out in a turn at most. The rest waits there, and not for ever (P15): */
const BURST = 32
/** so what comes in order is read for so long then, fresh or held. */
const BRIEF: Millis = 2
/** What one link may read at a time: more than 256 KiB of bulk take. */
const SLICE: Millis = 1
/** Beyond this a turn hears no datagram of anybody. */
const HARDLY: Millis = 80
/** Who is still heard beyond `FRESH`: a link that was read less than this, which it forgets in 20 times as long. */
const LIGHT: Millis = 5
/** The dearest datagram there is, 64 KiB of frames of one byte. What took longer was the system, at something else. */
const DEAREST: Millis = 3
const FORGETS = 0.05
/** Reading below this is not worth being told where the turn ends. */
const SMALL: Millis = 1

/** How long a link was read of late. */
export class Share {
  #used: Millis = 0
  #at: Millis = 0

  add(used: Millis, now: Millis): void {
    this.#used = this.of(now) + Math.min(used, DEAREST)
    this.#at = now
  }

  of(now: Millis): Millis {
    return Math.max(0, this.#used - (now - this.#at) * FORGETS)
  }
}

export class Turn {
  /** Datagrams for which there was no time. */
  lost = 0
  readonly #drive: Drive
  /** Each reads one slice; true when something is left. */
  readonly #held = new Set<() => boolean>()
  readonly #turned = (): void => this.#next()
  /** Of the phase: the line, or what is fresh. */
  #used: Millis = 0
  #limit: Millis = FRESH
  /** Datagrams since the last turn that ended. */
  #came = 0
  #crowded = false
  /** What `#used` may reach for the one that reads now. */
  #most: Millis = 0
  #since: Millis | undefined
  /** Whoever was in line reads a record, even if its slice passed before it came to look: a line always moves. */
  #promised = false

  constructor(drive: Drive) {
    this.#drive = drive
  }

  /** Bytes of one link are about to be read. */
  begin(): void {
    this.#since = this.#drive.now()
    const limit = this.#crowded ? Math.min(BRIEF, this.#limit) : this.#limit
    this.#most = Math.min(this.#used + SLICE, limit)
  }

  /**
   * They were: how much of it counts for the link, a slice at most. That one datagram took longer says more of us
   * (cold code, the system's other work) than of its sender, whose next ones would be lost for it.
   */
  end(): Millis {
    const before = this.#used
    this.#stop()
    if (this.#used >= SMALL) this.#drive.defer(this.#turned)
    return Math.min(this.#used - before, SLICE)
  }

  /** A datagram came, whosever: after so many in a turn the system hands out no more, and the rest waits there. */
  came(): void {
    if (++this.#came === BURST) this.#drive.defer(this.#turned)
  }

  /** Is there time for a datagram of a link with this share? Where there is none it is lost. */
  hears(share: Share): boolean {
    if (this.#used < this.#limit) return true
    if (this.#used < HARDLY && share.of(this.#drive.now()) < LIGHT) return true
    this.lost++
    return false
  }

  /** Whoever reads has had its time; where nobody does: the turn has. */
  spent(): boolean {
    if (this.#promised) {
      this.#promised = false
      return false
    }
    return this.#sofar() >= (this.#since === undefined ? this.#limit : this.#most)
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
    this.#crowded = this.#came >= BURST
    this.#came = 0
    this.#limit = this.#crowded ? BRIEF : LINE
    for (const more of [...this.#held]) {
      if (this.#used >= this.#limit) break
      if (!this.#held.delete(more)) continue // gone meanwhile
      this.begin()
      this.#promised = true
      try {
        if (more()) this.#held.add(more)
      } finally {
        this.#promised = false
        this.#stop()
      }
    }
    this.#used = 0
    this.#limit = FRESH
    if (this.#held.size > 0) this.#drive.defer(this.#turned)
  }

  #stop(): void {
    this.#used = this.#sofar()
    this.#since = undefined
  }

  #sofar(): Millis {
    return this.#since === undefined ? this.#used : this.#used + this.#drive.now() - this.#since
  }
}
