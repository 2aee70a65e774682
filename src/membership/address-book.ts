/**
 * The address book: every place where a peer may be, and how it went there.
 *
 *   address ─▶ peer id, sources, last success, failures in a row, next attempt, self
 *
 * One entry per address, however many identities are claimed for it. An entry is
 * *proven* when a handshake with it succeeded; the first claim on an unproven one
 * stays until a handshake says better.
 *
 * Bounds (spec: PT-03, PT-07, P18). In all `limit`. Unproven entries that only
 * peers told (of others, or of themselves when they dialled us) are also counted by
 * teller, by host and by address prefix, and proven ones by prefix, so that neither one
 * member nor one network can fill the book. When it is full:
 *
 *   1. the entry with most failures in a row goes, if any has failed
 *      (ties: heard of longest ago, then by key);
 *   2. else, for what was not told, a told entry that was never tried goes;
 *   3. else the new one is turned away.
 *
 * Never dropped: entries of bootstrap and person, self, and whatever is linked or
 * being dialled. So an old entry is always tried before a told one takes its place.
 *
 * Floor: membership. Page: protocol/membership.md (spec: MEM-1, MEM-6).
 */
import type { Millis } from '../base/machine.ts'
import { type Address, addressKey } from '../wire/address.ts'
import { defaults } from './defaults.ts'
import { type Caps, defaultCaps, groups, isLocal, Quotas } from './quotas.ts'

export type Source = 'bootstrap' | 'person' | 'gossip' | 'inbound' | 'mdns' | 'peerbook' | 'tracker'

export interface Entry {
  readonly key: string
  /** Without a peer id: that one is beside it. */
  readonly address: Address
  /** Who is there, as last proved or first claimed. */
  peerId: string | undefined
  /** A person wrote the peer id into the address: nobody else will do there. */
  pinned: boolean
  readonly sources: Set<Source>
  /** The peer id of who told it first, where a peer did. */
  readonly teller: string | undefined
  /** Where that peer was. */
  readonly tellerHost: string | undefined
  /** When somebody last heard of the peer there. */
  heardAt: Millis
  lastSuccess: Millis | undefined
  /** When a link to the peer there was last known to stand; undefined: it was only told. */
  metAt: Millis | undefined
  /** In a row. */
  failures: number
  /** What was heard of the peer before this says nothing against our failures. */
  doubtedAt: Millis
  /** Not dialled before this. */
  nextAttempt: Millis
  /** While this node is full, not dialled before this either. */
  lookAt: Millis
  /** It led back to ourselves (spec: HS-08). */
  self: boolean
}

export interface Told {
  /** Who is claimed to be there. */
  readonly peerId?: string
  readonly teller?: string
  readonly tellerHost?: string
  readonly heardAt?: Millis
  /** From the peerbook: what is known of it already. */
  readonly metAt?: Millis | undefined
  readonly reachedAt?: Millis | undefined
}

export interface BookOptions {
  readonly limit: number
  readonly caps?: Caps
  /** Is it linked or being dialled? Then it stays. */
  readonly busy: (entry: Entry) => boolean
}

export class AddressBook {
  readonly #limit: number
  readonly #quotas: Quotas
  readonly #busy: (entry: Entry) => boolean
  readonly #entries = new Map<string, Entry>()
  readonly #byPeer = new Map<string, Set<Entry>>()

  constructor(options: BookOptions) {
    this.#limit = options.limit
    this.#quotas = new Quotas(options.caps ?? defaultCaps)
    this.#busy = options.busy
  }

  get size(): number {
    return this.#entries.size
  }

  at(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  find(address: Address): Entry | undefined {
    return this.#entries.get(addressKey(address))
  }

  /** In the order they were learned. */
  entries(): Iterable<Entry> {
    return this.#entries.values()
  }

  /** Where this peer may be, in the order it was learned. */
  ofPeer(peerId: string): Iterable<Entry> {
    return this.#byPeer.get(peerId) ?? []
  }

  /** Every peer id some address is known of. */
  peerIds(): Iterable<string> {
    return this.#byPeer.keys()
  }

  /** The entry, old or new; undefined when there is no place for a new one. */
  add(address: Address, source: Source, now: Millis, told: Told = {}): Entry | undefined {
    const key = addressKey(address)
    const old = this.#entries.get(key)
    if (old !== undefined) {
      this.#join(old, told.peerId ?? address.peerId, source, told.heardAt ?? now)
      old.metAt = latest(old.metAt, told.metAt)
      return old
    }
    const entry = makeEntry(key, address, source, now, told)
    if (counts(entry) && !this.#quotas.admits(entry)) return undefined
    if (entry.lastSuccess !== undefined && this.#crowd(entry).length >= defaults.perPrefix) return undefined
    if (this.#entries.size >= this.#limit && !this.#makeRoom(entry)) return undefined
    this.#entries.set(key, entry)
    this.#index(entry, entry.peerId)
    if (counts(entry)) this.#quotas.take(entry)
    return entry
  }

  /** A handshake showed who is there. */
  proved(entry: Entry, peerId: string, now: Millis): void {
    this.#change(entry, () => {
      entry.lastSuccess = now
    })
    entry.heardAt = now
    entry.metAt = now
    this.#thin(entry)
    this.rebind(entry, peerId)
  }

  /** Somebody else is there, or it is not known who (HS-12: not the id's fault). */
  rebind(entry: Entry, peerId: string | undefined): void {
    if (entry.peerId === peerId) return
    this.#unindex(entry)
    entry.peerId = peerId
    this.#index(entry, peerId)
  }

  /** Removes it, unless something says that it must stay. */
  drop(entry: Entry): boolean {
    if (isKept(entry) || this.#busy(entry)) return false
    this.remove(entry)
    return true
  }

  remove(entry: Entry): void {
    if (!this.#entries.delete(entry.key)) return
    this.#unindex(entry)
    if (counts(entry)) this.#quotas.give(entry)
  }

  #join(entry: Entry, peerId: string | undefined, source: Source, heardAt: Millis): void {
    this.#change(entry, () => {
      entry.sources.add(source)
    })
    entry.heardAt = Math.max(entry.heardAt, heardAt)
    if (peerId === undefined) {
      // Whoever left the id away this time takes whoever is there.
      if (!entry.pinned || source !== 'person' || entry.sources.has('bootstrap')) return
      entry.pinned = false
      return this.rebind(entry, undefined)
    }
    if (isByHand(source)) {
      entry.pinned = true
      this.rebind(entry, peerId)
    } else if (entry.peerId === undefined) this.rebind(entry, peerId)
  }

  /** Changes what quotas look at, and keeps them right. */
  #change(entry: Entry, change: () => void): void {
    const before = counts(entry)
    change()
    if (before && !counts(entry)) this.#quotas.give(entry)
  }

  #makeRoom(newcomer: Entry): boolean {
    let victim: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (isKept(entry) || this.#busy(entry)) continue
      if (entry.failures === 0 && (counts(newcomer) || !counts(entry))) continue
      if (victim === undefined || isWorse(entry, victim)) victim = entry
    }
    if (victim === undefined) return false
    this.remove(victim)
    return true
  }

  /** Of one public network only so many proven entries: for one more the one met longest ago goes. */
  #thin(newest: Entry): void {
    const crowd = this.#crowd(newest)
    if (crowd.length <= defaults.perPrefix) return
    const free = crowd.filter(entry => entry !== newest && !isKept(entry) && !this.#busy(entry))
    const [first] = free.sort((x, y) => x.metAt! - y.metAt!)
    if (first !== undefined) this.remove(first)
  }

  /** The proven entries of an entry's public network. */
  #crowd({ address: { host } }: Entry): Entry[] {
    if (isLocal(host)) return []
    const { prefix } = groups(host)
    if (prefix === 'name') return []
    return [...this.#entries.values()].filter(
      one => one.lastSuccess !== undefined && groups(one.address.host).prefix === prefix,
    )
  }

  #index(entry: Entry, peerId: string | undefined): void {
    if (peerId === undefined) return
    const there = this.#byPeer.get(peerId)
    if (there === undefined) this.#byPeer.set(peerId, new Set([entry]))
    else there.add(entry)
  }

  #unindex(entry: Entry): void {
    if (entry.peerId === undefined) return
    const there = this.#byPeer.get(entry.peerId)!
    there.delete(entry)
    if (there.size === 0) this.#byPeer.delete(entry.peerId)
  }
}

/** Is it there by a person's will, or by what must not be forgotten? */
export function isKept(entry: Entry): boolean {
  return entry.self || entry.sources.has('bootstrap') || entry.sources.has('person')
}

/** A person wrote it, and means what stands there. */
export function isByHand(source: Source): boolean {
  return source === 'bootstrap' || source === 'person'
}

const hearsay: ReadonlySet<Source> = new Set(['gossip', 'inbound', 'peerbook', 'tracker'])

/** Told by somebody who is not there himself. */
export function isTold(source: Source): boolean {
  return source === 'gossip' || source === 'tracker'
}

/** Only told by peers, in this life or the last, and never proven: what quotas bound (spec: BOOK-5). */
function counts(entry: Entry): boolean {
  if (entry.lastSuccess !== undefined) return false
  for (const source of entry.sources) if (!hearsay.has(source)) return false
  return true
}

function isWorse(a: Entry, b: Entry): boolean {
  if (a.failures !== b.failures) return a.failures > b.failures
  if (a.heardAt !== b.heardAt) return a.heardAt < b.heardAt
  return a.key < b.key
}

function makeEntry(key: string, address: Address, source: Source, now: Millis, told: Told): Entry {
  const { peerId: written, ...place } = address
  const peerId = told.peerId ?? written
  return {
    key,
    address: place,
    peerId,
    pinned: written !== undefined && isByHand(source),
    sources: new Set([source]),
    teller: told.teller,
    tellerHost: told.tellerHost,
    heardAt: told.heardAt ?? now,
    doubtedAt: Number.NEGATIVE_INFINITY,
    lastSuccess: told.reachedAt,
    metAt: told.metAt,
    failures: 0,
    nextAttempt: now,
    lookAt: now,
    self: false,
  }
}

function latest(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b)
}
