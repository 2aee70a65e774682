/**
 * Where a node listens: one port on every transport and host that was asked for.
 *
 * Floor: node.
 */
import type { Listener, Pipe, Runtime, Transport } from '../base/ports.ts'
import { type Address, addressKey, hostKind } from '../wire/address.ts'

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
      this.port = listener.endpoints[0]?.port ?? this.port
    }
  }

  /** Every address that can be dialled, each interface by its own, none twice. */
  addresses(): Address[] {
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
