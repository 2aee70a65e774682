/**
 * The simulated network: who has which address, and how bytes get from one to another.
 *
 *   alice ══ path alice>bob ══▶ bob        each direction has its own weather,
 *   alice ◀══ path bob>alice ══ bob        and can be cut on its own
 *
 * A computer here is what the operating system knows: its addresses, who listens at which port,
 * whether it is up. A path is made when it is first used, with dice split by its name.
 *
 * Floor: testing.
 */
import { isIP } from 'node:net'
import { GuildError } from '../base/errors.ts'
import type { Endpoint, Pipe } from '../base/ports.ts'
import { calm, type LinkConditions, Path, type Place } from './link.ts'
import type { NatBox } from './nat.ts'
import type { Process } from './process.ts'
import type { SeededRandom } from './random.ts'

/** Something at a port: a listener's accept, or a datagram socket. */
export interface Bound<Open> extends Endpoint {
  readonly open: Open
}

/** The ports of one kind on one computer. */
export class Ports<Open> {
  readonly #bound = new Map<string, Bound<Open>>()
  #ephemeral = FIRST_EPHEMERAL

  /** Undefined when a host is taken at that port; port 0 picks one free for all hosts. */
  bind(hosts: readonly string[], port: number, open: Open): Bound<Open>[] | undefined {
    const number = port === 0 ? this.free(hosts) : port
    if (hosts.some(host => this.#taken(host, number))) return undefined
    return hosts.map(host => {
      const bound: Bound<Open> = { host, port: number, open }
      this.#bound.set(key(host, number), bound)
      return bound
    })
  }

  unbind(bound: Bound<Open>): void {
    if (this.#bound.get(key(bound.host, bound.port)) === bound)
      this.#bound.delete(key(bound.host, bound.port))
  }

  clear(): void {
    this.#bound.clear()
  }

  /** Who takes what is sent to this address and port: an exact address before a wildcard. */
  find(host: string, port: number): Bound<Open> | undefined {
    return this.#bound.get(key(host, port)) ?? this.#bound.get(key(wildcard(host), port))
  }

  /** The next number nobody uses; also what a dialler's side of a connection gets. */
  free(hosts: readonly string[]): number {
    for (let tries = 0; tries < EPHEMERAL; tries++) {
      const port = this.#ephemeral
      this.#ephemeral = FIRST_EPHEMERAL + ((port + 1 - FIRST_EPHEMERAL) % EPHEMERAL)
      if (!hosts.some(host => this.#taken(host, port))) return port
    }
    throw new GuildError('GH_LISTEN_IN_USE', 'no port is free')
  }

  #taken(host: string, port: number): boolean {
    if (host !== wildcard(host)) return this.find(host, port) !== undefined
    for (const bound of this.#bound.values())
      if (bound.port === port && wildcard(bound.host) === host) return true
    return false
  }
}

/** A program that takes connections. */
export interface Accepting {
  readonly process: Process
  readonly onPipe: (pipe: Pipe) => void
}

/** A program that takes datagrams. */
export interface Receiving {
  readonly process: Process
  readonly onDatagram: (bytes: Uint8Array, from: Endpoint) => void
  /** Bytes in the receive buffer: more than none while the program is paused. */
  waiting: number
}

/** The operating system of one host. */
export class Computer implements Place {
  readonly name: string
  readonly addresses: readonly string[]
  /** What stands between it and everybody else. */
  readonly box: NatBox<Computer> | undefined
  up = true
  readonly tcp = new Ports<Accepting>()
  readonly udp = new Ports<Receiving>()

  constructor(name: string, addresses: readonly string[], box?: NatBox<Computer>) {
    this.name = name
    this.addresses = addresses
    this.box = box
  }

  /** The wildcard addresses of the families it has. */
  get wildcards(): string[] {
    return ['0.0.0.0', '::'].filter(any => this.addresses.some(address => wildcard(address) === any))
  }

  has(address: string): boolean {
    return isLoopback(address) || this.addresses.includes(address) || this.wildcards.includes(address)
  }
}

/** A way to an address. `to` is undefined when nobody has it. */
export interface Route {
  readonly local: string
  readonly remote: string
  readonly to: Computer | undefined
  /** The NAT box whose address it is. */
  readonly box?: NatBox<Computer>
}

export class Network {
  readonly #random: SeededRandom
  readonly #computers = new Map<string, Computer>()
  readonly #paths = new Map<string, Path>()
  readonly #conditions = new Map<string, Partial<LinkConditions>>()
  readonly #names = new Map<string, readonly string[]>()
  readonly #boxes = new Map<string, NatBox<Computer>>()
  #defaults: LinkConditions

  constructor(random: SeededRandom, conditions: Partial<LinkConditions> = {}) {
    this.#random = random
    this.#defaults = { ...calm, ...conditions }
  }

  add(computer: Computer): void {
    if (this.#computers.has(computer.name))
      throw new GuildError('GH_OPTION_INVALID', `two hosts are called ${computer.name}`)
    for (const address of computer.addresses)
      if (isIP(address) === 0 || this.#owner(address, computer.box) !== undefined || this.#boxes.has(address))
        throw new GuildError('GH_OPTION_INVALID', `${address} of ${computer.name} is malformed or taken`)
    this.#computers.set(computer.name, computer)
  }

  /** Hosts behind it come with `Computer.box`. Add it before any of them. */
  addBox(box: NatBox<Computer>): void {
    for (const address of box.addresses)
      if (isIP(address) === 0 || this.#owner(address, undefined) !== undefined || this.#boxes.has(address))
        throw new GuildError('GH_OPTION_INVALID', `${address} of ${box.name} is malformed or taken`)
    for (const address of box.addresses) this.#boxes.set(address, box)
  }

  /** How many hosts and addresses of boxes there are: it only grows. */
  get size(): number {
    return this.#computers.size + this.#boxes.size
  }

  /** What a host name resolves to. Every host's own name resolves by itself. */
  name(name: string, addresses: readonly string[]): void {
    this.#names.set(name, addresses)
  }

  /** The weather wherever nothing else was said. */
  weather(conditions: Partial<LinkConditions>): void {
    this.#defaults = { ...this.#defaults, ...conditions }
    for (const path of this.#paths.values()) this.#refresh(path)
  }

  /** The weather of one direction, over the general one. */
  set(from: Place, to: Place, conditions: Partial<LinkConditions>): void {
    const name = pathName(from, to)
    this.#conditions.set(name, { ...this.#conditions.get(name), ...conditions })
    this.#refresh(this.path(from, to))
  }

  /** Cuts or heals one direction. */
  cut(from: Place, to: Place, cut = true): void {
    if (from !== to) this.path(from, to).open = !cut
  }

  /** Heals every cut. */
  heal(): void {
    for (const path of this.#paths.values()) path.open = true
  }

  path(from: Place, to: Place): Path {
    const name = pathName(from, to)
    let path = this.#paths.get(name)
    if (path === undefined) {
      path = new Path(from, to, calm, this.#random.split(`path ${name}`))
      this.#paths.set(name, path)
      this.#refresh(path)
    }
    return path
  }

  /** Where a host name or address leads from here. */
  route(from: Computer, host: string): Route {
    const candidates = this.resolve(host)
    if (candidates === undefined) throw new GuildError('GH_DIAL_NAME', host)
    for (const remote of candidates) {
      if (isLoopback(remote)) return { local: remote, remote, to: from }
      const local = from.addresses.find(address => wildcard(address) === wildcard(remote))
      if (local === undefined) continue
      const box = this.#boxes.get(remote)
      return box === undefined
        ? { local, remote, to: this.#owner(remote, from.box) }
        : { local, remote, to: undefined, box }
    }
    throw new GuildError('GH_DIAL_UNREACHABLE', `${from.name} has no way to ${host}`)
  }

  /** The addresses of a name, or of a host by its own name. */
  resolve(host: string): readonly string[] | undefined {
    if (isIP(host) !== 0) return [host]
    if (host === 'localhost') return ['127.0.0.1', '::1']
    return this.#names.get(host) ?? this.#computers.get(host)?.addresses
  }

  /** Whose address this is, as seen from behind that box: one's own side first, then everybody who is behind none. */
  #owner(address: string, box: NatBox<Computer> | undefined): Computer | undefined {
    let outside: Computer | undefined
    for (const computer of this.#computers.values()) {
      if (!computer.addresses.includes(address)) continue
      if (computer.box === box) return computer
      if (computer.box === undefined) outside = computer
    }
    return outside
  }

  #refresh(path: Path): void {
    const name = pathName(path.from, path.to)
    // A host reaches itself at once and without fail.
    path.conditions = path.from === path.to ? own : { ...this.#defaults, ...this.#conditions.get(name) }
  }
}

const FIRST_EPHEMERAL = 49_152
const EPHEMERAL = 16_384
const own: LinkConditions = { ...calm, delay: 0, mtu: 65_536 }

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** The address that stands for all of the same family. */
export function wildcard(address: string): string {
  return address.includes(':') ? '::' : '0.0.0.0'
}

function key(host: string, port: number): string {
  return `${host} ${port}`
}

function pathName(from: Place, to: Place): string {
  return `${from.name}>${to.name}`
}
