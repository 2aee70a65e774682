/**
 * Simulated datagrams: the same weather as for pipes, and nothing makes up for it.
 *
 *   send ─▶ too big? queue full? ─▶ a bit flipped? ─▶ once, or twice ─▶ lost? ─▶ delay ─▶ there
 *
 * What is dropped is dropped in silence, as on a real network; the transcript says why. The queue
 * before the rate is one for all that goes from one host to another, and a datagram that finds
 * it full is dropped at its tail. Bytes are overwritten once `onDatagram` returns.
 *
 * Floor: testing.
 */
import { copy } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { DatagramOptions, DatagramSocket, Datagrams, Endpoint } from '../base/ports.ts'
import { hostPort, listenError } from '../transport/errors.ts'
import type { Path } from './link.ts'
import {
  type Bound,
  type Computer,
  isLoopback,
  type Network,
  type Receiving,
  type Route,
  wildcard,
} from './network.ts'
import type { Process } from './process.ts'

/** IP and UDP headers, which count against the MTU. */
const HEADERS_V4 = 28
const HEADERS_V6 = 48
const MAX_PAYLOAD = 65_507
/** Addresses whose way is remembered by a socket. */
const REMEMBERED = 4096
/** What a socket holds for a program that is paused. */
const RECEIVE_BUFFER = 4 * 1024 * 1024
const POISON = 0xdb

export class SimulatedDatagrams implements Datagrams {
  readonly #network: Network
  readonly #computer: Computer
  readonly #process: Process

  constructor(network: Network, computer: Computer, process: Process) {
    this.#network = network
    this.#computer = computer
    this.#process = process
  }

  async open(options: DatagramOptions): Promise<DatagramSocket> {
    const process = this.#process
    if (!process.alive) return new Promise(() => {})
    const { host, port } = options
    const { udp } = this.#computer
    if (!this.#computer.has(host)) throw listenError(systemError('EADDRNOTAVAIL'), host, port)
    const bound = udp.bind([host], port, { process, onDatagram: options.onDatagram, waiting: 0 })?.[0]
    if (bound === undefined) throw listenError(systemError('EADDRINUSE'), host, port)
    const socket = new SimulatedSocket(this.#network, this.#computer, process, bound)
    process.resources.add(socket)
    return socket
  }

  async resolve(host: string, family: 4 | 6 | undefined): Promise<readonly string[]> {
    const found = this.#network.resolve(host) ?? []
    const fitting = found.filter(one => family === undefined || one.includes(':') === (family === 6))
    if (fitting.length === 0) throw new GuildError('GH_DIAL_NAME', host)
    return fitting
  }
}

/** A way to an address, looked up once: hosts and boxes keep their addresses. */
interface Way extends Route {
  readonly headers: number
  /** Of the last host it led to; behind a NAT box that may be another each time. */
  path: Path | undefined
}

class SimulatedSocket implements DatagramSocket {
  readonly local: Endpoint
  readonly #network: Network
  readonly #computer: Computer
  readonly #process: Process
  readonly #bound: Bound<Receiving>
  readonly #ways = new Map<string, Way | undefined>()
  #known = 0
  #from: Endpoint | undefined
  #closed = false

  constructor(network: Network, computer: Computer, process: Process, bound: Bound<Receiving>) {
    this.#network = network
    this.#computer = computer
    this.#process = process
    this.#bound = bound
    this.local = { host: bound.host, port: bound.port }
  }

  /** As of a system that has its own copy: what the caller writes there next must not matter. */
  send(to: Endpoint, bytes: Uint8Array): boolean {
    if (!this.#closed && this.#process.alive) this.#depart(to, bytes)
    return true
  }

  #depart(to: Endpoint, bytes: Uint8Array): void {
    const { world, transcript } = this.#process
    const { name } = this.#computer
    const unsent = (why: string): void =>
      transcript.record(world.now, 'dropped', name, '', bytes, `${why} ${hostPort(to.host, to.port)}`)
    if (bytes.length > MAX_PAYLOAD) return unsent('too big for')
    const way = this.#way(to.host)
    if (way === undefined) return unsent('no way to')
    const target = way.box === undefined ? way.to : way.box.in(to.host, to.port)?.computer
    if (target === undefined) return unsent('nobody has')
    const from = this.#seenAs(way, target)
    if (from === undefined) return unsent('no way out to')
    if (way.path?.to !== target) way.path = this.#network.path(this.#computer, target)
    this.#pass(way, way.path, target, from, to, copy(bytes))
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#computer.udp.unbind(this.#bound)
    this.#process.resources.delete(this)
  }

  vanish(): void {
    this.close()
  }

  release(): void {
    this.close()
  }

  /** Through the weather. The bytes are its own. */
  #pass(way: Way, path: Path, target: Computer, from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    const { world, transcript } = this.#process
    const { name } = this.#computer
    const passed = path.tamper?.(bytes) ?? bytes
    if (passed.length === 0 && bytes.length > 0) return
    const drop = (why: string): void =>
      transcript.record(world.now, 'dropped', name, target.name, passed, why)
    if (passed.length + way.headers > path.conditions.mtu) return drop('too big')
    if (path.backlog(world.now) + passed.length > path.conditions.queue) return drop('queue full')
    const flip = path.corrupted(passed.length * 8)
    if (flip !== undefined) passed[flip >> 3]! ^= 1 << (flip & 7)

    for (let copies = path.duplicated() ? 2 : 1; copies > 0; copies--) {
      const arrival = path.depart(world.now, passed.length) + path.flight()
      if (path.lost()) {
        drop('lost')
        continue
      }
      const own = copies > 1 ? copy(passed) : passed
      world.at(arrival, () => {
        if (!path.passes) return drop('cut')
        const end = way.box === undefined ? to : way.box.in(to.host, to.port)
        const there = end === undefined ? undefined : target.udp.find(end.host, end.port)
        if (there === undefined) return drop(`nobody at ${hostPort(to.host, to.port)}`)
        const { open } = there
        if (open.waiting + own.length > RECEIVE_BUFFER) return drop('receive buffer full')
        transcript.record(world.now, 'datagram', name, target.name, own)
        open.waiting += own.length
        open.process.enter(() => {
          open.waiting -= own.length
          if (target.udp.find(there.host, there.port) !== there) return // closed while the program was paused
          open.onDatagram(own, from)
          own.fill(POISON)
        })
      })
    }
  }

  #way(host: string): Way | undefined {
    if (this.#known !== this.#network.size || this.#ways.size >= REMEMBERED) {
      this.#ways.clear()
      this.#known = this.#network.size
    }
    if (this.#ways.has(host)) return this.#ways.get(host)
    let way: Way | undefined
    try {
      const route = this.#network.route(this.#computer, host)
      const anywhere = this.#bound.host === wildcard(this.#bound.host)
      // A socket at one address sends from there, and not at all into the other family.
      const own = anywhere ? route.local : this.#bound.host
      const leaves = !isLoopback(own) || isLoopback(route.remote)
      if (wildcard(this.#bound.host) === wildcard(route.remote) && leaves)
        way = {
          ...route,
          local: own,
          headers: host.includes(':') ? HEADERS_V6 : HEADERS_V4,
          path: undefined,
        }
    } catch (error) {
      if (!(error instanceof GuildError)) throw error
    }
    this.#ways.set(host, way)
    return way
  }

  /** Who the receiver thinks sent it. */
  #seenAs(way: Way, target: Computer): Endpoint | undefined {
    const { box } = this.#computer
    const { port } = this.#bound
    if (box !== undefined && (way.box !== undefined || target.box !== box))
      return box.out(this.#computer, way.local, port)
    if (this.#from?.host !== way.local) this.#from = { host: way.local, port }
    return this.#from
  }
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
