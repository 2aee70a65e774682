/**
 * mDNS on one interface, in one address family.
 *
 *   start ─▶ query, announce ─1 s─▶ again ─2 s─▶ again ─▶ announce at every interval ─▶ goodbye
 *                │
 *   somebody asks ─▶ 20 to 120 ms, and a second since the last time ─▶ answer, to all
 *   somebody tells ─▶ does it open? ─▶ learned
 *
 * The waits are those of RFC 6762: an answer that many might give is spread by chance (§6),
 * nothing is multicast twice within a second (§6), an announcement is repeated (§8.3). No
 * probing: a name of 160 random bits is nobody else's (§8.1).
 *
 * What does not open was sealed by another swarm: it leads to no dial and is not kept
 * (spec: MD-05, MDNS-4). Our own words, heard back, are known by their instance name.
 *
 * Floor: discovery (shell). Page: protocol/mdns.md.
 */
import type { Millis } from '../base/machine.ts'
import {
  answersTo,
  type DnsMessage,
  isKnownTo,
  legacy,
  type MulticastDns,
  nothing,
  recordsOf,
  SERVICE,
  type Self,
  type Source,
  sealedIn,
  type Wanted,
  wantedBy,
} from './dns-sd.ts'

/** Announcements of one message that are looked at: each is about one node. */
const LOOKED_AT = 8
const QUIET: Millis = 1_000
const REPEATS: readonly Millis[] = [1_000, 2_000]
/** A goodbye that is not on its way by then is left. */
const GOODBYE_WITHIN: Millis = 250

/** Runs `work` once after `wait`; the returned function calls it off. */
export type After = (wait: Millis, work: () => void) => () => void

export interface MdnsLinkOptions {
  readonly dns: MulticastDns
  /** The port of mDNS: a question from another one is answered to its sender alone. */
  readonly port: number
  readonly interval: Millis
  readonly after: After
  readonly now: () => Millis
  readonly fraction: () => number
  readonly heard: (instance: string, sealed: Uint8Array) => void
  /** It cannot go on. */
  readonly failed: (error: Error) => void
  /** Something did not work this time. */
  readonly trouble: (error: Error) => void
}

export class MdnsLink {
  readonly #options: MdnsLinkOptions
  #owed: Wanted = nothing
  #self: Self | undefined
  #timer: (() => void) | undefined
  #answer: (() => void) | undefined
  #lastSaid = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: MdnsLinkOptions) {
    this.#options = options
    const { dns, failed, trouble } = options
    dns.on('error', error => {
      if (!this.#closed) failed(error)
    })
    dns.on('warning', error => {
      if (!this.#closed) trouble(error)
    })
    dns.on('query', (query, source) => this.#asked(query, source))
    dns.on('response', response => this.#told(response))
  }

  /** Says what is so now, three times; also when it has changed. */
  announce(self: Self): void {
    this.#self = self
    this.#timer?.()
    this.#round(0)
  }

  /** Takes back what was said, then lets go. */
  async close(): Promise<void> {
    if (this.#closed) return
    const { dns, after } = this.#options
    const self = this.#self
    this.#drop()
    if (self !== undefined)
      await new Promise<void>(resolve => {
        const giveUp = after(GOODBYE_WITHIN, resolve)
        dns.respond({ answers: recordsOf(self, true) }, null, () => {
          giveUp()
          resolve()
        })
      })
    await new Promise<void>(resolve => dns.destroy(resolve))
  }

  /** Lets go without a word: the interface is gone or broken. */
  abandon(): void {
    if (this.#closed) return
    this.#drop()
    this.#options.dns.destroy()
  }

  /** Hears and says nothing more. */
  #drop(): void {
    this.#closed = true
    this.#timer?.()
    this.#answer?.()
  }

  #round(count: number): void {
    const { dns, after, interval } = this.#options
    const early = this.#quiet()
    if (early > 0 && count > 0) {
      this.#timer = after(early, () => this.#round(count))
      return
    }
    const records = recordsOf(this.#self!)
    // Our own question comes back to us: that we know the answer keeps us from giving it.
    const question = { questions: [{ name: SERVICE, type: 'PTR' }], answers: records.slice(0, 1) }
    if (count <= REPEATS.length) dns.query(question, this.#sent)
    this.#say({ self: true, service: this.#owed.service })
    this.#timer = after(REPEATS[count] ?? Math.max(interval, QUIET), () => this.#round(count + 1))
  }

  /** To all; whatever was owed is in it. */
  #say(what: Wanted): void {
    this.#answer?.()
    this.#answer = undefined
    this.#owed = nothing
    this.#lastSaid = this.#options.now()
    this.#options.dns.respond({ answers: answersTo(what, this.#self!) }, null, this.#sent)
  }

  /** How long to be silent still. */
  #quiet(): Millis {
    return Math.max(0, this.#lastSaid + QUIET - this.#options.now())
  }

  readonly #sent = (error?: Error | null): void => {
    if (error && !this.#closed) this.#options.trouble(error)
  }

  #asked(query: DnsMessage, source: Source): void {
    const self = this.#self
    if (this.#closed || self === undefined || isKnownTo(query, self.instance)) return
    const { dns, port, after, fraction } = this.#options
    const wanted = wantedBy(query.questions ?? [], self.instance)
    if (!wanted.self && !wanted.service) return
    if (source.port !== port) {
      dns.respond(legacy(query, answersTo(wanted, self)), source, this.#sent)
      return
    }
    this.#owed = { self: this.#owed.self || wanted.self, service: this.#owed.service || wanted.service }
    this.#answer ??= after(Math.max(20 + 100 * fraction(), this.#quiet()), () => this.#say(this.#owed))
  }

  #told(response: DnsMessage): void {
    if (this.#closed) return
    const others = sealedIn(response).filter(({ instance }) => instance !== this.#self?.instance)
    for (const { instance, sealed } of others.slice(0, LOOKED_AT)) this.#options.heard(instance, sealed)
  }
}
