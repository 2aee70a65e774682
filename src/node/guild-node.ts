/**
 * A node: the front door of the library.
 *
 *   createNode(options) ─▶ GuildNode ── start ─▶ running ── stop ─▶ stopped
 *
 * Options are checked and keys are loaded before the node exists, so that a node that
 * was made can be started. `await using` stops it. Everything that waits takes an
 * AbortSignal; every error has a `code`.
 *
 * Floor: node. Page: README.md.
 */
import { GuildError } from '../base/errors.ts'
import type { Runtime } from '../base/ports.ts'
import { checkChatText } from '../protocols/chat/chat.ts'
import { parseAddress } from '../wire/address.ts'
import { isProtocolId } from '../wire/stream-header.ts'
import { NodeBitswap } from './blocks/node-bitswap.ts'
import { NodeContents } from './blocks/node-contents.ts'
import type { Blocks, Files } from './blocks/types.ts'
import { type Companion, companionsOf, loadCompanions } from './companions.ts'
import { type Config, checkOptions } from './config.ts'
import { DirectMessages } from './direct-messages.ts'
import { Happenings } from './emitter.ts'
import type { Exchange } from './exchange.ts'
import type { AnyBlockstore } from './exchange-store.ts'
import type { GuildStream } from './guild-stream.ts'
import { identitySeedOf, swarmKeysOf } from './keys.ts'
import { NodeLog } from './log/lazy-log.ts'
import { type Held, hold, qlogOf, systemRuntime } from './made-of.ts'
import { Mesh } from './mesh.ts'
import type { NodeOptions } from './options.ts'
import type { Qlog } from './qlog.ts'
import { openStream, request, type StreamHandler, serve } from './streams.ts'
import { type TrackedPeer, toldBy } from './tracked-peers.ts'
import type { EventName, EventOf, NetworkInfo, NodeMessage, NodeStats, PeerInfo } from './types.ts'
import { statsOf } from './views.ts'

export interface WaitOptions {
  readonly signal?: AbortSignal
}

export interface RequestOptions extends WaitOptions {
  /** Most bytes of the answer. Default 1 MiB. */
  readonly maxBytes?: number
}

/**
 * Checks the options, takes the data directory, loads or makes the keys. Nothing is listened
 * to or dialled before `start`; a node that is never started is still to be stopped.
 * Rejects with GH_OPTION_INVALID, GH_ADDRESS_INVALID, GH_KEY_* or GH_STORE_*.
 */
export async function createNode(options: NodeOptions = {}): Promise<GuildNode> {
  const config = checkOptions(options)
  const runtime = config.runtime ?? (await systemRuntime())
  await loadCompanions(config)
  const directory = await hold(config)
  try {
    const swarmKeys = await swarmKeysOf(config, runtime)
    const identitySeed = await identitySeedOf(config, directory?.path, runtime)
    const qlog = await qlogOf(config, runtime)
    return new GuildNode({ config, runtime, swarmKeys, identitySeed, directory, qlog })
  } catch (error) {
    directory?.release()
    throw error
  }
}

interface Parts {
  readonly config: Config
  readonly runtime: Runtime
  readonly swarmKeys: readonly Uint8Array[]
  readonly identitySeed: Uint8Array
  readonly directory: Held | undefined
  readonly qlog: Qlog | undefined
}

export class GuildNode implements AsyncDisposable {
  /** The append-only log that every device of the mesh keeps the same. */
  readonly log: NodeLog
  readonly #config: Config
  readonly #runtime: Runtime
  readonly #swarmKeys: readonly Uint8Array[]
  readonly #mesh: Mesh
  readonly #direct: DirectMessages
  readonly #contents: NodeContents
  readonly #directory: Held | undefined
  readonly #identitySeed: Uint8Array
  readonly #happenings = new Happenings()
  readonly #startedAt: number
  readonly #now: () => number
  #state: 'made' | 'starting' | 'running' | 'stopped' = 'made'
  #stopping: Promise<void> | undefined
  #companions: readonly Companion[] = []
  /** Blocks: of the store, and of the peers where they are not there. The shape of `interface-blockstore` 7. */
  readonly blocks: Blocks
  /** Files and folders, by their CIDs. */
  readonly files: Files
  /** Single blocks by hand, and their figures. */
  readonly bitswap: NodeBitswap

  /** Use `createNode`. */
  constructor({ directory, ...parts }: Parts) {
    const { config, runtime, swarmKeys, qlog } = parts
    this.#config = config
    this.#runtime = runtime
    this.#swarmKeys = swarmKeys
    this.#identitySeed = parts.identitySeed
    this.#directory = directory
    this.#mesh = new Mesh({ ...parts, happenings: this.#happenings })
    if (qlog !== undefined) qlog.onError = error => this.#mesh.fault(error)
    this.#direct = new DirectMessages({ mesh: this.#mesh, runtime, happenings: this.#happenings })
    const beside = { mesh: this.#mesh, happenings: this.#happenings, dataDir: directory?.path }
    this.#contents = new NodeContents({ config, runtime, ...beside })
    this.blocks = this.#contents.blocks
    this.files = this.#contents.files
    const node = this
    this.bitswap = new NodeBitswap({
      contents: this.#contents,
      stats: () => this.stats(),
      networkInfo: () => this.networkInfo(),
      get addresses() {
        return node.addresses
      },
    })
    this.log = new NodeLog({ ...parts, ...beside })
    this.#now = () => runtime.clock.now()
    this.#startedAt = this.#now()
  }

  /** `12D3KooW…`: the Ed25519 identity as libp2p writes it. */
  get peerId(): string {
    return this.#mesh.peerId
  }

  get name(): string {
    return this.#mesh.name
  }

  /** The port it listens on; 0 before `start`, or when it does not listen. */
  get port(): number {
    return this.#mesh.port
  }

  /** Where people can type, `127.0.0.1:7000`; undefined without a line port. */
  get linePort(): string | undefined {
    return this.#mesh.guests.where
  }

  get maxPeers(): number {
    return this.#config.maxPeers
  }

  /** Seconds since it was made. */
  get uptimeSeconds(): number {
    return (this.#now() - this.#startedAt) / 1000
  }

  /** Multiaddrs others can dial. */
  get addresses(): readonly string[] {
    return this.#mesh.addresses
  }

  /** Connected peers, in the order they came. */
  get peers(): readonly PeerInfo[] {
    return this.#mesh.peers()
  }

  /** Everything that happens, in order, from the beginning; 1,024 unread ones are kept. */
  get messages(): AsyncIterableIterator<NodeMessage> {
    return this.#happenings.messages()
  }

  on<Name extends EventName>(event: Name, listener: (payload: EventOf<Name>) => void): this {
    this.#happenings.on(event, listener)
    return this
  }

  once<Name extends EventName>(event: Name, listener: (payload: EventOf<Name>) => void): this {
    this.#happenings.on(event, listener, true)
    return this
  }

  off<Name extends EventName>(event: Name, listener: (payload: EventOf<Name>) => void): this {
    this.#happenings.off(event, listener)
    return this
  }

  /** Listens, then looks for peers. Fails with GH_LISTEN_IN_USE when the port is taken. */
  async start({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#state !== 'made') throw new GuildError('GH_NODE_STATE', `start: the node is ${this.#state}`)
    throwIfAborted(signal, 'start')
    this.#state = 'starting'
    try {
      await this.#mesh.start()
      this.#contents.start()
      this.#companions = await companionsOf({
        config: this.#config,
        runtime: this.#runtime,
        swarmKeys: this.#swarmKeys,
        mesh: this.#mesh,
        happenings: this.#happenings,
        direct: this.#direct,
        contents: this.#contents,
        log: this.log,
        dataDir: this.#directory?.path,
        identitySeed: this.#identitySeed,
      })
      for (const companion of this.#companions) await companion.start()
      await this.log.start()
      throwIfAborted(signal, 'start')
    } catch (error) {
      await this.stop()
      throw error
    }
    if (this.#state !== 'starting')
      throw new GuildError('GH_NODE_STATE', 'the node was stopped while it started')
    this.#state = 'running'
    const { peerId, name, port, addresses } = this
    const linePort = this.#mesh.guests.where
    const line = linePort === undefined ? {} : { linePort }
    this.#happenings.emit({ event: 'system-start', peerId, name, port, addresses, ...line })
    this.#mesh.join()
  }

  /** Says goodbye to every peer and closes everything, in half a second at most. May be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Chat to all: at most 16 KiB of UTF-8. Reaches peers that are linked now, and through them those that are not. */
  broadcast(text: string): void {
    checkChatText(text)
    this.#running('broadcast')
    this.#mesh.say(text)
  }

  /**
   * A message to one peer, at most as long as chat: resolves once the peer says that it was shown.
   * `to` is a PeerId, at least 14 characters of one, or a name that only one peer has.
   */
  async send(to: string, text: string, { signal }: WaitOptions = {}): Promise<PeerInfo> {
    this.#running('send')
    return await this.#direct.send(to, text, signal)
  }

  /**
   * Dials an address and waits until the peer is linked. Rejects with the exact reason: GH_DIAL_*,
   * GH_HANDSHAKE_*, GH_REFUSED_* (DUPLICATE: the peer is linked by another address), GH_ABORTED.
   */
  async connect(address: string, { signal }: WaitOptions = {}): Promise<PeerInfo> {
    const parsed = parseAddress(address)
    this.#running('connect')
    const peerId = await this.#mesh.connect(parsed, signal)
    const peer = this.peers.find(one => one.peerId === peerId)
    if (peer === undefined) throw new GuildError('GH_LINK_CLOSED', `${peerId} left again`)
    return peer
  }

  /**
   * Looks for one peer behind several addresses: those of the stage that `dial` puts first, three rounds of
   * them, then the others. Rejects with the first reason. This version dials no circuits through relays yet.
   */
  async reach(
    addresses: readonly string[],
    { signal, peerId: expected }: WaitOptions & { readonly peerId?: string } = {},
  ): Promise<PeerInfo> {
    this.#running('reach')
    const { reachOne } = await import('./reach.ts')
    const peerId = await reachOne(this.#mesh, this.#happenings, {
      addresses,
      expected,
      strategy: this.#config.dial,
      random: this.#runtime.random,
      signal,
    })
    const peer = this.peers.find(one => one.peerId === peerId)
    if (peer === undefined) throw new GuildError('GH_LINK_CLOSED', `${peerId} left again`)
    return peer
  }

  /** Whom the trackers tell of now; where they are silent, whom they told of within a week. None without `trackers`; rejects with GH_TRACKER_* when none answers and nobody is known. */
  async lookup({ signal }: WaitOptions = {}): Promise<readonly TrackedPeer[]> {
    this.#running('lookup')
    return await toldBy(this.#companions, signal)
  }

  /** Ends the links to a peer. It is not dialled again until someone asks for it. */
  disconnect(peerId: string): void {
    this.#running('disconnect')
    if (!this.peers.some(peer => peer.peerId === peerId)) throw new GuildError('GH_PEER_UNKNOWN', peerId)
    this.#mesh.disconnect(peerId)
  }

  /** Asks every peer whom it knows, now. */
  discover(): void {
    this.#running('discover')
    this.#mesh.discover()
  }

  /** Answers streams of a protocol id such as `/echo/1`. A handler that throws loses its stream, not the node. */
  handle(protocol: string, handler: StreamHandler): void {
    serve(this.#mesh, protocol, handler)
  }

  unhandle(protocol: string): void {
    this.#mesh.router.unhandle(protocol)
  }

  /** A byte stream to a peer; its first bytes may be written at once, without a round trip. */
  async open(peerId: string, protocol: string, { signal }: WaitOptions = {}): Promise<GuildStream> {
    throwIfAborted(signal, 'open')
    this.#running('open')
    if (!isProtocolId(protocol))
      throw new GuildError('GH_OPTION_INVALID', `protocol id "${protocol}": use /name/version`)
    return openStream(this.#mesh, peerId, protocol, signal)
  }

  /** One message, one answer, on a stream of their own. Rejects with GH_PEER_UNKNOWN, GH_STREAM_*, GH_LINK_* or GH_ABORTED. */
  async request(
    peerId: string,
    protocol: string,
    message: Uint8Array,
    options: RequestOptions = {},
  ): Promise<Uint8Array> {
    const stream = await this.open(peerId, protocol, options)
    return request(stream, message, options.maxBytes ?? 1024 * 1024)
  }

  /**
   * Blocks to and from peers below `blocks` and `files`: sessions, ledgers, the want-list. With a `store` it works over that one
   * instead of the node's, and has to be asked for before anything else touches a block. It ends with the node.
   */
  async exchange(store?: AnyBlockstore): Promise<Exchange> {
    return store === undefined ? this.#contents.exchange() : this.#contents.exchangeOver(store)
  }

  stats(): NodeStats {
    return statsOf(this.#mesh, this.#contents, this.#happenings)
  }

  networkInfo(): NetworkInfo {
    return {
      localPeerId: this.peerId,
      connectedPeers: this.peers.map(peer => ({ id: peer.peerId, connected: true, address: peer.address })),
      listenAddrs: this.addresses,
      observedAddrs: [...this.#mesh.observed],
    }
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped'
    try {
      await Promise.all(this.#companions.map(companion => companion.stop()))
      await this.#contents.stop()
      await this.log.stop()
      await this.#mesh.stop()
    } finally {
      this.#directory?.release()
      this.#happenings.end()
    }
  }

  #running(what: string): void {
    if (this.#state !== 'running')
      throw new GuildError('GH_NODE_STATE', `${what}: the node is ${this.#state}; call start() first`)
  }
}

function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new GuildError('GH_ABORTED', what, { cause: signal.reason })
}
