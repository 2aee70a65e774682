/**
 * Dials addresses, within a time, and tells those who wait how each ended.
 *
 * Membership decides what is dialled; a person's `connect` waits here for the outcome of
 * its address, whoever asked for the dial.
 *
 * Floor: node.
 */
import { asGuildError, codes, GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { Pipe, Transport } from '../base/ports.ts'
import type { Drive } from '../runtime/drive.ts'
import { type Address, addressKey, formatAddress, parseAddress } from '../wire/address.ts'
import type { Attempt } from './attempts.ts'
import type { NodeMessage } from './types.ts'

/** The peer that is linked now, or why none is. */
export type Outcome = string | GuildError

/** Times the connect timeout, until whoever waits for a dial is told that it failed. */
const PATIENCE = 4

interface Waiter {
  readonly key: string
  /** Who must be there. */
  readonly expect: string | undefined
  done(outcome: Outcome): void
}

export class Dialer {
  readonly #drive: Drive
  readonly #transports: readonly Transport[]
  readonly #timeout: Millis
  readonly #underway = new Set<AbortController>()
  readonly #waiters = new Set<Waiter>()
  #stopped = false

  constructor(drive: Drive, transports: readonly Transport[], timeout: Millis) {
    this.#drive = drive
    this.#transports = transports
    this.#timeout = timeout
  }

  /** A pipe by this transport; undefined when stopped meanwhile. */
  async dial(way: string, attempt: Attempt): Promise<Pipe | undefined> {
    const transport = this.#transports.find(one => one.name === way)
    if (transport === undefined) throw new GuildError('GH_DIAL_FAILED', `no transport ${way}`)
    const { host, port, family } = attempt.address
    const where = { host, port, ...(family === undefined ? {} : { family }) }
    const pipe = await this.within(attempt, signal => transport.dial({ ...where, signal }))
    if (!this.#stopped) return pipe
    pipe?.destroy()
    return undefined
  }

  /** Does a part of a dial within its time; undefined when stopped meanwhile. */
  async within<T>(
    { address, until }: Attempt,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#stopped) return undefined
    const abort = new AbortController()
    this.#underway.add(abort)
    const cancel = this.#drive.after(Math.max(1, until - this.#drive.now()), () =>
      abort.abort(new GuildError('GH_DIAL_TIMEOUT', formatAddress(address))),
    )
    try {
      return await work(abort.signal)
    } catch (error) {
      if (this.#stopped) return undefined
      throw asGuildError(abort.signal.aborted ? abort.signal.reason : error, 'GH_DIAL_FAILED')
    } finally {
      cancel()
      this.#underway.delete(abort)
    }
  }

  /** The outcome for this address, once one is known; `begin` sees to it that it is dialled. */
  outcome(address: Address, signal: AbortSignal | undefined, begin: () => void): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new GuildError('GH_ABORTED', 'connect', { cause: signal.reason }))
      const waiter: Waiter = {
        key: addressKey(address),
        expect: address.peerId,
        done: outcome => {
          if (!this.#waiters.delete(waiter)) return
          cancel()
          signal?.removeEventListener('abort', aborted)
          if (typeof outcome === 'string') resolve(outcome)
          else reject(outcome)
        },
      }
      const aborted = (): void =>
        waiter.done(new GuildError('GH_ABORTED', 'connect', { cause: signal?.reason }))
      // A dial may have to wait for its turn, and one in datagrams alone has three times as long.
      const cancel = this.#drive.after(PATIENCE * this.#timeout, () =>
        waiter.done(new GuildError('GH_DIAL_TIMEOUT', formatAddress(address))),
      )
      signal?.addEventListener('abort', aborted, { once: true })
      this.#waiters.add(waiter)
      begin()
    })
  }

  settle(address: Address, outcome: Outcome): void {
    const key = addressKey(address)
    for (const waiter of [...this.#waiters]) {
      if (waiter.key !== key) continue
      const { expect } = waiter
      const met = typeof outcome === 'string' && expect !== undefined && expect !== outcome
      waiter.done(
        met ? new GuildError('GH_HANDSHAKE_IDENTITY', `expected ${expect}, met ${outcome}`) : outcome,
      )
    }
  }

  /** What membership will not even dial (ourselves, a peer that is linked) has an outcome too. */
  told(message: NodeMessage): void {
    if (message.event !== 'connection-failed') return
    const detail = message.message.slice(codes[message.code].length + 2)
    this.settle(parseAddress(message.address), new GuildError(message.code, detail))
  }

  stop(): void {
    this.#stopped = true
    const why = new GuildError('GH_NODE_STATE', 'the node stops')
    for (const abort of this.#underway) abort.abort(why)
    for (const waiter of [...this.#waiters]) waiter.done(why)
  }
}
