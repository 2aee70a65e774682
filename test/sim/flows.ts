/**
 * What passes between a process and others in datagrams, told apart by address and connection id.
 *
 *   sent, came ─▶ first byte ─┬─ 01xx xxxx  a packet: of the flow its connection id names
 *                             └─ 0x01-0x03  a handshake: counted by address only
 *
 * Seen from the system's side, so nothing here asks a node. To an address that did not prove itself
 * at most three times the bytes go that came from there (P8): that is looked at with every datagram.
 */
import type { Endpoint } from '../../src/base/ports.ts'
import type { DatagramTap } from './tap.ts'

/** Packets to one connection id, in one direction. */
export interface Flow {
  readonly host: string
  /** In hex. */
  readonly id: string
  packets: number
}

/** What one address of others has sent and got. */
export interface Place {
  readonly endpoint: string
  /** We wrote first, or dialled it: what a program was told to ask is no answer. */
  asked: boolean
  bytesIn: number
  bytesOut: number
  /** Virtual times. */
  firstIn: number | undefined
  /** Of packets: handshakes are proved by message 3 alone. */
  firstOut: number | undefined
  lastOut: number
  /** When it showed that it got something of ours: from then on it may get any number of bytes. */
  provedAt: number | undefined
}

export interface FlowsOptions {
  readonly now: () => number
  readonly fail: (what: string) => void
}

const MESSAGE_1 = 0x01
const MESSAGE_3 = 0x03

export class Flows implements DatagramTap {
  readonly places = new Map<string, Place>()
  /** Hosts that never get a word of ours, whatever they send: they only repeat what others said. */
  readonly repeaters = new Set<string>()
  /** The shortest time in which anybody can answer. */
  roundTrip = 0
  /** Called with each datagram before the process gets it. */
  before: (bytes: Uint8Array, from: Endpoint) => void = () => {}
  /** Datagrams that went out. */
  datagramsOut = 0
  bytesOut = 0
  deliver: (bytes: Uint8Array, from: Endpoint) => void = () => {}
  /** The largest share of bytes out to bytes in, of all addresses while they were unproved. */
  worst = 0
  #in = new Map<string, Flow>()
  #out = new Map<string, Flow>()
  readonly #fromHost = new Map<string, number>()
  readonly #options: FlowsOptions

  constructor(options: FlowsOptions) {
    this.#options = options
  }

  opened(deliver: (bytes: Uint8Array, from: Endpoint) => void): void {
    this.deliver = deliver
  }

  sent(to: Endpoint, bytes: Uint8Array): void {
    this.datagramsOut++
    this.bytesOut += bytes.length
    const now = this.#options.now()
    const place = this.#place(to, true)
    place.lastOut = now
    place.bytesOut += bytes.length
    if (isPacket(bytes)) place.firstOut ??= now
    if (bytes[0] === MESSAGE_1) place.asked = true
    count(this.#out, to.host, bytes)
    if (place.asked || place.provedAt !== undefined) return
    const share = place.bytesOut / place.bytesIn
    this.worst = Math.max(this.worst, share)
    if (share > 3) this.#options.fail(`P8: ${share.toFixed(2)} times what came from ${place.endpoint}`)
  }

  came(from: Endpoint, bytes: Uint8Array): void {
    this.before(bytes, from)
    const now = this.#options.now()
    const place = this.#place(from, false)
    place.firstIn ??= now
    place.bytesIn += bytes.length
    count(this.#in, from.host, bytes)
    this.#fromHost.set(from.host, this.read(from.host) + bytes.length)
    if (bytes[0] === MESSAGE_3) place.provedAt ??= now
    if (!isPacket(bytes)) return
    // What was repeated may be the answer of somebody else, and counts for them (RFC 9000 section 8.2.3).
    if (this.repeaters.has(from.host))
      for (const other of this.places.values()) this.#mayHaveAnswered(other, now)
    else this.#mayHaveAnswered(place, now)
  }

  /** Bytes that came from there. */
  read(host: string): number {
    return this.#fromHost.get(host) ?? 0
  }

  /** What has come so far, of any host. */
  reads(): (host: string) => number {
    const then = new Map(this.#fromHost)
    return host => then.get(host) ?? 0
  }

  /** Flows are counted anew. */
  forget(): void {
    this.#in = new Map()
    this.#out = new Map()
  }

  /** Connection ids of packets from and to a host since `forget`, at whichever of its addresses. */
  between(addresses: readonly string[]): {
    readonly came: readonly string[]
    readonly sent: readonly string[]
  } {
    const ids = (flows: Map<string, Flow>): string[] =>
      [...flows.values()].filter(({ host }) => addresses.includes(host)).map(({ id }) => id)
    return { came: ids(this.#in), sent: ids(this.#out) }
  }

  at({ host, port }: Endpoint): Place | undefined {
    return this.places.get(`${host} ${port}`)
  }

  /** Nothing that could be an answer comes sooner; a packet that comes later is taken for one. */
  #mayHaveAnswered(place: Place, now: number): void {
    const { firstOut, endpoint } = place
    if (firstOut === undefined || now < firstOut + this.roundTrip) return
    if (!this.repeaters.has(endpoint.split(' ')[0]!)) place.provedAt ??= now
  }

  #place({ host, port }: Endpoint, asked: boolean): Place {
    const endpoint = `${host} ${port}`
    let place = this.places.get(endpoint)
    if (place === undefined) {
      place = {
        ...{ endpoint, asked, bytesIn: 0, bytesOut: 0, lastOut: 0 },
        ...{ firstIn: undefined, firstOut: undefined, provedAt: undefined },
      }
      this.places.set(endpoint, place)
    }
    return place
  }
}

function isPacket(bytes: Uint8Array): boolean {
  return bytes.length >= 13 && (bytes[0]! & 0xc0) === 0x40
}

function count(flows: Map<string, Flow>, host: string, bytes: Uint8Array): void {
  if (!isPacket(bytes)) return
  let id = ''
  for (let i = 1; i < 13; i++) id += String.fromCharCode(bytes[i]!)
  const key = host + id
  const flow = flows.get(key)
  if (flow !== undefined) flow.packets++
  else flows.set(key, { host, id: Buffer.from(bytes.subarray(1, 13)).toString('hex'), packets: 1 })
}
