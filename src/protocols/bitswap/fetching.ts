/**
 * Our half of bitswap: wants split over providers, each block from one of them at a time.
 *
 *   want ─▶ line ─▶ choose ─▶ ask ──block──▶ store ─▶ cancelled at everybody else
 *                     │        └─DONT_HAVE, silence, wrong bytes─▶ line, without that one
 *                     └─ nobody known ─▶ everybody: WANT-HAVE, and one guess: WANT-BLOCK
 *                                          └─ nobody has it ─▶ standing: they tell when it comes
 *
 * What a liar can cost: one silence for a HAVE that nothing follows (spec: BX-07), nothing for
 * wrong bytes (another is asked in the same call), and never a second send of what came
 * meanwhile. A peer that is alone in having a block is waited for as long as somebody wants it.
 *
 * Floor: protocols. Page: protocol/bitswap.md.
 */
import type { Millis } from '../../base/machine.ts'
import type { CID } from '../../wire/cid.ts'
import { blockKey, isIdentity } from '../../wire/cid.ts'
import { Asking } from './asking.ts'
import { choose, guess, mayBeAsked } from './choosing.ts'
import { defaults } from './defaults.ts'
import type { BitswapOutput } from './messages.ts'
import type { Provider } from './provider.ts'
import { Session } from './session.ts'
import { WantList } from './want-list.ts'
import type { Wanted } from './wanted.ts'

/** Wants looked past because whoever has them has no room. */
const LOOK_AHEAD = 64
/** A want is taken from one that is so much slower than another that idles. */
const RELIEF: Millis = 200

export interface FetchingOptions {
  readonly output: (output: BitswapOutput) => void
  /** There is something in the outbox of this one. */
  readonly speak: (provider: Provider) => void
}

export class Fetching {
  readonly list = new WantList()
  readonly sessions = new Map<number, Session>()
  readonly #options: FetchingOptions
  readonly #asking: Asking
  readonly #storing = new Map<string, number>()
  /** Of the last block. */
  #size: number = defaults.blockGuess

  constructor(options: FetchingOptions) {
    this.#options = options
    this.#asking = new Asking(options.speak)
  }

  /** Bytes asked for and not yet stored, sizes guessed. */
  get inFlight(): number {
    return this.#asking.inFlight
  }

  deadline(): Millis | undefined {
    return this.#asking.timers.next()
  }

  tick(now: Millis): void {
    for (let want = this.#asking.timers.due(now); want !== undefined; want = this.#asking.timers.due(now))
      this.#expire(want, now)
    this.#assign(now)
  }

  open(id: number): void {
    this.sessions.set(id, new Session(id))
  }

  /** Those of an unknown session are dropped: it was closed meanwhile. */
  want(id: number, cids: readonly CID[], priority: number, now: Millis): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    for (const cid of cids) {
      if (isIdentity(cid)) continue // it holds its block in itself
      const key = blockKey(cid)
      const known = this.list.get(key)
      const want = this.list.add(session, key, cid, priority)
      if (known?.state === 'standing') this.#tellNowhere(want, session)
    }
    this.#assign(now)
  }

  unwant(id: number, keys: readonly string[], now: Millis): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    for (const key of keys) {
      const want = this.list.get(key)
      if (want?.sessions.has(session) && this.list.release(session, want)) this.#asking.drop(want)
    }
    this.#assign(now)
  }

  close(id: number, now: Millis): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    this.unwant(id, [...session.wants], now)
    this.sessions.delete(id)
  }

  // Peers

  /** A new peer is asked for what nobody has, and for one want of each session. */
  up(provider: Provider, now: Millis): void {
    this.#asking.providers.add(provider)
    for (const want of this.#asking.standing) this.#asking.tell(want, provider, true)
    for (const want of this.#asking.searching) this.#asking.tell(want, provider, true)
    for (const session of this.sessions.values()) {
      const [key] = session.wants
      const first = key === undefined ? undefined : this.list.get(key)
      if (first !== undefined && first.state !== 'storing' && first.asked !== provider)
        this.#asking.tell(first, provider, true)
    }
    this.#assign(now)
  }

  /** Gone, refused, or without bitswap. */
  down(provider: Provider, now: Millis): void {
    if (!this.#asking.providers.delete(provider)) return
    provider.usable = false
    for (const session of this.sessions.values()) session.providers.delete(provider)
    const keys = [...provider.out.keys()]
    for (const key of keys) {
      provider.out.answered(key)
      const want = this.list.get(key)
      if (want === undefined) continue
      want.told.delete(provider)
      if (want.asked === provider) this.#asking.unask(want)
      if (want.from === provider) want.from = undefined
      if (want.asked === undefined && (want.state === 'asked' || want.state === 'searching'))
        this.#again(want, now)
    }
    this.#assign(now)
  }

  // What peers say

  have(provider: Provider, key: string, now: Millis): void {
    const want = this.list.get(key)
    if (want === undefined || want.state === 'storing') return
    this.#asking.measure(want, provider, now)
    // Whoever is asked for the block answers with it: a HAVE of that one changes nothing.
    if (want.asked !== provider) this.#asking.answered(want, provider)
    want.havers.add(provider)
    want.lackers.delete(provider)
    for (const session of want.sessions) session.has(provider)
    if (want.state === 'searching' || want.state === 'standing') this.#requeue(want)
    else if (want.overdue && want.asked !== provider) this.#move(want)
    this.#assign(now)
  }

  dontHave(provider: Provider, key: string, now: Millis): void {
    const want = this.list.get(key)
    if (want === undefined || want.state === 'storing') return
    this.#asking.measure(want, provider, now)
    want.lackers.add(provider)
    want.havers.delete(provider)
    for (const session of want.sessions) session.lacks(provider)
    if (want.asked === provider) this.#asking.unask(want)
    if (want.asked === undefined && (want.state === 'asked' || want.state === 'searching'))
      this.#again(want, now)
    this.#assign(now)
  }

  /** Is a block of this name to be taken from this peer, now? */
  accepts(provider: Provider, key: string, now: Millis): boolean {
    const want = this.list.get(key)
    if (want === undefined || want.state === 'storing') return false
    if (want.from !== undefined && want.from !== provider) return false
    this.#asking.measure(want, provider, now)
    provider.heardAt = now
    want.from = provider
    return true
  }

  /** It will not come after all. */
  cut(provider: Provider, key: string): void {
    const want = this.list.get(key)
    if (want?.from === provider) want.from = undefined
  }

  /** A block came and hashes to its name. The sessions that waited for it. */
  came(provider: Provider, key: string, bytes: Uint8Array, now: Millis): readonly Session[] {
    const { length } = bytes
    this.#size = length
    const want = this.list.get(key)
    const wanted = want !== undefined && want.state !== 'storing'
    if (wanted) {
      this.#asking.answered(want, provider)
      this.#asking.drop(want)
      want.state = 'storing'
      this.#storing.set(key, length)
      this.#asking.inFlight += length
      for (const session of want.sessions) {
        session.came(provider, length)
        session.has(provider)
      }
      this.#options.output({ kind: 'store', cid: want.cid, key, bytes })
    }
    provider.completed(length)
    this.#assign(now)
    return wanted ? [...want.sessions] : []
  }

  /** A block came and does not hash to its name (spec: BX-01). */
  forged(provider: Provider, key: string, now: Millis): void {
    const want = this.list.get(key)
    if (want === undefined || want.state === 'storing') return
    if (want.from === provider) want.from = undefined
    want.lackers.add(provider)
    want.havers.delete(provider)
    provider.strikes++
    this.#asking.untell(want, provider)
    if (want.asked === provider) this.#asking.unask(want)
    if (want.asked === undefined && want.state === 'asked') this.#again(want, now)
    this.#assign(now)
  }

  stored(key: string, now: Millis): void {
    this.#asking.inFlight -= this.#storing.get(key) ?? 0
    this.#storing.delete(key)
    const want = this.list.get(key)
    if (want?.state === 'storing') this.list.remove(want)
    this.#assign(now)
  }

  /** It is here by another way. */
  here(key: string, now: Millis): void {
    const want = this.list.get(key)
    if (want === undefined || want.state === 'storing') return
    this.list.remove(want)
    this.#asking.drop(want)
    this.#assign(now)
  }

  // Who is asked

  #assign(now: Millis): void {
    const held: Wanted[] = []
    let empty = false
    while (held.length < LOOK_AHEAD && this.#asking.hasRoom(this.#size)) {
      const want = this.list.next()
      if (want === undefined) {
        empty = held.length === 0
        break
      }
      if (this.#place(want, now)) continue
      held.push(want)
      // The first of a session wait for an answer: so do the others, and looking at each would be in vain.
      const [session] = want.sessions
      if (this.sessions.size === 1 && session!.providers.size === 0) break
    }
    for (const want of held) this.list.queue(want)
    if (empty) this.#relieve(now)
  }

  /** Asks somebody, or everybody; false when it has to wait for room. */
  #place(want: Wanted, now: Millis): boolean {
    const [session] = want.sessions
    const size = session!.blockSize
    const { best, known } = choose(want, size)
    if (best !== undefined) {
      const widen = session!.asked % defaults.widenEvery === 0
      this.#asking.ask(want, best, size, now)
      if (widen) this.#asking.tellAll(want, now)
      return true
    }
    if (known || session!.searching >= defaults.searchingEach) return false
    if (this.#asking.searching.size >= defaults.searching) return false
    this.#search(want, size, now)
    return true
  }

  #search(want: Wanted, size: number, now: Millis): void {
    const best = guess(want, size, this.#asking.providers)
    this.#asking.search(want)
    if (best !== undefined) this.#asking.ask(want, best, size, now)
    this.#asking.tellAll(want, now)
    if (best === undefined) this.#again(want, now)
  }

  /** Nobody is asked for it: somebody else is, or its answers are waited for, or it stands. */
  #again(want: Wanted, now: Millis): void {
    if (!choose(want, 0).known && want.silent.size > 0) want.silent.clear()
    const searched = want.searchedAt !== undefined && now - want.searchedAt < defaults.askAgain
    if (!searched || choose(want, 0).known) return this.#requeue(want)
    const open = [...want.told].some(provider => mayBeAsked(want, provider))
    if (!open) return this.#stand(want, now)
    want.state = 'searching'
    this.#asking.search(want)
    this.#asking.timers.set(want, Math.max(now, want.searchedAt!) + defaults.answer)
  }

  #requeue(want: Wanted): void {
    this.#asking.leave(want)
    this.list.queue(want)
  }

  #stand(want: Wanted, now: Millis): void {
    this.#asking.leave(want)
    want.state = 'standing'
    this.#asking.standing.add(want)
    this.#asking.timers.set(want, now + defaults.askAgain)
    for (const session of want.sessions) this.#tellNowhere(want, session)
    // Their places in the lists of others are needed: the oldest is asked again in its turn.
    const [oldest] = this.#asking.standing
    if (this.#asking.standing.size > defaults.standing) this.#asking.cancel(oldest!)
    if (this.#asking.standing.size > defaults.standing) this.#asking.standing.delete(oldest!)
  }

  #tellNowhere(want: Wanted, session: Session): void {
    const peers = this.#asking.providers.size
    this.#options.output({ kind: 'nowhere', session: session.id, key: want.key, peers })
  }

  #expire(want: Wanted, now: Millis): void {
    if (want.state === 'standing') {
      want.searchedAt = undefined
      want.lackers.clear()
      want.silent.clear()
      return this.#requeue(want)
    }
    if (want.state === 'searching') {
      for (const provider of want.told) if (mayBeAsked(want, provider)) want.silent.add(provider)
      return choose(want, 0).known ? this.#requeue(want) : this.#stand(want, now)
    }
    const provider = want.asked
    if (provider === undefined) return
    const quietSince = Math.max(provider.heardAt, want.askedAt)
    const until = want.askedAt + this.#patience(want, provider)
    const quiet = now - quietSince >= provider.silence
    if (!quiet && now < until) {
      this.#asking.timers.set(want, Math.min(until, quietSince + provider.silence))
      return
    }
    if (quiet && !want.overdue) provider.silent()
    if (choose(want, 0, provider).known) return this.#move(want)
    // It is alone in having it, as far as we know: it is waited for, and everybody is asked once more.
    if (want.searchedAt === undefined || now - want.searchedAt >= defaults.askAgain)
      this.#asking.tellAll(want, now)
    want.overdue = true
    want.moves++
    this.#asking.tell(want, provider, false) // it may have lost it, with a stream
    this.#asking.timers.set(want, now + Math.min(defaults.patienceMost, provider.silence * 2 ** want.moves))
  }

  /** Longer where much stands before it, and with every move, so that slow peers do not pass it round for ever. */
  #patience(want: Wanted, provider: Provider): Millis {
    const fair = (2 * provider.inFlight) / Math.max(defaults.slowest, provider.rate)
    return Math.max(defaults.patience * 2 ** Math.min(8, want.moves), fair)
  }

  /** Off to another peer. */
  #move(want: Wanted): void {
    const provider = want.asked
    this.#asking.unask(want)
    want.moves++
    if (provider !== undefined) {
      want.silent.add(provider)
      this.#asking.untell(want, provider)
    }
    this.#requeue(want)
  }

  /** Nothing is in line: who idles takes over the last want of who would be long at it. */
  #relieve(now: Millis): void {
    if (this.list.size === 0 || this.#asking.providers.size < 2) return
    for (const slow of this.#asking.providers) {
      // Seldom passed, and asked for every block: what costs most comes last.
      if (slow.asked.size < 2 || slow.expected(0) < RELIEF) continue
      const want = this.list.get([...slow.asked].at(-1)!)!
      if (want.from !== undefined || want.overdue || want.askedAt === now) continue
      const { best } = choose(want, want.size, slow)
      if (best === undefined || best.asked.size > 0 || best.strikes > 0) continue
      if (slow.expected(0) < RELIEF + 2 * best.expected(want.size)) continue
      const { silent } = want
      this.#move(want)
      silent.delete(slow) // it did nothing wrong
      want.moves--
      this.#asking.ask(want, best, want.size, now)
    }
  }
}
