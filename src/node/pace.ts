/**
 * The rates of a node, in and out, over all its links together, and the time a turn may read.
 *
 *   out   a flush may write so many bytes of streams; the rest waits for its turn
 *   in    credit for the peer's streams is granted at the rate, so that it need not send
 *
 * Control frames (PING, chat, PEERS) never wait: they are counted, and streams give way.
 * Shaped by credit, a sender never has more on its way than the small window of a shaped
 * link, and nothing is read late or dropped.
 *
 * Floor: node. Features: B20.
 */
import { Shaper } from '../base/shaper.ts'
import type { Drive } from '../runtime/drive.ts'
import { defaultGrants, type Grants } from '../streams/grants.ts'
import type { Streams } from '../streams/streams.ts'
import type { Config } from './config.ts'
import { Turn } from './turn.ts'

export interface Pace {
  readonly in: Shaper | undefined
  readonly out: Shaper | undefined
  /** What we grant each link at first: streams as the options say, a tenth of a second's bytes where a rate is set. */
  readonly grants: Grants
  readonly turn: Turn
}

export function paceOf({ bandwidthIn, bandwidthOut, maxStreams }: Config, drive: Drive): Pace {
  const now = drive.now()
  return {
    turn: new Turn(drive),
    in: bandwidthIn === undefined ? undefined : new Shaper(bandwidthIn, now),
    out: bandwidthOut === undefined ? undefined : new Shaper(bandwidthOut, now),
    grants: {
      ...(bandwidthIn === undefined ? defaultGrants : shapedGrants(bandwidthIn)),
      streams: maxStreams,
    },
  }
}

/** Grants one link's held credit as the rate allows, now and later. */
export class Intake {
  readonly #shaper: Shaper
  readonly #drive: Drive
  readonly #streams: Streams
  #later: (() => void) | undefined

  constructor(shaper: Shaper, drive: Drive, streams: Streams) {
    this.#shaper = shaper
    this.#drive = drive
    this.#streams = streams
  }

  /** Some credit is held. */
  pull(): void {
    if (this.#later !== undefined) return
    const now = this.#drive.now()
    const bytes = Math.min(this.#streams.held, this.#shaper.allowance(now))
    if (bytes > 0) {
      this.#shaper.spend(bytes, now)
      this.#streams.allow(bytes)
    }
    if (this.#streams.held === 0) return
    this.#later = this.#drive.after(Math.max(1, this.#shaper.wait(now)), () => {
      this.#later = undefined
      this.pull()
    })
  }

  stop(): void {
    this.#later?.()
  }
}

function shapedGrants(bytesPerSecond: number): Grants {
  const window = Math.min(defaultGrants.streamWindow, Math.max(16 * 1024, Math.floor(bytesPerSecond / 10)))
  return { ...defaultGrants, streamWindow: window, linkWindow: window }
}
