/**
 * Every linked peer's log, followed while the link stands.
 *
 *   linked ─▶ pull to its end ─▶ a pull that waits ─▶ new entries as they are said
 *                │  broke: again after 1, 2, 4 … 30 s
 *                │  broke the rules: again after a minute; three times: not again on this link
 *                └─ has no log: not before it asks for ours
 *
 * Of peers that come together one is read first, and the next when its end is reached, or after a second:
 * what the first one brought need not be brought by all.
 *
 * Floor: node. Page: protocol/sync.md · Faults: LG-07.
 */
import { GuildError } from '../../base/errors.ts'
import type { Drive } from '../../runtime/drive.ts'
import type { Pull } from './pull.ts'

export const defaults = {
  /** Milliseconds, doubling. */
  retryFirst: 1_000,
  retryMost: 30_000,
  /** After a page that was not what it claimed to be. */
  afterFault: 60_000,
  faultsMost: 3,
  /** A first pull has this long for itself. */
  alone: 1_000,
} as const

export interface FollowingOptions {
  readonly drive: Drive
  readonly pull: (peerId: string, caughtUp: () => void) => Pull
  /** The peer did what it may not. */
  readonly fault: (error: GuildError, peerId: string) => void
}

interface Followed {
  readonly peerId: string
  pull: Pull | undefined
  failures: number
  faults: number
  /** Calls off what is planned. */
  cancel: (() => void) | undefined
}

export class Following {
  readonly #options: FollowingOptions
  readonly #peers = new Map<string, Followed>()
  /** Those that wait for their first pull, in the order they came. */
  readonly #line: Followed[] = []
  #busy: Followed | undefined
  #cancelBusy: (() => void) | undefined
  #stopped = false

  constructor(options: FollowingOptions) {
    this.#options = options
  }

  /** A peer is linked, or has shown that it has a log. */
  follow(peerId: string): void {
    if (this.#stopped) return
    const known = this.#peers.get(peerId)
    if (known !== undefined) {
      if (known.pull === undefined && known.cancel === undefined && !this.#line.includes(known))
        this.#queue(known)
      return
    }
    const followed: Followed = { peerId, pull: undefined, failures: 0, faults: 0, cancel: undefined }
    this.#peers.set(peerId, followed)
    this.#queue(followed)
  }

  /** Its link drains: the pull goes on over the other one, so that the first can end. */
  move(peerId: string): void {
    const followed = this.#peers.get(peerId)
    const pull = followed?.pull
    if (followed === undefined || pull === undefined) return
    followed.pull = undefined
    pull.stop(new GuildError('GH_LINK_REPLACED', peerId))
    this.#pull(followed)
  }

  /** Its last link is gone. */
  leave(peerId: string): void {
    const followed = this.#peers.get(peerId)
    if (followed === undefined) return
    this.#peers.delete(peerId)
    const at = this.#line.indexOf(followed)
    if (at !== -1) this.#line.splice(at, 1)
    followed.cancel?.()
    followed.pull?.stop(new GuildError('GH_LINK_CLOSED', peerId))
    if (this.#busy === followed) this.#next()
  }

  stop(): void {
    this.#stopped = true
    for (const peerId of [...this.#peers.keys()]) this.leave(peerId)
    this.#cancelBusy?.()
  }

  #queue(followed: Followed): void {
    this.#line.push(followed)
    if (this.#busy === undefined) this.#next()
  }

  /** The next one's first pull. */
  #next(): void {
    this.#cancelBusy?.()
    this.#cancelBusy = undefined
    this.#busy = undefined
    if (this.#stopped) return
    const followed = this.#line.shift()
    if (followed === undefined) return
    this.#busy = followed
    this.#cancelBusy = this.#options.drive.after(defaults.alone, () => this.#next())
    this.#pull(followed)
  }

  #pull(followed: Followed): void {
    followed.cancel = undefined
    const done = (): void => {
      if (this.#busy === followed) this.#next()
    }
    const pull = this.#options.pull(followed.peerId, () => {
      followed.failures = 0
      done()
    })
    followed.pull = pull
    pull.done.then(
      () => {},
      (error: GuildError) => {
        if (followed.pull !== pull) return // moved
        followed.pull = undefined
        if (!this.#stopped && this.#peers.get(followed.peerId) === followed) this.#failed(followed, error)
        done()
      },
    )
  }

  #failed(followed: Followed, error: GuildError): void {
    const { drive, fault } = this.#options
    if (error.code === 'GH_STREAM_PROTOCOL_UNKNOWN') return
    let wait: number = defaults.afterFault
    if (isFault(error)) {
      fault(error, followed.peerId)
      if (++followed.faults >= defaults.faultsMost) return
    } else wait = Math.min(defaults.retryMost, defaults.retryFirst * 2 ** followed.failures++)
    followed.cancel = drive.after(wait, () => this.#pull(followed))
  }
}

/** What no honest peer does. */
function isFault({ code }: GuildError): boolean {
  if (code === 'GH_LOG_DAMAGED') return false // of our own disk
  return code.startsWith('GH_LOG_') || code.startsWith('GH_WIRE_') || code === 'GH_LINK_PROTOCOL'
}
