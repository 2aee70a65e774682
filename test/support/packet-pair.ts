/**
 * Two packet connections with real ciphers, in virtual time, and a seeded path between them.
 *
 *   a.connection ── datagram ──▶ path: delay, loss, doubling, lateness ──▶ b.connection
 *
 * A `Forger` has the keys of one side and says whatever it likes, well sealed: a peer gone bad.
 */
import { toHex } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/ports.ts'
import { ByteReader } from '../../src/base/reader.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { PacketConnection, type PacketConnectionOptions } from '../../src/packets/connection.ts'
import type { PhaseLimits } from '../../src/packets/key-phases.ts'
import { Protection } from '../../src/packets/protection.ts'
import type { AckFrame } from '../../src/wire/frames/ack.ts'
import {
  type FrameSource,
  type InFlight,
  type LinkFrames,
  type Manifest,
  readPacketFrame,
  type StreamFrames,
} from '../../src/wire/frames/index.ts'
import { closeCodes, frameTypes } from '../../src/wire/registry.ts'
import { Seeded } from './seeded.ts'

export interface Weather {
  readonly seed?: number
  /** One way, in milliseconds. */
  readonly delay?: number
  /** Of 100 datagrams. */
  readonly loss?: number
  readonly doubled?: number
  readonly late?: number
  /** By how much. */
  readonly lateness?: number
}

export interface PairOptions extends Pick<PacketConnectionOptions, 'congestion'> {
  readonly weather?: Weather
  readonly phaseLimits?: PhaseLimits
  readonly timeout?: number
  readonly keepalive?: number
  readonly ceiling?: number
}

/** Records every call by its name. */
export function recorder<T extends object>(told: unknown[][]): T {
  return new Proxy(
    {},
    {
      get:
        (_, name: string) =>
        (...values: unknown[]): void => {
          told.push([name, ...values.map(value => (value instanceof Uint8Array ? value.slice() : value))])
        },
    },
  ) as T
}

/** Numbered frames in place of streams, MAX_STREAM_DATA of as many ids: each goes again until it arrives. */
export class Numbered implements FrameSource {
  readonly lost: number[] = []
  readonly acked = new Set<number>()
  #next = 0
  total = 0
  /** Bytes of PADDING behind each. */
  readonly #padding: number
  /** Hears that something is to be sent again. */
  wake: () => void = () => {}

  constructor(padding = 0) {
    this.#padding = padding
  }

  fill(w: ByteWriter, manifest?: Manifest): boolean {
    while (w.room >= 32 + this.#padding) {
      const again = this.lost.shift()
      if (again === undefined && this.#next >= this.total) return false
      const number = again ?? this.#next++
      w.varint(frameTypes.MAX_STREAM_DATA.type).varint(number).varint(0).raw(new Uint8Array(this.#padding))
      manifest?.add(new NumberedFrame(this, number))
    }
    return this.lost.length > 0 || this.#next < this.total
  }
}

class NumberedFrame implements InFlight {
  readonly #source: Numbered
  readonly #number: number
  constructor(source: Numbered, number: number) {
    this.#source = source
    this.#number = number
  }
  acked(): void {
    this.#source.acked.add(this.#number)
  }
  lost(): void {
    this.#source.lost.push(this.#number)
    this.#source.wake()
  }
}

export interface Crossing {
  readonly at: number
  readonly from: PacketSide
  readonly bytes: Uint8Array
}

export class PacketSide {
  readonly connection: PacketConnection
  readonly told: unknown[][] = []
  readonly control: Uint8Array[] = []
  readonly charged: number[] = []
  /** Where it is now; a NAT box may move it. */
  place: Endpoint
  readonly localId: Uint8Array
  readonly ids = new Set<string>()
  readonly tokens = new Set<string>()
  /** What its machines refused; the connection is told to close, as a link would do. */
  error: Error | undefined
  silent = false
  /** How often it was told that probes are not answered. */
  unanswered = 0
  peer!: PacketSide
  readonly #pair: PacketPair

  constructor(pair: PacketPair, name: 'a' | 'b', options: PairOptions) {
    this.#pair = pair
    this.place = { host: `10.0.0.${name === 'a' ? 1 : 2}`, port: 8000 }
    this.localId = idOf(name)
    const dice = new Seeded(name === 'a' ? 101 : 202)
    const other = name === 'a' ? 'b' : 'a'
    this.connection = new PacketConnection(
      {
        keys: { ...keysOf(name), ...(options.phaseLimits && { phaseLimits: options.phaseLimits }) },
        random: { bytes: n => dice.bytes(n), fraction: () => dice.fraction() },
        remote: { host: `10.0.0.${name === 'a' ? 2 : 1}`, port: 8000 },
        remoteId: idOf(other),
        localId: this.localId,
        ids: {
          mint: () => dice.bytes(12),
          token: id => tokenOf(id),
          added: id => void this.ids.add(toHex(id)),
          removed: id => void this.ids.delete(toHex(id)),
          watch: token => void this.tokens.add(toHex(token)),
          unwatch: token => void this.tokens.delete(toHex(token)),
        },
        mtu: { ceiling: options.ceiling ?? 1_472 },
        idle: {
          timeout: options.timeout ?? 30_000,
          peerTimeout: Math.max(30_000, options.timeout ?? 0),
          ...(options.keepalive !== undefined && { keepalive: options.keepalive }),
        },
        link: recorder<LinkFrames>(this.told),
        onControl: frame => void this.control.push(frame.slice()),
        charge: type => void this.charged.push(type),
        unanswered: () => void this.unanswered++,
        send: (to, datagram) => {
          pair.send(this, to, datagram)
          return true
        },
        plaintext: pair.plaintext,
        ...(options.congestion && { congestion: options.congestion }),
      },
      pair.now,
    )
    this.ids.add(toHex(this.localId))
  }

  open(source: FrameSource | Numbered = { fill: () => false }): void {
    if (source instanceof Numbered) source.wake = () => this.connection.departures.waiting()
    const streams = recorder<StreamFrames>(this.told)
    this.connection.opened(
      new Proxy({} as StreamFrames & FrameSource, {
        get: (_, name) =>
          name === 'fill'
            ? (w: ByteWriter, m?: Manifest) => source.fill(w, m)
            : streams[name as keyof StreamFrames],
      }),
    )
  }

  /** Puts a control frame in line. */
  say(frame: Uint8Array): void {
    this.connection.departures.control.push(frame)
    this.flush()
  }

  receive(bytes: Uint8Array, from: Endpoint): void {
    try {
      this.connection.receive(bytes, from, this.#pair.now)
    } catch (error) {
      this.error = error as Error
      this.connection.finish(w => w.raw(CLOSE), this.#pair.now)
      this.connection.hurry(this.#pair.now)
    }
    this.flush()
  }

  flush(): void {
    for (let turns = 0; this.connection.wants(this.#pair.now) && turns < 1_000; turns++)
      this.connection.flush(this.#pair.now)
  }

  tick(now: number): void {
    if (this.connection.tick(now) === 'silent') this.silent = true
    this.flush()
  }

  /** Names of frames it was told of, without the ignorable ones. */
  get heard(): string[] {
    return this.told.map(([name]) => name as string).filter(name => name !== 'ignored' && name !== 'padding')
  }
}

/** CLOSE with GOODBYE and no words, as the wire has it. */
export const CLOSE: Uint8Array = Uint8Array.of(0x23, closeCodes.GOODBYE, 0x00)

interface Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

export class PacketPair {
  now = 1_000
  readonly a: PacketSide
  readonly b: PacketSide
  readonly crossings: Crossing[] = []
  readonly plaintext = new ByteWriter(new Uint8Array(65_535))
  weather: Required<Weather>
  /** Swallows what it says yes to. */
  drops: (crossing: Crossing) => boolean = () => false
  readonly #dice: Seeded
  #agenda: Planned[] = []
  #order = 0

  constructor(options: PairOptions = {}) {
    this.weather = { seed: 1, delay: 10, loss: 0, doubled: 0, late: 0, lateness: 30, ...options.weather }
    this.#dice = new Seeded(this.weather.seed)
    this.a = new PacketSide(this, 'a', options)
    this.b = new PacketSide(this, 'b', options)
    this.a.peer = this.b
    this.b.peer = this.a
  }

  send(from: PacketSide, to: Endpoint, datagram: Uint8Array): void {
    const crossing = { at: this.now, from, bytes: datagram.slice() }
    this.crossings.push(crossing)
    const dice = this.#dice
    const { loss, doubled, late, lateness, delay } = this.weather
    if (this.drops(crossing) || dice.below(100) < loss) return
    for (let copies = dice.below(100) < doubled ? 2 : 1; copies > 0; copies--) {
      const extra = dice.below(100) < late ? dice.fraction() * lateness : 0
      const target = from.peer.place
      if (to.host !== target.host || to.port !== target.port) return
      const { place } = from
      this.at(this.now + delay + extra, () => from.peer.receive(crossing.bytes.slice(), place))
    }
  }

  at(at: number, run: () => void): void {
    this.#agenda.push({ at, order: this.#order++, run })
  }

  /** Datagrams of one side, since the n-th. */
  sent(side: PacketSide, since = 0): Crossing[] {
    return this.crossings.slice(since).filter(({ from }) => from === side)
  }

  /** Until `until`, or `done`. True: it was done. */
  run(until: number, done: () => boolean = () => false): boolean {
    for (const side of [this.a, this.b]) side.flush()
    for (let steps = 0; steps < 2_000_000; steps++) {
      if (done()) return true
      let first: Planned | undefined
      for (const one of this.#agenda)
        if (first === undefined || one.at < first.at || (one.at === first.at && one.order < first.order))
          first = one
      const deadlines = [this.a, this.b].map(side => side.connection.deadline() ?? Number.POSITIVE_INFINITY)
      const at = Math.min(first?.at ?? Number.POSITIVE_INFINITY, ...deadlines)
      if (at > until) {
        this.now = until
        return false
      }
      this.now = Math.max(this.now, at)
      if (first !== undefined && first.at <= this.now) {
        this.#agenda.splice(this.#agenda.indexOf(first), 1)
        first.run()
      } else for (const side of [this.a, this.b]) side.tick(this.now)
    }
    throw new Error('it does not come to rest')
  }

  /** Lets both get to know each other's connection ids. */
  settle(): this {
    this.run(this.now + 2_000)
    return this
  }
}

function idOf(name: 'a' | 'b'): Uint8Array {
  return new Uint8Array(12).fill(name === 'a' ? 0xaa : 0xbb)
}

export function tokenOf(id: Uint8Array): Uint8Array {
  return nativeSuite.hmac(new Uint8Array(32).fill(9), id).slice(0, 16)
}

/** The keys of one side; the other's are the same, turned round. */
export function keysOf(name: 'a' | 'b'): PacketConnectionOptions['keys'] {
  const cipher = (n: number) => nativeSuite.cipher(new Uint8Array(32).fill(n))
  const mask = (n: number) => nativeSuite.headerMask(new Uint8Array(16).fill(n))
  const [out, back] = name === 'a' ? [1, 2] : [2, 1]
  return {
    send: cipher(out),
    receive: cipher(back),
    sendMask: mask(out + 2),
    receiveMask: mask(back + 2),
  }
}

/** What stands in one packet, frame by frame, as calls. */
export function framesIn(plaintext: Uint8Array): unknown[][] {
  const told: unknown[][] = []
  const link = recorder<LinkFrames>(told)
  const packets = new Proxy(
    {},
    {
      get: (_, name: string) =>
        name === 'ack'
          ? (ack: AckFrame) => void told.push(['ack', ack.largest])
          : (...values: unknown[]) => void told.push([name, ...values]),
    },
  ) as never
  const r = new ByteReader(plaintext)
  while (r.remaining > 0) readPacketFrame(r, { link, streams: recorder(told), packets })
  return told
}

/** Has the keys of side b and speaks for it. Say nothing as b beside it. */
export class Forger {
  readonly protection: Protection
  number: number
  readonly #pair: PacketPair
  readonly #seen = new Set<number>()
  #largest = -1

  constructor(pair: PacketPair, keys = keysOf('b')) {
    this.#pair = pair
    this.protection = new Protection({ ...keys, now: pair.now, pto: () => 100 })
    this.number = pair.b.connection.departures.recovery.next
    pair.drops = ({ from }) => from === pair.b // it is not b that speaks
  }

  /** The further away what it says was acknowledged, the longer its number. */
  sealed(frames: Uint8Array, largestAcked = -1): Uint8Array {
    return this.protection.sealed(this.#pair.a.localId, this.number++, largestAcked, frames, this.#pair.now)
  }

  /** Hands frames to a, in one packet, now. */
  say(...frames: readonly (Uint8Array | readonly number[])[]): void {
    this.#pair.a.receive(this.sealed(Uint8Array.from(frames.flatMap(one => [...one]))), this.#pair.b.place)
  }

  /** The frames of what a sent, from the n-th crossing on. */
  heard(since = 0): unknown[][] {
    return this.#pair.sent(this.#pair.a, since).flatMap(({ bytes }) => {
      const opened = this.protection.open(
        bytes,
        this.#largest,
        { isNew: n => !this.#seen.has(n) },
        this.#pair.now,
      )
      if (opened === undefined) return []
      this.#seen.add(opened.number)
      this.#largest = Math.max(this.#largest, opened.number)
      return framesIn(opened.plaintext)
    })
  }
}
