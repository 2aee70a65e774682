/**
 * Under which swarm key an address is dialled.
 *
 *   first ── closed before message 2 ──▶ the other key, once, in the time that is left
 *     └───── message 2 opened: this key worked, and is the first one there next time
 *
 * With one key there is nothing to choose. During a rotation a peer may hold the new key, the
 * old one or both, and says nothing to a key it does not hold: the dialler finds out by trying
 * (decision 1). A failure is told only when both have failed.
 *
 * Floor: node. Page: protocol/handshake.md.
 */
import type { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { NoiseSuite } from '../base/ports.ts'
import type { InitiatorOptions, Proceed } from '../link/initiator.ts'
import { createSwarm, type Swarm } from '../link/swarm.ts'
import { type Address, addressKey } from '../wire/address.ts'

export interface Attempt {
  readonly address: Address
  readonly swarm: Swarm
  /** Dial and handshake end by then; of both attempts together. */
  readonly until: Millis
  /** No other key is left to try. */
  readonly last: boolean
}

export type AttemptDial = Omit<InitiatorOptions, 'self'> & { readonly timeout: Millis }

/** Addresses where another key than the first worked: more than a mesh has. */
const REMEMBERED_MAX = 1_024

export class Attempts {
  /** The current one first; during a rotation also the one before it. */
  readonly swarms: readonly Swarm[]
  readonly #timeout: Millis
  readonly #worked = new Map<string, Swarm>()

  constructor(suite: NoiseSuite, keys: readonly Uint8Array[], timeout: Millis) {
    this.swarms = keys.map(psk => createSwarm(suite, psk))
    this.#timeout = timeout
  }

  /** With the key that worked there last. */
  first(address: Address, now: Millis): Attempt {
    const swarm = this.#worked.get(addressKey(address)) ?? this.swarms[0]!
    return { address, swarm, until: now + this.#timeout, last: this.swarms.length === 1 }
  }

  /** What the initiator needs to know. */
  dial({ address, swarm, until }: Attempt, now: Millis, proceed: Proceed): AttemptDial {
    const { peerId } = address
    const timeout = Math.max(1, until - now)
    return { proceed, swarm, timeout, ...(peerId === undefined ? {} : { expect: peerId }) }
  }

  /** What is left to try when an attempt failed so. */
  next({ address, swarm, until, last }: Attempt, { code }: GuildError, now: Millis): Attempt | undefined {
    if (last || code !== 'GH_HANDSHAKE_SWARM' || now >= until) return undefined
    const other = this.swarms.find(one => one !== swarm)
    return other && { address, swarm: other, until, last: true }
  }

  /** This one with each key: nobody answers a datagram under a key it has not, so there is no refusal to wait for. */
  withEachKey(attempt: Attempt): readonly Attempt[] {
    const others = attempt.last ? [] : this.swarms.filter(one => one !== attempt.swarm)
    return [attempt, ...others.map(swarm => ({ ...attempt, swarm }))]
  }

  /** The peer opened message 1 and its answer opened. */
  worked({ address, swarm }: Attempt): void {
    const key = addressKey(address)
    this.#worked.delete(key)
    if (swarm === this.swarms[0]) return
    if (this.#worked.size >= REMEMBERED_MAX) this.#worked.delete(this.#worked.keys().next().value!)
    this.#worked.set(key, swarm)
  }
}
