/**
 * The life of links: let in, doubled, drained, silent, ended.
 *
 *   proved ───▶ refuse DUPLICATE, MAX_PEERS, SELF
 *      └──────▶ admit ─┐
 *   accepted ──────────┴─▶ active ──drain──▶ draining ──empty, 10 s──▶ closed
 *                            └─────────── down, silence ─────────────▶ closed
 *
 * A full node gives the place of its newest peer that has other links, and that no
 * person asked for, to a newcomer that has none: nobody is isolated (decision 14). So it does for
 * one without links that it found at a bootstrap address (spec: MEM-13). Where no such peer is, and where a node has no link at all, the newest guest goes.
 *
 * Of a drained link the side that was told closes it, once it is empty and another
 * stands there; the side that decided waits 10 s. So the peer never sees its last
 * link go before the one that was kept has reached it.
 *
 * Floor: membership. Page: protocol/membership.md (spec: MEM-8, DRAIN-1), decisions 6, 13 and 14.
 */
import { equal } from '../base/bytes.ts'
import { type Millis, tick } from '../base/machine.ts'
import { TimerTable } from '../base/timers.ts'
import { type Address, formatAddress } from '../wire/address.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import { type CloseCode, closeCodes } from '../wire/registry.ts'
import { isKept } from './address-book.ts'
import { defaults } from './defaults.ts'
import { Liveness, quietOf } from './liveness.ts'
import type { LinkId, Proof } from './messages.ts'
import { type Down, type Parting, partingOf, partings } from './partings.ts'
import type { Parts } from './parts.ts'
import { activeLinks, LinkRecord, otherLinks, type PeerRecord, primaryLink } from './peer-table.ts'
import { listensAt, placesOf } from './places.ts'
import { isLower, judge, type Verdict } from './tie-break.ts'

export interface LinkHooks {
  /** What a peer that is turned away may be told. */
  entriesFor(peerId: string, now: Millis): readonly PeerEntry[]
  established(link: LinkRecord, first: boolean, now: Millis): void
}

export class Links {
  readonly #parts: Parts
  readonly #hooks: LinkHooks
  readonly #timers = new TimerTable<LinkId>()
  readonly #together: Millis

  constructor(parts: Parts, hooks: LinkHooks) {
    this.#parts = parts
    this.#together = defaults.together * parts.options.interval
    this.#hooks = hooks
  }

  /** We are the responder, and message 3 was good. */
  proved(proof: Proof, now: Millis): void {
    const { table, taken, options, emit, dialling } = this.#parts
    const { link, peerId } = proof
    if (peerId === options.ownId)
      return emit({ kind: 'refuse', link, reason: 'SELF', detail: '', entries: [] })
    if (!options.admits(peerId))
      return emit({ kind: 'refuse', link, reason: 'DENIED', detail: '', entries: [] })
    const peer = table.peer(peerId)
    const verdict = this.#judge(peer, proof, false, now)
    if (verdict === 'duplicate') {
      emit({ kind: 'refuse', link, reason: 'DUPLICATE', detail: '', entries: [] })
      // Nobody dials a peer it is linked to: perhaps the old link is dead at its end. Ask.
      for (const old of activeLinks(peer!)) this.#probe(old, now)
      return
    }
    if (peer === undefined && taken() >= options.maxPeers && !this.#yield(proof, now)) {
      const entries = this.#hooks.entriesFor(peerId, now)
      const detail = `${taken()} of ${options.maxPeers} peers`
      return emit({ kind: 'refuse', link, reason: 'MAX_PEERS', detail, entries })
    }
    emit({ kind: 'admit', link })
    for (const address of listensAt(proof)) dialling.cameIn(address, peerId, now)
    this.#establish(proof, undefined, verdict, now)
  }

  /** We dialled, and ACCEPTED came. */
  accepted(proof: Proof, dialled: Address, now: Millis): void {
    const { table, taken, options, emit, dialling } = this.#parts
    const { link, peerId } = proof
    dialling.accepted(dialled, peerId, now)
    const peer = table.peer(peerId)
    if (peer === undefined && taken() >= options.maxPeers && !this.#yield(proof, now)) {
      // Others took the places since message 2, or all who have them would be alone.
      emit({ kind: 'close', link, code: closeCodes.DISCONNECTED, detail: 'no place left' })
      return dialling.spared(dialled, peerId, now)
    }
    this.#establish(proof, dialled, this.#judge(peer, proof, true, now), now)
  }

  down(input: Down, now: Millis): void {
    const link = this.#parts.table.link(input.link)
    if (link !== undefined) this.#ended(link, partingOf(input), now)
  }

  /** The peer decided for another link. */
  toldToDrain(id: LinkId, now: Millis): void {
    const link = this.#parts.table.link(id)
    if (link === undefined || link.drainUntil !== undefined) return
    link.obeying = true
    this.#drain(link, now)
    if (activeLinks(link.peer).length === 0) this.#parts.dialling.wanting(link.peer.peerId, now)
  }

  /** No stream is open on a draining link. */
  idle(id: LinkId, now: Millis): void {
    const link = this.#parts.table.link(id)
    if (link === undefined || link.drainUntil === undefined) return
    link.idle = true
    this.#closeEmptied(link.peer, now)
  }

  heard(id: LinkId, now: Millis): void {
    this.#parts.table.link(id)?.liveness.heard(now)
  }

  /** Two processes cannot have one port: who came there last has it. */
  displaced(id: LinkId, { host, port }: Pick<Address, 'host' | 'port'>): boolean {
    const { table } = this.#parts
    const link = table.link(id)
    if (link === undefined) return false
    const { peer, liveness } = link
    for (const other of table.links()) {
      if (other.peer === peer || other.establishedAt < liveness.heardAt) continue
      const places = [other.address, ...other.tell]
      if (places.some(place => place.host === host && place.port === port)) return true
    }
    return false
  }

  pong(id: LinkId, nonce: Uint8Array, now: Millis): void {
    const link = this.#parts.table.link(id)
    if (link === undefined) return
    link.liveness.heard(now)
    link.liveness.handle({ kind: 'pong', nonce }, now)
    this.#parts.debug(() => `Received PONG from ${link.peer.name}`)
  }

  /** Ends every link to a peer, for a reason of ours. */
  closePeer(peer: PeerRecord, code: CloseCode, detail: string, parting: Parting, now: Millis): void {
    for (const link of [...peer.links]) this.close(link, code, detail, parting, now)
  }

  close(link: LinkRecord, code: CloseCode, detail: string, parting: Parting, now: Millis): void {
    this.#parts.emit({ kind: 'close', link: link.id, code, detail })
    this.#ended(link, parting, now)
  }

  tick(now: Millis): void {
    if ((this.#timers.next() ?? Number.POSITIVE_INFINITY) > now) return
    const soon: LinkId[] = []
    const until = now + this.#together
    for (let id = this.#timers.due(until); id !== undefined; id = this.#timers.due(until)) soon.push(id)
    for (const id of soon) {
      const link = this.#parts.table.link(id)
      if (link === undefined) continue
      if (link.drainUntil === undefined) this.#live(link, now)
      else if (now >= link.drainUntil) this.close(link, closeCodes.REPLACED, '', partings.drained, now)
      else this.#timers.set(id, link.drainUntil)
    }
  }

  deadline(): Millis | undefined {
    return this.#timers.next()
  }

  #judge(peer: PeerRecord | undefined, proof: Proof, outbound: boolean, now: Millis): Verdict {
    const active = peer === undefined ? [] : activeLinks(peer)
    return judge({
      lower: isLower(this.#parts.options.ownKey, proof.peerKey),
      outbound,
      sameProcess: peer !== undefined && equal(peer.staticKey, proof.staticKey),
      active: active.length,
      age: active.length === 0 ? 0 : now - active[0]!.establishedAt,
    })
  }

  #establish(proof: Proof, dialled: Address | undefined, verdict: Verdict, now: Millis): void {
    const { table, taken, say, options } = this.#parts
    const before = table.peer(proof.peerId)
    const sameProcess = before !== undefined && equal(before.staticKey, proof.staticKey)
    if (before !== undefined && !sameProcess) this.#restarted(before)
    const olds = before !== undefined && sameProcess && verdict === 'replace' ? activeLinks(before) : []
    const peer = before !== undefined && sameProcess ? before : this.#newPeer(proof, now)
    const { interval, peerTimeout: patience, random } = options
    const quiet = quietOf(interval, dialled !== undefined)
    const liveness = new Liveness({ interval, patience, quiet, random }, now)
    const link = new LinkRecord(peer, proof, dialled, placesOf(proof, dialled), liveness, now)
    table.attach(link)
    for (const old of olds) this.close(old, closeCodes.REPLACED, '', partings.drained, now)
    if (verdict === 'drain') {
      this.#parts.emit({ kind: 'drain', link: link.id })
      this.#drain(link, now)
    } else this.#live(link, now)
    this.#closeEmptied(peer, now)
    if (!sameProcess) {
      const { peerId, name } = peer
      const { address, direction } = link
      const { transport } = address
      const where = formatAddress(address)
      const { maxPeers } = options
      const peers = taken()
      say({ event: 'peer-connected', peerId, name, address: where, transport, direction, peers, maxPeers })
      this.#parts.changed(now)
    }
    this.#hooks.established(link, !sameProcess, now)
  }

  #newPeer(proof: Proof, now: Millis): PeerRecord {
    const { peerId, peerKey: key, staticKey, name, linkCount } = proof
    const peer = { peerId, key, staticKey, name, linkCount, links: [], since: now }
    const record: PeerRecord = { ...peer, announced: [], mesh: undefined, greeted: false }
    this.#parts.table.add(record)
    return record
  }

  /** Another process of the same identity is here: the one before is dead. */
  #restarted(peer: PeerRecord): void {
    const { table, taken, emit, say } = this.#parts
    for (const link of [...peer.links]) {
      emit({ kind: 'close', link: link.id, code: closeCodes.REPLACED, detail: '' })
      this.#timers.clear(link.id)
      table.detach(link)
    }
    const { peerId, name } = peer
    say({ event: 'peer-disconnected', peerId, name, reason: 'restarted', peers: taken() })
  }

  /** Makes room for a node that would otherwise be alone: one a person named goes only for another such. */
  #yield(newcomer: Proof, now: Millis): boolean {
    const { table, dialling, options } = this.#parts
    if (newcomer.linkCount > 0) return table.size === 0 && options.guests.makeRoom()
    const kept = (peerId: string): boolean => [...dialling.book.ofPeer(peerId)].some(isKept)
    const here = listensAt(newcomer).map(address => dialling.book.find(address))
    const named = kept(newcomer.peerId) || here.some(entry => entry !== undefined && isKept(entry))
    let newest: PeerRecord | undefined
    let newestKept: PeerRecord | undefined
    for (const peer of table.peers()) {
      if (otherLinks(peer) === 0) continue
      if (kept(peer.peerId)) newestKept = later(newestKept, peer)
      else newest = later(newest, peer)
    }
    if (named) newest ??= newestKept
    if (newest === undefined) return options.guests.makeRoom()
    const { reason } = partings.yielded
    this.closePeer(newest, closeCodes.DISCONNECTED, reason, partings.yielded, now)
    return true
  }

  #drain(link: LinkRecord, now: Millis): void {
    link.drainUntil = now + defaults.drainFor
    this.#timers.set(link.id, link.drainUntil)
  }

  #closeEmptied(peer: PeerRecord, now: Millis): void {
    if (activeLinks(peer).length === 0) return
    for (const link of [...peer.links])
      if (link.drainUntil !== undefined && link.obeying && link.idle)
        this.close(link, closeCodes.REPLACED, '', partings.drained, now)
  }

  #probe(link: LinkRecord, now: Millis): void {
    link.liveness.hurry(now)
    this.#live(link, now)
  }

  /** Lets liveness say what is due, and sets when it wants to be asked again. */
  #live(link: LinkRecord, now: Millis): void {
    const { emit, debug, say } = this.#parts
    const { liveness, peer } = link
    liveness.handle(tick, now)
    liveness.soon(now, this.#together)
    for (let output = liveness.poll(); output !== undefined; output = liveness.poll()) {
      if (output.kind === 'ping') {
        emit({ kind: 'ping', link: link.id, nonce: output.nonce })
        debug(() => `Sent PING to ${peer.name}`)
      } else if (output.kind === 'suspect') debug(() => `Nothing heard from ${peer.name} for a while`)
      else {
        const { peerId, name } = peer
        if (peer.links.length === 1)
          say({ event: 'maintenance-cleanup', peerId, name, reason: partings.silent.reason })
        return this.close(link, closeCodes.IDLE, '', partings.silent, now)
      }
    }
    this.#timers.set(link.id, liveness.deadline()!)
  }

  #ended(link: LinkRecord, parting: Parting, now: Millis): void {
    const { table, taken, say, dialling } = this.#parts
    const { peerId, name } = link.peer
    this.#timers.clear(link.id)
    if (!table.detach(link)) {
      if (primaryLink(link.peer)!.drainUntil !== undefined) dialling.wanting(peerId, now)
      return
    }
    say({ event: 'peer-disconnected', peerId, name, reason: parting.reason, peers: taken() })
    // Up to the last sign of life: the silence before the end was no success.
    const short = !parting.orderly && link.liveness.heardAt - link.establishedAt < defaults.settled
    const { wait, silent = false } = parting
    dialling.lost(peerId, { short, silent, ...(wait === undefined ? {} : { wait }) }, now)
    this.#parts.changed(now)
  }
}

/** Which of two came last. */
function later(one: PeerRecord | undefined, other: PeerRecord): PeerRecord {
  return one === undefined || other.since >= one.since ? other : one
}
