/**
 * Where a node listens: one port on every transport and host that was asked for.
 *
 * Floor: node.
 */
import type { Millis } from '../base/machine.ts'
import type { Listener, Pipe, Runtime, Transport } from '../base/ports.ts'
import { type Address, addressKey, hostKind } from '../wire/address.ts'

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
}

export class Listening {
  readonly #listeners: { readonly listener: Listener; readonly transport: string }[] = []
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

  async #start({ runtime, transports, hosts, port, onPipe, onError }: ListeningOptions): Promise<void> {
    this.#runtime = runtime
    for (const transport of transports) {
      if (this.#closed) return
      const wanted = this.port === 0 ? port : this.port
      const listener = await transport.listen({ hosts, port: wanted, onPipe, onError })
      this.#listeners.push({ listener, transport: transport.name })
      this.#known = undefined
      this.port = listener.endpoints[0]?.port ?? this.port
    }
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
    const all = this.#listeners.flatMap(({ listener, transport }) =>
      listener.endpoints.flatMap(({ host, port }) =>
        this.#hosts(host).map(one => ({ transport, host: one, port })),
      ),
    )
    return [...new Map(all.map(address => [addressKey(address), address])).values()]
  }

  /** Also closes what is just being opened. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#starting?.catch(() => {}) // it is told where it was started
    await Promise.all(this.#listeners.map(({ listener }) => listener.close()))
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
