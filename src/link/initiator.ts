/**
 * The dialling side of the handshake: what it says, and what it makes of the answers.
 *
 *   start ── message 1 ──▶ asked ── message 2 ──▶ proved (message 3 leaves)
 *                            │ ▲
 *                     cookie │ │ message 1 with cookie, new ephemeral, once
 *                            └─┘
 *
 * It knows the swarm key and, when the address named one, the peer id it expects.
 * After message 2 it knows who answered; only then does it say who it is.
 * Over ordered bytes a unit that fails ends the dial; of datagrams that is up to `datagram-initiator.ts`.
 * Every message 1 with other content has a new ephemeral key (spec: HAND-2; decision 2).
 *
 * Page: protocol/handshake.md · Faults: HS-07, HS-08, HS-12, HS-15, HS-21 · Floor: link.
 */
import { empty, equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { ByteReader } from '../base/reader.ts'
import { HandshakeState } from '../noise/index.ts'
import { LINK_ID_LENGTH } from '../wire/hello.ts'
import { limits } from '../wire/limits.ts'
import { decodeVersions, encodeMessage1 } from '../wire/message-1.ts'
import { responderUnits, VERSION } from '../wire/registry.ts'
import {
  type Carrier,
  linkKeys,
  ownHello,
  type Proved,
  provedHello,
  remoteStatic,
  type Stage,
} from './handshake.ts'
import { openResponderUnit } from './responder-unit.ts'
import { message1Parameters, type Self } from './self.ts'
import type { Swarm } from './swarm.ts'

export interface InitiatorOptions {
  readonly self: Self
  /** Under which of our swarms. Default: the first. */
  readonly swarm?: Swarm
  /** Pins who must answer (HS-12). */
  readonly expect?: string
  readonly proceed: Proceed
  /** Default: records. */
  readonly carrier?: Carrier
}

/**
 * Asked once the peer is known and before we say who we are; an error ends the dial. `linkCount`:
 * its links to others, by its HELLO.
 */
export type Proceed = (peerId: string, linkCount: number) => GuildError | undefined

export class Initiator {
  stage: Stage = 'connected'
  /** Who answered, from message 2 on. */
  peerId: string | undefined
  /** Did the seal of the last unit hold? Then a member said it, and what is wrong with it ends the dial. */
  opened = false
  readonly #options: InitiatorOptions
  readonly #swarm: Swarm
  #state: HandshakeState
  #cookieUsed = false

  constructor(options: InitiatorOptions) {
    this.#options = options
    this.#swarm = options.swarm ?? options.self.swarms[0]!
    this.#state = this.#freshState()
  }

  /** Message 1. */
  begin(now: Millis): Uint8Array {
    return this.#message1(empty, now)
  }

  /** Takes one responder unit; answers with what to send, and the proof once there is one. */
  unit(unit: Uint8Array, now: Millis): { send: Uint8Array; proved?: Proved } {
    this.opened = false
    try {
      return this.#unit(unit, now)
    } catch (error) {
      // An echo of message 1 has the first byte of a unit now and then.
      const malformed = error instanceof GuildError && /^GH_(WIRE|NOISE_(KEY|OPEN))/.test(error.code)
      throw malformed && !this.opened ? notOurs(error.message) : error
    }
  }

  #unit(unit: Uint8Array, now: Millis): { send: Uint8Array; proved?: Proved } {
    const kind = unit[0]
    const body = unit.subarray(1)
    switch (kind) {
      case responderUnits.MESSAGE_2:
        return this.#message2(body)
      case responderUnits.COOKIE:
        return { send: this.#cookie(body, now) }
      case responderUnits.VERSION_REFUSAL: {
        const r = new ByteReader(openResponderUnit(this.#options.self.suite, this.#state, body))
        this.opened = true
        const versions = decodeVersions(r)
        r.end('version refusal')
        throw new GuildError(
          'GH_HANDSHAKE_VERSION',
          `the peer speaks ${versions.join(', ')}, we speak ${VERSION}`,
        )
      }
      default:
        throw notOurs(`unknown responder unit 0x${(kind ?? 0).toString(16)}`)
    }
  }

  #message2(body: Uint8Array): { send: Uint8Array; proved: Proved } {
    const { self, expect, proceed } = this.#options
    const { payload, hash } = this.#state.readMessage(body)
    this.opened = true
    const { hello, peerId } = provedHello(self, 'responder', payload, hash)
    this.stage = 'message 2'
    this.peerId = peerId
    if (equal(hello.identityKey, self.identity.publicKey)) throw new GuildError('GH_HANDSHAKE_SELF') // spec: HAND-12
    if (expect !== undefined && expect !== peerId)
      // spec: HAND-11
      throw new GuildError('GH_HANDSHAKE_IDENTITY', `expected ${expect}, met ${peerId}`)
    const objection = proceed(peerId, hello.linkCount)
    if (objection !== undefined) throw objection
    const linkId = self.random.bytes(LINK_ID_LENGTH) // spec: HAND-18
    const send = this.#state.writeMessage(ownHello(self, 'initiator', linkId))
    this.stage = 'message 3'
    const staticKey = remoteStatic(this.#state)
    const proved: Proved = {
      role: 'initiator',
      hello,
      peerId,
      staticKey,
      linkId,
      ...linkKeys(this.#state, 'initiator', this.#options.carrier ?? 'records'),
      maxRecord: limits.record,
    }
    return { send, proved }
  }

  #cookie(body: Uint8Array, now: Millis): Uint8Array {
    const cookie = openResponderUnit(this.#options.self.suite, this.#state, body)
    this.opened = true
    if (this.#cookieUsed) throw new GuildError('GH_HANDSHAKE_FAILED', 'asked for a second cookie')
    if (cookie.length === 0 || cookie.length > limits.cookie)
      throw new GuildError('GH_HANDSHAKE_FAILED', `a cookie of ${cookie.length} bytes`)
    this.#cookieUsed = true
    this.#state = this.#freshState()
    const message = this.#message1(cookie, now)
    this.stage = 'cookie'
    return message
  }

  /** Given up: its secrets go. */
  wipe(): void {
    this.#state.wipe()
  }

  #message1(cookie: Uint8Array, now: Millis): Uint8Array {
    const { self } = this.#options
    const payload = encodeMessage1({
      versions: [VERSION],
      time: self.wall(),
      parameters: message1Parameters,
      cookie,
    })
    const message = this.#state.writeMessage(payload)
    self.freshness.own(message.subarray(0, 32), now)
    this.stage = 'message 1'
    return message
  }

  #freshState(): HandshakeState {
    const { self } = this.#options
    return new HandshakeState({
      snapshot: this.#swarm.snapshot,
      initiator: true,
      s: self.staticKey,
      random: length => self.random.bytes(length),
    })
  }
}

/** Bytes that make no sense where message 2 belongs: an echo, a web server, noise. */
export function notOurs(detail: string): GuildError {
  return new GuildError('GH_HANDSHAKE_FAILED', `what answers there is not a guild-home node: ${detail}`)
}
