/**
 * Finds the nodes of our swarm on the local network, and is found by them (RFC 6762, 6763).
 *
 *   interfaces ─ every 5 s ─▶ one link per interface and family ─▶ learned
 *
 * One multicast-dns instance per interface and family, because it binds to one and joins
 * the group on one. Interfaces come and go: a link is opened, told of new addresses, or
 * dropped as they do, and one that broke is tried again half a minute later. A node
 * announces on each link the addresses of that link only.
 *
 * Never fails a node: a machine without multicast has other ways to find peers. What does
 * not work is told once if nothing works, and otherwise for `debug`.
 *
 * Page: protocol/mdns.md · Outside package: multicast-dns. Floor: discovery (shell).
 */
import { equal } from '../base/bytes.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Interface, Random } from '../base/ports.ts'
import { limits } from '../wire/limits.ts'
import type { Announcement } from '../wire/mdns.ts'
import { INSTANCE_RANDOM, instanceName, type MulticastDns } from './dns-sd.ts'
import { Gate, GatedSocket, isOnLink } from './gate.ts'
import { type After, MdnsLink } from './mdns-link.ts'

const PORT = 5_353
const RESCAN: Millis = 5_000
const TRY_AGAIN: Millis = 30_000
/** A machine that runs containers may have hundreds of interfaces. */
const LINKS_MAX = 16

/** Where one multicast-dns instance is to stand. */
export interface Stand {
  readonly name: string
  readonly family: 4 | 6
  /** Its first address of that family: what multicast-dns calls the interface. */
  readonly address: string
}

export interface MdnsOptions {
  readonly after: After
  readonly now: () => Millis
  readonly random: Random
  /** Asked for again and again. */
  readonly interfaces: () => readonly Interface[]
  /** Do we listen at this address, and may others be told? */
  readonly uses: (one: Interface) => boolean
  /** Between announcements. */
  readonly interval: Millis
  /** What we are called, and where we listen. */
  /** A port of 0: not by that transport. */
  readonly self: Pick<Announcement, 'identityKey' | 'name' | 'tcpPort' | 'udpPort'>
  readonly seal: (instance: string, announcement: Announcement) => Uint8Array
  /** The announcement, or undefined when it is not of our swarm. */
  readonly open: (instance: string, sealed: Uint8Array) => Announcement | undefined
  /** A member is here. The hosts are on this link, with the zone where they need one. */
  readonly learned: (announcement: Announcement) => void
  readonly fault: (error: GuildError) => void
  readonly debug: (text: string) => void
  /** Of mDNS; another one only in tests. */
  readonly port?: number
  /** Makes an instance of multicast-dns; a test makes others. */
  readonly make?: (stand: Stand, instance: string) => MulticastDns
}

interface Standing {
  readonly stand: Stand
  readonly link: MdnsLink
  /** What was last told there. */
  told: string
}

export class Mdns {
  /** Our instance name, new at every start. */
  readonly instance: string
  readonly #options: MdnsOptions
  readonly #links = new Map<string, Standing>()
  readonly #resting = new Map<string, Millis>()
  /** As of the last scan: asking the system for every packet would cost more than the packet. */
  #interfaces: readonly Interface[] = []
  #make: ((stand: Stand, instance: string) => MulticastDns) | undefined
  #timer: (() => void) | undefined
  #stopped = false
  #faultTold = false
  /** Announcements that did not open. */
  strangers = 0

  constructor(options: MdnsOptions) {
    this.#options = options
    this.instance = instanceName(options.random.bytes(INSTANCE_RANDOM))
  }

  /** The links that stand, as `eth0/4`. */
  get links(): string[] {
    return [...this.#links.keys()]
  }

  async start(): Promise<void> {
    try {
      this.#make = this.#options.make ?? (await multicastDns(this.#options, () => this.#interfaces))
    } catch (error) {
      return this.#options.fault(asGuildError(error, 'GH_DISCOVERY_FAILED'))
    }
    if (!this.#stopped) this.#scan()
  }

  /** Says goodbye on every link. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.()
    const links = [...this.#links.values()]
    this.#links.clear()
    await Promise.all(links.map(({ link }) => link.close()))
  }

  #scan(): void {
    const { interfaces, uses, after } = this.#options
    const all = interfaces()
    this.#interfaces = all
    const used = all.filter(uses)
    const wanted = new Map(standsOf(all, used).map(stand => [keyOf(stand), stand]))
    for (const [key, { stand, link }] of this.#links) {
      const now = wanted.get(key)
      if (now?.address === stand.address) continue
      this.#links.delete(key)
      link.abandon() // its address is gone, and with it the way to say goodbye
    }
    for (const [key, stand] of wanted) this.#stand(key, stand, used)
    this.#timer = after(RESCAN, () => this.#scan())
  }

  #stand(key: string, stand: Stand, used: readonly Interface[]): void {
    const { now, self, seal, debug } = this.#options
    const hosts = hostsOf(used.filter(one => one.name === stand.name))
    let standing = this.#links.get(key)
    if (standing === undefined) {
      if (now() < (this.#resting.get(key) ?? Number.NEGATIVE_INFINITY)) return
      const link = this.#open(key, stand)
      if (link === undefined) return
      standing = { stand, link, told: '' }
      this.#links.set(key, standing)
      debug(`mDNS on ${key}: ${hosts.join(' ')}`)
    }
    const telling = hosts.join(' ')
    if (standing.told === telling) return
    standing.told = telling
    const { identityKey, name, tcpPort, udpPort } = self
    const sealed = seal(this.instance, { identityKey, name, tcpPort, udpPort, hosts })
    standing.link.announce({ instance: this.instance, port: tcpPort || udpPort, hosts, sealed })
  }

  #open(key: string, stand: Stand): MdnsLink | undefined {
    const { after, now, random, interval, port = PORT, debug } = this.#options
    try {
      const link: MdnsLink = new MdnsLink({
        dns: this.#make!(stand, this.instance),
        port,
        interval,
        after,
        now,
        fraction: () => random.fraction(),
        heard: (instance, sealed) => this.#heard(stand, instance, sealed),
        failed: error => {
          if (this.#links.get(key)?.link === link) this.#links.delete(key)
          link.abandon()
          this.#failed(key, error)
        },
        trouble: error => debug(`mDNS on ${key}: ${error.message}`),
      })
      return link
    } catch (error) {
      this.#failed(key, error as Error)
      return undefined
    }
  }

  #failed(key: string, error: Error): void {
    const { now, fault, debug } = this.#options
    this.#resting.set(key, now() + TRY_AGAIN)
    debug(`mDNS on ${key}: ${error.message}`)
    if (this.#links.size > 0 || this.#faultTold || this.#stopped) return
    this.#faultTold = true
    fault(new GuildError('GH_DISCOVERY_FAILED', `${key}: ${error.message}`, { cause: error }))
  }

  #heard(stand: Stand, instance: string, sealed: Uint8Array): void {
    const { open, learned, self } = this.#options
    const announcement = open(instance, sealed)
    if (announcement === undefined) {
      this.strangers++
      return
    }
    if (equal(announcement.identityKey, self.identityKey)) return
    const hosts = announcement.hosts
      .filter(host => isOnLink(host, stand.name, this.#interfaces))
      .map(host => (isLinkLocal6(host) ? `${host}%${stand.name}` : host))
    if (hosts.length > 0) learned({ ...announcement, hosts }) // spec: MDNS-7
  }
}

function keyOf({ name, family }: Stand): string {
  return `${name}/${family}`
}

/** IPv4 at the first address we use of an interface; IPv6 at the link-local one, if we use any. */
function standsOf(all: readonly Interface[], used: readonly Interface[]): Stand[] {
  const stands = new Map<string, Stand>()
  const add = (stand: Stand): void => {
    if (!stands.has(keyOf(stand))) stands.set(keyOf(stand), stand)
  }
  for (const { name, address, prefix } of used)
    if (!address.includes(':') && prefix < 32) add({ name, family: 4, address })
  for (const { name, address } of all)
    if (isLinkLocal6(address) && used.some(one => one.name === name && one.address.includes(':')))
      add({ name, family: 6, address })
  return [...stands.values()].slice(0, LINKS_MAX)
}

/** As many as an announcement holds, each family by turns. */
function hostsOf(told: readonly Interface[]): string[] {
  const hosts = told.map(({ address }) => address.split('%', 1)[0]!)
  const v4 = hosts.filter(host => !host.includes(':'))
  const v6 = hosts.filter(host => host.includes(':'))
  const half = limits.announcedHosts / 2
  const some = [...v4.slice(0, Math.max(half, limits.announcedHosts - v6.length)), ...v6]
  return some.slice(0, limits.announcedHosts)
}

function isLinkLocal6(host: string): boolean {
  return /^fe[89ab]/i.test(host)
}

/** The package, loaded when it is needed. */
async function multicastDns(
  { now, port = PORT }: MdnsOptions,
  interfaces: () => readonly Interface[],
): Promise<NonNullable<MdnsOptions['make']>> {
  const { default: make } = await import('multicast-dns')
  return ({ name, family, address }, instance) => {
    const about = ['_guild-home', '_dns-sd', instance]
    const gate = new Gate({ name, interfaces, now, about })
    const type = family === 4 ? 'udp4' : 'udp6'
    const place =
      family === 4
        ? { ip: '224.0.0.251', interface: address, bind: '0.0.0.0' }
        : { ip: 'ff02::fb', interface: `::%${name}`, bind: '::' }
    return make({
      type,
      port,
      ...place,
      socket: new GatedSocket(type, place.interface, gate),
    }) as MulticastDns
  }
}
