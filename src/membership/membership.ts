/**
 * Membership: who is in the mesh, and the way to one link with each of them.
 *
 *   learned ─▶ dialling ─▶ dial … accepted ─┐
 *      ▲                                    ├─▶ links (tie-break, liveness) ─▶ peer table
 *      │                   proved ──────────┘         │
 *      └─────────────── introductions ◀───────────────┘
 *
 * A node that links to its first peer asks it for others and dials them at once; each
 * of those it asks in turn. So a mesh forms from one address without waiting: the
 * later comer dials the earlier ones, because it is told of them.
 *
 * A link's second life (tie-break, drain) never shows: `peer-connected` is said once
 * for a peer and process, `peer-disconnected` once, when its last link is gone.
 *
 * This coordinator routes inputs and keeps the rounds; the rules are in the files
 * beside it. Order is total: peers in the order they came, links by establishment,
 * addresses as learned.
 *
 * Refuses: a second link of one process, more peers than `maxPeers`, itself.
 * Floor: membership. Page: protocol/membership.md.
 */
import { earlier, type Machine, type Millis } from '../base/machine.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { Address } from '../wire/address.ts'
import { closeCodes } from '../wire/registry.ts'
import { defaults } from './defaults.ts'
import { Dialling, fullHere } from './dialling.ts'
import { Introductions } from './introductions.ts'
import { Links } from './links.ts'
import type { Direction, LinkId, MembershipEvent, MembershipInput, MembershipOutput } from './messages.ts'
import { partings } from './partings.ts'
import type { Guests, MembershipOptions, Parts } from './parts.ts'
import { activeLinks, type PeerRecord, PeerTable, primaryLink } from './peer-table.ts'
import { type Remembered, remembered } from './remembering.ts'

/** One connected peer. */
export interface PeerView {
  readonly peerId: string
  readonly key: Uint8Array
  readonly name: string
  /** What we dialled, or the observed host with the announced port. */
  readonly address: Address
  readonly transport: string
  readonly direction: Direction
  readonly rttMs: number | undefined
  /** The link for what is sent next. */
  readonly link: LinkId
  /** When it connected, on the clock of `now`. */
  readonly since: Millis
}

/** Why a node ends its own dial once it knows who answered. */
export interface Objection {
  readonly code: 'GH_REFUSED_DUPLICATE' | 'GH_REFUSED_DENIED' | 'GH_REFUSED_MAX_PEERS'
  readonly detail: string
}

/** Peers a person parted from; the oldest is forgotten beyond this. */
const PARTED = 1_024
/** Without a line port. */
const nobody: Guests = { count: () => 0, makeRoom: () => false }
/** What may be told before `start`. */
const early: ReadonlySet<MembershipInput['kind']> = new Set(['start', 'learned', 'recalled'])
/** Outputs of one `handle`: a few for each link. Far above what can come. */
const OUTPUTS = 1_000_000

export class Membership implements Machine<MembershipInput, MembershipOutput> {
  readonly #options: Required<MembershipOptions>
  readonly #table = new PeerTable()
  readonly #parted = new Set<string>()
  readonly #dialling: Dialling
  readonly #links: Links
  readonly #introductions: Introductions
  readonly #out = new BoundedQueue<MembershipOutput>(OUTPUTS)
  /** Goes up with everything it is told: what was asked since the last time still holds. */
  revision = 0
  #state: 'idle' | 'running' | 'stopped' = 'idle'
  #discoveryAt: Millis = 0
  #maintenanceAt: Millis = 0
  /** Say each protocol act as a `debug` event. Off, it costs nothing. */
  debug = false

  constructor(options: MembershipOptions) {
    this.#options = {
      own: () => [],
      announce: [],
      admits: () => true,
      transports: ['tcp'],
      guests: nobody,
      ...defaults,
      ...options,
    }
    const { own, random, bookLimit, admits, transports } = this.#options
    // Half: who makes many identities come and go must not keep us from meeting anybody new.
    const placesKept = Math.floor(this.#options.maxPeers / 2)
    const emit = (output: MembershipOutput): void => void this.#out.push(output)
    const say = (message: MembershipEvent): void => emit({ kind: 'event', message })
    const gate = {
      closed: (peerId: string) => this.#isLinked(peerId) || this.#parted.has(peerId) || !admits(peerId),
      room: () => this.#room(),
    }
    this.#dialling = new Dialling({ bookLimit, placesKept, random, gate, own, transports, emit })
    const parts: Parts = {
      options: this.#options,
      table: this.#table,
      dialling: this.#dialling,
      emit,
      say,
      debug: text => {
        if (this.debug) say({ event: 'debug', message: text() })
      },
      taken: () => this.#taken(),
      changed: now => this.#introductions.changed(now),
    }
    this.#introductions = new Introductions(parts, (link, now) =>
      this.#links.close(link, closeCodes.BUDGET, '', partings.flooded, now),
    )
    this.#links = new Links(parts, this.#introductions)
  }

  handle(input: MembershipInput, now: Millis): void {
    this.revision++
    if (this.#state === 'running' || early.has(input.kind)) {
      this.#route(input, now)
      if (this.#state === 'running') this.#dialling.pump(now)
    } else if (input.kind === 'proved' || input.kind === 'accepted')
      this.#out.push({ kind: 'close', link: input.link, code: closeCodes.GOODBYE, detail: '' })
  }

  /** Authenticated bytes came on a link. A direct call, made for every record. */
  heard(link: LinkId, now: Millis): void {
    this.#links.heard(link, now)
  }

  /** Has another peer come to where this link leads, whose own peer was not heard since (spec: PATH-18)? */
  displaced(link: LinkId, at: Pick<Address, 'host' | 'port'>): boolean {
    return this.#links.displaced(link, at)
  }

  poll(): MembershipOutput | undefined {
    return this.#out.shift()
  }

  deadline(): Millis | undefined {
    if (this.#state !== 'running') return undefined
    const rounds = Math.min(this.#discoveryAt, this.#maintenanceAt)
    const work = earlier(this.#dialling.deadline(), this.#introductions.deadline())
    return earlier(rounds, earlier(work, this.#links.deadline()))
  }

  /**
   * After message 2: why a dial ends before we say who we are, if it does. `linkCount`: how many
   * links the peer says that it has.
   */
  objection(peerId: string, linkCount: number): Objection | undefined {
    if (!this.#options.admits(peerId)) return { code: 'GH_REFUSED_DENIED', detail: peerId }
    if (this.#isLinked(peerId)) return { code: 'GH_REFUSED_DUPLICATE', detail: peerId }
    if (linkCount === 0 || this.#table.peer(peerId) !== undefined || this.#room() > 0) return undefined
    return { code: 'GH_REFUSED_MAX_PEERS', detail: fullHere } // spec: MEM-13
  }

  /** Connected peers, in the order they came. */
  peers(): PeerView[] {
    return [...this.#table.peers()].map(viewOf)
  }

  /** The link for what is sent next to this peer. */
  linkOf(peerId: string): LinkId | undefined {
    const peer = this.#table.peer(peerId)
    return peer && primaryLink(peer)!.id
  }

  /** The last round trip measured to this peer: a direct call, made for every grant of credit. */
  rttOf(peerId: string): Millis | undefined {
    const peer = this.#table.peer(peerId)
    return peer && primaryLink(peer)?.liveness.rtt
  }

  /** Peers with a link: the link count of our HELLO. */
  get linkCount(): number {
    return this.#table.size
  }

  /** Peers linked or known to be somewhere. */
  get knownCount(): number {
    return this.#introductions.numbers().known
  }

  /** What is worth keeping over a restart, the most important first. */
  remembered(now: Millis): Remembered[] {
    const linkedSince = (peerId: string) => this.#table.peer(peerId)?.since
    return remembered(this.#dialling.book, { linkedSince, parted: id => this.#parted.has(id), now })
  }

  /** Is there a peer we know and are not linked to? (spec: MESH-1) */
  get partial(): boolean {
    const { linked, known } = this.#introductions.numbers()
    return linked < known
  }

  /**
   * Links to peers that may miss what only others receive: those that said so, that have
   * fewer links than we, or that have said nothing yet. Chat is passed on to these.
   */
  partialLinks(): LinkId[] {
    const links: LinkId[] = []
    for (const peer of this.#table.peers()) {
      const { mesh } = peer
      if (mesh === undefined || mesh.linked < Math.max(mesh.known, this.#table.size))
        links.push(primaryLink(peer)!.id)
    }
    return links
  }

  #route(input: MembershipInput, now: Millis): void {
    const links = this.#links
    const introductions = this.#introductions
    switch (input.kind) {
      case 'tick':
        return this.#tick(now)
      case 'start':
        return this.#start(now)
      case 'stop':
        return this.#stop(now)
      case 'learned':
        if (input.source === 'person') this.#welcome(input.addresses)
        return this.#dialling.learned(input.addresses, input.source, now, input.teller)
      case 'recalled':
        return this.#dialling.recalled(input.rows, now)
      case 'proved':
        return links.proved(input, now)
      case 'accepted':
        return links.accepted(input, input.dialled, now)
      case 'down':
        return links.down(input, now)
      case 'dialFailed':
        return this.#dialling.failed(input, now)
      case 'refused': {
        const { address, peerId, reason, detail = '', entries } = input
        this.#dialling.refused(address, reason, detail, peerId, now)
        return introductions.refused(entries, peerId, address, now)
      }
      case 'pong':
        return links.pong(input.link, input.nonce, now)
      case 'requestPeers':
        return introductions.requested(input.link, now)
      case 'peers':
        return introductions.told(input.link, input.entries, now)
      case 'mesh':
        return introductions.heardMesh(input.link, { linked: input.linked, known: input.known })
      case 'drain':
        return links.toldToDrain(input.link, now)
      case 'idle':
        return links.idle(input.link, now)
      case 'discover':
        return introductions.askAll()
      case 'disconnect':
        return this.#part(input.peerId, now)
    }
  }

  #start(now: Millis): void {
    if (this.#state !== 'idle') return
    this.#state = 'running'
    this.#discoveryAt = now + this.#options.discoveryInterval
    this.#maintenanceAt = now + this.#options.maintenanceInterval
    this.#dialling.sweep(now)
  }

  #stop(now: Millis): void {
    this.#state = 'stopped'
    for (const peer of [...this.#table.peers()])
      this.#links.closePeer(peer, closeCodes.GOODBYE, '', partings.stopped, now)
  }

  #tick(now: Millis): void {
    this.#links.tick(now)
    this.#introductions.tick(now)
    if (now >= this.#discoveryAt) {
      this.#discoveryAt = now + this.#options.discoveryInterval
      this.#introductions.askSome()
    }
    if (now >= this.#maintenanceAt) {
      this.#maintenanceAt = now + this.#options.maintenanceInterval
      this.#dialling.sweep(now) // so that nothing ever needs a restart (spec: PT-10)
      this.#introductions.changed(now) // failures change what counts as known
      if (this.debug) {
        const message = `Health check: ${this.#table.size} peers connected`
        this.#out.push({ kind: 'event', message: { event: 'debug', message } })
      }
    }
  }

  #part(peerId: string, now: Millis): void {
    const peer = this.#table.peer(peerId)
    if (peer === undefined) return
    if (this.#parted.size >= PARTED) this.#parted.delete(this.#parted.values().next().value!)
    this.#parted.add(peerId) // spec: MEM-10
    this.#links.closePeer(peer, closeCodes.DISCONNECTED, '', partings.disconnected, now)
  }

  /** A person wants these again. */
  #welcome(addresses: readonly Address[]): void {
    for (const address of addresses) {
      const peerId = address.peerId ?? this.#dialling.book.find(address)?.peerId
      if (peerId !== undefined) this.#parted.delete(peerId)
    }
  }

  #taken(): number {
    return this.#table.size + this.#options.guests.count()
  }

  /** Places for more peers. One without links has room for one, whoever else is here: a guest goes for it. */
  #room(): number {
    return Math.max(this.#options.maxPeers - this.#taken(), this.#table.size === 0 ? 1 : 0)
  }

  #isLinked(peerId: string): boolean {
    const peer = this.#table.peer(peerId)
    return peer !== undefined && activeLinks(peer).length > 0
  }
}

function viewOf(peer: PeerRecord): PeerView {
  const { peerId, key, name, since } = peer
  const link = primaryLink(peer)!
  const { address, direction, id, liveness } = link
  const { transport } = address
  return { peerId, key, name, address, transport, direction, rttMs: liveness.rtt, link: id, since }
}
