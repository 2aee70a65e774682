/**
 * The exchange: blocks from peers and for peers, by bitswap.
 *
 *   want, session ─▶ engine ─▶ ExchangePeer ─▶ streams ─▶ peers
 *                      ▲            │
 *        store ◀── verified ◀── bytes, hashed as they come
 *
 * Composition only: who is asked and served is decided in `protocols/bitswap`, bytes are moved
 * by `exchange-peer.ts`, kept by the store that is handed in. What comes is verified before it
 * is stored, and stored before anybody is told of it.
 *
 * Floor: node. Page: protocol/bitswap.md.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import { Bitswap } from '../protocols/bitswap/bitswap.ts'
import type {
  BitswapFigures,
  BitswapInput,
  BitswapOutput,
  LedgerFigures,
} from '../protocols/bitswap/messages.ts'
import type { Driven } from '../runtime/drive.ts'
import type { Stream } from '../streams/stream.ts'
import { BITSWAP_PROTOCOL } from '../wire/bitswap.ts'
import { blockKey, type CID, formatCid } from '../wire/cid.ts'
import type { Happenings } from './emitter.ts'
import { ExchangePeer, type PeerHost } from './exchange-peer.ts'
import { ExchangeSession, type SessionHost, type SessionOptions, type Waiter } from './exchange-session.ts'
import type { ExchangeStore } from './exchange-store.ts'
import type { Mesh } from './mesh.ts'
import type { EventOf } from './types.ts'

/** Bytes on their way into the store; above it nothing is read. */
const STORING_MOST = 16 * 1024 * 1024

export interface ExchangeOptions {
  readonly mesh: Mesh
  readonly happenings: Happenings
  readonly store: ExchangeStore
}

export interface WantOptions extends SessionOptions {
  /** A session of its own otherwise. */
  readonly session?: ExchangeSession | undefined
}

export interface WantedBlock {
  readonly cid: CID
  readonly priority: number
  /** PeerId of whom it was asked; undefined while nobody is. */
  readonly asked: string | undefined
}

export class Exchange {
  readonly #options: ExchangeOptions
  readonly #engine = new Bitswap()
  readonly #driven: Driven<BitswapInput>
  readonly #peers = new Map<string, ExchangePeer>()
  readonly #sessions = new Map<number, ExchangeSession>()
  /** Those that want blocks nobody waits for yet. */
  readonly #ahead = new Set<ExchangeSession>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #speaking = new Set<string>()
  readonly #peerHost: PeerHost
  readonly #sessionHost: SessionHost
  #lastSession = 0
  #storing = 0
  #stopped = false
  readonly #came = ({ peerId, transport }: EventOf<'peer-connected'>): void => {
    if (transport !== 'line') this.#up(peerId)
  }
  readonly #left = ({ peerId }: EventOf<'peer-disconnected'>): void => this.#down(peerId)
  readonly #speakAll = (): void => {
    const all = [...this.#speaking]
    this.#speaking.clear()
    for (const peer of all) this.#peers.get(peer)?.speak()
  }

  /** Answers peers from now on. One for a node: the id has one handler. */
  constructor(options: ExchangeOptions) {
    this.#options = options
    const { mesh, happenings, store } = options
    const feed = (input: BitswapInput): void => this.#feed(input)
    this.#driven = mesh.drive.run(this.#engine, output => this.#output(output))
    const { engine, storing } = { engine: this.#engine, storing: () => this.#storing }
    this.#peerHost = {
      engine,
      feed,
      now: () => mesh.drive.now(),
      open: peer => mesh.connectionOf(peer).streams!.open(BITSWAP_PROTOCOL),
      after: (wait, work) => mesh.drive.after(wait, work),
      get full() {
        return storing() > STORING_MOST
      },
    }
    this.#sessionHost = {
      store,
      feed,
      figures: session => this.#engine.session(session),
      add: (key, waiter) => this.#await(key, waiter),
      remove: (key, waiter) => this.#forget(key, waiter),
      ahead: session => void this.#ahead.add(session),
      closed: session => {
        this.#sessions.delete(session.id)
        this.#ahead.delete(session)
      },
    }
    happenings.on('peer-connected', this.#came)
    happenings.on('peer-disconnected', this.#left)
    mesh.router.handle(BITSWAP_PROTOCOL, (stream, peerId) => this.#attend(stream, peerId))
    for (const { peerId, transport } of mesh.peers()) if (transport !== 'line') this.#up(peerId)
  }

  /**
   * One block, verified and stored; out of the store when it is there. Errors as `ExchangeSession.get`.
   * Blocks that belong together are better asked for in one session.
   */
  async want(cid: CID, { session, ...options }: WantOptions = {}): Promise<Uint8Array> {
    if (session !== undefined) return session.get(cid, options)
    const own = this.session(options)
    try {
      return await own.get(cid)
    } finally {
      own.close()
    }
  }

  session(options: SessionOptions = {}): ExchangeSession {
    if (this.#stopped) throw new GuildError('GH_NODE_STATE', 'the exchange has ended')
    const session = new ExchangeSession(++this.#lastSession, this.#sessionHost, options)
    this.#sessions.set(session.id, session)
    return session
  }

  /** A block was put into the store by somebody else: who waits for it here or at a peer learns it. */
  has(cid: CID, size: number, { announce = false }: { readonly announce?: boolean } = {}): void {
    this.#feed({ kind: 'have', cid, size, announce })
    const key = blockKey(cid)
    if (this.#waiters.has(key)) void this.#hand(key, cid)
  }

  /** Tells every peer that a block is here. */
  async announce(cid: CID): Promise<void> {
    const size = await this.#options.store.size(cid)
    if (size === undefined) throw new GuildError('GH_BLOCK_MISSING', formatCid(cid))
    this.has(cid, size, { announce: true })
  }

  stats(): BitswapFigures {
    return this.#engine.figures()
  }

  wantList(): readonly WantedBlock[] {
    return this.#engine.wantList()
  }

  /** What went between us and each peer that is linked. */
  ledgers(): readonly LedgerFigures[] {
    return this.#engine.ledgers()
  }

  /** Everybody who waits is told; peers are told nothing more. May be called again. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    const { mesh, happenings } = this.#options
    happenings.off('peer-connected', this.#came)
    happenings.off('peer-disconnected', this.#left)
    mesh.router.unhandle(BITSWAP_PROTOCOL)
    const error = new GuildError('GH_NODE_STATE', 'the node stops')
    for (const session of [...this.#sessions.values()]) session.fail(error)
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
    this.#driven.stop()
  }

  // Peers

  #up(peerId: string): void {
    if (this.#stopped || this.#peers.has(peerId)) return
    this.#peers.set(peerId, new ExchangePeer(peerId, this.#peerHost))
    this.#feed({ kind: 'peer-up', peer: peerId })
  }

  #down(peerId: string): void {
    const peer = this.#peers.get(peerId)
    if (peer === undefined) return
    this.#peers.delete(peerId)
    peer.close()
    this.#feed({ kind: 'peer-down', peer: peerId })
  }

  #attend(stream: Stream, peerId: string): void {
    this.#up(peerId)
    this.#peers.get(peerId)!.attend(stream)
  }

  // The engine

  #feed(input: BitswapInput): void {
    this.#driven.feed(input)
    this.#driven.rearm()
  }

  #output(output: BitswapOutput): void {
    switch (output.kind) {
      case 'speak':
        // At the turn's end: whatever else is decided until then leaves in the same message.
        this.#speaking.add(output.peer)
        return this.#options.mesh.drive.defer(this.#speakAll)
      case 'look':
        return this.#look(output.peer, output.cids)
      case 'serve':
        return this.#serve(output)
      case 'store':
        return this.#store(output)
      case 'nowhere':
        return this.#sessions.get(output.session)?.nowhere(output.key, output.peers)
      case 'misdeed':
        return
    }
  }

  #look(peer: string, cids: readonly CID[]): void {
    const tell = (sizes: readonly (number | undefined)[]): void => {
      const blocks = cids.map((cid, i) => ({ key: blockKey(cid), size: sizes[i] }))
      this.#feed({ kind: 'found', peer, blocks })
    }
    this.#together(
      cids.map(cid => this.#options.store.size(cid)),
      tell,
    )
  }

  #serve({ peer, serving, pendingBytes }: Extract<BitswapOutput, { kind: 'serve' }>): void {
    const send = (bytes: readonly (Uint8Array | undefined)[]): void =>
      this.#peers.get(peer)?.send(serving, bytes, pendingBytes)
    this.#together(
      serving.blocks.map(({ cid }) => this.#options.store.read(cid, true)),
      send,
    )
  }

  /** All answers of the store at once, at once where they are there; what fails is not here. */
  #together<T>(
    answers: readonly (T | undefined | Promise<T | undefined>)[],
    then: (all: readonly (T | undefined)[]) => void,
  ): void {
    if (!answers.some(one => one instanceof Promise)) return then(answers as readonly (T | undefined)[])
    const orMissing = async (one: T | undefined | Promise<T | undefined>): Promise<T | undefined> => {
      try {
        return await one
      } catch (error) {
        this.#trouble(error)
        return undefined
      }
    }
    void Promise.all(answers.map(orMissing)).then(then)
  }

  /** A store that answers at once costs no promise: a small block is here sooner than one would be made. */
  #store({ cid, key, bytes }: Extract<BitswapOutput, { kind: 'store' }>): void {
    this.#storing += bytes.length
    const failed = (error: unknown): void => this.#stored(key, bytes, asGuildError(error, 'GH_STORE_FAILED'))
    let done: unknown
    try {
      done = this.#options.store.put(cid, bytes)
    } catch (error) {
      return failed(error)
    }
    if (done instanceof Promise) done.then(() => this.#stored(key, bytes), failed)
    else this.#stored(key, bytes)
  }

  #stored(key: string, bytes: Uint8Array, fault?: GuildError): void {
    const { length } = bytes
    if (fault !== undefined) this.#options.mesh.fault(fault)
    const wasFull = this.#storing > STORING_MOST
    this.#storing -= length
    this.#feed({ kind: 'stored', key, length, kept: fault === undefined })
    this.#land(key, bytes, fault)
    if (wasFull && this.#storing <= STORING_MOST) for (const peer of [...this.#peers.values()]) peer.read()
  }

  /** To those who wait for it. */
  #land(key: string, bytes: Uint8Array, fault?: GuildError): void {
    for (const session of this.#ahead) session.landed(key)
    const waiters = this.#waiters.get(key)
    if (waiters === undefined) return
    for (const waiter of [...waiters])
      if (fault === undefined) waiter.resolve(bytes)
      else waiter.reject(fault)
  }

  /** A block that somebody put: to those who wait for it. */
  async #hand(key: string, cid: CID): Promise<void> {
    let bytes: Uint8Array | undefined
    try {
      bytes = await this.#options.store.read(cid)
    } catch (error) {
      this.#trouble(error)
    }
    if (bytes !== undefined) this.#land(key, bytes)
  }

  #trouble(error: unknown): void {
    this.#options.mesh.fault(asGuildError(error, 'GH_STORE_FAILED'))
  }

  // Who waits

  #await(key: string, waiter: Waiter): void {
    let all = this.#waiters.get(key)
    if (all === undefined) {
      all = new Set()
      this.#waiters.set(key, all)
    }
    all.add(waiter)
  }

  #forget(key: string, waiter: Waiter): void {
    const all = this.#waiters.get(key)
    if (all?.delete(waiter) && all.size === 0) this.#waiters.delete(key)
  }
}
