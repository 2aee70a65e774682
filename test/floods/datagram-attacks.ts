/**
 * What strangers and members do to a UDP port, from sockets of their own.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { toHex } from '../../src/base/bytes.ts'
import type { DatagramSocket } from '../../src/base/ports.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { DatagramInitiator, type ResponderUnit } from '../../src/link/datagram-initiator.ts'
import type { Self } from '../../src/link/self.ts'
import { udpDatagrams } from '../../src/transport/udp.ts'
import { decodeHandshakeDatagram, isHandshakeDatagram } from '../../src/wire/handshake-datagram.ts'
import { responderUnits } from '../../src/wire/registry.ts'
import { Seeded } from '../support/seeded.ts'
import { memberSelf } from './bad-member.ts'
import { type Kind, kinds, maker } from './datagrams.ts'
import { PacketMember } from './packet-member.ts'

interface Where {
  readonly port: number
  readonly swarmKey: Uint8Array
}

export interface VolleyOptions extends Where {
  readonly count: number
  /** Default: all kinds in turn. */
  readonly kinds?: readonly Kind[]
  /** Packets that begin so, and are nobody's. */
  readonly head?: Uint8Array
  /** A second. Default: as fast as the system takes them. */
  readonly rate?: number
  /** Stop after so many milliseconds. */
  readonly ms?: number
}

export interface VolleyFigures {
  readonly sent: number
  readonly seconds: number
  readonly datagramsBack: number
  readonly bytesBack: number
  /** The largest that came back. */
  readonly largest: number
  /** From where they were sent. */
  readonly port: number
}

/** Of a place of its own: what it sends, and what comes back. */
class Place {
  readonly back: Uint8Array[] = []
  bytesBack = 0
  #socket!: DatagramSocket
  readonly #port: number
  onDatagram: (bytes: Uint8Array) => void = () => {}

  static async at(port: number): Promise<Place> {
    const place = new Place(port)
    place.#socket = await udpDatagrams().open({
      host: '127.0.0.1',
      port: 0,
      onError: () => {},
      onDatagram: bytes => {
        place.bytesBack += bytes.length
        if (place.back.length < 10_000) place.back.push(bytes.slice())
        place.onDatagram(bytes)
      },
    })
    return place
  }

  private constructor(port: number) {
    this.#port = port
  }

  get port(): number {
    return this.#socket.local.port
  }

  send(bytes: Uint8Array): void {
    this.#socket.send({ host: '127.0.0.1', port: this.#port }, bytes)
  }

  close(): void {
    this.#socket.close()
  }
}

/** In one turn, so that replies are read as well. */
const BATCH = 32

/** Datagrams that mean nothing to anybody. */
export async function volley(options: VolleyOptions, stopped: () => boolean): Promise<VolleyFigures> {
  const { port, count, rate, ms = Number.POSITIVE_INFINITY } = options
  const place = await Place.at(port)
  const makers = makersOf(options)
  const begun = performance.now()
  let sent = 0
  while (sent < count && !stopped() && performance.now() - begun < ms) {
    const due = rate === undefined ? BATCH : ((performance.now() - begun) / 1000) * rate - sent
    // What a pause missed is not made up for at once.
    const now = Math.min(due, 4 * BATCH, count - sent)
    for (let i = 0; i < now; i++, sent++) place.send(makers[sent % makers.length]!())
    if (rate === undefined || due > 4 * BATCH) await new Promise(resolve => setImmediate(resolve))
    else await new Promise(resolve => setTimeout(resolve, 1))
  }
  const seconds = (performance.now() - begun) / 1000
  await sleep(100)
  place.close()
  const { back, bytesBack } = place
  const largest = Math.max(0, ...back.map(one => one.length))
  return { sent, seconds, datagramsBack: back.length, bytesBack, largest, port: place.port }
}

function makersOf({ head, swarmKey, kinds: wanted = kinds }: VolleyOptions): (() => Uint8Array)[] {
  const dice = new Seeded(randomInt(2 ** 31))
  if (head === undefined) return wanted.map(kind => maker(kind, memberSelf(swarmKey), dice))
  const packet = dice.bytes(1_452)
  return [
    () => {
      for (let i = 0; i < 8; i++) packet[head.length + dice.below(64)] = dice.below(256)
      packet.set(head)
      packet[0] = 0x40 | dice.below(64)
      return packet.subarray(0, 40 + dice.below(1_412))
    },
  ]
}

export interface DatagramReplays {
  /** Datagrams of a whole visit, each sent again so many times. */
  readonly recorded: number
  readonly messages1: number
  /** What came back for all the repetitions of each message 1, at most. */
  readonly mostBack: number
  readonly message1: number
  /** Of everything that came back. */
  readonly otherAnswers: number
  readonly ports: readonly number[]
}

/** What a member once sent, handshake and packets, again: from where it sat, and from elsewhere. */
export async function replayDatagrams({
  port,
  swarmKey,
  times,
}: Where & { times: number }): Promise<DatagramReplays> {
  const member = await PacketMember.link(port, swarmKey, memberSelf(swarmKey), { keep: true, most: 1_452 })
  member.control(100, w => w.u8(0x04).raw(new Uint8Array(8)))
  await sleep(200)
  member.leave()
  await sleep(300)
  const recorded = member.sent.slice()
  let [mostBack, otherAnswers, messages1] = [0, 0, 0]
  const ports: number[] = []
  for (const datagram of recorded) {
    const place = await Place.at(port)
    ports.push(place.port)
    for (let i = 0; i < times; i++) {
      place.send(datagram.slice())
      await sleep(1)
    }
    await sleep(20)
    place.close()
    if (datagram[0] !== 0x01) {
      // A reset is the answer to a packet of a link that is over.
      otherAnswers += place.back.filter(one => one[0]! < 0x40 || one.length >= datagram.length).length
      continue
    }
    messages1++
    mostBack = Math.max(mostBack, place.bytesBack)
    otherAnswers += place.back.filter(one => one[41] !== responderUnits.COOKIE).length
  }
  return { recorded: recorded.length, messages1, mostBack, message1: 1_200, otherAnswers, ports }
}

export interface AskFigures {
  /** Got message 2, and said no more. */
  readonly halfOpen: number
  readonly cookies: number
  readonly unanswered: number
  /** The largest answer to one message 1, less the size of what it answered. */
  readonly excess: number
  readonly seconds: number
  readonly port: number
}

type Answered = (unit: ResponderUnit, bytes: number) => void

/** Handshakes up to message 2, some at a time, from one place; their message 3 is kept. */
export class Asking {
  readonly #messages3: Uint8Array[] = []
  readonly #place: Place
  readonly #self: Self
  readonly #ids: ConnectionIds
  /** By the id of who asks. */
  readonly #waiting = new Map<string, Answered>()

  static async at({ port, swarmKey }: Where): Promise<Asking> {
    return new Asking(await Place.at(port), memberSelf(swarmKey))
  }

  private constructor(place: Place, self: Self) {
    this.#place = place
    this.#self = self
    this.#ids = new ConnectionIds(self.suite, randomBytes(32), self.random)
    place.onDatagram = bytes => {
      if (!isHandshakeDatagram(bytes)) return
      const decoded = decodeHandshakeDatagram(bytes)
      if (decoded.kind === 'RESPONDER_UNIT')
        this.#waiting.get(toHex(decoded.initiatorId))?.(decoded, bytes.length)
    }
  }

  /** `answering`: cookies are brought back. */
  async ask(count: number, atOnce: number, answering: boolean, stopped: () => boolean): Promise<AskFigures> {
    const begun = performance.now()
    let [asked, halfOpen, cookies, unanswered, excess] = [0, 0, 0, 0, Number.NEGATIVE_INFINITY]
    const one = (): Promise<void> =>
      new Promise(resolve => {
        const now = performance.now()
        const dial = new DatagramInitiator({ self: this.#self, ids: this.#ids, proceed: yes }, now)
        const first = drained(dial)
        const id = toHex(first.id!)
        const over = (): void => {
          clearTimeout(late)
          this.#waiting.delete(id)
          resolve()
        }
        const late = setTimeout(() => {
          unanswered++
          over()
        }, 1_000)
        this.#waiting.set(id, (unit, bytes) => {
          excess = Math.max(excess, bytes - first.datagram!.length)
          dial.handle({ kind: 'unit', unit }, performance.now())
          const { datagram, proved } = drained(dial)
          if (datagram === undefined) return over()
          if (proved) {
            halfOpen++
            this.#messages3.push(datagram)
            return over()
          }
          cookies++
          if (answering) this.#place.send(datagram)
          else over()
        })
        this.#place.send(first.datagram!)
      })
    const lane = async (): Promise<void> => {
      while (asked++ < count && !stopped()) await one()
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
    const seconds = (performance.now() - begun) / 1000
    return { halfOpen, cookies, unanswered, excess, seconds, port: this.#place.port }
  }

  /** Says the last of the newest `count` messages 3, at last. */
  async prove(count: number): Promise<void> {
    for (const message3 of this.#messages3.slice(-count)) {
      this.#place.send(message3)
      await sleep(0)
    }
    await sleep(200)
  }

  leave(): void {
    this.#place.close()
  }
}

const yes = (): undefined => undefined

/** What a dial wants sent, to which id answers come, and whether it is through. */
function drained(dial: DatagramInitiator): { datagram?: Uint8Array; id?: Uint8Array; proved: boolean } {
  const told: { datagram?: Uint8Array; id?: Uint8Array; proved: boolean } = { proved: false }
  for (let output = dial.poll(); output !== undefined; output = dial.poll()) {
    if (output.kind === 'send') told.datagram = output.datagram
    if (output.kind === 'expect') told.id = output.id
    if (output.kind === 'proved') told.proved = true
  }
  return told
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => (ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms)))
}
