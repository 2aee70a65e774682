/**
 * What strangers do to a port, and members who never finish a handshake.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { empty } from '../../src/base/bytes.ts'
import type { Self } from '../../src/link/self.ts'
import { frameUnit } from '../../src/link/units.ts'
import { HandshakeState } from '../../src/noise/index.ts'
import { encodeMessage1 } from '../../src/wire/message-1.ts'
import { memberSelf } from './bad-member.ts'

/** A visit the other side does not end by itself is over after this. */
const TOO_LONG = 15_000

/** A sealed message 1, and the Noise state that opens what answers it. */
export function message1(
  self: Self,
  cookie: Uint8Array = empty,
): { unit: Uint8Array; state: HandshakeState } {
  const state = new HandshakeState({
    snapshot: self.swarms[0]!.snapshot,
    initiator: true,
    s: self.staticKey,
    random: length => self.random.bytes(length),
  })
  const payload = encodeMessage1({ versions: [1], time: self.wall(), parameters: new Map(), cookie })
  return { unit: frameUnit(state.writeMessage(payload)), state }
}

/** The beginning of a TLS 1.2 client hello, as a browser sends it. */
const clientHello = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), randomBytes(506)])

interface Opening {
  readonly bytes: Uint8Array
  /** Half-closes behind it: what is not whole would be waited for. */
  readonly hangsUp?: boolean
}

/** One way to begin that is no message 1 of this swarm, by number. */
export function opening(number: number, own: Self, other: Self): Opening {
  switch (number % 10) {
    case 0:
      return { bytes: randomBytes(randomInt(1, 1500)), hangsUp: true }
    case 1: {
      const { unit } = message1(own)
      return { bytes: unit.subarray(0, randomInt(1, unit.length)), hangsUp: true }
    }
    case 2:
      return { bytes: message1(other).unit }
    case 3:
      return { bytes: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n') }
    case 4:
      return { bytes: Buffer.from([0, 0]) }
    case 5:
      return { bytes: Buffer.concat([Buffer.from([0xff, 0xff]), randomBytes(2000)]) }
    case 6:
      return { bytes: Buffer.concat([Buffer.from([0, 112]), randomBytes(112)]) }
    case 7:
      return { bytes: clientHello }
    case 8: {
      const altered = message1(own).unit
      altered[randomInt(2, altered.length)]! ^= 1 << randomInt(8)
      return { bytes: altered }
    }
    default:
      return { bytes: empty, hangsUp: true }
  }
}

export interface VisitFigures {
  readonly visits: number
  readonly seconds: number
  /** Bytes that came back, over all of them. */
  readonly bytesBack: number
  /** Connections the kernel refused, or that nobody ended. */
  readonly failed: number
}

export interface VisitOptions {
  readonly port: number
  readonly swarmKey: Uint8Array
  readonly visits: number
  readonly atOnce: number
  /** Visits a second. Default: as fast as they are ended. */
  readonly rate?: number
  /** Stop after so many milliseconds. */
  readonly ms?: number
  /** Only such openings as are refused by their bytes, so that no port lingers. */
  readonly quick?: boolean
}

const quick = [2, 3, 4, 5, 6, 7, 8]

export async function visits(options: VisitOptions, stopped: () => boolean): Promise<VisitFigures> {
  const { port, swarmKey, visits: wanted, atOnce, rate, ms = Number.POSITIVE_INFINITY } = options
  const own = memberSelf(swarmKey)
  const other = memberSelf(randomBytes(32))
  const begun = performance.now()
  let [done, begunVisits, bytesBack, failed] = [0, 0, 0, 0]
  const over = (): boolean => stopped() || begunVisits >= wanted || performance.now() - begun > ms
  const lane = async (): Promise<void> => {
    while (!over()) {
      const number = begunVisits++
      const ahead = rate === undefined ? 0 : begun + (number / rate) * 1000 - performance.now()
      if (ahead > 1) await new Promise(resolve => setTimeout(resolve, ahead))
      const which = options.quick ? quick[number % quick.length]! : number
      const { got, ended } = await visit(port, opening(which, own, other))
      bytesBack += got
      if (!ended) failed++
      done++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { visits: done, seconds: (performance.now() - begun) / 1000, bytesBack, failed }
}

/** One connection to its end. */
export function visit(port: number, { bytes, hangsUp }: Opening): Promise<{ got: number; ended: boolean }> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    let [got, connected, timely] = [0, false, true]
    const late = setTimeout(() => {
      timely = false
      socket.destroy()
    }, TOO_LONG)
    socket.on('connect', () => {
      connected = true
    })
    socket.on('data', data => {
      got += data.length
    })
    socket.on('error', () => {}) // a reset is how a stranger is told to go
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(late)
      resolve({ got, ended: connected && timely })
    })
    if (bytes.length > 0) socket.write(bytes)
    if (hangsUp) socket.end()
  })
}

/** A connection that is only looked at. */
export class Caller {
  readonly socket: Socket
  readonly received: Buffer[] = []
  closed = false

  static to(port: number): Promise<Caller> {
    return new Promise((resolve, reject) => {
      const caller = new Caller(connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }))
      caller.socket.once('connect', () => resolve(caller))
      caller.socket.once('close', () => reject(new Error('no connection')))
    })
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', data => this.received.push(data))
    socket.on('error', () => {})
    for (const over of ['end', 'close'])
      socket.on(over, () => {
        this.closed = true
      })
  }

  get bytes(): Buffer {
    return Buffer.concat(this.received)
  }

  /** Resolves when `holds`, or the connection is closed, or after `most` milliseconds. */
  async until(holds: () => boolean, most: number): Promise<boolean> {
    for (const end = performance.now() + most; !this.closed && performance.now() < end; ) {
      if (holds()) return true
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    return holds()
  }

  /** The next whole unit behind the first `from` bytes; undefined when none comes. */
  async unit(from = 0, most = 2_000): Promise<Buffer | undefined> {
    const whole = (): boolean => {
      const { bytes } = this
      return bytes.length >= from + 2 && bytes.length >= from + 2 + bytes.readUInt16BE(from)
    }
    if (!(await this.until(whole, most))) return undefined
    const { bytes } = this
    return bytes.subarray(from, from + 2 + bytes.readUInt16BE(from))
  }
}

/** Half-open handshakes: connections that stay and never prove anything. */
export class HalfOpen {
  readonly #sockets: Socket[] = []
  readonly #open: boolean[] = []
  readonly #options: { readonly port: number; readonly swarmKey: Uint8Array; readonly mixed: boolean }
  readonly #self: Self
  stopped = false

  constructor(options: { port: number; swarmKey: Uint8Array; mixed: boolean }) {
    this.#options = options
    this.#self = memberSelf(options.swarmKey)
  }

  /** So many more, some at once. Resolves when all of them stood for a moment. */
  async add(count: number, atOnce: number): Promise<void> {
    let begun = 0
    const lane = async (): Promise<void> => {
      while (begun < count && !this.stopped) {
        begun++
        await this.#one()
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  }

  /** Which of them stand, the oldest first. */
  get standing(): readonly boolean[] {
    return this.#open
  }

  leave(): void {
    this.stopped = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #one(): Promise<void> {
    const { port, mixed } = this.#options
    return new Promise(resolve => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.on('error', () => {})
      socket.on('connect', () => {
        const number = this.#sockets.push(socket) - 1
        this.#open.push(true)
        socket.on('close', () => {
          this.#open[number] = false
        })
        if (mixed && number % 4 === 1) socket.write(Buffer.from([0]))
        if (mixed && number % 4 === 2) socket.write(message1(this.#self).unit.subarray(0, 60))
        if (mixed && number % 4 === 3) socket.write(message1(this.#self).unit)
        resolve()
      })
      socket.on('close', () => resolve())
    })
  }
}
