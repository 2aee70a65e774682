/**
 * Introductions: asking for peers, telling of peers, and saying how whole the mesh is.
 *
 *   dialler                      the other
 *     │── REQUEST_PEERS, PEERS ─────▶│      at once, on the first link to a peer
 *     │◀──────────── PEERS ──────────│
 *     │◀─ MESH ──────────────── MESH ─▶│    at once, then when a number changed,
 *                                           at most once a second
 *
 * Each side is told once, whoever dialled; what is new is dialled at once.
 *
 * Refuses (spec: PT-01, PT-04, P19): more than one answer for a question; questions
 * and unasked PEERS above one a second (ten at once) get silence, and after a hundred
 * of them the link is closed.
 *
 * Floor: membership. Page: protocol/membership.md (spec: PEERS-1, MEM-2, MEM-12).
 */
import { equal } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import { type Address, encodeAddress, hostKind } from '../wire/address.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import { keyFromPeerId } from '../wire/peer-id.ts'
import { defaults } from './defaults.ts'
import { claimsToKeep, entriesToTell, Lots, Memory, sample, type Tellable } from './gossip.ts'
import type { LinkId } from './messages.ts'
import type { Parts } from './parts.ts'
import { type LinkRecord, type Mesh, type PeerRecord, primaryLink } from './peer-table.ts'

type Teller = Pick<PeerRecord, 'key' | 'peerId' | 'name' | 'announced'>

/** Ends a link whose peer asks or tells too much. */
export type Flooded = (link: LinkRecord, now: Millis) => void

export class Introductions {
  readonly #parts: Parts
  readonly #flooded: Flooded
  readonly #memory = new Memory()
  readonly #lots: Lots
  #meshAt: Millis | undefined

  constructor(parts: Parts, flooded: Flooded) {
    this.#parts = parts
    this.#lots = new Lots(() => parts.options.random.fraction())
    this.#flooded = flooded
  }

  /** A link stands; `first`: it made the peer one. */
  established(link: LinkRecord, first: boolean, now: Millis): void {
    const { peer } = link
    if (link.direction === 'out' && !peer.greeted) {
      peer.greeted = true
      const over = primaryLink(peer)!
      this.ask(over)
      this.#tell(over, now)
    }
    if (first) this.#sendMesh(link, this.numbers(), now)
  }

  ask(link: LinkRecord): void {
    link.asked++
    this.#parts.emit({ kind: 'requestPeers', link: link.id })
    this.#parts.debug(() => `Sent REQUEST_PEERS to ${link.peer.name}`)
  }

  /** A round of discovery: a few peers by chance. */
  askSome(): void {
    const { table, options } = this.#parts
    const chosen = sample([...table.peers()], defaults.askedPerRound, () => options.random.fraction())
    for (const peer of chosen) this.ask(primaryLink(peer)!)
  }

  askAll(): void {
    for (const peer of this.#parts.table.peers()) this.ask(primaryLink(peer)!)
  }

  /** REQUEST_PEERS came. */
  requested(id: LinkId, now: Millis): void {
    const link = this.#parts.table.link(id)
    if (link === undefined) return
    const verdict = link.requests.spend(now)
    if (verdict === 'close') return this.#flooded(link, now)
    if (verdict === 'silence') return
    this.#parts.debug(() => `Received REQUEST_PEERS from ${link.peer.name}`)
    this.#tell(link, now)
  }

  /** PEERS came: answers what we asked, or is paid for from a small budget. */
  told(id: LinkId, entries: readonly PeerEntry[], now: Millis): void {
    const link = this.#parts.table.link(id)
    if (link === undefined) return
    const { peer } = link
    if (link.asked > 0) link.asked--
    else {
      const verdict = link.pushes.spend(now)
      if (verdict === 'close') return this.#flooded(link, now)
      if (verdict === 'silence') return
    }
    this.#parts.debug(() => `Received PEERS: ${entries.map(({ name }) => name).join(', ')} from ${peer.name}`)
    this.#learn(entries, peer, link.tell[0] ?? link.address, now)
  }

  /** PEERS came behind REFUSED: a full node helps us on. */
  refused(entries: readonly PeerEntry[], peerId: string, dialled: Address, now: Millis): void {
    this.#learn(entries, { key: keyFromPeerId(peerId), peerId, name: peerId, announced: [] }, dialled, now)
  }

  #learn(entries: readonly PeerEntry[], teller: Teller, at: Address, now: Millis): void {
    const { options, dialling, say, changed } = this.#parts
    const hearing = {
      ownKey: options.ownKey,
      own: options.own(),
      tellerKey: teller.key,
      teller: at,
      knows: (peerId: string) => dialling.isClosed(peerId),
      now,
    }
    const claims = claimsToKeep(entries, hearing, this.#memory)
    for (const { peerId, addresses } of claims) if (peerId === teller.peerId) teller.announced = addresses
    const count = dialling.told(claims, teller.peerId, at.host, now)
    if (count === 0) return
    changed(now)
    const { peerId: from, name } = teller
    say({ event: 'peers-discovered', from, name, count, known: this.numbers().known })
  }

  heardMesh(id: LinkId, mesh: Mesh): void {
    const link = this.#parts.table.link(id)
    if (link !== undefined) link.peer.mesh = mesh
  }

  /** Peers we are linked to, and peers we know, linked or not. */
  numbers(): Mesh {
    const { table, dialling, options } = this.#parts
    let known = table.size
    for (const peerId of dialling.knownPeers())
      if (peerId !== options.ownId && table.peer(peerId) === undefined) known++
    return { linked: table.size, known }
  }

  /** What a peer is told when it asks, or when it is turned away. */
  entriesFor(asker: string, now: Millis): PeerEntry[] {
    const { table, options, dialling } = this.#parts
    const linked: Tellable[] = []
    if (options.announce.length > 0)
      linked.push({
        key: options.ownKey,
        name: options.ownName(),
        heardAt: now,
        addresses: options.announce.map(encodeAddress),
      })
    for (const peer of table.peers()) if (peer.peerId !== asker) linked.push(tellableOf(peer))
    const unlinked: Tellable[] = []
    for (const peerId of dialling.book.peerIds()) {
      if (peerId === asker || peerId === options.ownId || table.peer(peerId) !== undefined) continue
      const worked = [...dialling.book.ofPeer(peerId)].filter(
        ({ lastSuccess, failures }) => lastSuccess !== undefined && failures < defaults.unreachableAfter,
      )
      if (worked.length === 0) continue
      const heardAt = Math.max(...worked.map(entry => entry.heardAt))
      const addresses = worked
        .map(({ address }) => address)
        .filter(isPlace)
        .map(encodeAddress)
      unlinked.push({ key: keyFromPeerId(peerId), name: '', heardAt, addresses })
    }
    return entriesToTell(linked, unlinked, now, this.#lots)
  }

  /** Numbers may have changed: say so within a second. */
  changed(now: Millis): void {
    this.#meshAt ??= now + defaults.meshEvery
  }

  tick(now: Millis): void {
    if (this.#meshAt === undefined || now < this.#meshAt) return
    this.#meshAt = undefined
    const numbers = this.numbers()
    for (const peer of this.#parts.table.peers()) {
      const link = primaryLink(peer)!
      const sent = link.meshSent
      if (sent?.linked === numbers.linked && sent.known === numbers.known) continue
      if (sent !== undefined && now - sent.at < defaults.meshEvery) this.changed(now)
      else this.#sendMesh(link, numbers, now)
    }
  }

  deadline(): Millis | undefined {
    return this.#meshAt
  }

  #tell(link: LinkRecord, now: Millis): void {
    const entries = this.entriesFor(link.peer.peerId, now)
    this.#parts.emit({ kind: 'peers', link: link.id, entries })
  }

  #sendMesh(link: LinkRecord, { linked, known }: Mesh, now: Millis): void {
    link.meshSent = { linked, known, at: now }
    this.#parts.emit({ kind: 'mesh', link: link.id, linked, known })
  }
}

function tellableOf(peer: PeerRecord): Tellable {
  const { key, name, links, announced } = peer
  let heardAt = Number.NEGATIVE_INFINITY
  const addresses = announced.map(encodeAddress)
  // Names are not believed when a third party tells them, so alone they would hide the peer.
  const alone = !announced.some(isPlace)
  for (const { liveness, tellBytes } of links) {
    heardAt = Math.max(heardAt, liveness.heardAt)
    if (!alone) continue
    for (const bytes of tellBytes) if (!addresses.some(one => equal(one, bytes))) addresses.push(bytes)
  }
  return { key, name, heardAt, addresses }
}

function isPlace({ host }: Address): boolean {
  return hostKind(host) !== 'name'
}
