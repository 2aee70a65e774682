/**
 * HandshakeState: walks a pattern, token by token, message by message.
 *
 *   writing a token                       reading it
 *   e    make a key pair, send it         take 32 bytes
 *   s    send the static key, sealed      open 32 (+ 16) bytes
 *   ee es se ss   mix one Diffie-Hellman secret
 *   psk  mix the shared key
 *   then the payload, sealed under everything mixed so far
 *
 * Commit last: each message is worked on in a copy of the state, and the copy takes
 * the state's place only when all of it was right. A message that fails, in either
 * direction, leaves everything as it was; who waits may go on waiting.
 *
 * Refuses: messages above 65,535 bytes, acting out of turn, low-order keys (by the
 * suite). What an error says is for the local log; a peer is told nothing.
 * Page: protocol/handshake.md (Noise section 5.3). Faults: HS-06, HS-10, HS-11, HS-15. Floor: noise.
 */
import { concat, copy, empty } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { KeyPair, NoiseSuite } from '../base/ports.ts'
import { ByteReader } from '../base/reader.ts'
import { limits } from '../wire/limits.ts'
import type { CipherState } from './cipher-state.ts'
import { hkdf } from './hkdf.ts'
import { type HandshakePattern, protocolName, pskCount, type Token } from './patterns.ts'
import type { Snapshot } from './snapshot.ts'
import { SymmetricState } from './symmetric-state.ts'

const DH_LENGTH = 32
const TAG_LENGTH = 16
const PSK_LENGTH = 32

/** What one side brings to a handshake. */
export interface HandshakeKeys {
  readonly initiator: boolean
  /** Our static key pair. */
  readonly s?: KeyPair
  /** The peer's static public key, where the pattern knows it beforehand. */
  readonly rs?: Uint8Array
  /** Secret of the ephemeral key: for test vectors only. */
  readonly e?: Uint8Array
  /** The peer's ephemeral public key, where the pattern (a fallback) knows it beforehand. */
  readonly re?: Uint8Array
  /** In the order of the psk tokens still to come. */
  readonly psks?: readonly Uint8Array[]
  readonly random: (length: number) => Uint8Array
}

export interface HandshakeOptions extends HandshakeKeys {
  readonly suite: NoiseSuite
  readonly pattern: HandshakePattern
  readonly prologue: Uint8Array
}

/** A handshake that goes on from where `precompute` stopped. */
export interface ResumedOptions extends HandshakeKeys {
  readonly snapshot: Snapshot
}

/** A payload, or what makes it of the handshake hash just before it is sealed: a signature, say. */
export type Payload = Uint8Array | ((handshakeHash: Uint8Array) => Uint8Array)

export interface ReadMessage {
  /** A view of the message where the pattern does not seal it. XXpsk0 seals every payload. */
  readonly payload: Uint8Array
  /** The handshake hash just before the payload was opened: what its writer signed. */
  readonly hash: Uint8Array
}

/** What an accepted message replaces. */
interface Progress {
  readonly symmetric: SymmetricState
  e: KeyPair | undefined
  re: Uint8Array | undefined
  rs: Uint8Array | undefined
  /** psk tokens used so far. */
  psk: number
}

export class HandshakeState {
  readonly #suite: NoiseSuite
  readonly #pattern: HandshakePattern
  readonly #messages: readonly (readonly Token[])[]
  readonly #pskMode: boolean
  readonly #keys: HandshakeKeys
  readonly #psks: readonly Uint8Array[]
  #now: Progress
  #index = 0

  constructor(options: HandshakeOptions | ResumedOptions) {
    const resumed = 'snapshot' in options
    const { suite, pattern } = resumed ? options.snapshot : options
    this.#suite = suite
    this.#pattern = pattern
    this.#keys = options
    this.#psks = options.psks ?? []
    const wanted = resumed ? options.snapshot.psks : pskCount(pattern)
    this.#pskMode = wanted > 0
    if (this.#psks.length !== wanted - (resumed ? 1 : 0))
      throw new GuildError('GH_OPTION_INVALID', `${pattern.name} takes ${wanted} psks`)
    for (const psk of this.#psks) requireLength('psk', psk, PSK_LENGTH)
    for (const key of [options.rs, options.re]) if (key !== undefined) requireLength('key', key, DH_LENGTH)
    this.#messages = resumed ? options.snapshot.messages : pattern.messages
    const symmetric = resumed
      ? options.snapshot.symmetric()
      : new SymmetricState(suite, protocolName(pattern, suite))
    const e = options.e === undefined ? undefined : suite.keyPair(options.e)
    this.#now = { symmetric, e, re: options.re, rs: options.rs, psk: 0 }
    if (resumed) return
    symmetric.mixHash(options.prologue)
    this.#mixPreMessages()
  }

  /** Every message was written or read: `split` comes next. */
  get complete(): boolean {
    return this.#index === this.#messages.length
  }

  /** Is the next message ours to write? */
  get ourTurn(): boolean {
    return !this.complete && (this.#index % 2 === 0) === this.#keys.initiator
  }

  /** The peer's static public key, once it is known. */
  get rs(): Uint8Array | undefined {
    return this.#now.rs
  }

  /** The peer's ephemeral public key, once it is known. */
  get re(): Uint8Array | undefined {
    return this.#now.re
  }

  /** A copy of h, also after `split`: it names this very handshake. */
  get handshakeHash(): Uint8Array {
    return this.#now.symmetric.handshakeHash
  }

  /** A copy of ck, until `split`. Equal on both sides after each message; zero it after use. */
  get chainingKey(): Uint8Array {
    return this.#now.symmetric.chainingKey
  }

  /** The next message. A payload too large, or one whose making throws, changes nothing. */
  writeMessage(payload: Payload = empty): Uint8Array {
    return this.#step(true, (draft, tokens) => {
      const parts: Uint8Array[] = []
      for (const token of tokens) this.#writeToken(draft, token, parts)
      const bytes = typeof payload === 'function' ? payload(draft.symmetric.handshakeHash) : payload
      parts.push(draft.symmetric.encryptAndHash(bytes))
      const message = concat(...parts)
      requireMessage(message.length)
      return message
    })
  }

  /** Takes the peer's message, or throws and changes nothing. */
  readMessage(message: Uint8Array): ReadMessage {
    return this.#step(false, (draft, tokens) => {
      requireMessage(message.length)
      const r = new ByteReader(message)
      for (const token of tokens) this.#readToken(draft, token, r)
      const hash = draft.symmetric.handshakeHash
      return { payload: draft.symmetric.decryptAndHash(r.rest('payload')), hash }
    })
  }

  /**
   * HKDF(chaining key, label): more keys that only the two of them have, for what is not a CipherState.
   * Once the last message is through, and before `split`. A label is never used for two purposes.
   */
  derive(label: Uint8Array, length: number): Uint8Array {
    if (!this.complete) throw new GuildError('GH_STATE_EVENT', 'derive before the last message')
    const { chainingKey } = this
    const derived = hkdf(this.#suite, chainingKey, label, empty, length)
    chainingKey.fill(0)
    return derived
  }

  /** The transport keys, once; the secrets of the handshake are zeroed. */
  split(limit?: number): { readonly send: CipherState; readonly receive: CipherState } {
    if (!this.complete) throw new GuildError('GH_STATE_EVENT', 'split before the last message')
    const [first, second] = this.#now.symmetric.split(limit)
    this.wipe()
    return this.#keys.initiator ? { send: first, receive: second } : { send: second, receive: first }
  }

  /** Zeroes what is secret: also for a handshake that is given up. Nothing but public facts stay. */
  wipe(): void {
    this.#now.symmetric.wipe()
    this.#now.e = undefined
  }

  #step<T>(writing: boolean, work: (draft: Progress, tokens: readonly Token[]) => T): T {
    const tokens = this.#messages[this.#index]
    if (tokens === undefined || this.ourTurn !== writing)
      throw new GuildError('GH_STATE_EVENT', `${writing ? 'write' : 'read'} of message ${this.#index + 1}`)
    const before = this.#now
    const draft = { ...before, symmetric: before.symmetric.clone() }
    try {
      const result = work(draft, tokens)
      this.#now = draft
      this.#index++
      before.symmetric.wipe()
      return result
    } catch (error) {
      draft.symmetric.wipe()
      throw error
    }
  }

  #writeToken(draft: Progress, token: Token, parts: Uint8Array[]): void {
    if (token === 'e') {
      draft.e ??= this.#freshKeyPair()
      parts.push(draft.e.publicKey)
      this.#mixEphemeral(draft, draft.e.publicKey)
    } else if (token === 's')
      parts.push(draft.symmetric.encryptAndHash(this.#need('s', this.#keys.s).publicKey))
    else this.#mixSecret(draft, token)
  }

  #readToken(draft: Progress, token: Token, r: ByteReader): void {
    if (token === 'e') {
      draft.re = copy(r.take(DH_LENGTH, 'e'))
      this.#mixEphemeral(draft, draft.re)
    } else if (token === 's') {
      const sealed = r.take(draft.symmetric.hasKey ? DH_LENGTH + TAG_LENGTH : DH_LENGTH, 's')
      draft.rs = copy(draft.symmetric.decryptAndHash(sealed))
    } else this.#mixSecret(draft, token)
  }

  #mixSecret(draft: Progress, token: Exclude<Token, 'e' | 's'>): void {
    if (token === 'psk') {
      draft.symmetric.mixKeyAndHash(this.#psks[draft.psk++]!)
      return
    }
    // The first letter names the initiator's key, the second the responder's.
    const [initiators, responders] = token
    const [ours, theirs] = this.#keys.initiator ? [initiators, responders] : [responders, initiators]
    const pair = ours === 'e' ? this.#need('e', draft.e) : this.#need('s', this.#keys.s)
    const publicKey = theirs === 'e' ? this.#need('re', draft.re) : this.#need('rs', draft.rs)
    const secret = this.#suite.dh(pair, publicKey)
    draft.symmetric.mixKey(secret)
    secret.fill(0)
  }

  #mixEphemeral(draft: Progress, publicKey: Uint8Array): void {
    draft.symmetric.mixHash(publicKey)
    if (this.#pskMode) draft.symmetric.mixKey(publicKey)
  }

  #mixPreMessages(): void {
    const { e, re, rs } = this.#now
    const ours = { e: e?.publicKey, s: this.#keys.s?.publicKey }
    const theirs = { e: re, s: rs }
    const [initiators, responders] = this.#keys.initiator ? [ours, theirs] : [theirs, ours]
    const known = [
      ...this.#pattern.preMessages.initiator.map(key => [key, initiators[key]] as const),
      ...this.#pattern.preMessages.responder.map(key => [key, responders[key]] as const),
    ]
    for (const [key, publicKey] of known) {
      if (key === 'e') this.#mixEphemeral(this.#now, this.#need(key, publicKey))
      else this.#now.symmetric.mixHash(this.#need(key, publicKey))
    }
  }

  #freshKeyPair(): KeyPair {
    const secret = this.#keys.random(DH_LENGTH)
    const pair = this.#suite.keyPair(secret)
    secret.fill(0)
    return pair
  }

  #need<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw new GuildError('GH_OPTION_INVALID', `${this.#pattern.name} needs ${name}`)
    return value
  }
}

function requireLength(name: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length)
    throw new GuildError('GH_NOISE_KEY', `${name} of ${bytes.length} bytes, not ${length}`)
}

function requireMessage(length: number): void {
  if (length > limits.record)
    throw new GuildError('GH_WIRE_LENGTH', `a Noise message of ${length} bytes, at most ${limits.record}`)
}
