/**
 * The listening side of the handshake: what it makes of the messages, and what it answers.
 *
 *   waiting ── message 1, fresh ──▶ answered (message 2 leaves) ── message 3 ──▶ proved
 *      │ ▲
 *      │ └── message 1 with our cookie
 *      └──── cookie, once, when freshness is in doubt
 *
 * Nothing leaves before a message 1 has opened under the swarm key, and no
 * Diffie-Hellman is done before it is known to be fresh. A message 1 that does not open
 * throws: the caller closes without a word and counts a stranger (spec: HAND-3, HAND-9). A message 3 that
 * does not open leaves everything as it was; of datagrams it is nothing but noise.
 *
 * Page: protocol/handshake.md · Faults: HS-01, HS-02, HS-09, HS-10, HS-11, HS-21 · Floor: link.
 */
import { equal } from '../base/bytes.ts'
import { GuildError, withoutStack } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { ByteWriter } from '../base/writer.ts'
import { HandshakeState } from '../noise/index.ts'
import { limits } from '../wire/limits.ts'
import { decodeMessage1, type Message1 } from '../wire/message-1.ts'
import { parameters, responderUnits, VERSION } from '../wire/registry.ts'
import { ConnectionCookie, type CookiePolicy } from './cookies.ts'
import { type Carrier, linkKeys, ownHello, type Proved, provedHello, remoteStatic } from './handshake.ts'
import { freshSalt, sealResponderUnit } from './responder-unit.ts'
import type { Self } from './self.ts'
import type { Swarm } from './swarm.ts'

const EPHEMERAL_LENGTH = 32
const noLinkId = new Uint8Array(8)

export interface ResponderStep {
  /** A responder unit to send. */
  readonly send?: Uint8Array
  readonly proved?: Proved
  /** Close after sending: nothing more to say. */
  readonly end?: GuildError
}

export interface ResponderOptions {
  /** Default: one of this connection. */
  readonly cookies?: CookiePolicy
  /** Under load: nothing goes on without a cookie (HS-19). */
  readonly wary?: boolean
  /** Which the first message may be of. Default: all of ours. */
  readonly swarms?: readonly Swarm[]
  /** Default: records. */
  readonly carrier?: Carrier
}

export class Responder {
  /** Did the seal of the last message hold? Then a member said it. */
  opened = false
  readonly #self: Self
  readonly #options: ResponderOptions
  readonly #cookies: CookiePolicy
  #state: HandshakeState | undefined
  #cookieIssued = false
  #answered = false
  #maxRecord: number = limits.record

  constructor(self: Self, options: ResponderOptions = {}) {
    this.#self = self
    this.#options = options
    this.#cookies = options.cookies ?? new ConnectionCookie(self.random)
  }

  /** Takes the initiator's next message. */
  unit(message: Uint8Array, now: Millis): ResponderStep {
    this.opened = false
    return this.#answered ? this.#message3(message) : this.#message1(message, now)
  }

  #message1(message: Uint8Array, now: Millis): ResponderStep {
    const self = this.#self
    const { state, content } = this.#openMessage1(message)
    if (!content.versions.includes(VERSION)) {
      const versions = new ByteWriter(8).varint(1).varint(VERSION).view()
      const send = this.#sealUnit(responderUnits.VERSION_REFUSAL, state, versions)
      return {
        send,
        end: new GuildError('GH_HANDSHAKE_VERSION', `the peer speaks ${content.versions.join(', ')}`),
      }
    }
    const maxRecord = content.parameters.get(parameters.MAX_RECORD) ?? limits.record
    if (maxRecord < limits.recordLeast)
      throw new GuildError('GH_HANDSHAKE_FAILED', `records of ${maxRecord} bytes`)
    this.#maxRecord = Math.min(limits.record, maxRecord)
    const cookieProved = this.#cookies.proved(content.cookie, now)
    const ephemeral = message.subarray(0, EPHEMERAL_LENGTH)
    const verdict =
      this.#options.wary === true && !cookieProved
        ? 'cookie'
        : self.freshness.judge({ ephemeral, time: content.time, cookieProved }, now, self.wall())
    if (verdict === 'replay') throw new GuildError('GH_HANDSHAKE_FAILED', 'message 1 was seen before')
    if (verdict === 'cookie') {
      if (this.#cookieIssued)
        throw new GuildError('GH_HANDSHAKE_FAILED', 'the retry does not carry its cookie')
      this.#cookieIssued = true
      return { send: this.#sealUnit(responderUnits.COOKIE, state, this.#cookies.issue(now)) }
    }
    const message2 = state.writeMessage(ownHello(self, 'responder', noLinkId))
    this.#state = state
    this.#answered = true
    const send = new Uint8Array(1 + message2.length)
    send[0] = responderUnits.MESSAGE_2
    send.set(message2, 1)
    return { send }
  }

  #openMessage1(message: Uint8Array): { state: HandshakeState; content: Message1 } {
    const self = this.#self
    for (const swarm of this.#options.swarms ?? self.swarms) {
      const state = new HandshakeState({
        snapshot: swarm.snapshot,
        initiator: false,
        s: self.staticKey,
        random: length => self.random.bytes(length),
      })
      let payload: Uint8Array
      try {
        payload = state.readMessage(message).payload
      } catch {
        continue // vague on purpose: another swarm, noise, or a probe all look the same
      }
      this.opened = true
      try {
        return { state, content: decodeMessage1(payload) }
      } catch (error) {
        throw new GuildError('GH_HANDSHAKE_FAILED', 'message 1 opened but is malformed', { cause: error })
      }
    }
    throw withoutStack(
      () => new GuildError('GH_HANDSHAKE_SWARM', 'message 1 does not open under our swarm key'),
    )
  }

  #message3(message: Uint8Array): ResponderStep {
    const self = this.#self
    const state = this.#state!
    const { payload, hash } = state.readMessage(message)
    this.opened = true
    const { hello, peerId } = provedHello(self, 'initiator', payload, hash)
    if (equal(hello.identityKey, self.identity.publicKey)) throw new GuildError('GH_HANDSHAKE_SELF')
    const staticKey = remoteStatic(state)
    return {
      proved: {
        role: 'responder',
        hello,
        peerId,
        staticKey,
        linkId: hello.linkId.slice(),
        ...linkKeys(state, 'responder', this.#options.carrier ?? 'records'),
        maxRecord: this.#maxRecord,
      },
    }
  }

  /** Given up: its secrets go. */
  wipe(): void {
    this.#state?.wipe()
  }

  #sealUnit(kind: number, state: HandshakeState, plaintext: Uint8Array): Uint8Array {
    return sealResponderUnit(this.#self.suite, kind, state, freshSalt(this.#self.random), plaintext)
  }
}
