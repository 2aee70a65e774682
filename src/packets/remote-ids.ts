/**
 * The connection ids by which we call the peer, and the tokens that say it has forgotten us.
 *
 *   NEW_CONNECTION_ID ──▶ spare ──rotate──▶ current ──rotate, or "retire prior to"──▶ RETIRE_CONNECTION_ID
 *
 * On a new path a new id is used, so that who sees both paths does not see one link. A datagram that
 * ends with the token of an id we have used says that the peer's state is gone; all tokens are
 * compared, each to its last byte, whichever fits.
 *
 * Refuses (GH_LINK_PROTOCOL): more than four at once, one sequence with two ids or two tokens, one id with
 * two sequences, sequences far ahead, more retirements than we could send.
 * Page: protocol/paths.md (spec: PATH-3, PATH-5, PATH-6; RFC 9000 sections 5.1, 9.5, 10.3.1, 19.15)
 * Faults: UQ-15 · Floor: packets.
 */
import { copy, equal, equalConstantTime } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { ByteWriter } from '../base/writer.ts'
import { encodeRetireConnectionId } from '../wire/frames/connection-id.ts'
import type { FrameSource, Manifest } from '../wire/frames/index.ts'
import { limits } from '../wire/limits.ts'

/** RETIRE_CONNECTION_ID at its longest. */
const FRAME_ROOM = 1 + 8
/** Retirements that are not yet acknowledged (RFC 9000 section 5.1.2 asks for twice the active ids, at least). */
const RETIRING: number = 4 * limits.connectionIds
/** Sequences are given one by one; the peer may be this far ahead of one that was lost. */
const AHEAD = 64
/** RFC 9000 section 10.3: nothing shorter is a reset. */
const SHORTEST_RESET: number = 5 + limits.resetToken

/** Where a reset is looked for that names no link: the node's door. Ids that were used, while they are. */
export interface TokenWatch {
  watch(token: Uint8Array): void
  unwatch(token: Uint8Array): void
}

interface RemoteId {
  readonly sequence: number
  readonly id: Uint8Array
  token: Uint8Array | undefined
  used: boolean
}

export class RemoteIds implements FrameSource {
  #active: RemoteId[]
  #current: RemoteId
  /** Every sequence below was seen; and these above. */
  #seenBelow = 1
  readonly #seen = new Set<number>()
  #retirePriorTo = 0
  /** To be told, and told but not acknowledged. */
  readonly #toTell: number[] = []
  #inFlight = 0
  readonly #tokens: TokenWatch | undefined

  /** `first`: the id of the handshake, sequence 0. */
  constructor(first: Uint8Array, tokens?: TokenWatch) {
    this.#tokens = tokens
    this.#current = { sequence: 0, id: copy(first), token: undefined, used: true }
    this.#active = [this.#current]
  }

  /** What to write on packets. */
  get current(): Uint8Array {
    return this.#current.id
  }

  /** Ids never used, for a new path. */
  get spare(): number {
    return this.#active.reduce((count, one) => count + (one.used ? 0 : 1), 0)
  }

  get waiting(): boolean {
    return this.#toTell.length > 0
  }

  /** NEW_CONNECTION_ID came. The bytes are copied. */
  add(sequence: number, retirePriorTo: number, id: Uint8Array, token: Uint8Array): void {
    if (retirePriorTo > sequence) throw broken(`retire prior to ${retirePriorTo}, above ${sequence}`)
    const same = this.#active.find(one => one.sequence === sequence)
    if (same !== undefined) {
      if (!equal(same.id, id) || (same.token !== undefined && !equalConstantTime(same.token, token)))
        throw broken(`connection id ${sequence} was told twice, differently`)
      if (same.token === undefined) this.#learn(same, token)
    } else if (!this.#wasSeen(sequence)) {
      if (sequence > this.#seenBelow + AHEAD) throw broken(`connection id ${sequence} is too far ahead`)
      if (this.#active.some(one => equal(one.id, id))) throw broken('one connection id under two numbers')
      this.#note(sequence)
      this.#active.push({ sequence, id: copy(id), token: copy(token), used: false })
    }
    if (retirePriorTo > this.#retirePriorTo) this.#retirePriorTo = retirePriorTo
    this.#retireOld()
    if (this.#active.length > limits.connectionIds)
      throw broken(`more than ${limits.connectionIds} connection ids`)
  }

  /** Takes an unused id for a new path and lets go of the old one. False, and nothing changed, without one. */
  rotate(): boolean {
    const fresh = this.#active.find(one => !one.used)
    if (fresh === undefined) return false
    const old = this.#current
    this.#use(fresh)
    this.#retire(old)
    return true
  }

  /** The link is over: no token of it is looked for any more. */
  close(): void {
    for (const one of this.#active) this.#unwatch(one)
  }

  /** Does this datagram say that the peer lost the link? Asked of what did not open. */
  isReset(datagram: Uint8Array): boolean {
    if (datagram.length < SHORTEST_RESET) return false
    const last = datagram.subarray(datagram.length - limits.resetToken)
    let found = false
    for (const { token, used } of this.#active)
      if (used && token !== undefined && equalConstantTime(token, last)) found = true
    return found
  }

  fill(w: ByteWriter, manifest?: Manifest): boolean {
    while (this.#toTell.length > 0) {
      if (w.room < FRAME_ROOM) return true
      const sequence = this.#toTell.shift()!
      encodeRetireConnectionId(w, sequence)
      if (manifest === undefined) continue
      this.#inFlight++
      manifest.add({
        acked: () => {
          this.#inFlight--
        },
        lost: () => {
          this.#inFlight--
          this.#toTell.push(sequence)
        },
      })
    }
    return false
  }

  #retireOld(): void {
    const old = this.#active.filter(one => one.sequence < this.#retirePriorTo)
    if (old.includes(this.#current))
      // The frame that asks for it brings one that may stay, or one of the same kind did.
      this.#use(this.#active.find(one => one.sequence >= this.#retirePriorTo) ?? this.#current)
    for (const one of old) if (one !== this.#current) this.#retire(one)
  }

  #use(one: RemoteId): void {
    if (!one.used && one.token !== undefined) this.#tokens?.watch(one.token)
    one.used = true
    this.#current = one
  }

  #learn(one: RemoteId, token: Uint8Array): void {
    one.token = copy(token)
    if (one.used) this.#tokens?.watch(one.token)
  }

  #unwatch(one: RemoteId): void {
    if (one.used && one.token !== undefined) this.#tokens?.unwatch(one.token)
  }

  #retire(one: RemoteId): void {
    this.#unwatch(one)
    this.#active = this.#active.filter(other => other !== one)
    this.#toTell.push(one.sequence)
    if (this.#toTell.length + this.#inFlight > RETIRING) throw broken('too many connection ids to retire')
  }

  #wasSeen(sequence: number): boolean {
    return sequence < this.#seenBelow || this.#seen.has(sequence)
  }

  #note(sequence: number): void {
    this.#seen.add(sequence)
    while (this.#seen.delete(this.#seenBelow)) this.#seenBelow++
  }
}

function broken(detail: string): GuildError {
  return new GuildError('GH_LINK_PROTOCOL', detail)
}
