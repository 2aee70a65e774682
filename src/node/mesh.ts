/**
 * The mesh of one node: where cores and shells meet.
 *
 *   transports ─▶ connections ─▶ links ─▶ streams ─▶ router
 *                      │            └────▶ chat
 *                      └─ what happened ─▶ membership ─ what to do ─▶ connections, dials
 *
 * Composition only: membership and chat decide, this file carries their words to connections and back.
 *
 * Floor: node.
 */
import { utf8 } from '../base/bytes.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Endpoint, Runtime, Transport } from '../base/ports.ts'
import { Freshness } from '../link/freshness.ts'
import type { Proved } from '../link/handshake.ts'
import type { LinkEnd } from '../link/link-end.ts'
import type { Self } from '../link/self.ts'
import type { Source } from '../membership/address-book.ts'
import { Membership } from '../membership/membership.ts'
import type { MembershipInput, MembershipOutput, Teller } from '../membership/messages.ts'
import { isAt } from '../membership/places.ts'
import type { Remembered } from '../membership/remembering.ts'
import { Router } from '../router/router.ts'
import { Drive, type Driven } from '../runtime/drive.ts'
import { parametersOf } from '../streams/grants.ts'
import type { Stream } from '../streams/stream.ts'
import { type Address, decodeAddress, formatAddress } from '../wire/address.ts'
import { encodeChat } from '../wire/frames/chat.ts'
import type { MeshFrames } from '../wire/frames/index.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import { closeCodes, type Refusal } from '../wire/registry.ts'
import { Attempts } from './attempts.ts'
import { ChatRoom } from './chat-room.ts'
import type { Config } from './config.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import { Connections, patience } from './connections.ts'
import { Dialer } from './dialer.ts'
import { Drains } from './drains.ts'
import type { Happenings } from './emitter.ts'
import { type Guests, linePortsOf, nobody, toward } from './guests.ts'
import { Listening } from './listening.ts'
import { paceOf } from './pace.ts'
import { policyOf } from './policy.ts'
import { proofOf } from './proof.ts'
import type { Qlog } from './qlog.ts'
import { Tracing } from './tracing.ts'
import type { PeerInfo } from './types.ts'
import { UdpPort } from './udp-port.ts'
import { type LinkStats, peerInfos, Totals } from './views.ts'

/** How peers say they see us: one a transport and network is plenty. */
const OBSERVED_MAX = 32
const GOODBYE_MOST = 500 // milliseconds for goodbyes to be on their way

export interface MeshOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKeys: readonly Uint8Array[]
  readonly identitySeed: Uint8Array
  readonly happenings: Happenings
  readonly qlog?: Qlog | undefined
}

export class Mesh implements ConnectionEvents {
  readonly peerId: string
  readonly router: Router = new Router()
  readonly drive: Drive
  readonly drains: Drains
  readonly membership: Membership
  name: string
  readonly observed = new Set<string>()
  /** Set by the line port while it is open. */
  guests: Guests = nobody
  readonly #options: MeshOptions
  readonly #members: Driven<MembershipInput>
  readonly #chat: ChatRoom
  readonly #connections: Connections
  readonly #udp: UdpPort | undefined
  readonly #totals = new Totals()
  readonly #dialer: Dialer
  readonly #listening = new Listening()
  #stopping = false

  constructor(options: MeshOptions) {
    this.#options = options
    const { config, runtime, swarmKeys, identitySeed, happenings, qlog } = options
    const { suite, random, clock, scheduler } = runtime
    this.drive = new Drive(clock, scheduler)
    this.drains = new Drains(this.drive)
    const pace = paceOf(config, this.drive)
    const attempts = new Attempts(suite, swarmKeys, config.connectTimeout)
    const longest = patience(config.transport) * config.connectTimeout
    this.#dialer = new Dialer(this.drive, this.#transports(), longest)
    const identity = suite.identity(identitySeed)
    this.peerId = peerIdFromKey(identity.publicKey)
    this.name = config.name ?? 'peer'
    const self: Self = {
      suite,
      random,
      identity,
      staticKey: suite.keyPair(random.bytes(32)),
      swarms: attempts.swarms,
      freshness: new Freshness(clock.now(), random),
      parameters: parametersOf(pace.grants),
      wall: () => clock.wall(),
      hello: () => ({
        name: this.name,
        ...this.ports,
        linePort: 0,
        linkCount: this.membership.linkCount,
      }),
    }
    const { datagrams } = runtime.network
    if (datagrams !== undefined && config.transport.includes('udp'))
      this.#udp = new UdpPort({
        datagrams,
        drive: this.drive,
        interfaces: () => runtime.network.interfaces(),
        mtu: config.mtu,
        self,
        tracing: new Tracing(this.peerId, qlog),
        congestion: config.congestion,
        turn: pace.turn,
        // Of the identity, so that a node that crashed can still end the links its peers believe in.
        idKey: suite.hmac(identitySeed, utf8('guild-home connection ids v1')),
        onNewcomer: (carrier, from) => {
          if (!this.#stopping) this.#connections.welcome(carrier, from)
        },
        onError: error => this.fault(asGuildError(error, 'GH_LISTEN_FAILED')),
      })
    this.membership = new Membership({
      ownKey: identity.publicKey,
      ownId: this.peerId,
      ownName: () => this.name,
      own: () => this.#listening.addresses(),
      random,
      ...policyOf(config),
      // A TCP address names a port number, which UDP shares.
      transports: this.#udp === undefined ? this.#transports().map(one => one.name) : ['tcp', 'udp'],
      guests: { count: () => this.guests.count, makeRoom: () => this.guests.makeRoom() },
    })
    this.#members = this.drive.run(this.membership, output => this.#membershipSays(output))
    this.#connections = new Connections({
      drive: this.drive,
      events: this,
      pace,
      attempts,
      dialer: this.#dialer,
      ways: config.transport.filter(one => one !== 'udp' || this.#udp !== undefined),
      udp: this.#udp,
      self: host => toward(self, () => this.guests.linePortFor(host)),
      objection: (peerId, linkCount) => this.membership.objection(peerId, linkCount),
      onFailed: (address, error, peerId) => this.#dialFailed(address, error, peerId),
    })
    this.#chat = new ChatRoom({
      drive: this.drive,
      chat: { suite, identity, name: () => this.name },
      membership: this.membership,
      send: (link, chat) => this.#connections.get(link)?.send(w => encodeChat(w, chat), true),
      shown: message => happenings.emit({ event: 'chat-message', ...message }),
    })
  }

  get port(): number {
    return this.#listening.port
  }

  /** Where it listens, by transport; 0: not at all. */
  get ports(): { tcpPort: number; udpPort: number } {
    const tcpPort = this.#options.config.transport.includes('tcp') ? this.port : 0
    return { tcpPort, udpPort: this.#listening.sockets?.port ?? 0 }
  }

  /** Multiaddrs others can dial, with our peer id. */
  get addresses(): string[] {
    const { announce } = this.#options.config
    return (announce.length > 0 ? announce : this.#listening.addresses()).map(address =>
      formatAddress({ ...address, peerId: this.peerId }),
    )
  }

  peers(): PeerInfo[] {
    return [...peerInfos(this.membership, this.#connections), ...this.guests.peers()]
  }

  /** Where people can type to the nodes we are linked to. */
  linePorts(): Endpoint[] {
    return linePortsOf(this.membership, this.#connections)
  }

  stats(): LinkStats {
    const { membership, guests } = this
    return this.#totals.stats(membership.linkCount, this.#connections.all(), this.#chat.dropped, guests)
  }

  async start(): Promise<void> {
    const { config, runtime, qlog } = this.#options
    if (config.hosts !== undefined)
      await this.#listening.start({
        runtime,
        transports: this.#transports(),
        hosts: config.hosts,
        port: config.port,
        onPipe: pipe => (this.#stopping ? pipe.destroy() : this.#connections.admit(pipe)),
        onError: error => this.fault(asGuildError(error, 'GH_LISTEN_FAILED')),
        ...(this.#udp && { udp: this.#udp.listening }),
      })
    if (this.#listening.sockets !== undefined) this.#udp?.use(this.#listening.sockets)
    if (config.name === undefined) this.name = this.port === 0 ? 'visitor' : `peer-${this.port}`
    if (qlog !== undefined) qlog.name = this.name
  }

  /** Begins to look for peers. */
  join(): void {
    const { bootstrap } = this.#options.config
    this.membership.debug = this.#options.happenings.wanted('debug')
    this.#members.feed({ kind: 'start' })
    if (bootstrap.length > 0) this.learn(bootstrap, 'bootstrap')
  }

  /** Addresses from anywhere but a peer. */
  learn(addresses: readonly Address[], source: Source, teller?: Teller): void {
    this.#members.feed({ kind: 'learned', addresses, source, teller })
  }

  /** What the peerbook holds, before `join`. */
  recall(rows: readonly Remembered[]): void {
    this.#members.feed({ kind: 'recalled', rows })
  }

  /** Goodbyes to all, then at most half a second for them to be on their way. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    this.#dialer.stop()
    const closing = this.#listening.unlisten()
    this.#members.feed({ kind: 'stop' })
    for (const connection of this.#connections.all())
      connection.feed({
        kind: 'close',
        code: closeCodes.GOODBYE,
        error: new GuildError('GH_LINK_CLOSED', 'this node stops'),
      })
    await this.#connections.end(GOODBYE_MOST)
    await closing
    await this.#listening.close()
    this.#udp?.close()
    this.drive.stop()
  }

  /** Chat to all; `as` a person at our line port. */
  say(text: string, as?: { line: string; name: string }): void {
    this.#chat.say(text, this.#options.runtime.clock.wall(), as)
    if (as === undefined) this.guests.tell(this.name, text, this.peerId)
  }

  discover(): void {
    this.#members.feed({ kind: 'discover' })
  }

  disconnect(peerId: string): void {
    if (!this.guests.disconnect(peerId)) this.#members.feed({ kind: 'disconnect', peerId })
  }

  /** Dials for a person: resolves with the peer's id once it is linked, or fails as the dial did. */
  async connect(address: Address, signal?: AbortSignal): Promise<string> {
    const linked = this.membership.peers().find(peer => isAt(peer.address, address))
    if (linked !== undefined && linked.peerId === (address.peerId ?? linked.peerId)) return linked.peerId
    return this.#dialer.outcome(address, signal, () => this.learn([address], 'person'))
  }

  /** The connection that new streams to a peer go over. */
  connectionOf(peerId: string): Connection {
    const link = this.membership.linkOf(peerId)
    const connection = link === undefined ? undefined : this.#connections.get(link)
    if (connection === undefined) throw new GuildError('GH_PEER_UNKNOWN', peerId)
    return connection
  }

  connection(link: number): Connection | undefined {
    return this.#connections.get(link)
  }

  // What connections tell

  proved(connection: Connection, proved: Proved): void {
    this.#connections.proved(connection.key)
    this.#members.feed({ kind: 'proved', ...proofOf(connection.carrier, connection.key, proved) })
  }

  accepted(connection: Connection, proved: Proved, observed: Uint8Array): void {
    if (observed.length > 0 && this.observed.size < OBSERVED_MAX)
      this.observed.add(formatAddress(decodeAddress(observed)))
    const dialled = connection.dialled!
    this.#connections.linked(connection)
    this.#members.feed({ kind: 'accepted', ...proofOf(connection.carrier, connection.key, proved), dialled })
    this.#dialer.settle(dialled, proved.peerId)
  }

  refused(connection: Connection, peerId: string, reason: Refusal, entries: readonly PeerEntry[]): void {
    this.#connections.refused(connection)
    this.#members.feed({ kind: 'refused', address: connection.dialled!, peerId, reason, entries })
  }

  pong(connection: Connection, nonce: Uint8Array): void {
    this.#members.feed({ kind: 'pong', link: connection.key, nonce })
  }

  drain(connection: Connection): void {
    this.#members.feed({ kind: 'drain', link: connection.key })
    this.drains.tell(connection.proved?.peerId)
  }

  idle(connection: Connection): void {
    this.#members.feed({ kind: 'idle', link: connection.key })
  }

  heard(connection: Connection): void {
    this.membership.heard(connection.key, this.drive.now())
  }

  displaced({ key, carrier }: Connection): boolean {
    return this.membership.displaced(key, carrier.remote)
  }

  stream(connection: Connection, stream: Stream): void {
    this.router.route(stream, connection.proved!.peerId)
  }

  mesh(connection: Connection): MeshFrames {
    const link = connection.key
    return {
      requestPeers: () => this.#members.feed({ kind: 'requestPeers', link }),
      peers: entries => this.#members.feed({ kind: 'peers', link, entries }),
      mesh: (linked, known) => this.#members.feed({ kind: 'mesh', link, linked, known }),
      chat: chat => this.#chat.heard(link, chat),
    }
  }

  ended(connection: Connection, end: LinkEnd, stranger: boolean): void {
    this.#totals.ended(connection.link, stranger)
    this.#chat.gone(connection.key)
    const [attempt, outcome] = [connection.attempt, end.error]
    if (this.#connections.dialling(connection))
      return this.#connections.failed(connection, outcome, end.peerId)
    if (attempt !== undefined) this.#dialer.settle(attempt.address, outcome)
    this.#members.feed({
      kind: 'down',
      link: connection.key,
      code: outcome.code,
      closeCode: end.closeCode,
      byPeer: end.by === 'remote',
      goodbye: end.closeCode === closeCodes.GOODBYE,
      detail: outcome.detail,
    })
  }

  // What the cores want

  #membershipSays(output: MembershipOutput): void {
    switch (output.kind) {
      case 'dial': {
        const { address, expect } = output
        return this.#connections.dial(expect === undefined ? address : { ...address, peerId: expect })
      }
      case 'event':
        this.#dialer.told(output.message)
        return this.#options.happenings.emit(output.message)
      default:
        this.#connections.get(output.link)?.obey(output)
    }
    if (output.kind === 'drain') this.drains.tell(this.#connections.get(output.link)?.proved?.peerId)
  }

  #dialFailed(address: Address, error: GuildError, peerId: string | undefined): void {
    this.#dialer.settle(address, error) // before membership tells the same without its cause
    this.#members.feed({
      kind: 'dialFailed',
      address,
      code: error.code,
      message: error.message,
      ...(peerId === undefined ? {} : { peerId }),
    })
  }

  #transports(): readonly Transport[] {
    const { config, runtime } = this.#options
    return runtime.network.transports.filter(one => config.transport.includes(one.name))
  }

  rtt(connection: Connection): number | undefined {
    return this.membership.rttOf(connection.proved!.peerId)
  }

  fault({ code, message }: GuildError): void {
    this.#options.happenings.emit({ event: 'error', code, message })
  }
}
