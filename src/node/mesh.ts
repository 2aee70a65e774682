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
import type { Listener, Pipe, Runtime, Transport } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import { Freshness } from '../link/freshness.ts'
import type { Proved } from '../link/handshake.ts'
import type { LinkEnd } from '../link/link-end.ts'
import type { Self } from '../link/self.ts'
import { createSwarm } from '../link/swarm.ts'
import { Membership } from '../membership/membership.ts'
import type { MembershipInput, MembershipOutput, Proof } from '../membership/messages.ts'
import { Chat, type ChatInput, type ChatLink, type ChatOutput } from '../protocols/chat/chat.ts'
import { Router } from '../router/router.ts'
import { Drive, type Driven } from '../runtime/drive.ts'
import type { Stream } from '../streams/stream.ts'
import {
  type Address,
  addressKey,
  decodeAddress,
  encodeAddress,
  formatAddress,
  hostKind,
} from '../wire/address.ts'
import { encodeChat } from '../wire/frames/chat.ts'
import type { MeshFrames } from '../wire/frames/index.ts'
import { encodeMesh, encodePeers, encodeRequestPeers, type PeerEntry } from '../wire/frames/peers.ts'
import { encodePing } from '../wire/frames/ping.ts'
import { limits } from '../wire/limits.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import { closeCodes, type Refusal } from '../wire/registry.ts'
import type { Config } from './config.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import type { Happenings } from './emitter.ts'
import type { NodeStats, PeerInfo } from './types.ts'

/** How peers say they see us: one a transport and network is plenty. */
const OBSERVED_MAX = 32

export interface MeshOptions {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKey: Uint8Array
  readonly identitySeed: Uint8Array
  readonly happenings: Happenings
}

/** A person's `connect`, waiting for its outcome. */
interface Waiter {
  readonly key: string
  done(outcome: GuildError | string): void
}

export class Mesh implements ConnectionEvents {
  readonly peerId: string
  readonly router: Router = new Router()
  readonly drive: Drive
  readonly membership: Membership
  name: string
  bytesIn = 0
  bytesOut = 0
  strangersRefused = 0
  dropped = 0
  readonly observed = new Set<string>()
  readonly #options: MeshOptions
  readonly #self: Self
  readonly #members: Driven<MembershipInput>
  readonly #chat: Driven<ChatInput>
  readonly #connections = new Map<number, Connection>()
  readonly #dials = new Map<string, AbortController>()
  readonly #waiters = new Set<Waiter>()
  readonly #plaintext = new ByteWriter(new Uint8Array(limits.recordPlaintext))
  #listeners: { listener: Listener; transport: Transport }[] = []
  #port = 0
  #nextKey = 1
  #stopping = false
  #allGone: (() => void) | undefined

  constructor(options: MeshOptions) {
    this.#options = options
    const { config, runtime, swarmKey, identitySeed } = options
    const { suite, random, clock, scheduler } = runtime
    this.drive = new Drive(clock, scheduler)
    const identity = suite.identity(identitySeed)
    this.peerId = peerIdFromKey(identity.publicKey)
    this.name = config.name ?? 'peer'
    this.#self = {
      suite,
      random,
      identity,
      staticKey: suite.keyPair(random.bytes(32)),
      swarms: [createSwarm(suite, swarmKey)],
      freshness: new Freshness(clock.now()),
      wall: () => clock.wall(),
      hello: () => ({
        name: this.name,
        tcpPort: this.#port,
        udpPort: 0,
        linePort: 0,
        linkCount: this.membership.peers().length,
      }),
    }
    this.membership = new Membership({
      ownKey: identity.publicKey,
      ownId: this.peerId,
      ownName: config.name ?? 'peer',
      own: () => this.#listening(),
      announce: config.announce,
      random,
      maxPeers: config.maxPeers,
      interval: config.interval,
      peerTimeout: config.peerTimeout,
      discoveryInterval: config.discoveryInterval,
      maintenanceInterval: config.maintenanceInterval,
    })
    this.#members = this.drive.run(this.membership, output => this.#membershipSays(output))
    this.#chat = this.drive.run(
      new Chat({ suite, identity, name: () => this.name, links: () => this.#chatLinks() }),
      output => this.#chatSays(output),
    )
  }

  get port(): number {
    return this.#port
  }

  /** Multiaddrs others can dial, with our peer id. */
  get addresses(): string[] {
    const { announce } = this.#options.config
    const own = announce.length > 0 ? announce : this.#listening()
    return own.map(address => formatAddress({ ...address, peerId: this.peerId }))
  }

  /** Connected peers, in the order of their keys. */
  peers(): PeerInfo[] {
    return this.membership.peers().map(peer => {
      const link = this.#connections.get(peer.link)?.link
      return {
        peerId: peer.peerId,
        name: peer.name,
        address: formatAddress(peer.address),
        transport: peer.transport,
        direction: peer.direction,
        rttMs: peer.rttMs,
        bytesIn: link?.bytesIn ?? 0,
        bytesOut: link?.bytesOut ?? 0,
      }
    })
  }

  stats(): Omit<NodeStats, 'events_dropped'> {
    let { bytesIn, bytesOut, dropped } = this
    for (const { link } of this.#connections.values()) {
      bytesIn += link.bytesIn
      bytesOut += link.bytesOut
      dropped += link.dropped
    }
    return {
      blocks_sent: 0,
      blocks_received: 0,
      peers_connected: this.membership.peers().length,
      want_list_size: 0,
      strangers_refused: this.strangersRefused,
      bytes_in: bytesIn,
      bytes_out: bytesOut,
      messages_dropped: dropped,
    }
  }

  /** Listens. */
  async start(): Promise<void> {
    const { config } = this.#options
    if (config.hosts !== undefined) {
      for (const transport of this.#transports()) {
        const listener = await transport.listen({
          hosts: config.hosts,
          port: this.#port === 0 ? config.port : this.#port,
          onPipe: pipe => this.#accept(pipe),
          onError: error => this.fault(asGuildError(error, 'GH_LISTEN_FAILED')),
        })
        this.#listeners.push({ listener, transport })
        this.#port = listener.endpoints[0]?.port ?? this.#port
      }
    }
    if (config.name === undefined) this.name = `peer-${this.#port}`
  }

  /** Begins to look for peers. */
  join(): void {
    const { bootstrap } = this.#options.config
    this.membership.debug = this.#options.happenings.wanted('debug')
    this.#members.feed({ kind: 'start' })
    if (bootstrap.length > 0)
      this.#members.feed({ kind: 'learned', addresses: bootstrap, source: 'bootstrap' })
  }

  /** Goodbyes to all, then at most half a second for them to be on their way. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    for (const dial of this.#dials.values()) dial.abort()
    const closing = this.#listeners.map(({ listener }) => listener.close())
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
    for (const waiter of this.#waiters) waiter.done(new GuildError('GH_NODE_STATE', 'the node stops'))
    await Promise.all(closing)
    this.drive.stop()
  }

  say(text: string): void {
    this.#chat.feed({ kind: 'say', text, wall: this.#options.runtime.clock.wall() })
  }

  discover(): void {
    this.#members.feed({ kind: 'discover' })
  }

  disconnect(peerId: string): void {
    this.#members.feed({ kind: 'disconnect', peerId })
  }

  /** Dials for a person: resolves with the peer's id once it is linked, or fails as the dial did. */
  connect(address: Address, signal?: AbortSignal): Promise<string> {
    const key = addressKey(address)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        key,
        done: outcome => {
          this.#waiters.delete(waiter)
          signal?.removeEventListener('abort', aborted)
          if (typeof outcome === 'string') resolve(outcome)
          else reject(outcome)
        },
      }
      const aborted = (): void =>
        waiter.done(new GuildError('GH_ABORTED', 'connect', { cause: signal?.reason }))
      if (signal?.aborted) return aborted()
      signal?.addEventListener('abort', aborted, { once: true })
      const linked = this.membership.peers().find(peer => addressKey(peer.address) === key)
      if (linked !== undefined) return waiter.done(linked.peerId)
      this.#waiters.add(waiter)
      this.drive.after(2 * this.#options.config.connectTimeout, () =>
        waiter.done(new GuildError('GH_DIAL_TIMEOUT', formatAddress(address))),
      )
      this.#members.feed({ kind: 'learned', addresses: [address], source: 'person' })
    })
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
    this.#members.feed({ kind: 'proved', ...this.#facts(connection, proved) })
  }

  accepted(connection: Connection, proved: Proved, observed: Uint8Array): void {
    if (observed.length > 0) this.#noteObserved(observed)
    const dialled = connection.dialled!
    this.#members.feed({ kind: 'accepted', ...this.#facts(connection, proved), dialled })
    this.#settle(addressKey(dialled), proved.peerId)
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
      chat: chat => this.#chat.feed({ kind: 'heard', link, chat }),
    }
  }

  ended(connection: Connection, end: LinkEnd, stranger: boolean): void {
    this.bytesIn += connection.link.bytesIn
    this.bytesOut += connection.link.bytesOut
    this.dropped += connection.link.dropped
    if (stranger) this.strangersRefused++
    this.#chat.feed({ kind: 'gone', link: connection.key })
    const { dialled } = connection
    const outcome = end.error
    if (dialled !== undefined && end.by === 'handshake')
      return this.#dialFailed(dialled, outcome, connection.peerId)
    if (dialled !== undefined) this.#settle(addressKey(dialled), outcome)
    this.#members.feed({
      kind: 'down',
      link: connection.key,
      code: outcome.code,
      byPeer: end.by === 'remote',
      goodbye: end.goodbye,
      detail: outcome.message,
    })
  }

  // What the cores want

  #membershipSays(output: MembershipOutput): void {
    switch (output.kind) {
      case 'dial':
        void this.#dial(output.address)
        return
      case 'event':
        return this.#options.happenings.emit(output.message)
      default:
        break
    }
    const connection = this.#connections.get(output.link)
    if (connection === undefined) return
    switch (output.kind) {
      case 'admit':
        return connection.feed({ kind: 'admit', observed: encodeAddress(remoteOf(connection.pipe)) })
      case 'refuse':
        return connection.feed(output)
      case 'ping':
        return this.#send(connection, w => encodePing(w, output.nonce))
      case 'requestPeers':
        return this.#send(connection, encodeRequestPeers)
      case 'peers':
        return this.#send(connection, w => encodePeers(w, output.entries))
      case 'mesh':
        return this.#send(connection, w => encodeMesh(w, output.linked, output.known))
      case 'drain':
        return connection.feed({ kind: 'drain' })
      case 'close':
        return connection.feed({
          kind: 'close',
          code: output.code,
          error: new GuildError('GH_LINK_CLOSED', output.detail),
        })
    }
  }

  /** Every linked peer; `partial` where a copy of ours may be the only one. */
  #chatLinks(): ChatLink[] {
    const missing = new Set(this.membership.partialLinks())
    const { partial } = this.membership
    return this.membership.peers().map(({ link }) => ({ link, partial: partial || missing.has(link) }))
  }

  #chatSays(output: ChatOutput): void {
    switch (output.kind) {
      case 'send':
        for (const link of output.links) {
          const connection = this.#connections.get(link)
          if (connection !== undefined) this.#send(connection, w => encodeChat(w, output.chat), true)
        }
        return
      case 'message':
        return this.#options.happenings.emit({ event: 'chat-message', ...output.message })
      case 'dropped':
        this.dropped++
        return
    }
  }

  #send(connection: Connection, encode: (w: ByteWriter) => void, droppable = false): void {
    connection.link.send(encode, droppable)
    connection.flushSoon()
  }

  // Pipes

  #accept(pipe: Pipe): void {
    if (this.#stopping) return pipe.destroy()
    this.#connect(pipe)
  }

  async #dial(address: Address): Promise<void> {
    const key = addressKey(address)
    const transport = this.#transports().find(one => one.name === address.transport)
    if (transport === undefined)
      return this.#dialFailed(address, new GuildError('GH_DIAL_FAILED', `no transport ${address.transport}`))
    const { connectTimeout } = this.#options.config
    const abort = new AbortController()
    this.#dials.set(key, abort)
    const started = this.drive.now()
    const cancel = this.drive.after(connectTimeout, () =>
      abort.abort(new GuildError('GH_DIAL_TIMEOUT', formatAddress(address))),
    )
    try {
      const pipe = await transport.dial({ host: address.host, port: address.port, signal: abort.signal })
      if (this.#stopping) return pipe.destroy()
      this.#connect(pipe, address, Math.max(1, connectTimeout - (this.drive.now() - started)))
    } catch (error) {
      const reason: unknown = abort.signal.aborted ? abort.signal.reason : error
      if (!this.#stopping) this.#dialFailed(address, asGuildError(reason, 'GH_DIAL_FAILED'))
    } finally {
      cancel()
      this.#dials.delete(key)
    }
  }

  #connect(pipe: Pipe, address?: Address, timeout = 0): void {
    const key = this.#nextKey++
    const connection = new Connection({
      key,
      pipe,
      self: this.#self,
      drive: this.drive,
      events: this,
      plaintext: this.#plaintext,
      onGone: () => {
        this.#connections.delete(key)
        if (this.#connections.size === 0) this.#allGone?.()
      },
      ...(address === undefined
        ? {}
        : { dial: { address, timeout, proceed: peerId => this.#mayProceed(peerId) } }),
    })
    this.#connections.set(key, connection)
  }

  #mayProceed(peerId: string): GuildError | undefined {
    return this.membership.mayProceed(peerId) ? undefined : new GuildError('GH_REFUSED_DUPLICATE', peerId)
  }

  #dialFailed(address: Address, error: GuildError, peerId?: string): void {
    this.#members.feed({
      kind: 'dialFailed',
      address,
      code: error.code,
      message: error.message,
      ...(peerId === undefined ? {} : { peerId }),
    })
    this.#settle(addressKey(address), error)
  }

  #settle(key: string, outcome: GuildError | string): void {
    for (const waiter of [...this.#waiters]) if (waiter.key === key) waiter.done(outcome)
  }

  // Facts

  #facts(connection: Connection, proved: Proved): Proof {
    const address = remoteOf(connection.pipe)
    const { identityKey, name, tcpPort, linkCount } = proved.hello
    return {
      link: connection.key,
      peerKey: identityKey,
      peerId: proved.peerId,
      name,
      staticKey: proved.staticKey,
      address,
      listenAddress: tcpPort === 0 ? undefined : { ...address, port: tcpPort },
      linkCount,
    }
  }

  /** Where we listen, each interface by its own address. */
  #listening(): Address[] {
    const { runtime } = this.#options
    const all = this.#listeners.flatMap(({ listener, transport }) =>
      listener.endpoints.flatMap(({ host, port }) =>
        (hostKind(host) === 'unspecified' ? interfaceHosts(runtime, host) : [host]).map(one => ({
          transport: transport.name,
          host: one,
          port,
        })),
      ),
    )
    return [...new Map(all.map(address => [addressKey(address), address])).values()]
  }

  #noteObserved(observed: Uint8Array): void {
    if (this.observed.size < OBSERVED_MAX) this.observed.add(formatAddress(decodeAddress(observed)))
  }

  #transports(): readonly Transport[] {
    const { config, runtime } = this.#options
    return runtime.network.transports.filter(one => config.transport.includes(one.name))
  }

  rtt(connection: Connection): number | undefined {
    return this.membership.peers().find(peer => peer.link === connection.key)?.rttMs
  }

  fault(error: GuildError): void {
    this.#options.happenings.emit({ event: 'error', code: error.code, message: error.message })
  }
}

function remoteOf(pipe: Pipe): Address {
  return { transport: pipe.transport, host: pipe.remote.host, port: pipe.remote.port }
}

/** The addresses of our interfaces in the family of `any`: what 0.0.0.0 or :: stands for. */
function interfaceHosts(runtime: Runtime, any: string): string[] {
  const v6 = any.includes(':')
  const all = runtime.network.interfaces().filter(one => one.address.includes(':') === v6)
  const outward = all.filter(one => !one.internal && hostKind(one.address) !== 'linkLocal')
  return [...all.filter(one => one.internal), ...outward].map(one => one.address)
}
