/**
 * The simulated TCP: dial and listen between simulated hosts.
 *
 *   dialler            listener's system
 *      │── SYN ───────────▶│   again after 1, 2, 4 … 32 s, given up after 127 s
 *      │◀─────── SYN, ACK ─│   or a reset: nobody listens
 *      │── open, data … ──▶│   the listener's program gets its pipe
 *
 * A dial takes one round trip. Where a partition or a dead host eats the SYN it waits, and
 * mostly the caller's signal ends it first. An address nobody has is unreachable after the
 * three seconds that ARP takes to give up.
 *
 * It calls itself `tcp`, so that nodes use it with their default options.
 *
 * Floor: testing.
 */
import { asGuildError, type GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { DialOptions, Endpoint, Listener, ListenOptions, Pipe, Transport } from '../base/ports.ts'
import { abortError, dialError, hostPort, listenError } from '../transport/errors.ts'
import type { Accepting, Bound, Computer, Network } from './network.ts'
import { SimulatedPipe } from './pipe.ts'
import type { Process } from './process.ts'
import type { Scheduled } from './world.ts'

const SYN_RETRIES = 6
const FIRST_SYN_RETRY: Millis = 1000
const ARP_TIMEOUT: Millis = 3000

export class SimulatedTransport implements Transport {
  readonly name = 'tcp'
  readonly #network: Network
  readonly #computer: Computer
  readonly #process: Process

  constructor(network: Network, computer: Computer, process: Process) {
    this.#network = network
    this.#computer = computer
    this.#process = process
  }

  async listen(options: ListenOptions): Promise<Listener> {
    if (!this.#process.alive) return never()
    const { tcp, wildcards } = this.#computer
    const hosts = options.hosts.length > 0 ? options.hosts : wildcards
    for (const host of hosts)
      if (!this.#computer.has(host)) throw listenError(systemError('EADDRNOTAVAIL'), host, options.port)
    const bound = tcp.bind(hosts, options.port, { process: this.#process, onPipe: options.onPipe })
    if (bound === undefined) throw listenError(systemError('EADDRINUSE'), hosts.join(', '), options.port)
    const close = (): void => {
      for (const one of bound) tcp.unbind(one)
      this.#process.resources.delete(resource)
    }
    const resource = { vanish: close, release: close }
    this.#process.resources.add(resource)
    return {
      endpoints: bound.map(({ host, port }) => ({ host, port })),
      close: async () => close(),
    }
  }

  dial(options: DialOptions): Promise<Pipe> {
    if (!this.#process.alive) return never()
    return new Promise((resolve, reject) => {
      const dial = new Dial(this.#network, this.#computer, this.#process, options, resolve, reject)
      dial.start()
    })
  }
}

/** One dial, from the first SYN to a pipe or an error. */
class Dial {
  readonly #network: Network
  readonly #computer: Computer
  readonly #process: Process
  readonly #options: DialOptions
  readonly #where: string
  readonly #resolve: (pipe: Pipe) => void
  readonly #reject: (error: GuildError) => void
  #timer: Scheduled | undefined
  #settled = false

  constructor(
    network: Network,
    computer: Computer,
    process: Process,
    options: DialOptions,
    resolve: (pipe: Pipe) => void,
    reject: (error: GuildError) => void,
  ) {
    this.#network = network
    this.#computer = computer
    this.#process = process
    this.#options = options
    this.#where = hostPort(options.host, options.port)
    this.#resolve = resolve
    this.#reject = reject
  }

  start(): void {
    const { signal, host, port } = this.#options
    if (signal.aborted) return this.#fail(abortError(signal, this.#where))
    signal.addEventListener('abort', this.#onAbort)
    try {
      const route = this.#network.route(this.#computer, host)
      const remote = { host: route.remote, port }
      const local = { host: route.local, port: this.#computer.tcp.free([route.local]) }
      if (route.to !== undefined) this.#syn(route.to, local, remote, 0)
      else
        this.#timer = this.#process.world.after(ARP_TIMEOUT, () =>
          this.#fail(dialError(systemError('EHOSTUNREACH'), this.#where)),
        )
    } catch (error) {
      this.#fail(asGuildError(error, 'GH_DIAL_FAILED'))
    }
  }

  #syn(to: Computer, local: Endpoint, remote: Endpoint, attempt: number): void {
    if (this.#settled || !this.#process.alive) return
    const { world, transcript } = this.#process
    this.#timer = world.after(FIRST_SYN_RETRY * 2 ** attempt, () => {
      if (attempt < SYN_RETRIES) this.#syn(to, local, remote, attempt + 1)
      else this.#fail(dialError(systemError('ETIMEDOUT'), this.#where))
    })
    const out = this.#network.path(this.#computer, to)
    const back = this.#network.path(to, this.#computer)
    const arrival = out.depart(world.now, 0) + out.flight()
    if (out.lost()) return
    world.at(arrival, () => {
      if (!out.passes) return
      transcript.record(world.now, 'syn', this.#computer.name, to.name, undefined, `port ${remote.port}`)
      const listener = to.tcp.find(remote.host, remote.port)
      if (back.lost()) return
      world.after(back.flight(), () => {
        if (this.#settled || !back.passes) return
        if (listener === undefined) this.#fail(dialError(systemError('ECONNREFUSED'), this.#where))
        else this.#connected(to, listener, local, remote)
      })
    })
  }

  #connected(to: Computer, listener: Bound<Accepting>, local: Endpoint, remote: Endpoint): void {
    if (!this.#process.alive) return
    const { process, onPipe } = listener.open
    const client = new SimulatedPipe({
      process: this.#process,
      transport: 'tcp',
      local,
      remote,
      path: this.#network.path(this.#computer, to),
    })
    const server = new SimulatedPipe({
      process,
      transport: 'tcp',
      local: remote,
      remote: local,
      path: this.#network.path(to, this.#computer),
      onOpen: pipe => {
        if (to.tcp.find(remote.host, remote.port) !== listener) return false
        process.enter(() => onPipe(pipe))
        return true
      },
    })
    this.#settle()
    SimulatedPipe.join(client, server)
    this.#process.enter(() => this.#resolve(client))
  }

  #fail(error: GuildError): void {
    if (this.#settled) return
    this.#settle()
    this.#process.world.after(0, () => this.#process.enter(() => this.#reject(error)))
  }

  readonly #onAbort = (): void => this.#fail(abortError(this.#options.signal, this.#where))

  #settle(): void {
    this.#settled = true
    this.#process.world.cancel(this.#timer)
    this.#options.signal.removeEventListener('abort', this.#onAbort)
  }
}

/** What a dead program waits for. */
function never(): Promise<never> {
  return new Promise(() => {})
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
