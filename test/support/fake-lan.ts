/**
 * A local network without sockets: instances of multicast-dns that hear each other at once,
 * on a clock that a test moves.
 */
import { GuildError } from '../../src/base/errors.ts'
import type { Interface } from '../../src/base/ports.ts'
import { TimerTable } from '../../src/base/timers.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import type { DnsMessage, MulticastDns, Source } from '../../src/discovery/dns-sd.ts'
import { Mdns, type MdnsOptions, type Stand } from '../../src/discovery/mdns.ts'
import { openAnnouncement, sealAnnouncement } from '../../src/link/announcement.ts'
import type { Announcement } from '../../src/wire/mdns.ts'
import { Seeded } from './seeded.ts'

export interface Said {
  readonly at: number
  readonly from: string
  readonly kind: 'query' | 'response'
  readonly message: DnsMessage
  readonly to: Source | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: one map for four kinds of listeners
type Listener = (...args: any[]) => void

/** One instance on one link of the network. */
export class FakeDns implements MulticastDns {
  readonly address: string
  readonly #lan: FakeLan
  readonly #listeners = new Map<string, Listener>()
  destroyed = false
  /** What sending fails with, if it does. */
  broken: Error | undefined

  constructor(lan: FakeLan, address: string) {
    this.#lan = lan
    this.address = address
  }

  on(event: string, listener: Listener): this {
    this.#listeners.set(event, listener)
    return this
  }

  tell(event: string, ...args: unknown[]): void {
    this.#listeners.get(event)!(...args)
  }

  query(message: DnsMessage, done?: Listener): void {
    this.#send({ kind: 'query', message, to: undefined }, done)
  }

  respond(message: DnsMessage, to?: Source | null, done?: Listener): void {
    this.#send({ kind: 'response', message, to: to ?? undefined }, done)
  }

  destroy(done?: () => void): void {
    this.destroyed = true
    this.#lan.instances.delete(this)
    done?.()
  }

  #send(said: Pick<Said, 'kind' | 'message' | 'to'>, done?: Listener): void {
    if (this.broken === undefined && !this.destroyed) this.#lan.carry(this, said)
    done?.(this.broken)
  }
}

export class FakeLan {
  now = 0
  readonly said: Said[] = []
  readonly instances = new Set<FakeDns>()
  readonly #timers = new TimerTable<{ readonly work: () => void }>()
  readonly random: Seeded

  constructor(seed = 1) {
    this.random = new Seeded(seed)
  }

  readonly after = (wait: number, work: () => void): (() => void) => {
    const timer = { work }
    this.#timers.set(timer, this.now + wait)
    return () => this.#timers.clear(timer)
  }

  /** Lets time pass. */
  pass(wait: number): void {
    const end = this.now + wait
    for (let next = this.#timers.next(); next !== undefined && next <= end; next = this.#timers.next()) {
      this.now = Math.max(this.now, next)
      this.#timers.due(next)!.work()
    }
    this.now = end
  }

  /** To everybody, the sender too, as multicast does; answers to one asker go nowhere. */
  carry(from: FakeDns, said: Pick<Said, 'kind' | 'message' | 'to'>): void {
    this.said.push({ at: this.now, from: from.address, ...said })
    if (said.to !== undefined) return
    for (const instance of [...this.instances])
      instance.tell(said.kind, said.message, { address: from.address, port: 5353 })
  }

  /** What one address said since then. */
  of(address: string, since = 0): Said[] {
    return this.said.filter(({ from, at }) => from === address && at >= since)
  }

  /** A node's mDNS, on one interface with these addresses unless said otherwise. */
  node(name: string, options: Partial<MdnsOptions> & { psk?: Uint8Array; address?: string }): FakeNode {
    return new FakeNode(this, name, options)
  }
}

export class FakeNode {
  readonly mdns: Mdns
  interfaces: Interface[]
  readonly learned: Announcement[] = []
  readonly faults: GuildError[] = []
  readonly debugs: string[] = []
  readonly stands: { readonly stand: Stand; readonly dns: FakeDns }[] = []
  /** Stands that cannot be taken. */
  readonly refuses = new Set<string>()
  readonly identityKey: Uint8Array

  constructor(
    lan: FakeLan,
    name: string,
    {
      psk = new Uint8Array(32).fill(7),
      address = '10.0.0.1',
      ...over
    }: Partial<MdnsOptions> & { psk?: Uint8Array; address?: string },
  ) {
    this.interfaces = [{ name: 'eth0', address, prefix: address.includes(':') ? 64 : 24, internal: false }]
    this.identityKey = lan.random.bytes(32)
    const suite = nativeSuite
    this.mdns = new Mdns({
      after: lan.after,
      now: () => lan.now,
      random: lan.random,
      interfaces: () => this.interfaces,
      uses: () => true,
      interval: 30_000,
      self: { identityKey: this.identityKey, name, tcpPort: 8000, udpPort: 8000 },
      seal: (instance, announcement) =>
        sealAnnouncement({ suite, psk, instance }, lan.random.bytes(16), announcement),
      open: (instance, sealed) => {
        try {
          return openAnnouncement({ suite, psk, instance }, sealed)
        } catch (error) {
          if (error instanceof GuildError) return undefined
          throw error
        }
      },
      learned: announcement => this.learned.push(announcement),
      fault: error => this.faults.push(error),
      debug: text => this.debugs.push(text),
      make: stand => {
        if (this.refuses.has(`${stand.name}/${stand.family}`)) throw new Error('the system says no')
        const dns = new FakeDns(lan, stand.address)
        lan.instances.add(dns)
        this.stands.push({ stand, dns })
        return dns
      },
      ...over,
    })
  }
}
