/**
 * The ledger of one peer: what it wants of us, and what went either way.
 *
 *   wanted ─▶ looking ──here──▶ queued ─▶ sending ─▶ gone        for the block
 *                │     └─here──▶ gone, HAVE said                 for a word
 *                └─not here──▶ absent: told when it comes
 *
 * At most 1,024 wants (spec: BITSWAP-5; faults: BX-03). One key is one want, whatever it is asked for and
 * however often, so a block is in flight to a peer once (faults: BX-04).
 *
 * Floor: protocols.
 */
import type { Want } from '../../wire/bitswap.ts'
import type { CID } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import type { LedgerFigures } from './messages.ts'

export interface TheirWant {
  readonly key: string
  readonly cid: CID
  priority: number
  have: boolean
  sendDontHave: boolean
  state: 'looking' | 'absent' | 'queued' | 'sending'
  size: number
}

export class Ledger {
  readonly peer: string
  readonly #wants = new Map<string, TheirWant>()
  blocksSent = 0
  bytesSent = 0
  blocksReceived = 0
  bytesReceived = 0

  constructor(peer: string) {
    this.peer = peer
  }

  get size(): number {
    return this.#wants.size
  }

  get(key: string): TheirWant | undefined {
    return this.#wants.get(key)
  }

  [Symbol.iterator](): IterableIterator<TheirWant> {
    return this.#wants.values()
  }

  /** Bytes sent for each received: a peer that gives is served before one that only takes. */
  get debtRatio(): number {
    return this.bytesSent / (this.bytesReceived + 1)
  }

  /**
   * Takes a want in. `new`: look for it. `known`: it is being looked for, or on its way, and what it
   * asks for may have grown. `full`: there is no place for it.
   */
  add(key: string, { cid, priority, have, sendDontHave }: Want): 'new' | 'known' | 'full' {
    const known = this.#wants.get(key)
    if (known === undefined) {
      if (this.#wants.size >= limits.bitswapEntries) return 'full'
      this.#wants.set(key, { key, cid, priority, have, sendDontHave, state: 'looking', size: 0 })
      return 'new'
    }
    known.priority = priority
    known.have = known.have && have // who wants the block is not content with a word
    known.sendDontHave ||= sendDontHave
    if (known.state !== 'absent') return 'known'
    known.have = have
    known.state = 'looking'
    return 'new'
  }

  remove(key: string): TheirWant | undefined {
    const want = this.#wants.get(key)
    this.#wants.delete(key)
    return want
  }

  sent(bytes: number): void {
    this.blocksSent++
    this.bytesSent += bytes
  }

  received(bytes: number): void {
    this.blocksReceived++
    this.bytesReceived += bytes
  }

  figures(): LedgerFigures {
    const { peer: peerId, bytesSent, bytesReceived, blocksSent, blocksReceived, size, debtRatio } = this
    return { peerId, bytesSent, bytesReceived, blocksSent, blocksReceived, wants: size, debtRatio }
  }
}
