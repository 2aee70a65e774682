/**
 * Where a node listens: one port number on every transport and host that was asked for.
 *
 *   tcp 0.0.0.0, ::  ─▶ the number (the system's choice for port 0) ─▶ udp 0.0.0.0, :: at the same
 *        ▲─────────── taken there, and the system chose: close all, again ───────────┘
 *
 * Floor: node.
 */
import type { Millis } from '../base/machine.ts'
import type { Listener, Pipe, Runtime, Transport } from '../base/ports.ts'
import { type Address, addressKey, hostKind } from '../wire/address.ts'
import { DatagramSockets, type DatagramSocketsOptions, isTaken, PORT_TRIES } from './datagram-sockets.ts'

/** How long an interface that came or went may be missed. */
const KNOWN_FOR: Millis = 1_000

export interface ListeningOptions {
  readonly runtime: Runtime
  readonly transports: readonly Transport[]
  /** IP addresses; empty means all. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly onPipe: (pipe: Pipe) => void
  readonly onError: (error: Error) => void
  /** UDP too, at the same number: who takes the datagrams. Default: no UDP. */
  readonly udp?: Pick<DatagramSocketsOptions, 'datagrams' | 'onDatagram'>
}

export class Listening {
  readonly #listeners: { readonly listener: Listener; readonly transport: string }[] = []
  #sockets: DatagramSockets | undefined
  #runtime: Runtime | undefined
  #starting: Promise<void> | undefined
  #closed = false
  #known: { readonly addresses: readonly Address[]; readonly until: Millis } | undefined
  /** 0 while nothing listens. */
  port = 0

  start(options: ListeningOptions): Promise<void> {
    this.#starting = this.#start(options)
    return this.#starting
  }

  /** The UDP sockets, while there are any. */
  get sockets(): DatagramSockets | undefined {
    return this.#sockets
  }

  async #start(options: ListeningOptions): Promise<void> {
    this.#runtime = options.runtime
    for (let tries = 1; !this.#closed; tries++) {
      try {
        return await this.#listen(options)
      } catch (error) {
        await this.#stop()
        this.port = 0
        if (options.port !== 0 || !isTaken(error) || tries === PORT_TRIES) throw error
      }
    }
  }

  async #listen({ transports, hosts, port, onPipe, onError, udp }: ListeningOptions): Promise<void> {
    for (const transport of transports) {
      const listener = await transport.listen({ hosts, port: this.port || port, onPipe, onError })
      this.#listeners.push({ listener, transport: transport.name })
      this.#known = undefined
      this.port = listener.endpoints[0]?.port ?? this.port
      if (this.#closed) return
    }
    if (udp === undefined) return
    this.#sockets = await DatagramSockets.open({ ...udp, hosts, port: this.port || port, onError })
    this.#known = undefined
    this.port = this.#sockets.port
  }

  /**
   * Every address that can be dialled, each interface by its own, none twice. They are asked for
   * with every address that a peer tells, and the system is asked once a second.
   */
  addresses(): readonly Address[] {
    const now = this.#runtime?.clock.now() ?? 0
    if (this.#known === undefined || now >= this.#known.until)
      this.#known = { addresses: this.#addresses(), until: now + KNOWN_FOR }
    return this.#known.addresses
  }

  #addresses(): Address[] {
    const bound = this.#listeners.flatMap(({ listener, transport }) =>
      listener.endpoints.map(endpoint => ({ ...endpoint, transport })),
    )
    for (const { local } of this.#sockets?.all ?? []) bound.push({ ...local, transport: 'udp' })
    const all = bound.flatMap(({ host, port, transport }) =>
      this.#hosts(host).map(one => ({ transport, host: one, port })),
    )
    return [...new Map(all.map(address => [addressKey(address), address])).values()]
  }

  /** Nobody new by a listener, nor by one that is just being opened. The UDP sockets stay, for goodbyes leave by them. */
  async unlisten(): Promise<void> {
    this.#closed = true
    await this.#starting?.catch(() => {}) // it is told where it was started
    await this.#stopListeners()
  }

  async close(): Promise<void> {
    await this.unlisten()
    this.#stopSockets()
  }

  async #stop(): Promise<void> {
    this.#stopSockets()
    await this.#stopListeners()
  }

  #stopSockets(): void {
    this.#sockets?.close()
    this.#sockets = undefined
    this.#known = undefined
  }

  async #stopListeners(): Promise<void> {
    this.#known = undefined
    await Promise.all(this.#listeners.splice(0).map(({ listener }) => listener.close()))
  }

  /** What 0.0.0.0 or :: stands for: loopback first, then what others can reach. */
  #hosts(host: string): string[] {
    if (hostKind(host) !== 'unspecified') return [host]
    const v6 = host.includes(':')
    const family = (this.#runtime?.network.interfaces() ?? []).filter(one => one.address.includes(':') === v6)
    const outward = family.filter(one => !one.internal && hostKind(one.address) !== 'linkLocal')
    return [...family.filter(one => one.internal), ...outward].map(one => one.address)
  }
}
