/**
 * The door for datagrams: one a node, and every datagram of its sockets comes to it first.
 *
 *   01xx xxxx  a packet     id of a link ──────────────▶ packet      id half-open ──▶ held
 *                           token of a peer ───────────▶ reset
 *                           id of ours, unknown ───────▶ reply (a stateless reset)
 *   0x01-0x03  handshake    MAC good? ─ message 1 ─────▶ reply (message 2 or cookie)
 *                                     ├ responder unit ▶ unit, for one of our dials
 *                                     └ message 3 ─────▶ proved: a link begins
 *   all else, and all that fails on the way ───────────▶ nothing
 *
 * A link keeps its peer by the connection id, not by the address, so whose packet it is stands in the
 * datagram alone. A packet costs one look into a table; a stranger's datagram a hash or two, no
 * memory and no answer. The door answers at once or never: it has no timer that sends.
 *
 * Refuses: to answer a stranger (P1), to answer with more than was asked with (P8), two replies to one
 * datagram. What it drops it counts by reason.
 * Page: protocol/handshake.md (spec: HAND-19, HAND-26, HAND-28) · Faults: HS-01, HS-02, HS-07, UQ-15 · Floor: link.
 */
import type { Millis } from '../base/machine.ts'
import type { Endpoint } from '../base/ports.ts'
import { decodeHandshakeDatagram, isHandshakeDatagram } from '../wire/handshake-datagram.ts'
import { limits } from '../wire/limits.ts'
import type { ConnectionIds } from './connection-ids.ts'
import type { ResponderUnit } from './datagram-initiator.ts'
import { swarmOf } from './datagram-mac.ts'
import { DatagramResponder, type Newcomer } from './datagram-responder.ts'
import { IdTable } from './id-table.ts'
import type { Self } from './self.ts'
import { SHORTEST_RESET, StatelessResets } from './stateless-reset.ts'

/** Why a datagram led to nothing. */
export type DropReason =
  /** Not ours, whatever it is: no MAC of a swarm of ours, no connection id we gave out. */
  | 'stranger'
  /** A member sent it once, and it does not open, or not any more. */
  | 'damaged'
  /** What it asks for was done, or is over. */
  | 'repeat'
  /** It opened, and is not let in. */
  | 'refused'
  /** A packet that waits for its message 3, or for which there was no room to wait. */
  | 'held'

export type Judgement<Key> =
  | { readonly kind: 'packet'; readonly key: Key }
  | { readonly kind: 'unit'; readonly key: Key; readonly unit: ResponderUnit }
  | { readonly kind: 'proved'; readonly newcomer: Newcomer }
  /** To where it came from. Never larger than what came. */
  | { readonly kind: 'reply'; readonly datagram: Uint8Array }
  /** The peer of this link has forgotten it. */
  | { readonly kind: 'reset'; readonly key: Key }
  | { readonly kind: 'drop'; readonly reason: DropReason }

const drops: { readonly [R in DropReason]: { readonly kind: 'drop'; readonly reason: R } } = {
  stranger: { kind: 'drop', reason: 'stranger' },
  damaged: { kind: 'drop', reason: 'damaged' },
  repeat: { kind: 'drop', reason: 'repeat' },
  refused: { kind: 'drop', reason: 'refused' },
  held: { kind: 'drop', reason: 'held' },
}

/** Where the connection id of a packet stands: behind its first byte. */
const ID_OFFSET = 1

/** `Key`: what the node calls its links and dials by. */
export class Door<Key> {
  readonly dropped: Record<DropReason, number> = { stranger: 0, damaged: 0, repeat: 0, refused: 0, held: 0 }
  readonly #self: Self
  readonly #responder: DatagramResponder
  readonly #resets: StatelessResets
  /** The judgement itself, so that a packet makes no object. */
  readonly #links = new IdTable<{ readonly kind: 'packet'; readonly key: Key }>()
  readonly #dials = new IdTable<Key>()
  readonly #tokens = new IdTable<Key>()
  /** Tokens are looked up by their hash: how long that takes says nothing of them (RFC 9000 10.3.1). */
  readonly #tokenKey: Uint8Array

  constructor(self: Self, ids: ConnectionIds, now: Millis) {
    this.#self = self
    this.#responder = new DatagramResponder(self, ids, now)
    this.#resets = new StatelessResets(ids, self.random, now)
    this.#tokenKey = self.random.bytes(32)
  }

  /** Handshakes that are half-open. */
  get halfOpen(): number {
    return this.#responder.size
  }

  /** The bytes are read during the call; what is kept of them is copied, but for the body of a `unit`. */
  judge(datagram: Uint8Array, from: Endpoint, now: Millis): Judgement<Key> {
    const judgement = this.#judge(datagram, from, now)
    if (judgement.kind === 'drop') this.dropped[judgement.reason]++
    return judgement
  }

  /** Packets to this id are of this link. */
  open(id: Uint8Array, key: Key): void {
    this.#links.set(id, { kind: 'packet', key })
  }

  close(id: Uint8Array): void {
    this.#links.delete(id)
  }

  /** Responder units to this id are for this dial. */
  expect(id: Uint8Array, key: Key): void {
    this.#dials.set(id, key)
  }

  forget(id: Uint8Array): void {
    this.#dials.delete(id)
  }

  /** Whoever sends this token has forgotten this link. */
  watch(token: Uint8Array, key: Key): void {
    this.#tokens.set(this.#hashed(token), key)
  }

  unwatch(token: Uint8Array): void {
    this.#tokens.delete(this.#hashed(token))
  }

  deadline(): Millis | undefined {
    return this.#responder.deadline()
  }

  tick(now: Millis): void {
    this.#responder.tick(now)
  }

  #judge(datagram: Uint8Array, from: Endpoint, now: Millis): Judgement<Key> {
    if ((datagram[0]! & 0xc0) === 0x40) return this.#packet(datagram, from, now)
    return isHandshakeDatagram(datagram) ? this.#handshake(datagram, from, now) : drops.stranger
  }

  #packet(datagram: Uint8Array, from: Endpoint, now: Millis): Judgement<Key> {
    if (datagram.length < SHORTEST_RESET) return drops.stranger
    const link = this.#links.at(datagram, ID_OFFSET)
    if (link !== undefined) return link
    if (this.#responder.hold(datagram, ID_OFFSET, from)) return drops.held
    const token = datagram.subarray(datagram.length - limits.resetToken)
    const forgotten = this.#tokens.size === 0 ? undefined : this.#tokens.get(this.#hashed(token))
    if (forgotten !== undefined) return { kind: 'reset', key: forgotten }
    const reset = this.#resets.answer(datagram, now)
    return reset === undefined ? drops.stranger : { kind: 'reply', datagram: reset }
  }

  #handshake(datagram: Uint8Array, from: Endpoint, now: Millis): Judgement<Key> {
    this.#responder.tick(now)
    const { suite, swarms } = this.#self
    const swarm = swarmOf(suite, swarms, datagram) // spec: HAND-19
    if (swarm === undefined) return drops.stranger
    let decoded: ReturnType<typeof decodeHandshakeDatagram>
    try {
      decoded = decodeHandshakeDatagram(datagram)
    } catch {
      return drops.damaged
    }
    switch (decoded.kind) {
      case 'MESSAGE_1': {
        const reply = this.#responder.message1(decoded, swarm, from, now)
        if (typeof reply === 'string') return drops[reply]
        // What answers is no larger than what asked (spec: HAND-28): its HELLO is ours, and far below it.
        return reply.length > datagram.length ? drops.refused : { kind: 'reply', datagram: reply }
      }
      case 'RESPONDER_UNIT': {
        const key = this.#dials.get(decoded.initiatorId)
        return key === undefined ? drops.repeat : { kind: 'unit', key, unit: decoded }
      }
      case 'MESSAGE_3': {
        const newcomer = this.#responder.message3(decoded, from, now)
        return typeof newcomer === 'string' ? drops[newcomer] : { kind: 'proved', newcomer }
      }
    }
  }

  #hashed(token: Uint8Array): Uint8Array {
    return this.#self.suite.hmac(this.#tokenKey, token)
  }
}
