/**
 * The mesh of one node: where cores and shells meet.
 *
 *   transports ─▶ connections ─▶ links ─▶ streams ─▶ router
 *                      │            └────▶ chat
 *                      └─ what happened ─▶ membership ─ what to do ─▶ connections, dials
 *
 * Composition only. Membership decides whom to dial, admit, ping and drop; chat decides
 * whom to tell; this file carries their words to connections and back.
 *
 * Floor: node.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Endpoint, Pipe, Runtime, Transport } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import { Freshness } from '../link/freshness.ts'
import type { Proved } from '../link/handshake.ts'
import type { LinkEnd } from '../link/link-end.ts'
import type { Self } from '../link/self.ts'
import type { Source } from '../membership/address-book.ts'
import { Membership } from '../membership/membership.ts'
import type { MembershipInput, MembershipOutput } from '../membership/messages.ts'
import type { Remembered } from '../membership/remembering.ts'
import { Router } from '../router/router.ts'
import { Drive, type Driven } from '../runtime/drive.ts'
import { parametersOf } from '../streams/grants.ts'
import type { Stream } from '../streams/stream.ts'
import { type Address, addressKey, decodeAddress, formatAddress } from '../wire/address.ts'
import { encodeChat } from '../wire/frames/chat.ts'
import type { MeshFrames } from '../wire/frames/index.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import { limits } from '../wire/limits.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import { closeCodes, type Refusal } from '../wire/registry.ts'
import { type Attempt, Attempts } from './attempts.ts'
import { ChatRoom } from './chat-room.ts'
import type { Config } from './config.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import { Dialer } from './dialer.ts'
import type { Happenings } from './emitter.ts'
import { type Guests, linePortsOf, nobody, toward } from './guests.ts'
import { Listening } from './listening.ts'
import { type Pace, paceOf } from './pace.ts'
import { policyOf } from './policy.ts'
import { proofOf } from './proof.ts'
import { Threshold } from './threshold.ts'
import type { NodeStats, PeerInfo } from './types.ts'
import { peerInfos, Totals } from './views.ts'

/** How peers say they see us: one a transport and network is plenty. */
const OBSERVED_MAX = 32

export interface MeshOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKeys: readonly Uint8Array[]
  readonly identitySeed: Uint8Array
  readonly happenings: Happenings
}

export class Mesh implements ConnectionEvents {
  readonly peerId: string
  readonly router: Router = new Router()
  readonly drive: Drive
  readonly membership: Membership
  name: string
  readonly observed = new Set<string>()
  /** Set by the line port while it is open. */
  guests: Guests = nobody
  readonly #options: MeshOptions
  readonly #self: Self
  readonly #members: Driven<MembershipInput>
  readonly #chat: ChatRoom
  readonly #connections = new Map<number, Connection>()
  readonly #totals = new Totals()
  readonly #pace: Pace
  readonly #dialer: Dialer
  readonly #attempts: Attempts
  readonly #listening = new Listening()
  readonly #threshold = new Threshold()
  readonly #plaintext = new ByteWriter(new Uint8Array(limits.recordPlaintext))
  #nextKey = 1
  #stopping = false
  #allGone: (() => void) | undefined

  constructor(options: MeshOptions) {
    this.#options = options
    const { config, runtime, swarmKeys, identitySeed, happenings } = options
    const { suite, random, clock, scheduler } = runtime
    this.drive = new Drive(clock, scheduler)
    this.#pace = paceOf(config, this.drive)
    this.#attempts = new Attempts(suite, swarmKeys, config.connectTimeout)
    this.#dialer = new Dialer(this.drive, this.#transports(), config.connectTimeout)
    const identity = suite.identity(identitySeed)
    this.peerId = peerIdFromKey(identity.publicKey)
    this.name = config.name ?? 'peer'
    this.#self = {
      suite,
      random,
      identity,
      staticKey: suite.keyPair(random.bytes(32)),
      swarms: this.#attempts.swarms,
      freshness: new Freshness(clock.now()),
      parameters: parametersOf(this.#pace.grants),
      wall: () => clock.wall(),
      hello: () => ({
        name: this.name,
        tcpPort: this.port,
        udpPort: 0,
        linePort: 0,
        linkCount: this.membership.linkCount,
      }),
    }
    this.membership = new Membership({
      ownKey: identity.publicKey,
      ownId: this.peerId,
      ownName: () => this.name,
      own: () => this.#listening.addresses(),
      random,
      ...policyOf(config),
      transports: this.#transports().map(one => one.name),
      guests: { count: () => this.guests.count, makeRoom: () => this.guests.makeRoom() },
    })
    this.#members = this.drive.run(this.membership, output => this.#membershipSays(output))
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

  /** Multiaddrs others can dial, with our peer id. */
  get addresses(): string[] {
    const { announce } = this.#options.config
    const own = announce.length > 0 ? announce : this.#listening.addresses()
    return own.map(address => formatAddress({ ...address, peerId: this.peerId }))
  }

  peers(): PeerInfo[] {
    return [...peerInfos(this.membership, this.#connections), ...this.guests.peers()]
  }

  /** Where people can type to the nodes we are linked to. */
  linePorts(): Endpoint[] {
    return linePortsOf(this.membership, this.#connections)
  }

  stats(): Omit<NodeStats, 'events_dropped'> {
    const { membership, guests } = this
    return this.#totals.stats(membership.linkCount, this.#connections.values(), this.#chat.dropped, guests)
  }

  /** Listens. */
  async start(): Promise<void> {
    const { config, runtime } = this.#options
    if (config.hosts !== undefined)
      await this.#listening.start({
        runtime,
        transports: this.#transports(),
        hosts: config.hosts,
        port: config.port,
        onPipe: pipe => (this.#stopping ? pipe.destroy() : this.#connect(pipe)),
        onError: error => this.fault(asGuildError(error, 'GH_LISTEN_FAILED')),
      })
    if (config.name === undefined) this.name = this.port === 0 ? 'visitor' : `peer-${this.port}`
  }

  /** Begins to look for peers. */
  join(): void {
    const { bootstrap } = this.#options.config
    this.membership.debug = this.#options.happenings.wanted('debug')
    this.#members.feed({ kind: 'start' })
    if (bootstrap.length > 0) this.learn(bootstrap, 'bootstrap')
  }

  /** Addresses from anywhere but a peer. */
  learn(addresses: readonly Address[], source: Source): void {
    this.#members.feed({ kind: 'learned', addresses, source })
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
    const closing = this.#listening.close()
    this.#members.feed({ kind: 'stop' })
    for (const connection of this.#connections.values())
      connection.feed({
        kind: 'close',
        code: closeCodes.GOODBYE,
        error: new GuildError('GH_LINK_CLOSED', 'this node stops'),
      })
    if (this.#connections.size > 0)
      await new Promise<void>(resolve => {
        this.#allGone = resolve
        this.drive.after(500, resolve)
      })
    for (const connection of this.#connections.values()) connection.pipe.destroy()
    await closing
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
    const key = addressKey(address)
    const linked = this.membership.peers().find(peer => addressKey(peer.address) === key)
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
    this.#threshold.leave(connection.key)
    this.#members.feed({ kind: 'proved', ...proofOf(connection.pipe, connection.key, proved) })
  }

  accepted(connection: Connection, proved: Proved, observed: Uint8Array): void {
    if (observed.length > 0) this.#noteObserved(observed)
    const dialled = connection.dialled!
    this.#members.feed({ kind: 'accepted', ...proofOf(connection.pipe, connection.key, proved), dialled })
    this.#dialer.settle(dialled, proved.peerId)
  }

  refused(connection: Connection, peerId: string, reason: Refusal, entries: readonly PeerEntry[]): void {
    this.#members.feed({ kind: 'refused', address: connection.dialled!, peerId, reason, entries })
  }

  pong(connection: Connection, nonce: Uint8Array): void {
    this.#members.feed({ kind: 'pong', link: connection.key, nonce })
  }

  drain(connection: Connection): void {
    this.#members.feed({ kind: 'drain', link: connection.key })
  }

  idle(connection: Connection): void {
    this.#members.feed({ kind: 'idle', link: connection.key })
  }

  heard(connection: Connection): void {
    this.membership.heard(connection.key, this.drive.now())
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
    if (attempt !== undefined && end.by === 'handshake') return this.#dialFailed(attempt, outcome, end.peerId)
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
        const whom = expect === undefined ? address : { ...address, peerId: expect }
        return void this.#dial(this.#attempts.first(whom, this.drive.now()))
      }
      case 'event':
        this.#dialer.told(output.message)
        return this.#options.happenings.emit(output.message)
      default:
        this.#connections.get(output.link)?.obey(output)
    }
  }

  // Pipes

  async #dial(attempt: Attempt): Promise<void> {
    const pipe = await this.#dialer.dial(attempt)
    if (pipe instanceof GuildError) this.#dialFailed(attempt, pipe)
    else if (pipe !== undefined) this.#connect(pipe, attempt)
  }

  #connect(pipe: Pipe, attempt?: Attempt): void {
    const key = this.#nextKey++
    const connection = new Connection({
      key,
      pipe,
      self: toward(this.#self, () => this.guests.linePortFor(pipe.remote.host)),
      drive: this.drive,
      events: this,
      plaintext: this.#plaintext,
      pace: this.#pace,
      onGone: () => {
        this.#connections.delete(key)
        this.#threshold.leave(key)
        if (this.#connections.size === 0) this.#allGone?.()
      },
      ...(attempt && { dial: { attempt, proceed: (...peer) => this.#objection(attempt, ...peer) } }),
    })
    this.#connections.set(key, connection)
    if (attempt !== undefined) return
    const gone = this.#threshold.enter(key, pipe.remote.host)
    if (gone !== undefined) this.#connections.get(gone)?.pipe.destroy()
  }

  #objection(attempt: Attempt, peerId: string, linkCount: number): GuildError | undefined {
    this.#attempts.worked(attempt)
    const objection = this.membership.objection(peerId, linkCount)
    return objection && new GuildError(objection.code, objection.detail)
  }

  #dialFailed(attempt: Attempt, error: GuildError, peerId?: string): void {
    const again = this.#attempts.next(attempt, error, this.drive.now())
    if (again !== undefined) return void this.#dial(again)
    this.#dialer.settle(attempt.address, error) // before membership tells the same without its cause
    this.#members.feed({
      kind: 'dialFailed',
      address: attempt.address,
      code: error.code,
      message: error.message,
      ...(peerId === undefined ? {} : { peerId }),
    })
  }

  // Facts

  #noteObserved(observed: Uint8Array): void {
    if (this.observed.size < OBSERVED_MAX) this.observed.add(formatAddress(decodeAddress(observed)))
  }

  #transports(): readonly Transport[] {
    const { config, runtime } = this.#options
    return runtime.network.transports.filter(one => config.transport.includes(one.name))
  }

  rtt(connection: Connection): number | undefined {
    return this.membership.rttOf(connection.proved!.peerId)
  }

  fault(error: GuildError): void {
    this.#options.happenings.emit({ event: 'error', code: error.code, message: error.message })
  }
}
