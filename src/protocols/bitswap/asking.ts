/**
 * The books of who is asked for what: in flight, in whose list, until when.
 *
 *   ask ─▶ in flight ─▶ unask        tell ─▶ in its list ─▶ cancel        timers: one a want
 *
 * It decides nothing: `fetching.ts` does.
 *
 * Floor: protocols.
 */
import type { Millis } from '../../base/machine.ts'
import { TimerTable } from '../../base/timers.ts'
import { mayBeAsked } from './choosing.ts'
import { defaults } from './defaults.ts'
import type { Provider } from './provider.ts'
import type { Wanted } from './wanted.ts'

export class Asking {
  readonly providers = new Set<Provider>()
  readonly timers = new TimerTable<Wanted>()
  /** Everybody was asked, and not all have answered. */
  readonly searching = new Set<Wanted>()
  /** Nobody has them; in the order they came to stand. */
  readonly standing = new Set<Wanted>()
  /** Asked for and not yet stored, sizes guessed. */
  inFlight = 0
  readonly #speak: (provider: Provider) => void

  /** `speak`: there is something in the outbox of this one. */
  constructor(speak: (provider: Provider) => void) {
    this.#speak = speak
  }

  /** Asks one for the block itself. */
  ask(want: Wanted, provider: Provider, size: number, now: Millis): void {
    want.state = 'asked'
    want.asked = provider
    want.askedAt = now
    want.size = size
    want.alone = provider.asked.size === 0
    want.overdue = false
    if (want.alone) provider.begun(now)
    provider.asked.add(want.key)
    provider.inFlight += size
    this.inFlight += size
    for (const session of want.sessions) session.asked++
    this.tell(want, provider, false)
    this.timers.set(want, now + provider.silence)
  }

  unask(want: Wanted): void {
    const provider = want.asked
    want.asked = undefined
    want.from = undefined
    want.overdue = false
    if (provider === undefined || !provider.asked.delete(want.key)) return
    provider.inFlight -= want.size
    this.inFlight -= want.size
  }

  /** Puts it into the list of one: for the block, or for a word whether it has it. */
  tell(want: Wanted, provider: Provider, have: boolean): void {
    if (!provider.usable || !provider.out.hasRoom(want.key)) return
    provider.out.want(want.key, want.cid, want.priority, have)
    want.told.add(provider)
    this.#speak(provider)
  }

  /** Asks everybody else who may have it whether that is so. */
  tellAll(want: Wanted, now: Millis): void {
    want.searchedAt = now
    for (const provider of this.providers)
      if (provider !== want.asked && !want.havers.has(provider) && mayBeAsked(want, provider))
        this.tell(want, provider, true)
  }

  /** The peer holds the want no more: it answered. */
  answered(want: Wanted, provider: Provider): void {
    provider.out.answered(want.key)
    want.told.delete(provider)
  }

  untell(want: Wanted, provider: Provider): void {
    want.told.delete(provider)
    provider.out.cancel(want.key)
    this.#speak(provider)
  }

  /** Out of everybody's list (spec: BITSWAP-9). */
  cancel(want: Wanted): void {
    for (const provider of [...want.told]) this.untell(want, provider)
  }

  /** Out of every book that says what is to happen to it. */
  leave(want: Wanted): void {
    this.searching.delete(want)
    if (want.searchedFor !== undefined) want.searchedFor.searching--
    want.searchedFor = undefined
    this.standing.delete(want)
    this.timers.clear(want)
  }

  /** Nobody wants it any more, or it is here. */
  drop(want: Wanted): void {
    this.unask(want)
    this.cancel(want)
    this.leave(want)
  }

  /** An answer to the only question that was open measures the round trip. */
  measure(want: Wanted, provider: Provider, now: Millis): void {
    if (want.asked === provider && want.from === undefined && want.alone) {
      provider.answered(want.askedAt, now)
      want.alone = false
    } else if (provider.latency === undefined && want.searchedAt !== undefined && want.told.has(provider))
      provider.answered(want.searchedAt, now)
  }

  /** Everybody is asked, or was, and not all have answered. */
  search(want: Wanted): void {
    this.searching.add(want)
    if (want.searchedFor !== undefined) return
    const [session] = want.sessions
    want.searchedFor = session
    if (session !== undefined) session.searching++
  }

  /** Could anybody take one more question of this size? */
  hasRoom(size: number): boolean {
    if (this.inFlight >= defaults.inFlight) return false
    if (this.providers.size === 0) return true // to learn that nobody is there
    for (const provider of this.providers) if (provider.hasRoom(size)) return true
    return false
  }
}
