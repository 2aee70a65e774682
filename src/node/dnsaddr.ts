/**
 * `/dnsaddr/` bootstraps beside the mesh: looked up at the start, and again while nobody is linked.
 *
 *   look up ─▶ addresses ─▶ learned as bootstrap      a node with peers asks no name server
 *      ▲                          │
 *      └── 5 s, doubling to 5 min ┘
 *
 * Floor: node. Page: protocol/addresses.md.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { ResolveTxt } from '../base/ports.ts'
import { addressKey } from '../wire/address.ts'
import { type Dnsaddr, formatDnsaddr } from '../wire/dnsaddr.ts'
import type { Happenings } from './emitter.ts'
import type { Mesh } from './mesh.ts'

const FIRST: Millis = 5_000
const MOST: Millis = 300_000
/** Addresses that this node takes from TXT records in its life: they are tried for ever, like any bootstrap. */
const LEARNED_MAX = 256

export interface DnsaddrOptions {
  readonly mesh: Mesh
  readonly happenings: Happenings
  readonly dnsaddrs: readonly Dnsaddr[]
  readonly resolveTxt: ResolveTxt | undefined
  /** For one look-up with all it leads to. */
  readonly timeout: Millis
}

export class DnsaddrCompanion {
  readonly #options: DnsaddrOptions
  readonly #learned = new Set<string>()
  /** Names whose failure was said and has not ended. */
  readonly #failed = new Set<string>()
  #wait = FIRST
  #abort: AbortController | undefined
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(options: DnsaddrOptions) {
    this.#options = options
  }

  /** Does not wait for the answers; asks once the start is done and has been told. */
  async start(): Promise<void> {
    this.#cancel = this.#options.mesh.drive.after(0, () => void this.#round())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel?.()
    this.#abort?.abort(new GuildError('GH_NODE_STATE', 'the node stops'))
  }

  async #round(): Promise<void> {
    const { mesh, dnsaddrs } = this.#options
    if (mesh.membership.linkCount === 0) await Promise.all(dnsaddrs.map(one => this.#look(one)))
    if (this.#stopped) return
    this.#cancel = mesh.drive.after(this.#wait, () => void this.#round())
    this.#wait = mesh.membership.linkCount > 0 ? FIRST : Math.min(MOST, 2 * this.#wait)
  }

  async #look(dnsaddr: Dnsaddr): Promise<void> {
    const { mesh, happenings, resolveTxt, timeout } = this.#options
    const address = formatDnsaddr(dnsaddr)
    this.#abort ??= new AbortController()
    const { signal } = this.#abort
    const late = new AbortController()
    const cancel = mesh.drive.after(timeout, () => late.abort(new GuildError('GH_DIAL_TIMEOUT', address)))
    try {
      if (resolveTxt === undefined)
        throw new GuildError('GH_DIAL_NAME', `${address}: this runtime has no DNS`)
      const { followDnsaddr } = await import('../discovery/dnsaddr.ts')
      const found = await followDnsaddr(dnsaddr, resolveTxt, AbortSignal.any([signal, late.signal]))
      this.#failed.delete(address)
      const fresh = found.filter(one => !this.#learned.has(addressKey(one)))
      const taken = fresh.slice(0, LEARNED_MAX - this.#learned.size)
      for (const one of taken) this.#learned.add(addressKey(one))
      if (!this.#stopped && taken.length > 0) mesh.learn(taken, 'bootstrap')
    } catch (error) {
      if (this.#stopped || this.#failed.has(address)) return
      this.#failed.add(address)
      const { code, message } = asGuildError(error, 'GH_DIAL_NAME')
      happenings.emit({ event: 'bootstrap-failed', address, code, message })
    } finally {
      cancel()
    }
  }
}
