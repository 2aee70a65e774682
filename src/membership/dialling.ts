/**
 * From learning an address to the outcome of its dial.
 *
 *   learned, told ──▶ address book ──▶ dial plan ──▶ dial
 *        ▲                                            │
 *        └───── accepted · refused · dialFailed ◀─────┘
 *
 * Bootstrap addresses are tried for ever; a told one that never worked is dropped
 * after ten failures. A failure is reported when it is the first in a row and then
 * rarely, so that a peer which is away does not fill a log.
 *
 * Refuses: an address that led to ourselves is never dialled again (spec: HS-08); an
 * address where somebody else answers is no mark against the one expected (HS-12).
 * Floor: membership.
 */
import { codes, type ErrorCode } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Random } from '../base/ports.ts'
import { type Address, addressKey, formatAddress } from '../wire/address.ts'
import type { Refusal } from '../wire/registry.ts'
import { Absences, type Loss } from './absences.ts'
import { AddressBook, type Entry, isByHand, type Source } from './address-book.ts'
import { defaults } from './defaults.ts'
import { type DialGate, DialPlan, isHopeless, jitter } from './dial-plan.ts'
import type { Claim } from './gossip.ts'
import { dialable, keysOf } from './hygiene.ts'
import type { Emit, MembershipInput, Teller } from './messages.ts'
import { inBook, tcpFirst } from './places.ts'
import { believed, isForgotten, type Remembered } from './remembering.ts'

export interface DiallingOptions {
  readonly bookLimit: number
  /** Most places kept for peers that were lost. */
  readonly placesKept: number
  readonly random: Random
  readonly gate: DialGate
  /** Our own listening addresses. */
  readonly own: () => readonly Address[]
  /** What this node can dial. */
  readonly transports: readonly string[]
  readonly emit: Emit
}

type Failed = Extract<MembershipInput, { kind: 'dialFailed' }>

const refusalCodes: Readonly<Record<Refusal, ErrorCode>> = {
  MAX_PEERS: 'GH_REFUSED_MAX_PEERS',
  DUPLICATE: 'GH_REFUSED_DUPLICATE',
  DENIED: 'GH_REFUSED_DENIED',
  SELF: 'GH_HANDSHAKE_SELF',
}

/** Why a dial is not made, or is ended, with MAX_PEERS of our own. */
export const fullHere = 'this node has all the peers it may have'

export class Dialling {
  readonly #book: AddressBook
  readonly #plan: DialPlan
  readonly #gate: DialGate
  readonly #random: Random
  readonly #own: () => readonly Address[]
  readonly #transports: readonly string[]
  /** The address under which the book has that peer's place. */
  readonly #place: (address: Address, peerId: string | undefined) => Address
  readonly #emit: Emit
  /** What was last said of each bootstrap address. */
  readonly #said = new Map<string, 'success' | 'failed'>()
  /** Addresses a person waits for right now. */
  readonly #awaited = new Set<string>()
  readonly #absences: Absences

  constructor(options: DiallingOptions) {
    this.#gate = options.gate
    this.#random = options.random
    this.#absences = new Absences(options.placesKept)
    this.#own = options.own
    this.#transports = options.transports
    const races = ['tcp', 'udp'].every(one => options.transports.includes(one))
    this.#place = (address, peerId) => (races ? inBook(this.#book, address, peerId) : address)
    this.#emit = options.emit
    this.#book = new AddressBook({
      limit: options.bookLimit,
      busy: entry =>
        this.#plan.isUnderWay(entry.address) ||
        (entry.peerId !== undefined && this.#gate.closed(entry.peerId)),
    })
    const gate = { ...options.gate, kept: (now: Millis) => this.#absences.kept(now, options.gate.closed) }
    this.#plan = new DialPlan(this.#book, gate, options.random, entry =>
      this.#answer(entry, 'GH_REFUSED_DUPLICATE', ''),
    )
  }

  get book(): AddressBook {
    return this.#book
  }

  /** Linked, or parted from: not dialled, whatever is told of it. */
  isClosed(peerId: string): boolean {
    return this.#gate.closed(peerId)
  }

  learned(addresses: readonly Address[], source: Source, now: Millis, teller?: Teller): void {
    for (const written of tcpFirst(addresses)) {
      const address = isByHand(source) ? written : this.#place(written, written.peerId)
      if (!this.#speaks(address)) {
        this.#passOver(address, source)
        continue
      }
      const own = this.#isOwn(address)
      if (source === 'person' && (own || !dialable(address)))
        this.#fail(address, own ? 'GH_HANDSHAKE_SELF' : 'GH_DIAL_UNREACHABLE', formatAddress(address))
      if (own || !dialable(address)) continue
      const told = teller && { teller: teller.name, tellerHost: teller.host }
      const entry = this.#book.add(address, source, now, told)
      if (entry === undefined) continue
      if (source === 'person') this.#urge(entry)
      else this.#plan.wish(entry, now)
    }
  }

  /** Takes what the last life left in a file: its first peers are dialled before all others. */
  recalled(rows: readonly Remembered[], now: Millis): void {
    const anchors = new Set<string>()
    for (const { address: written, metAt, reachedAt } of believed(rows, now)) {
      const address = this.#place(written, written.peerId)
      if (this.#isOwn(address) || !dialable(address) || !this.#speaks(address)) continue
      const peerId = address.peerId!
      const told = { peerId, teller: peerId, tellerHost: address.host, heardAt: metAt, metAt, reachedAt }
      const entry = this.#book.add(address, 'peerbook', now, told)
      if (entry === undefined) continue
      if (anchors.size < defaults.anchors) anchors.add(address.peerId!)
      if (anchors.has(address.peerId!)) this.#plan.urge(entry)
      else this.#plan.wish(entry, now)
    }
  }

  /** Takes what a peer told; answers how many peers were new. */
  told(claims: readonly Claim[], teller: string, tellerHost: string, now: Millis): number {
    let fresh = 0
    for (const { peerId, heardAt, addresses } of claims) {
      const before = this.#isKnown(peerId)
      for (const told of tcpFirst(addresses)) {
        if (!this.#speaks(told)) continue
        const address = this.#place(told, peerId)
        const entry = this.#book.add(address, 'gossip', now, { peerId, teller, tellerHost, heardAt })
        if (entry !== undefined) this.#plan.wish(entry, now)
      }
      if (!before && this.#isKnown(peerId)) fresh++
    }
    return fresh
  }

  /** The peer dialled us and listens here: a way back to it, once it is gone. */
  cameIn(listens: Address, peerId: string, now: Millis): void {
    if (!dialable(listens) || this.#isOwn(listens) || !this.#speaks(listens)) return
    const address = this.#place(listens, peerId)
    const entry = this.#book.add(address, 'inbound', now, {
      peerId,
      teller: peerId,
      tellerHost: address.host,
    })
    if (entry === undefined || entry.self) return
    const before = entry.peerId
    const free = before === undefined || !this.#gate.closed(before)
    if (before !== peerId && !entry.pinned && free) this.#book.rebind(entry, peerId)
    if (entry.peerId === peerId) entry.metAt = now
  }

  /** ACCEPTED came: the address is that peer's. */
  accepted(dialled: Address, peerId: string, now: Millis): void {
    const expected = this.#plan.ended(dialled)
    const entry = this.#book.find(dialled) ?? this.#book.add(dialled, 'inbound', now)
    if (entry !== undefined) this.#reached(entry, peerId, now)
    this.#awaited.delete(addressKey(dialled))
    if (expected !== undefined) this.#plan.wishPeer(expected, now)
  }

  failed(input: Failed, now: Millis): void {
    const expected = this.#plan.ended(input.address)
    const entry = this.#book.find(input.address)
    if (entry !== undefined) this.#failed(entry, input, now)
    if (expected !== undefined) this.#plan.wishPeer(expected, now)
  }

  refused(address: Address, reason: Refusal, detail: string, peerId: string, now: Millis): void {
    const expected = this.#plan.ended(address)
    const entry = this.#book.find(address)
    if (entry !== undefined) this.#refused(entry, reason, detail, peerId, now)
    if (expected !== undefined) this.#plan.wishPeer(expected, now)
  }

  /**
   * The last link to a peer is gone: when may it be dialled again?
   */
  lost(peerId: string, how: Loss, now: Millis): void {
    const wait = this.#absences.lost(peerId, how, now)
    for (const entry of this.#book.ofPeer(peerId)) {
      entry.heardAt = now
      entry.doubtedAt = now + defaults.hearsayLate
      entry.lookAt = now // perhaps it comes back knowing nobody
      if (entry.metAt !== undefined) entry.metAt = now
      if (how.short) this.#plan.failed(entry, now)
      else {
        entry.failures = 0
        entry.nextAttempt = now + jitter(defaults.backoffFirst, this.#random.fraction())
      }
      if (wait !== undefined) {
        // It left on purpose: it does not count as known, and is tried gently.
        entry.failures = Math.max(entry.failures, defaults.unreachableAfter)
        entry.nextAttempt = now + wait * (1 + this.#random.fraction() / 2)
      }
    }
    this.#plan.wishPeer(peerId, now)
  }

  /** We dialled a peer that lets us in, and have no place for it. */
  spared(dialled: Address, peerId: string, now: Millis): void {
    this.lost(peerId, { wait: defaults.backoffMax, short: false, silent: false }, now)
    const entry = this.#book.find(dialled)
    if (entry !== undefined) this.#plan.spare(entry, now)
  }

  /** A peer is left with links that drain: dial it unless another link comes soon. */
  wanting(peerId: string, now: Millis): void {
    for (const entry of this.#book.ofPeer(peerId)) this.#plan.pause(entry, defaults.backoffFirst, now)
    this.#plan.wishPeer(peerId, now)
  }

  /** Starts what may be dialled now. */
  pump(now: Millis): void {
    for (let dial = this.#plan.next(now); dial !== undefined; dial = this.#plan.next(now)) {
      const { address, expect } = dial
      this.#emit({ kind: 'dial', address, ...(expect === undefined ? {} : { expect }) })
    }
  }

  /** Puts back into the plan whatever fell out of it, so that nothing ever needs a restart. */
  sweep(now: Millis): void {
    for (const entry of this.#book.entries()) {
      if (isForgotten(entry, now) && this.#book.drop(entry)) continue
      this.#plan.wish(entry, now)
    }
  }

  deadline(): Millis | undefined {
    return this.#plan.deadline()
  }

  /** Peers that some address of may work, linked or not. */
  *knownPeers(): Iterable<string> {
    for (const peerId of this.#book.peerIds()) if (this.#isKnown(peerId)) yield peerId
  }

  #failed(entry: Entry, input: Failed, now: Millis): void {
    const { code, message, peerId } = input
    if (input.self === true || code === 'GH_HANDSHAKE_SELF') return this.#isSelf(entry, message)
    if (code === 'GH_REFUSED_DUPLICATE' && peerId !== undefined) {
      entry.failures = 0
      this.#reached(entry, peerId, now)
      this.#answer(entry, code, message)
      this.#plan.wish(entry, now) // barred while the link stands; if it fell meanwhile, dialled
      return
    }
    if (code === 'GH_REFUSED_MAX_PEERS' && peerId !== undefined) {
      // Ours: it lives, has links, and finds no place here.
      this.#book.proved(entry, peerId, now)
      entry.failures = 0
      this.#answer(entry, code, message)
      this.#plan.pause(entry, defaults.backoffMax, now)
      this.#plan.spare(entry, now)
      this.#plan.wish(entry, now)
      return
    }
    if (!this.#failure(entry, code, message, now)) return
    if (code !== 'GH_HANDSHAKE_IDENTITY' || entry.pinned) return
    this.#book.rebind(entry, peerId)
    if (entry.failures === 1) entry.nextAttempt = now // the place is alive: ask again whoever is there
    this.#plan.wish(entry, now)
  }

  #refused(entry: Entry, reason: Refusal, detail: string, peerId: string, now: Millis): void {
    if (reason === 'SELF') return this.#isSelf(entry, detail)
    const code = refusalCodes[reason]
    const message = detail === '' ? codes[code] : `${codes[code]}: ${detail}`
    if (reason === 'DUPLICATE' && this.#gate.closed(peerId)) {
      entry.failures = 0
      this.#reached(entry, peerId, now)
      this.#answer(entry, code, message)
      return
    }
    this.#book.proved(entry, peerId, now)
    if (reason === 'MAX_PEERS') {
      // It lives, and stays known: a mesh that is not whole must say so. No failure, and none before it.
      entry.failures = 0
      this.#report(entry, code, message)
      this.#plan.pause(entry, defaults.backoffMax, now)
      this.#plan.spare(entry, now)
    } else if (!this.#failure(entry, code, message, now)) return
    if (reason === 'DENIED') {
      entry.doubtedAt = Number.POSITIVE_INFINITY // it lives, but not for us
      this.#plan.pause(entry, defaults.slowPace, now)
    }
    // DUPLICATE without a link here: the peer has yet to notice that the old one is dead. Soon again.
    this.#plan.wish(entry, now)
  }

  /** By what we see ourselves; or met once, and seen of late by somebody who reaches it where we do not (spec: MESH-2). */
  #isKnown(peerId: string): boolean {
    for (const { self, failures, metAt, heardAt, doubtedAt } of this.#book.ofPeer(peerId)) {
      if (self) continue
      if (failures < defaults.unreachableAfter || (metAt !== undefined && heardAt > doubtedAt)) return true
    }
    return false
  }

  #urge(entry: Entry): void {
    if (entry.self) return this.#fail(entry.address, 'GH_HANDSHAKE_SELF', '')
    if (entry.peerId !== undefined && this.#gate.closed(entry.peerId))
      return this.#fail(entry.address, 'GH_REFUSED_DUPLICATE', '')
    if (this.#gate.room() <= 0) return this.#fail(entry.address, 'GH_REFUSED_MAX_PEERS', fullHere)
    this.#awaited.add(entry.key)
    this.#plan.urge(entry)
  }

  #reached(entry: Entry, peerId: string, now: Millis): void {
    this.#book.proved(entry, peerId, now)
    if (!entry.sources.has('bootstrap') || this.#said.get(entry.key) === 'success') return
    this.#said.set(entry.key, 'success')
    const message = { event: 'bootstrap-success', address: formatAddress(entry.address) } as const
    this.#emit({ kind: 'event', message })
  }

  #isSelf(entry: Entry, message: string): void {
    entry.self = true
    this.#answer(entry, 'GH_HANDSHAKE_SELF', message)
    const debug = `${formatAddress(entry.address)} leads to this node: never dialled again`
    this.#emit({ kind: 'event', message: { event: 'debug', message: debug } })
  }

  /** False when the entry was dropped for it. */
  #failure(entry: Entry, code: ErrorCode, message: string, now: Millis): boolean {
    this.#plan.failed(entry, now)
    entry.doubtedAt = Math.max(entry.doubtedAt, now - defaults.hearsayHolds)
    this.#report(entry, code, message)
    if (isHopeless(entry)) {
      this.#book.remove(entry)
      return false
    }
    this.#plan.wish(entry, now)
    return true
  }

  #report(entry: Entry, code: ErrorCode, message: string): void {
    const { key, failures } = entry
    const rare = failures > 0 && failures % defaults.reportEvery === 0
    if (entry.sources.has('bootstrap')) {
      if (this.#said.get(key) === 'failed' && !rare) return
      this.#said.set(key, 'failed')
      const address = formatAddress(entry.address)
      this.#emit({ kind: 'event', message: { event: 'bootstrap-failed', address, code, message } })
      this.#awaited.delete(key)
    } else if (this.#awaited.has(key)) this.#answer(entry, code, message)
    else if (failures === 1 || rare) this.#fail(entry.address, code, message)
  }

  /** Tells a person who waits for this address; nobody else. */
  #answer(entry: Entry, code: ErrorCode, message: string): void {
    if (this.#awaited.delete(entry.key)) this.#fail(entry.address, code, message)
  }

  #fail(address: Address, code: ErrorCode, message: string): void {
    const event = {
      event: 'connection-failed',
      address: formatAddress(address),
      code,
      message: message === '' ? codes[code] : message,
    } as const
    this.#emit({ kind: 'event', message: event })
  }

  #speaks({ transport }: Address): boolean {
    return this.#transports.includes(transport)
  }

  /** What a person gave and this node cannot dial is said once, and is in nobody's way (spec: ADDR-7). */
  #passOver(address: Address, source: Source): void {
    const event =
      source === 'bootstrap' ? 'bootstrap-failed' : source === 'person' ? 'connection-failed' : undefined
    if (event === undefined) return
    const spoken = this.#transports.join(', ')
    const message = `${codes.GH_DIAL_FAILED}: passed over, this node does not dial ${address.transport}, but ${spoken}`
    const about = { address: formatAddress(address), code: 'GH_DIAL_FAILED', message } as const
    this.#emit({ kind: 'event', message: { event, ...about } })
  }

  #isOwn(address: Address): boolean {
    return keysOf(this.#own()).has(addressKey(address))
  }
}
