/**
 * The connection ids by which the peer may call us: issued ahead, so that it can change its address at once.
 *
 *   issued ──NEW_CONNECTION_ID──▶ told ──RETIRE_CONNECTION_ID──▶ lingering ──3 PTO──▶ gone
 *     ▲          lost ◀──────────────┘                │
 *     └───────────────────── another one ─────────────┘
 *
 * Four at a time. Sequence 0 is the id of the handshake, which the peer has: its frame tells the token.
 * A retired id still finds the link for a moment, for packets that were overtaken.
 *
 * Refuses (GH_LINK_PROTOCOL): the retirement of an id that was never told, and of the one it came by.
 * Page: protocol/paths.md (spec: PATH-4, PATH-5; RFC 9000 sections 5.1, 19.15 and 19.16) · Floor: packets.
 */
import { equal } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import type { ByteWriter } from '../base/writer.ts'
import { encodeNewConnectionId } from '../wire/frames/connection-id.ts'
import type { FrameSource, Manifest } from '../wire/frames/index.ts'
import { limits } from '../wire/limits.ts'

/** NEW_CONNECTION_ID at its longest. */
const FRAME_ROOM: number = 1 + 8 + 8 + limits.connectionId + limits.resetToken
/** Overtaken packets of so many ids are still taken. */
const LINGERING = 4

export interface LocalIdsOptions {
  /** The id of the handshake. */
  readonly first: Uint8Array
  /** A new id that no link of this node has. */
  readonly mint: () => Uint8Array
  readonly token: (id: Uint8Array) => Uint8Array
  /** The node's door learns which ids lead to this link. */
  readonly onAdded: (id: Uint8Array) => void
  readonly onRemoved: (id: Uint8Array) => void
}

interface LocalId {
  readonly sequence: number
  readonly id: Uint8Array
  /** In a packet that may still arrive, or arrived. */
  told: boolean
}

export class LocalIds implements FrameSource {
  readonly #options: LocalIdsOptions
  #active: LocalId[] = []
  #lingering: { readonly id: Uint8Array; readonly until: Millis }[] = []
  #next = 0
  /** One above the greatest sequence the peer may know. */
  #toldBelow = 1
  #retirePriorTo = 0

  /** The first id leads here already; the others are made, and announced by the next `fill`. */
  constructor(options: LocalIdsOptions) {
    this.#options = options
    this.#add(options.first)
    this.#replenish()
  }

  get waiting(): boolean {
    return this.#active.some(one => !one.told)
  }

  fill(w: ByteWriter, manifest?: Manifest): boolean {
    for (const one of this.#active) {
      if (one.told) continue
      if (w.room < FRAME_ROOM) return true
      const retire = Math.min(this.#retirePriorTo, one.sequence)
      encodeNewConnectionId(w, one.sequence, retire, one.id, this.#options.token(one.id))
      one.told = true
      this.#toldBelow = Math.max(this.#toldBelow, one.sequence + 1)
      manifest?.add({
        acked() {},
        lost() {
          one.told = false // found again while it is active, which is while it matters
        },
      })
    }
    return false
  }

  /** The peer lets go of an id, in a packet that came to `arrivedOn`. */
  retire(sequence: number, arrivedOn: Uint8Array, pto: Millis, now: Millis): void {
    if (sequence >= this.#toldBelow)
      throw new GuildError('GH_LINK_PROTOCOL', `connection id ${sequence} was never issued`)
    const index = this.#active.findIndex(one => one.sequence === sequence)
    if (index === -1) return // said before
    const { id } = this.#active[index]!
    if (equal(id, arrivedOn))
      throw new GuildError('GH_LINK_PROTOCOL', `connection id ${sequence} retires itself`)
    this.#active.splice(index, 1)
    this.#lingering.push({ id, until: now + 3 * pto })
    if (this.#lingering.length > LINGERING) this.#options.onRemoved(this.#lingering.shift()!.id)
    this.#replenish()
  }

  /** We have a new address: the peer is asked to let go of every id that was seen at the old one. */
  renew(): void {
    this.#retirePriorTo = this.#next
    // One is enough to ask; as it lets go of the others, more are made.
    this.#add(this.#options.mint(), true)
  }

  deadline(): Millis | undefined {
    return this.#lingering[0]?.until
  }

  /** Forgets ids whose time is over. */
  expire(now: Millis): void {
    while (this.#lingering.length > 0 && this.#lingering[0]!.until <= now)
      this.#options.onRemoved(this.#lingering.shift()!.id)
  }

  /** The link is over: no id leads here any more. */
  close(): void {
    for (const { id } of [...this.#active, ...this.#lingering]) this.#options.onRemoved(id)
    this.#active = []
    this.#lingering = []
  }

  #replenish(): void {
    while (this.#active.length < limits.connectionIds) this.#add(this.#options.mint(), true)
  }

  #add(id: Uint8Array, tell = false): void {
    this.#active.push({ sequence: this.#next++, id, told: false })
    if (tell) this.#options.onAdded(id)
  }
}
