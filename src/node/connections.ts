/**
 * Every connection of a node, and how each came to be: dialled, or let in at the door.
 *
 *   dial ─▶ attempt ─▶ pipe ─┐
 *                            ├─▶ carrier ─▶ connection ─▶ gone
 *   listener ─▶ threshold ───┘
 *
 * Floor: node.
 */
import { GuildError } from '../base/errors.ts'
import type { Pipe } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import type { Self } from '../link/self.ts'
import { Threshold } from '../link/threshold.ts'
import type { Drive } from '../runtime/drive.ts'
import type { Address } from '../wire/address.ts'
import { limits } from '../wire/limits.ts'
import type { Attempt, Attempts } from './attempts.ts'
import type { MakeCarrier } from './carrier.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import type { Dialer } from './dialer.ts'
import type { Pace } from './pace.ts'
import { recordCarrier } from './record-carrier.ts'

export interface ConnectionsOptions {
  readonly drive: Drive
  readonly events: ConnectionEvents
  readonly pace: Pace
  readonly attempts: Attempts
  readonly dialer: Dialer
  /** As we show ourselves to whoever is at this host. */
  readonly self: (host: string) => Self
  /** A reason not to go on with a peer that answered our dial. */
  readonly objection: (
    peerId: string,
    linkCount: number,
  ) => { code: GuildError['code']; detail: string } | undefined
  /** A dial came to nothing; `peerId`: who answered, if anybody did. */
  readonly onFailed: (address: Address, error: GuildError, peerId: string | undefined) => void
}

export class Connections {
  readonly #options: ConnectionsOptions
  readonly #open = new Map<number, Connection>()
  readonly #threshold = new Threshold()
  readonly #plaintext = new ByteWriter(new Uint8Array(limits.recordPlaintext))
  #nextKey = 1
  #allGone: (() => void) | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  get(key: number): Connection | undefined {
    return this.#open.get(key)
  }

  all(): IterableIterator<Connection> {
    return this.#open.values()
  }

  /** The handshake has shown who it is. */
  proved(key: number): void {
    this.#threshold.leave(key)
  }

  dial(address: Address): void {
    const { attempts, drive } = this.#options
    void this.#attempt(attempts.first(address, drive.now()))
  }

  /** What a dial came to that ended before it was a link. */
  failed(attempt: Attempt, error: GuildError, peerId?: string): void {
    const { attempts, drive, onFailed } = this.#options
    const again = attempts.next(attempt, error, drive.now())
    if (again !== undefined) return void this.#attempt(again)
    onFailed(attempt.address, error, peerId)
  }

  /** Somebody is at the door. */
  admit(pipe: Pipe): void {
    const key = this.#add(this.#records(pipe), pipe.remote.host)
    const gone = this.#threshold.enter(key, pipe.remote.host)
    if (gone !== undefined) this.#open.get(gone)?.carrier.destroy()
  }

  /** Resolves once all are gone, or after `wait` milliseconds; those left are dropped. */
  async end(wait: number): Promise<void> {
    if (this.#open.size > 0)
      await new Promise<void>(resolve => {
        this.#allGone = resolve
        this.#options.drive.after(wait, resolve)
      })
    for (const connection of this.#open.values()) connection.carrier.destroy()
  }

  async #attempt(attempt: Attempt): Promise<void> {
    const pipe = await this.#options.dialer.dial(attempt)
    if (pipe instanceof GuildError) this.failed(attempt, pipe)
    else if (pipe !== undefined) this.#add(this.#records(pipe, attempt), pipe.remote.host, attempt)
  }

  #records(pipe: Pipe, attempt?: Attempt): MakeCarrier {
    const { drive, pace, attempts, self } = this.#options
    const dial =
      attempt && attempts.dial(attempt, drive.now(), (...peer) => this.#objection(attempt, ...peer))
    return recordCarrier({
      pipe,
      self: self(pipe.remote.host),
      drive,
      turn: pace.turn,
      plaintext: this.#plaintext,
      ...(dial && { dial }),
    })
  }

  #add(carrier: MakeCarrier, host: string, attempt?: Attempt): number {
    const { drive, events, pace, self } = this.#options
    const key = this.#nextKey++
    const onGone = (): void => {
      this.#open.delete(key)
      this.#threshold.leave(key)
      if (this.#open.size === 0) this.#allGone?.()
    }
    this.#open.set(
      key,
      new Connection({ key, carrier, self: self(host), drive, events, pace, attempt, onGone }),
    )
    return key
  }

  #objection(attempt: Attempt, peerId: string, linkCount: number): GuildError | undefined {
    const { attempts, objection } = this.#options
    attempts.worked(attempt)
    const against = objection(peerId, linkCount)
    return against && new GuildError(against.code, against.detail)
  }
}
