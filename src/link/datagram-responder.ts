/**
 * All handshakes in datagrams that a node was asked for and that are not through.
 *
 *   message 1 ─┬─ in doubt, or busy ──▶ cookie: nothing is kept
 *              └─ fresh, or cookie ──▶ half-open (message 2) ── message 3 ──▶ proved
 *                                        │  ▲                    10 s ──▶ gone
 *                                        └──┘ the same message 1 again: the same message 2 again
 *
 * A half-open handshake is known by who asked: address and the connection id it chose. At most 1,024 of them
 * stand in all and 8 from one place; for one too many the oldest goes, never the newest. Packets
 * overtake message 3, as datagrams do: up to 8 are held for it. There is no timer but the one that
 * ends things: what leaves is an answer, so a forged address gets less than was sent in its name.
 *
 * Refuses: a message 3 from another address than message 1 came from, or that does not open (and stays
 * as it was); cookies without end for one and the same message 1.
 * Page: protocol/handshake.md (spec: HAND-21, HAND-25, HAND-26, HAND-27)
 * Faults: HS-09, HS-18, HS-19, HS-20, P3, UQ-08 · Floor: link.
 */
import { copy, equal, toHex } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import type { Endpoint, Random } from '../base/ports.ts'
import { RecentSet } from '../base/recent.ts'
import { RecentKeys } from '../base/recent-keys.ts'
import type { HandshakeDatagram } from '../wire/handshake-datagram.ts'
import { limits } from '../wire/limits.ts'
import { responderUnits } from '../wire/registry.ts'
import { AddressCookies } from './cookies.ts'
import { sealedDatagram } from './datagram-mac.ts'
import type { Proved } from './handshake.ts'
import { IdTable } from './id-table.ts'
import { Places } from './places.ts'
import { Responder, type ResponderStep } from './responder.ts'
import type { Self } from './self.ts'
import type { Swarm } from './swarm.ts'
import { Threshold, defaults as thresholds } from './threshold.ts'

export const defaults = {
  /** Half-open: 5 s for an attempt, and as much again for its message 3 to arrive. */
  lifetime: 10_000,
  /** From so many half-open ones on everybody needs a cookie: an eighth of the table, as in WireGuard. */
  busy: thresholds.total / 8,
  /** Message 2 again: an honest initiator asks twelve times more in an attempt, and paths double some. */
  repeats: 17,
  /** Packets held for one message 3 (decision 17), and for all: 1.5 MB. */
  held: 8,
  heldInAll: 1_024,
  /** A packet larger than this is not held: nobody knows yet that the path takes it. */
  heldSize: 1_500,
  /** Cookies for one message 1, within an attempt: for five of the nine times that an honest initiator sends it. */
  cookies: 5,
  cookieRepeats: 5_000,
  cookieMemory: 4_096,
} as const

export type Ask = Extract<HandshakeDatagram, { kind: 'MESSAGE_1' }>
export type Prove = Extract<HandshakeDatagram, { kind: 'RESPONDER_UNIT' | 'MESSAGE_3' }>

export interface Newcomer {
  readonly proved: Proved
  /** Packets to us carry this one, packets to the peer that one. */
  readonly localId: Uint8Array
  readonly remoteId: Uint8Array
  /** Proved too: it gave back what only message 2 told. */
  readonly from: Endpoint
  /** Datagrams that came before message 3, in their order. */
  readonly held: readonly Uint8Array[]
  /** From the last message 2 to the first message 3 that came: no measure of the round trip, for either may have been said before. */
  readonly shortest: Millis
}

interface HalfOpen {
  readonly number: number
  readonly asker: string
  readonly from: Endpoint
  readonly swarm: Swarm
  readonly responder: Responder
  readonly localId: Uint8Array
  readonly message1: Uint8Array
  readonly message2: Uint8Array
  answeredAt: Millis
  readonly endsAt: Millis
  readonly held: Uint8Array[]
  repeats: number
}

export class DatagramResponder {
  readonly #self: Self
  readonly #ids: { mint(): Uint8Array }
  readonly #cookies: AddressCookies
  readonly #places = new Places()
  readonly #threshold = new Threshold()
  /** In the order they came, so also in which they end. */
  readonly #halfOpen = new Map<number, HalfOpen>()
  readonly #byAsker = new Map<string, HalfOpen>()
  readonly #byId = new IdTable<HalfOpen>()
  /** Who was proved a moment ago: what is still under way of it is late, not new. */
  readonly #proved = new RecentSet(thresholds.total, defaults.lifetime)
  readonly #answered: Answered
  #held = 0
  #next = 0

  constructor(self: Self, ids: { mint(): Uint8Array }, now: Millis) {
    this.#self = self
    this.#ids = ids
    this.#cookies = new AddressCookies(self.suite, self.random, now)
    this.#answered = new Answered(self.random)
  }

  get size(): number {
    return this.#halfOpen.size
  }

  /** A message 1 whose MAC is good. What to send back, or why nothing is sent. */
  message1(ask: Ask, swarm: Swarm, from: Endpoint, now: Millis): Uint8Array | 'repeat' | 'damaged' {
    const asker = `${toHex(ask.initiatorId)} ${from.host} ${from.port}`
    const known = this.#byAsker.get(asker)
    if (known !== undefined && equal(known.message1, ask.body)) {
      if (known.repeats++ >= defaults.repeats) return 'repeat'
      known.answeredAt = now
      return known.message2 // spec: HAND-25
    }
    if (this.#proved.has(asker, now)) return 'repeat'
    // A message 1 in the name of one that is under way has to prove it is the same asker.
    const wary = !this.#places.mayAsk(from.host, now) || known !== undefined || this.size >= defaults.busy // spec: HS-19
    const responder = new Responder(this.#self, {
      cookies: this.#cookies.of(from),
      wary,
      swarms: [swarm],
      carrier: 'packets',
    })
    let step: ResponderStep
    try {
      step = responder.unit(ask.body, now)
    } catch {
      return responder.opened ? 'repeat' : 'damaged'
    }
    const unit = step.send!
    if (unit[0] !== responderUnits.MESSAGE_2)
      return this.#answered.again(this.#self, ask.body, now)
        ? this.#datagram(swarm, ask.initiatorId, noId, unit)
        : 'repeat'
    if (known !== undefined) this.#forget(known)
    return this.#enter(ask, asker, responder, unit, swarm, from, now)
  }

  /** A message 3 whose MAC is good. */
  message3(prove: Prove, from: Endpoint, now: Millis): Newcomer | 'repeat' | 'damaged' | 'refused' {
    const half = this.#byId.get(prove.responderId)
    if (half === undefined) return 'repeat'
    const same = half.from.host === from.host && half.from.port === from.port
    if (!same) return 'refused' // spec: HAND-26
    let proved: Proved
    try {
      proved = half.responder.unit(prove.body, now).proved!
    } catch {
      if (!half.responder.opened) return 'damaged'
      this.#forget(half)
      return 'refused'
    }
    this.#forget(half)
    this.#proved.add(half.asker, now)
    const { localId, held, answeredAt } = half
    const shortest = now - answeredAt
    return { proved, localId, remoteId: prove.initiatorId.slice(), from, held, shortest }
  }

  /** A packet for a handshake that is half-open: kept for its message 3. False: it is not for us. */
  hold(packet: Uint8Array, offset: number, from: Endpoint): boolean {
    const half = this.#byId.at(packet, offset)
    if (half === undefined) return false
    const room = half.held.length < defaults.held && this.#held < defaults.heldInAll // spec: HAND-27
    const same = half.from.host === from.host && half.from.port === from.port
    if (room && same && packet.length <= defaults.heldSize) {
      half.held.push(copy(packet))
      this.#held++
    }
    return true
  }

  deadline(): Millis | undefined {
    const [oldest] = this.#halfOpen.values()
    return oldest?.endsAt
  }

  /** What is over ends. */
  tick(now: Millis): void {
    for (const half of this.#halfOpen.values()) {
      if (now < half.endsAt) return
      this.#forget(half)
    }
  }

  #enter(
    { initiatorId, body }: Ask,
    asker: string,
    responder: Responder,
    unit: Uint8Array,
    swarm: Swarm,
    from: Endpoint,
    now: Millis,
  ): Uint8Array {
    const number = this.#next++
    const gone = this.#threshold.enter(number, from.host)
    if (gone !== undefined) this.#forget(this.#halfOpen.get(gone)!)
    const localId = this.#ids.mint()
    const half: HalfOpen = {
      number,
      asker,
      from: { host: from.host, port: from.port },
      swarm,
      responder,
      localId,
      message1: copy(body),
      message2: this.#datagram(swarm, initiatorId, localId, unit),
      answeredAt: now,
      endsAt: now + defaults.lifetime,
      held: [],
      repeats: 0,
    }
    this.#halfOpen.set(number, half)
    this.#byAsker.set(asker, half)
    this.#byId.set(localId, half)
    return half.message2
  }

  #forget(half: HalfOpen): void {
    half.responder.wipe()
    this.#threshold.leave(half.number)
    this.#halfOpen.delete(half.number)
    this.#byAsker.delete(half.asker)
    this.#byId.delete(half.localId)
    this.#held -= half.held.length
  }

  #datagram(swarm: Swarm, initiatorId: Uint8Array, responderId: Uint8Array, body: Uint8Array): Uint8Array {
    const unit = { kind: 'RESPONDER_UNIT', initiatorId, responderId, body } as const
    return sealedDatagram(this.#self.suite, swarm, unit)
  }
}

const EPHEMERAL_LENGTH = 32
const noId = new Uint8Array(limits.connectionId)

/**
 * How often a message 1 was answered with a cookie. It is no more than its sender sent, but whoever recorded
 * it could ask for ever: one that has once begun a handshake gets one, any other five within five
 * seconds, as its sender repeats it (spec: HAND-21).
 */
class Answered {
  readonly #told: RecentKeys
  /** Those for which the first one was a moment ago; and which of them had a second, a third … */
  readonly #lately: RecentKeys
  readonly #repeated: readonly RecentKeys[]

  constructor(random: Pick<Random, 'fraction'>) {
    const { cookies, cookieMemory, cookieRepeats } = defaults
    this.#told = new RecentKeys(cookies * cookieMemory, 2 * limits.freshness, random)
    const lately = (): RecentKeys => new RecentKeys(cookieMemory, cookieRepeats, random)
    this.#lately = lately()
    this.#repeated = Array.from({ length: cookies - 1 }, lately)
  }

  /** May it be answered once more? */
  again(self: Self, message1: Uint8Array, now: Millis): boolean {
    const ephemeral = message1.subarray(0, EPHEMERAL_LENGTH)
    if (this.#told.add(ephemeral, now)) {
      this.#lately.add(ephemeral, now)
      return true
    }
    if (self.freshness.seen(ephemeral, now) || !this.#lately.has(ephemeral, now)) return false
    return this.#repeated.some(times => times.add(ephemeral, now))
  }
}
