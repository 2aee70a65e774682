/**
 * The line port: where people without a node join by hand, `nc 127.0.0.1 7000`.
 *
 *   nc ── line link ──┐
 *   nc ── line link ──┼── line port ── say ──▶ mesh ──▶ nodes, and their guests
 *                     └◀──── chat-message, own words ◀──┘
 *
 * This node is the gateway: it vouches for its guests. Whatever is said in the mesh is
 * shown to each of them, and what one of them says to all the others too.
 *
 * It binds loopback unless told otherwise: nothing on it is encrypted or proved. Guests count
 * towards `maxPeers`; before their first line they wait at a threshold like anybody.
 *
 * Floor: node. Page: protocol/line.md (spec: LINE-7, LINE-8).
 */
import { asGuildError } from '../base/errors.ts'
import type { Endpoint, Pipe, Runtime } from '../base/ports.ts'
import { chatLine } from '../link/line-link.ts'
import type { LineFacts } from '../link/line-words.ts'
import { Threshold } from '../link/threshold.ts'
import { partings } from '../membership/partings.ts'
import { hostKind, hostPort } from '../wire/address.ts'
import { limits } from '../wire/limits.ts'
import type { LineRefusal } from '../wire/line.ts'
import type { Config } from './config.ts'
import type { Happenings } from './emitter.ts'
import { type Guests, nobody, portFor } from './guests.ts'
import { LineGuest } from './line-guest.ts'
import type { Mesh } from './mesh.ts'
import type { EventOf, PeerInfo } from './types.ts'

/** Guests are pinged every so many intervals: 15 s by default, for people type slowly. */
const INTERVALS = 3
/** How long `stop` waits for guests to read the end. */
const STOPPING = 200

export interface LinePortOptions {
  readonly config: Config
  readonly port: number
  readonly mesh: Mesh
  readonly runtime: Runtime
  readonly happenings: Happenings
}

/** A companion of the mesh, and its guests. */
export class LinePort implements Guests {
  readonly #options: LinePortOptions
  /** Of guests that are gone. */
  readonly #past = { bytesIn: 0, bytesOut: 0, dropped: 0 }
  /** Every open pipe, and those that are let in by their id. */
  readonly #pipes = new Map<number, LineGuest>()
  readonly #guests = new Map<string, LineGuest>()
  readonly #threshold = new Threshold()
  readonly #onChat = (event: EventOf<'chat-message'>): void =>
    this.tell(event.name, event.message, event.from)
  #listener: { readonly endpoints: readonly Endpoint[]; close(): Promise<void> } | undefined
  #nextKey = 1
  #allGone: (() => void) | undefined

  constructor(options: LinePortOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#guests.size
  }

  get bytesIn(): number {
    return this.#sum(this.#past.bytesIn, guest => guest.bytesIn)
  }

  get bytesOut(): number {
    return this.#sum(this.#past.bytesOut, guest => guest.bytesOut)
  }

  get dropped(): number {
    return this.#sum(this.#past.dropped, guest => guest.link.dropped)
  }

  get where(): string | undefined {
    const [endpoint] = this.#listener?.endpoints ?? []
    return endpoint && hostPort(endpoint)
  }

  async start(): Promise<void> {
    const { config, port, mesh, runtime, happenings } = this.#options
    const tcp = runtime.network.transports.find(({ name }) => name === 'tcp')!
    this.#listener = await tcp.listen({
      hosts: config.lineHosts,
      port,
      onPipe: pipe => this.#enter(pipe),
      onError: error => mesh.fault(asGuildError(error, 'GH_LISTEN_FAILED')),
    })
    mesh.guests = this
    happenings.on('chat-message', this.#onChat)
  }

  async stop(): Promise<void> {
    const { mesh, happenings } = this.#options
    happenings.off('chat-message', this.#onChat)
    const closing = this.#listener?.close()
    for (const guest of [...this.#pipes.values()])
      guest.feed({ kind: 'close', reason: partings.stopped.reason })
    if (this.#pipes.size > 0)
      await new Promise<void>(resolve => {
        this.#allGone = resolve
        mesh.drive.after(STOPPING, resolve)
      })
    for (const guest of this.#pipes.values()) guest.pipe.destroy()
    await closing
    mesh.guests = nobody
  }

  // What the mesh asks

  peers(): PeerInfo[] {
    return [...this.#guests].map(([id, guest]) => guest.info(this.#peerId(id)))
  }

  tell(name: string, text: string, from: string): void {
    const line = chatLine(name, text)
    for (const [id, guest] of this.#guests)
      if (this.#peerId(id) !== from) guest.feed({ kind: 'tell', line, from })
  }

  disconnect(peerId: string): boolean {
    for (const [id, guest] of this.#guests) {
      if (this.#peerId(id) !== peerId) continue
      guest.feed({ kind: 'close', reason: partings.disconnected.reason })
      return true
    }
    return false
  }

  makeRoom(): boolean {
    const newest = [...this.#guests.values()].at(-1)
    newest?.feed({ kind: 'close', reason: partings.yielded.reason, refusal: 'MAX_PEERS' })
    return newest !== undefined
  }

  linePortFor(host: string): number {
    return portFor(this.#listener?.endpoints ?? [], host)
  }

  // Guests

  #enter(pipe: Pipe): void {
    const { config, mesh, runtime } = this.#options
    const key = this.#nextKey++
    const { peerTimeout } = config
    const guest: LineGuest = new LineGuest({
      pipe,
      drive: mesh.drive,
      random: runtime.random,
      interval: Math.min(INTERVALS * config.interval, peerTimeout / 2),
      patience: peerTimeout,
      teach: config.teach,
      facts: () => this.#facts(),
      admit: (id, name) => this.#admit(key, guest, id, name),
      peers: () => this.#linePorts(pipe),
      heard: output => {
        const { id, name } = guest.link
        if (output.kind === 'chat') mesh.say(output.text, { line: id, name })
        else if (output.kind === 'debug') this.#debug(output.message)
        else this.#left(guest, output.reason, output.silent)
      },
      onGone: () => {
        this.#pipes.delete(key)
        this.#threshold.leave(key)
        this.#past.bytesIn += guest.bytesIn
        this.#past.bytesOut += guest.bytesOut
        this.#past.dropped += guest.link.dropped
        if (this.#pipes.size === 0) this.#allGone?.()
      },
    })
    this.#pipes.set(key, guest)
    const gone = this.#threshold.enter(key, pipe.remote.host)
    if (gone !== undefined) this.#pipes.get(gone)?.pipe.destroy()
  }

  #admit(key: number, guest: LineGuest, id: string, name: string): LineRefusal | undefined {
    const { config, mesh, happenings } = this.#options
    this.#threshold.leave(key)
    const before = this.#guests.get(id)
    if (before !== undefined) {
      // Perhaps that one is dead, and nobody has noticed: ask.
      mesh.drive.defer(() => before.feed({ kind: 'probe' }))
      return 'DUPLICATE'
    }
    const { maxPeers } = config
    if (mesh.membership.linkCount + this.#guests.size >= maxPeers) return 'MAX_PEERS'
    this.#guests.set(id, guest)
    const peerId = this.#peerId(id)
    const { address, transport, direction } = guest.info(peerId)
    const peers = this.#taken()
    happenings.emit({ event: 'peer-connected', peerId, name, address, transport, direction, peers, maxPeers })
    return undefined
  }

  #left(guest: LineGuest, reason: string, silent: boolean): void {
    const { happenings } = this.#options
    const { id, name } = guest.link
    const peerId = this.#peerId(id)
    this.#guests.delete(id)
    if (silent) happenings.emit({ event: 'maintenance-cleanup', peerId, name, reason })
    happenings.emit({ event: 'peer-disconnected', peerId, name, reason, peers: this.#taken() })
  }

  /** Line ports of linked nodes, as this guest can reach them. */
  #linePorts(pipe: Pipe): string[] {
    const near = hostKind(pipe.remote.host) === 'loopback'
    const places = this.#options.mesh
      .linePorts()
      // What is on this machine is, for somebody elsewhere, where they reached us (C12).
      .map(({ host, port }) => ({
        host: near || hostKind(host) !== 'loopback' ? host : pipe.local.host,
        port,
      }))
      .filter(({ host }) => !host.includes('%'))
    return [...new Set(places.map(hostPort))].slice(0, limits.peersPerFrame)
  }

  #facts(): LineFacts {
    const { mesh, config } = this.#options
    return {
      name: mesh.name,
      peerId: mesh.peerId,
      peers: mesh.membership.linkCount,
      guests: this.#guests.size,
      patience: config.peerTimeout / 1000,
    }
  }

  #peerId(id: string): string {
    return `line:${id}@${this.#options.mesh.peerId}`
  }

  #taken(): number {
    return this.#options.mesh.membership.linkCount + this.#guests.size
  }

  #sum(past: number, of: (guest: LineGuest) => number): number {
    let sum = past
    for (const guest of this.#pipes.values()) sum += of(guest)
    return sum
  }

  #debug(message: string): void {
    const { happenings } = this.#options
    if (happenings.wanted('debug')) happenings.emit({ event: 'debug', message })
  }
}
