/**
 * Nodes that shake hands in datagrams, in virtual time, with a hand on the path between them.
 *
 * Behind the handshake stands the least that can be called a link: the responder says "accepted" until
 * that is acknowledged, the initiator says one thing at once. Their packets are sealed with the
 * keys the handshake gave, so they prove that both have the same ones.
 */
import { concat, equal } from '../../src/base/bytes.ts'
import type { GuildError } from '../../src/base/errors.ts'
import type { Endpoint } from '../../src/base/ports.ts'
import { ByteWriter } from '../../src/base/writer.ts'
import { nativeSuite } from '../../src/crypto/index.ts'
import { ConnectionIds } from '../../src/link/connection-ids.ts'
import { DatagramInitiator, type DialOptions } from '../../src/link/datagram-initiator.ts'
import { Door, type Judgement } from '../../src/link/door.ts'
import type { PacketKeys, Proved, Stage } from '../../src/link/handshake.ts'
import type { Self } from '../../src/link/self.ts'
import { encodePacketHead, maskHead, sampleOf, unmaskHead } from '../../src/wire/packet.ts'
import { makeSelf, type SelfOptions, START, yes } from './link-pair.ts'

/** What the path makes of a datagram: when what of it arrives. */
export type Weather = (crossing: Crossing) => readonly { bytes: Uint8Array; delay: number }[]

export interface Crossing {
  readonly number: number
  readonly at: number
  readonly from: DatagramNode
  readonly to: DatagramNode | undefined
  readonly bytes: Uint8Array
}

export const ACCEPTED = new Uint8Array(30).fill(1)
const EARLY = new Uint8Array(30).fill(2)
const ACK = new Uint8Array(30).fill(3)

/** The stand-in of a link. */
export interface Tie {
  readonly proved: Proved
  readonly localId: Uint8Array
  readonly remoteId: Uint8Array
  readonly at: number
  readonly rtt: number | undefined
  to: Endpoint
  number: number
  heard: number
  resendAt: number | undefined
  interval: number
}

export class DatagramNode {
  readonly self: Self
  readonly place: Endpoint
  readonly door: Door<string>
  readonly ids: ConnectionIds
  readonly dials = new Map<string, { dial: DatagramInitiator; to: Endpoint }>()
  readonly ties = new Map<string, Tie>()
  readonly failures: { error: GuildError; stage: Stage }[] = []
  readonly judged: Judgement<string>[] = []
  readonly #path: DatagramPath
  #next = 0

  constructor(path: DatagramPath, place: Endpoint, options: SelfOptions & { self?: Self } = {}) {
    this.#path = path
    this.place = place
    this.self = options.self ?? makeSelf(options)
    this.ids = new ConnectionIds(this.self.suite, this.self.random.bytes(32), this.self.random)
    this.door = new Door(this.self, this.ids, START)
  }

  dial(to: Endpoint, options: Partial<DialOptions> = {}): DatagramInitiator {
    const key = `dial ${this.#next++}`
    const dial = new DatagramInitiator(
      { self: this.self, ids: this.ids, proceed: yes, ...options },
      this.#path.now,
    )
    this.dials.set(key, { dial, to })
    this.#drain(key)
    return dial
  }

  take(bytes: Uint8Array, from: Endpoint): void {
    const judgement = this.door.judge(bytes, from, this.#path.now)
    this.judged.push(judgement)
    switch (judgement.kind) {
      case 'reply':
        return this.#path.send(this, from, judgement.datagram)
      case 'unit': {
        this.dials.get(judgement.key)!.dial.handle({ kind: 'unit', unit: judgement.unit }, this.#path.now)
        return this.#drain(judgement.key)
      }
      case 'proved': {
        const { proved, localId, remoteId, held } = judgement.newcomer
        const key = `link ${this.#next++}`
        const tie = this.#tie(key, proved, localId, remoteId, judgement.newcomer.from, undefined)
        tie.resendAt = this.#path.now
        for (const packet of held) this.#packet(key, packet, from)
        return
      }
      case 'packet':
        return this.#packet(judgement.key, bytes, from)
      case 'reset':
        this.ties.delete(judgement.key)
        return
      case 'drop':
        return
    }
  }

  deadline(): number | undefined {
    const all = [
      this.door.deadline(),
      ...[...this.dials.values()].map(({ dial }) => dial.deadline()),
      ...[...this.ties.values()].map(({ resendAt }) => resendAt),
    ].filter(at => at !== undefined)
    return all.length === 0 ? undefined : Math.min(...all)
  }

  tick(now: number): void {
    this.door.tick(now)
    for (const [key, { dial }] of this.dials)
      if ((dial.deadline() ?? Number.POSITIVE_INFINITY) <= now) {
        dial.handle({ kind: 'tick' }, now)
        this.#drain(key)
      }
    for (const tie of this.ties.values())
      if (tie.resendAt !== undefined && tie.resendAt <= now) {
        this.say(tie, ACCEPTED)
        tie.resendAt = now + tie.interval
        tie.interval = Math.min(2 * tie.interval, 2_000)
      }
  }

  say(tie: Tie, payload: Uint8Array): void {
    this.#path.send(this, tie.to, sealPacket(tie.proved.packetKeys!, tie.remoteId, tie.number++, payload))
  }

  #drain(key: string): void {
    const { dial, to } = this.dials.get(key)!
    for (let output = dial.poll(); output !== undefined; output = dial.poll())
      switch (output.kind) {
        case 'send':
          this.#path.send(this, to, output.datagram)
          break
        case 'expect':
          this.door.expect(output.id, key)
          break
        case 'forget':
          this.door.forget(output.id)
          break
        case 'proved': {
          const { proved, localId, remoteId, rtt } = output
          this.say(this.#tie(key, proved, localId, remoteId, to, rtt), EARLY)
          break
        }
        case 'failed':
          this.failures.push(output)
      }
  }

  #tie(
    key: string,
    proved: Proved,
    localId: Uint8Array,
    remoteId: Uint8Array,
    to: Endpoint,
    rtt: number | undefined,
  ): Tie {
    const at = this.#path.now
    const tie: Tie = {
      ...{ proved, localId, remoteId, rtt, to, at },
      ...{ number: 0, heard: 0, resendAt: undefined, interval: 333 },
    }
    this.ties.set(key, tie)
    this.door.open(localId, key)
    return tie
  }

  #packet(key: string, packet: Uint8Array, from: Endpoint): void {
    const tie = this.ties.get(key)
    const payload = tie === undefined ? undefined : openPacket(tie.proved.packetKeys!, packet)
    if (tie === undefined || payload === undefined) return
    tie.heard++
    tie.to = from
    const dialled = this.dials.get(key)
    if (dialled !== undefined) {
      dialled.dial.handle({ kind: 'confirmed' }, this.#path.now)
      this.#drain(key)
    }
    if (equal(payload, ACK)) tie.resendAt = undefined
    if (equal(payload, ACCEPTED)) this.say(tie, ACK)
  }
}

export class DatagramPath {
  now: number = START
  weather: Weather = ({ bytes }) => [{ bytes, delay: 10 }]
  readonly nodes: DatagramNode[] = []
  readonly crossings: Crossing[] = []
  readonly #agenda: { at: number; order: number; run: () => void }[] = []
  #order = 0

  node(host: string, options: SelfOptions & { self?: Self } = {}): DatagramNode {
    const node = new DatagramNode(this, { host, port: 8000 }, options)
    this.nodes.push(node)
    return node
  }

  send(from: DatagramNode, place: Endpoint, sent: Uint8Array): void {
    const to = this.nodes.find(one => one.place.host === place.host && one.place.port === place.port)
    const crossing = { number: this.crossings.length, at: this.now, from, to, bytes: sent.slice() }
    this.crossings.push(crossing)
    for (const { bytes, delay } of this.weather(crossing))
      this.at(this.now + delay, () => to?.take(bytes.slice(), from.place))
  }

  at(at: number, run: () => void): void {
    this.#agenda.push({ at, order: this.#order++, run })
  }

  /** Until nothing is left to happen before `until`, or `done`. True: it was done. */
  run(until: number, done: () => boolean = () => false): boolean {
    for (let steps = 0; steps < 1_000_000; steps++) {
      if (done()) return true
      this.#agenda.sort((a, b) => a.at - b.at || a.order - b.order)
      const next = this.#agenda[0]
      const deadlines = this.nodes.map(node => node.deadline()).filter(at => at !== undefined)
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, ...deadlines)
      if (at > until) {
        this.now = until
        return false
      }
      this.now = Math.max(this.now, at)
      if (next !== undefined && next.at <= at) {
        this.#agenda.shift()
        next.run()
      } else for (const node of this.nodes) node.tick(this.now)
    }
    throw new Error('it does not come to rest')
  }
}

/** Both believe in the link, and each has heard the other. */
export function linked(a: DatagramNode, b: DatagramNode): boolean {
  const heard = (node: DatagramNode): boolean => [...node.ties.values()].some(tie => tie.heard > 0)
  return heard(a) && heard(b)
}

function sealPacket(keys: PacketKeys, to: Uint8Array, number: number, payload: Uint8Array): Uint8Array {
  const w = new ByteWriter()
  encodePacketHead(w, to, number, 4, 0)
  const head = w.view().slice()
  const packet = concat(head, keys.send.seal(number, head, payload))
  maskHead(packet, nativeSuite.headerMask(keys.sendMask).mask(sampleOf(packet)))
  return packet
}

function openPacket(keys: PacketKeys, packet: Uint8Array): Uint8Array | undefined {
  const mask = nativeSuite.headerMask(keys.receiveMask).mask(sampleOf(packet))
  const { truncated, bytes } = unmaskHead(packet, mask)
  try {
    return keys.receive.open(truncated, bytes, packet.subarray(bytes.length))
  } catch {
    return undefined
  }
}
