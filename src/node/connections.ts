/**
 * Every connection of a node, and how each came to be: dialled, or let in at the door.
 *
 *   dial ─▶ race ─┬─ pipe ──────┐
 *                 └─ datagrams ─┼─▶ carrier ─▶ connection ─▶ gone
 *   listener ─▶ threshold ──────┤
 *   door for datagrams ─────────┘
 *
 * Floor: node.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Endpoint, Pipe } from '../base/ports.ts'
import { ByteWriter } from '../base/writer.ts'
import type { Self } from '../link/self.ts'
import { Threshold } from '../link/threshold.ts'
import type { Drive } from '../runtime/drive.ts'
import { type Address, addressKey } from '../wire/address.ts'
import { limits } from '../wire/limits.ts'
import type { Attempt, AttemptDial, Attempts } from './attempts.ts'
import type { MakeCarrier } from './carrier.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import type { Dialer } from './dialer.ts'
import type { Pace } from './pace.ts'
import { Race } from './race.ts'
import { recordCarrier } from './record-carrier.ts'
import type { UdpPort } from './udp-port.ts'

export interface ConnectionsOptions {
  readonly drive: Drive
  readonly events: ConnectionEvents
  readonly pace: Pace
  readonly attempts: Attempts
  readonly dialer: Dialer
  /** Transports to dial with, the one with the head start first. */
  readonly ways: readonly string[]
  /** Present where the node speaks UDP. */
  readonly udp: UdpPort | undefined
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

/** Addresses at which another way than the first won: more than a mesh has. */
const REMEMBERED_MAX = 1_024

/**
 * How many times as long a handshake in datagrams may take where there is no other way (30 s): a bad path
 * may need as many attempts as fit. Where TCP is tried too, membership tries both again.
 */
export function patience(ways: readonly string[]): number {
  return ways.includes('tcp') ? 1 : 3
}

export class Connections {
  readonly #options: ConnectionsOptions
  /** Of connections that are dialled and not yet linked. */
  readonly #races = new Map<number, Race>()
  readonly #worked = new Map<string, string>()
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
    this.#race(attempts.first(address, drive.now()))
  }

  /** We dialled it, and what came of that is not told yet. */
  dialling({ key }: Connection): boolean {
    return this.#races.has(key)
  }

  /** The peer said no. */
  refused({ key }: Connection): void {
    this.#races.delete(key)
  }

  /** A dialled connection ended before it was a link. */
  failed(connection: Connection, error: GuildError, peerId?: string): void {
    this.#races.get(connection.key)?.lost(connection.key, error, peerId)
    this.#races.delete(connection.key)
  }

  /** It is a link now. */
  linked(connection: Connection): void {
    const { attempt, key } = connection
    const way = this.#races.get(key)?.way
    this.#races.delete(key)
    if (way === undefined || attempt === undefined) return
    const at = addressKey(attempt.address)
    this.#worked.delete(at)
    if (way === this.#options.ways[0]) return
    if (this.#worked.size >= REMEMBERED_MAX) this.#worked.delete(this.#worked.keys().next().value!)
    this.#worked.set(at, way)
  }

  /** Somebody is at the door. */
  admit(pipe: Pipe): void {
    const key = this.#nextKey++
    this.#add(key, this.#records(pipe), pipe.remote.host)
    const gone = this.#threshold.enter(key, pipe.remote.host)
    if (gone !== undefined) this.#open.get(gone)?.carrier.destroy()
  }

  /** Somebody has proved itself at the door for datagrams. */
  welcome(carrier: MakeCarrier, from: Endpoint): void {
    const key = this.#nextKey++
    this.#add(key, carrier, from.host)
    this.#open.get(key)?.feed({ kind: 'flush', buffered: 0 }) // it is let in now, not with its first packet
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

  #race(attempt: Attempt): void {
    const { drive, attempts, onFailed } = this.#options
    new Race({
      ways: this.#waysTo(attempt.address),
      drive,
      start: (way, race) => void this.#start(way, race, attempt),
      callOff: key => this.#open.get(key)?.carrier.destroy(),
      failed: (error, peerId) => {
        const again = attempts.next(attempt, error, drive.now())
        if (again === undefined) onFailed(attempt.address, error, peerId)
        else this.#race(again)
      },
    })
  }

  /** By which transports, the likeliest first. A UDP address names a way; a TCP one, a number that both share. */
  #waysTo(address: Address): readonly string[] {
    const { ways, udp } = this.#options
    if (address.transport !== 'tcp' || udp === undefined) return [address.transport]
    const worked = this.#worked.get(addressKey(address))
    return worked === undefined ? ways : [worked, ...ways.filter(way => way !== worked)]
  }

  async #start(way: string, race: Race, attempt: Attempt): Promise<void> {
    try {
      if (way === 'udp') await this.#startPackets(race, attempt)
      else await this.#startRecords(way, race, attempt)
      race.started(way)
    } catch (error) {
      race.started(way, asGuildError(error, 'GH_DIAL_FAILED'))
    }
  }

  async #startRecords(way: string, race: Race, attempt: Attempt): Promise<void> {
    const pipe = await this.#options.dialer.dial(way, attempt)
    if (pipe === undefined) return
    const key = this.#nextKey++
    if (!race.joined(key, way)) return pipe.destroy()
    const carrier = this.#records(pipe, this.#dialOf(key, race, attempt))
    this.#add(key, carrier, pipe.remote.host, attempt, race)
  }

  /** Every address of the name at once, with every key: nobody answers a datagram to say that it leads nowhere. */
  async #startPackets(race: Race, attempt: Attempt): Promise<void> {
    const { udp, dialer, self, attempts } = this.#options
    if (udp === undefined) throw new GuildError('GH_DIAL_FAILED', 'no transport udp')
    const times = patience(this.#options.ways)
    const remotes = await dialer.within(attempt, signal => udp.resolve(attempt.address, signal))
    for (const remote of remotes ?? [])
      for (const one of attempts.withEachKey(attempt)) {
        const key = this.#nextKey++
        if (!race.joined(key, 'udp')) return
        const dial = { ...this.#dialOf(key, race, one, times), remote }
        this.#add(key, udp.carrier(self(remote.host), { dial }), remote.host, one, race)
      }
  }

  #records(pipe: Pipe, dial?: AttemptDial): MakeCarrier {
    const { drive, pace, self } = this.#options
    const { turn } = pace
    const { host } = pipe.remote
    return recordCarrier({
      ...{ pipe, drive, turn, self: self(host), plaintext: this.#plaintext },
      ...(dial && { dial }),
    })
  }

  #add(key: number, carrier: MakeCarrier, host: string, attempt?: Attempt, race?: Race): void {
    const { drive, events, pace, self } = this.#options
    if (race !== undefined) this.#races.set(key, race)
    const onGone = (): void => {
      this.#open.delete(key)
      this.#races.delete(key)
      this.#threshold.leave(key)
      if (this.#open.size === 0) this.#allGone?.()
    }
    const whom = { key, carrier, self: self(host), attempt }
    this.#open.set(key, new Connection({ ...whom, drive, events, pace, onGone }))
  }

  #dialOf(key: number, race: Race, attempt: Attempt, patience = 1): AttemptDial {
    const { attempts, drive, objection } = this.#options
    const dial = attempts.dial(attempt, drive.now(), (peerId, linkCount) => {
      attempts.worked(attempt)
      if (!race.wins(key)) return new GuildError('GH_ABORTED', 'another way was faster')
      const against = objection(peerId, linkCount)
      return against && new GuildError(against.code, against.detail)
    })
    return { ...dial, timeout: patience * dial.timeout }
  }
}
