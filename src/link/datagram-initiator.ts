/**
 * One dial in datagrams: asks again until it is answered, proves itself until that has arrived.
 *
 *   asking ── message 2 opens ──▶ proving ── a packet of the peer opens ──▶ over
 *     │ ▲                           │
 *     │ └─ a second, then every half: message 1 again, byte for byte
 *     │ └─ 5 s: a new attempt, with a new ephemeral key and a new connection id
 *     │ └─ cookie: message 1 with it, new ephemeral key, at once
 *     └──────────── 30 s ───────────┴──▶ over (GH_HANDSHAKE_TIMEOUT)
 *
 * A datagram that is lost is asked for again; one that is damaged counts as lost, for whoever can damage it
 * could forge the next one too. Only what opens and is wrong ends the dial: another peer than the one
 * wanted, our own identity, no common version. Attempts given up by the clock stay open for their answers,
 * as long paths have late ones; the first message 2 that opens wins, and the keys of the others are gone.
 * The responder has no timer: every datagram of its answers one of ours.
 *
 * Refuses: acting on a unit that does not open (HS-10, HS-11); saying who we are to more than one.
 * Page: protocol/handshake.md (spec: HAND-22, HAND-23, HAND-24) · Faults: UQ-01, UQ-03, UQ-06, UQ-08 · Floor: link.
 */
import { equal } from '../base/bytes.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import { earlier, type Machine, type Millis, type Tick } from '../base/machine.ts'
import type { HandshakeDatagram } from '../wire/handshake-datagram.ts'
import { responderUnits } from '../wire/registry.ts'
import { sealedDatagram } from './datagram-mac.ts'
import type { Proved, Stage } from './handshake.ts'
import { Initiator, type InitiatorOptions } from './initiator.ts'
import type { Swarm } from './swarm.ts'

export const defaults = {
  /** Message 1 again, while nothing is known of the path (RFC 9002, section 6.2.2); with a cookie in it sooner, by what that took. */
  resend: 1_000,
  /** And then at least this often: what was lost once lies in a burst of losses, which has to be outlasted within the attempt. */
  resendMost: 500,
  /** One attempt; a responder that has lost what it knew of it would not answer its repetitions. */
  attempt: 5_000,
  /** The whole dial: six attempts. */
  timeout: 30_000,
  /** Message 3 again: not before this, however short the round trip. */
  proveLeast: 50,
  /** And at least this often, so that some arrive in the ten seconds for which the responder waits. */
  proveMost: 1_000,
} as const

/** What the door has checked and taken apart. */
export type ResponderUnit = Extract<HandshakeDatagram, { kind: 'RESPONDER_UNIT' | 'MESSAGE_3' }>

export type DialInput =
  | { readonly kind: 'unit'; readonly unit: ResponderUnit }
  /** The first packet of the peer opened: it has our message 3. */
  | { readonly kind: 'confirmed' }
  /** It is of no interest any more. */
  | { readonly kind: 'abandon' }
  | Tick

export type DialOutput =
  | { readonly kind: 'send'; readonly datagram: Uint8Array }
  /** Responder units to this id are ours from now on. */
  | { readonly kind: 'expect'; readonly id: Uint8Array }
  /** No longer. */
  | { readonly kind: 'forget'; readonly id: Uint8Array }
  /** Message 3 leaves; packets may follow it. */
  | {
      readonly kind: 'proved'
      readonly proved: Proved
      /** Packets to us carry this one, packets to the peer that one. */
      readonly localId: Uint8Array
      readonly remoteId: Uint8Array
      /** A round trip, where the answer was to a datagram sent once only (Karn). */
      readonly rtt: Millis | undefined
      /** The shortest round trip that fits what was seen. */
      readonly shortest: Millis
    }
  | { readonly kind: 'failed'; readonly error: GuildError; readonly stage: Stage }

export interface DialOptions extends Omit<InitiatorOptions, 'carrier'> {
  /** Mints connection ids that the door of this node knows for its own. */
  readonly ids: { mint(): Uint8Array }
  /** Default: 30 s. */
  readonly timeout?: Millis
}

interface Attempt {
  readonly id: Uint8Array
  readonly initiator: Initiator
  /** Of the message that is waited upon. */
  datagram: Uint8Array
  sentAt: Millis
  resent: boolean
}

export class DatagramInitiator implements Machine<DialInput, DialOutput> {
  readonly #options: DialOptions
  readonly #swarm: Swarm
  readonly #outputs: DialOutput[] = []
  /** The dial has until then, ACCEPTED included. */
  readonly endsAt: Millis
  /** The newest, which is repeated, is the last. */
  #attempts: Attempt[] = []
  #state: 'asking' | 'proving' | 'over' = 'asking'
  #newAttemptAt: Millis = 0
  #sentAt: Millis = 0
  #resendAt: Millis = 0
  #interval: Millis = 0
  #message3: Uint8Array | undefined

  constructor(options: DialOptions, now: Millis) {
    this.#options = options
    this.#swarm = options.swarm ?? options.self.swarms[0]!
    this.endsAt = now + (options.timeout ?? defaults.timeout)
    this.#begin(now)
  }

  /** How far it came, by the attempt that came furthest. */
  get stage(): Stage {
    const stages = this.#attempts.map(({ initiator }) => initiator.stage)
    return order.findLast(stage => stages.includes(stage)) ?? 'connected'
  }

  /** Who answered, from message 2 on. */
  get peerId(): string | undefined {
    return this.#attempts.find(({ initiator }) => initiator.peerId !== undefined)?.initiator.peerId
  }

  handle(input: DialInput, now: Millis): void {
    if (this.#state === 'over') return
    switch (input.kind) {
      case 'unit':
        return this.#unit(input.unit, now)
      case 'confirmed':
      case 'abandon':
        return this.#end()
      case 'tick':
        return this.#tick(now)
    }
  }

  poll(): DialOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    if (this.#state === 'over') return undefined
    const next = this.#state === 'asking' ? this.#newAttemptAt : undefined
    return earlier(earlier(this.#resendAt, next), this.endsAt)
  }

  #tick(now: Millis): void {
    if (now >= this.endsAt) return this.#fail(new GuildError('GH_HANDSHAKE_TIMEOUT', `after ${this.stage}`))
    if (this.#state === 'asking' && now >= this.#newAttemptAt) return this.#begin(now)
    if (now >= this.#resendAt) this.#resend(now)
  }

  #begin(now: Millis): void {
    const { ids, self } = this.#options
    const id = ids.mint()
    const initiator = new Initiator({ ...this.#options, swarm: this.#swarm, carrier: 'packets' })
    const body = initiator.begin(now)
    const datagram = sealedDatagram(self.suite, this.#swarm, { kind: 'MESSAGE_1', initiatorId: id, body })
    this.#outputs.push({ kind: 'expect', id })
    this.#ask({ id, initiator, datagram, sentAt: now, resent: false }, now)
  }

  /** `interval`: until it is said again, where the cookie has shown how far away the peer is. */
  #ask(attempt: Attempt, now: Millis, interval: Millis = defaults.resend): void {
    this.#attempts.push(attempt)
    this.#newAttemptAt = now + defaults.attempt // spec: HAND-22
    this.#interval = Math.min(interval, defaults.resend)
    this.#send(attempt.datagram, now)
  }

  #send(datagram: Uint8Array, now: Millis): void {
    this.#sentAt = now
    this.#resendAt = now + this.#interval
    this.#outputs.push({ kind: 'send', datagram })
  }

  #resend(now: Millis): void {
    if (this.#message3 !== undefined) {
      this.#interval = Math.min(2 * this.#interval, defaults.proveMost)
      return this.#send(this.#message3, now) // spec: HAND-24
    }
    const newest = this.#attempts.at(-1)!
    newest.resent = true
    this.#interval = Math.min(2 * this.#interval, defaults.resendMost)
    this.#send(newest.datagram, now) // spec: HAND-22
  }

  #unit(unit: ResponderUnit, now: Millis): void {
    const attempt = this.#attempts.find(({ id }) => equal(id, unit.initiatorId))
    if (attempt === undefined) return
    if (this.#message3 !== undefined) {
      // Message 2 once more, and no shorter unit: message 3 may be lost. Not more often than it is due to one loss.
      const again = unit.body[0] === responderUnits.MESSAGE_2 && now - this.#sentAt >= this.#interval / 2
      if (again) this.#send(this.#message3, now)
      return
    }
    const { initiator } = attempt
    let step: ReturnType<Initiator['unit']>
    try {
      step = initiator.unit(unit.body, now)
    } catch (error) {
      // spec: HAND-23: damaged on the way, or meant for an ephemeral key that is gone
      if (initiator.opened) this.#fail(asGuildError(error))
      return
    }
    if (step.proved === undefined) {
      const { self } = this.#options
      const message1 = { kind: 'MESSAGE_1', initiatorId: attempt.id, body: step.send } as const
      const datagram = sealedDatagram(self.suite, this.#swarm, message1)
      this.#attempts = this.#attempts.filter(one => one !== attempt)
      const trip = Math.max(1.5 * (now - this.#sentAt), defaults.proveLeast)
      return this.#ask({ ...attempt, datagram, sentAt: now, resent: false }, now, trip)
    }
    this.#prove(attempt, step.send, step.proved, unit.responderId, now)
  }

  #prove(attempt: Attempt, body: Uint8Array, proved: Proved, responderId: Uint8Array, now: Millis): void {
    for (const { id, initiator } of this.#attempts)
      if (id !== attempt.id) {
        initiator.wipe()
        this.#outputs.push({ kind: 'forget', id })
      }
    this.#attempts = [attempt]
    this.#state = 'proving'
    const remoteId = responderId.slice()
    const { self } = this.#options
    const message3 = { kind: 'MESSAGE_3', initiatorId: attempt.id, responderId: remoteId, body } as const
    this.#message3 = sealedDatagram(self.suite, this.#swarm, message3)
    const trip = now - attempt.sentAt
    // Which copy of message 1 was answered nobody knows: the last one, if the path is short. It doubles.
    const shortest = now - this.#sentAt
    this.#interval = Math.min(Math.max(1.5 * shortest, defaults.proveLeast), defaults.proveMost)
    this.#send(this.#message3, now)
    const rtt = attempt.resent ? undefined : trip
    this.#outputs.push({ kind: 'proved', proved, localId: attempt.id, remoteId, rtt, shortest })
  }

  #fail(error: GuildError): void {
    this.#outputs.push({ kind: 'failed', error, stage: this.stage })
    this.#end()
  }

  #end(): void {
    for (const { id, initiator } of this.#attempts) {
      initiator.wipe()
      this.#outputs.push({ kind: 'forget', id })
    }
    this.#message3 = undefined
    this.#state = 'over'
  }
}

const order: readonly Stage[] = ['connected', 'message 1', 'cookie', 'message 2', 'message 3', 'open']
