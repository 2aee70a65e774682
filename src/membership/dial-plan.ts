/**
 * The dial plan: which address to dial next, and when.
 *
 *   wish ──▶ waiting (back-off) ──due──▶ ready ──a slot──▶ under way ──▶ ended
 *
 * After a failure an address waits 1 s, doubling to 30 s, times 50 to 100 % by
 * chance, so that many nodes which lost one peer do not come back in step (spec:
 * PT-06). At most 16 dials are under way, four more for bootstrap and persons, and
 * never more than there are places for peers.
 *
 * A full node still looks at bootstrap addresses, one at a time: a bootstrap node that came back
 * knowing nobody can only be found. One that answers with links is left alone for 2.5 to 5
 * minutes, or until a link to it is lost (spec: MEM-13).
 *
 * Refuses to dial: ourselves, an address being dialled, a peer that is linked, a
 * peer a person parted from, and a second address of a peer while a dial for it is
 * under way. What is refused leaves the plan; `wish` brings it back when that ends.
 *
 * Order: bootstrap and persons, then whom we have met or found ourselves, then what was only
 * told; of each kind, first wished, first dialled. What was only told does not get the places
 * of peers that were lost within the hour, so that a flood of addresses cannot wait for each of
 * them to stumble (spec: P18).
 * Floor: membership. Page: protocol/membership.md (spec: MEM-3, MEM-4, MEM-13).
 */
import type { Millis } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { TimerTable } from '../base/timers.ts'
import { type Address, addressKey } from '../wire/address.ts'
import { type AddressBook, type Entry, isTold } from './address-book.ts'
import { defaults } from './defaults.ts'

/** How long to wait after so many failures in a row; `fraction` is the die, in [0, 1). */
export function backoff(failures: number, fraction: number): Millis {
  const doubled = defaults.backoffFirst * 2 ** Math.max(0, Math.min(failures, 32) - 1)
  return jitter(Math.min(defaults.backoffMax, doubled), fraction)
}

/** 50 to 100 % of a wait. */
export function jitter(wait: Millis, fraction: number): Millis {
  return wait * (0.5 + fraction / 2)
}

export interface DialGate {
  /** Is there a link that stands to this peer, or does a person not want one? */
  closed(peerId: string): boolean
  /** Places for more peers. */
  room(): number
}

export interface PlanGate extends DialGate {
  /** Of the places, those kept for peers that were lost. */
  kept(now: Millis): number
}

export interface Dial {
  readonly entry: Entry
  readonly address: Address
  /** Who must answer. A bootstrap address without a peer id takes whoever is there. */
  readonly expect: string | undefined
}

export class DialPlan {
  readonly #book: AddressBook
  readonly #gate: PlanGate
  readonly #random: Random
  readonly #barred: (entry: Entry) => void
  readonly #waiting = new TimerTable<string>()
  readonly #ready = new Set<string>()
  readonly #urgent = new Set<string>()
  /** Only told, never met. */
  readonly #strange = new Set<string>()
  /** Address key → the peer thought to be there when the dial began. */
  readonly #underWay = new Map<string, string | undefined>()

  /** `barred` hears of an entry that left the plan because its peer is closed to dials. */
  constructor(book: AddressBook, gate: PlanGate, random: Random, barred: (entry: Entry) => void) {
    this.#book = book
    this.#gate = gate
    this.#random = random
    this.#barred = barred
  }

  get underWay(): number {
    return this.#underWay.size
  }

  isUnderWay(address: Address): boolean {
    return this.#underWay.has(addressKey(address))
  }

  /** Dial it when its time has come. */
  wish(entry: Entry, now: Millis): void {
    const { key } = entry
    if (entry.self || this.#underWay.has(key) || this.#ready.has(key)) return
    if (this.#urgent.has(key) || this.#strange.has(key)) return
    if (rests(entry)) return
    if (entry.nextAttempt > now) this.#waiting.set(key, entry.nextAttempt)
    else this.#enter(entry)
  }

  /** Dial every address of a peer in its time. */
  wishPeer(peerId: string, now: Millis): void {
    for (const entry of this.#book.ofPeer(peerId)) this.wish(entry, now)
  }

  /** A person wants it now, whatever its back-off. */
  urge(entry: Entry): void {
    if (entry.self || this.#underWay.has(entry.key)) return
    this.#waiting.clear(entry.key)
    this.#ready.delete(entry.key)
    this.#strange.delete(entry.key)
    this.#urgent.add(entry.key)
  }

  /** The next dial to make now, if any. */
  next(now: Millis): Dial | undefined {
    for (let key = this.#waiting.due(now); key !== undefined; key = this.#waiting.due(now)) {
      const entry = this.#book.at(key)
      if (entry !== undefined) this.#enter(entry)
    }
    // Asked for everything a node hears, and mostly so.
    if (this.#urgent.size + this.#ready.size + this.#strange.size === 0) return undefined
    const room = this.#gate.room()
    if (room <= 0) return this.#take(this.#urgent, 1, entry => isLooked(entry, now))
    const { dials, urgentDials } = defaults
    return (
      this.#take(this.#urgent, Math.min(dials + urgentDials, room)) ??
      this.#take(this.#ready, Math.min(dials, room)) ??
      (this.#strange.size === 0
        ? undefined
        : this.#take(this.#strange, Math.min(dials, room - this.#gate.kept(now))))
    )
  }

  /**
   * The dial has an outcome. Answers whose it was thought to be: once the outcome has been
   * noted, `wishPeer` brings back the other addresses of that peer.
   */
  ended(address: Address): string | undefined {
    const key = addressKey(address)
    const peerId = this.#underWay.get(key)
    this.#underWay.delete(key)
    return peerId
  }

  /** Counts a failure and sets when the entry may be dialled again. */
  failed(entry: Entry, now: Millis): void {
    entry.failures++
    const lost = now - entry.heardAt > defaults.slowAfter && !entry.sources.has('bootstrap')
    const fraction = this.#random.fraction()
    entry.nextAttempt = now + (lost ? jitter(defaults.slowPace, fraction) : backoff(entry.failures, fraction))
  }

  /** Not before about `wait` from now. */
  pause(entry: Entry, wait: Millis, now: Millis): void {
    entry.nextAttempt = now + jitter(wait, this.#random.fraction())
  }

  /** It answered and needs no link of ours: none of a full node's dials for a while. */
  spare(entry: Entry, now: Millis): void {
    entry.lookAt = now + jitter(defaults.slowPace, this.#random.fraction())
  }

  deadline(): Millis | undefined {
    return this.#waiting.next()
  }

  #enter(entry: Entry): void {
    this.#waiting.clear(entry.key)
    const { sources, metAt } = entry
    const known = metAt !== undefined || [...sources].some(source => !isTold(source))
    const queue = sources.has('bootstrap') ? this.#urgent : known ? this.#ready : this.#strange
    queue.add(entry.key)
  }

  #take(queue: Set<string>, limit: number, fits: (entry: Entry) => boolean = always): Dial | undefined {
    for (const key of queue) {
      if (this.#underWay.size >= limit) return undefined
      const entry = this.#book.at(key)
      if (entry !== undefined && !fits(entry)) continue
      queue.delete(key)
      if (entry === undefined || this.#isBarred(entry)) continue
      this.#underWay.set(key, entry.peerId)
      return { entry, address: entry.address, expect: expected(entry) }
    }
    return undefined
  }

  #isBarred(entry: Entry): boolean {
    if (entry.self || this.#underWay.has(entry.key)) return true
    const { peerId } = entry
    if (peerId === undefined) return false
    if (this.#gate.closed(peerId)) {
      this.#barred(entry)
      return true
    }
    for (const dialled of this.#underWay.values()) if (dialled === peerId) return true
    return false
  }
}

/** Told, or from the LAN, never met, and not reached in ten attempts: not worth its place (spec: MEM-5). */
export function isHopeless(entry: Entry): boolean {
  if (entry.failures < defaults.giveUpAfter || entry.metAt !== undefined) return false
  return ![...entry.sources].some(
    source => source === 'bootstrap' || source === 'person' || source === 'inbound',
  )
}

const always = (): boolean => true

/** Does a full node dial it? */
function isLooked({ sources, lookAt }: Entry, now: Millis): boolean {
  return sources.has('bootstrap') && lookAt <= now
}

/** A person's address that never worked is kept, but waits for the person to try again. */
function rests(entry: Entry): boolean {
  if (entry.failures < defaults.giveUpAfter || entry.lastSuccess !== undefined) return false
  return entry.sources.has('person') && !entry.sources.has('bootstrap')
}

function expected(entry: Entry): string | undefined {
  const loose = entry.sources.has('bootstrap') || entry.sources.has('person')
  return loose && !entry.pinned ? undefined : entry.peerId
}
