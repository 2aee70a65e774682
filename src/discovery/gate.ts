/**
 * Who gets a datagram past the door, before anything decodes it.
 *
 *   datagram ─▶ from this link? ─▶ small, and about us? ─▶ budget ─▶ well-formed? ─▶ multicast-dns
 *
 * multicast-dns decodes whatever comes, of any size and from anywhere, and what it decodes
 * may point back and forth. So its socket is wrapped, and sees only what passed here:
 *
 *   from this link   the source is in a network of this interface (spec: MD-04, RFC 6762 §11)
 *   about us         it names our service or asks for all services; a LAN is full of others
 *   budget           so many a second from one source and from all (spec: MD-02)
 *   well-formed      wire/dns-message.ts (spec: MD-01)
 *
 * Floor: discovery (shell). Page: protocol/mdns.md.
 */
import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { Budget } from '../base/budget.ts'
import type { Millis } from '../base/machine.ts'
import type { Interface } from '../base/ports.ts'
import { checkDnsMessage, DNS_MESSAGE_MAX } from '../wire/dns-message.ts'
import { parseIp, samePrefix, unmapped } from '../wire/ip.ts'

/** A node says some ten messages at its start and then two a minute. */
const PER_SOURCE = { perSecond: 20, burst: 40 }
/** Twenty nodes that start at one moment; opening one announcement costs some 20 µs. */
const IN_ALL = { perSecond: 400, burst: 400 }
const SOURCES_MAX = 256

export interface GateOptions {
  /** The interface this gate stands at. */
  readonly name: string
  readonly interfaces: () => readonly Interface[]
  readonly now: () => Millis
  /** Labels in lower case, of which one must occur. */
  readonly about: readonly string[]
}

export class Gate {
  readonly #options: GateOptions
  readonly #all: Budget
  readonly #sources = new Map<string, Budget>()
  /** For the curious, and for tests. */
  readonly counts = { passed: 0, elsewhere: 0, others: 0, tooMany: 0, malformed: 0 }

  constructor(options: GateOptions) {
    this.#options = options
    this.#all = new Budget(IN_ALL.perSecond, IN_ALL.burst, options.now())
  }

  passes(bytes: Uint8Array, source: string): boolean {
    const { name, interfaces, now } = this.#options
    if (!isOnLink(source, name, interfaces())) return this.#no('elsewhere')
    if (bytes.length > DNS_MESSAGE_MAX) return this.#no('malformed')
    if (!this.#isAboutUs(bytes)) return this.#no('others')
    const at = now()
    if (!this.#of(source, at).spend(1, at) || !this.#all.spend(1, at)) return this.#no('tooMany')
    try {
      checkDnsMessage(bytes)
    } catch {
      return this.#no('malformed')
    }
    this.counts.passed++
    return true
  }

  #no(why: Exclude<keyof Gate['counts'], 'passed'>): false {
    this.counts[why]++
    return false
  }

  /** A label is never split by compression, so it stands somewhere in one piece. */
  #isAboutUs(bytes: Uint8Array): boolean {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').toLowerCase()
    return this.#options.about.some(label => text.includes(label))
  }

  #of(source: string, now: Millis): Budget {
    let budget = this.#sources.get(source)
    if (budget === undefined) {
      if (this.#sources.size >= SOURCES_MAX) this.#sources.delete(this.#sources.keys().next().value!)
      budget = new Budget(PER_SOURCE.perSecond, PER_SOURCE.burst, now)
      this.#sources.set(source, budget)
    }
    return budget
  }
}

/** Is this address a neighbour on that interface? */
export function isOnLink(address: string, name: string, interfaces: readonly Interface[]): boolean {
  const [host, zone] = address.split('%', 2)
  if (zone !== undefined && zone !== name) return false
  const parsed = parseIp(host!)
  if (parsed === undefined) return false
  const ip = unmapped(parsed)
  return interfaces.some(one => {
    if (one.name !== name) return false
    const own = parseIp(one.address.split('%', 1)[0]!)
    return own !== undefined && own.length === ip.length && samePrefix(own, ip, one.prefix)
  })
}

/**
 * A UDP socket behind a gate, as multicast-dns wants one.
 *
 * It sends by its own interface or not at all: multicast-dns sends by the default one when the
 * system does not let it join the group, and would tell one network of another. What it calls on
 * a socket that closes or has lost its interface fails without a throw: nobody would catch it.
 */
export class GatedSocket extends EventEmitter {
  readonly #socket: Socket
  readonly #interface: string
  #closed = false

  /** `sendBy` as multicast-dns names an interface: an IPv4 address, or `::%eth0`. */
  constructor(type: 'udp4' | 'udp6', sendBy: string, gate: Gate) {
    super()
    this.#interface = sendBy
    this.#socket = createSocket({ type, reuseAddr: true, ipv6Only: type === 'udp6' })
    this.#socket.on('error', error => {
      if (!this.#closed) this.emit('error', error)
    })
    this.#socket.on('listening', () => {
      if (!this.#closed) this.emit('listening')
    })
    this.#socket.on('message', (bytes, source) => {
      if (!this.#closed && gate.passes(bytes, source.address)) this.emit('message', bytes, source)
    })
  }

  bind(port: number, address: string, done: () => void): void {
    if (this.#closed) return
    this.once('listening', done)
    this.#socket.bind({ port, address })
  }

  address(): { port: number } {
    return this.#socket.address()
  }

  send(...args: [Uint8Array, number, number, number, string, (error?: Error | null) => void]): void {
    const done = args[5]
    if (this.#closed) return done()
    try {
      this.#socket.setMulticastInterface(this.#interface)
      this.#socket.send(...args)
    } catch (error) {
      done(error as Error)
    }
  }

  close(done?: () => void): void {
    if (this.#closed) return done?.()
    this.#closed = true
    this.#socket.close(done)
  }

  setMulticastTTL(ttl: number): void {
    this.#try(socket => socket.setMulticastTTL(ttl))
  }

  setMulticastLoopback(on: boolean): void {
    this.#try(socket => socket.setMulticastLoopback(on))
  }

  /** Throws as the socket does: multicast-dns tries again in five seconds. */
  addMembership(group: string, address: string): void {
    this.#socket.addMembership(group, address)
  }

  dropMembership(group: string, address: string): void {
    this.#try(socket => socket.dropMembership(group, address))
  }

  #try(work: (socket: Socket) => void): void {
    try {
      if (!this.#closed) work(this.#socket)
    } catch (error) {
      this.emit('error', error)
    }
  }
}
