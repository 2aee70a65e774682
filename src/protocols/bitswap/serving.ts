/**
 * Their half of bitswap: what peers want of us, looked up, answered, sent in turn.
 *
 *   want ─▶ ledger ─▶ look ──here──▶ HAVE, or the send queue ─▶ serve
 *                       └─not here──▶ DONT_HAVE if asked for; the want stands until it comes or is cancelled
 *
 * A want is answered once: with the block or with HAVE it leaves the ledger (spec: BITSWAP-7).
 * A block is never sent to who asked only whether it is here: eight providers would send it
 * eight times.
 *
 * Floor: protocols. Page: protocol/bitswap.md.
 */
import type { Want } from '../../wire/bitswap.ts'
import { blockKey, type CID } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import { Ledger, type TheirWant } from './ledger.ts'
import type { BitswapOutput, Found, Serving as Underway } from './messages.ts'
import { SendQueue } from './send-queue.ts'

export interface ServingOptions {
  readonly output: (output: BitswapOutput) => void
  /** HAVE or DONT_HAVE, to be told to the peer. */
  readonly presence: (peer: string, key: string, cid: CID, have: boolean) => void
}

export class Serving {
  readonly #options: ServingOptions
  readonly #queue = new SendQueue()
  readonly #ledgers = new Map<string, Ledger>()
  /** Who wants what is not here. */
  readonly #absent = new Map<string, Set<Ledger>>()

  constructor(options: ServingOptions) {
    this.#options = options
  }

  get ledgers(): IterableIterator<Ledger> {
    return this.#ledgers.values()
  }

  ledger(peer: string): Ledger | undefined {
    return this.#ledgers.get(peer)
  }

  /** Handed to the host, in bytes. */
  get outstanding(): number {
    return this.#queue.outstanding
  }

  up(peer: string): Ledger {
    const ledger = new Ledger(peer)
    this.#ledgers.set(peer, ledger)
    return ledger
  }

  down(peer: string): void {
    this.clear(peer)
    this.#queue.drop(peer)
    this.#ledgers.delete(peer)
  }

  /** The peer wants nothing any more. */
  clear(peer: string): void {
    const ledger = this.#ledgers.get(peer)
    if (ledger !== undefined) for (const want of [...ledger]) this.#remove(ledger, want.key)
  }

  /** Wants of one message, in their order. */
  wants(ledger: Ledger, wants: readonly Want[], full: boolean): void {
    if (full) this.#keepOnly(ledger, new Set(wants.map(({ cid }) => blockKey(cid))))
    const look: CID[] = []
    for (const want of wants) {
      const key = blockKey(want.cid)
      if (want.cancel) {
        this.#remove(ledger, key)
        continue
      }
      const before = ledger.get(key)?.state
      const outcome = ledger.add(key, want)
      if (outcome === 'full') {
        // spec: BITSWAP-5
        if (want.sendDontHave) this.#options.presence(ledger.peer, key, want.cid, false)
        continue
      }
      if (before === 'absent') this.#forget(ledger, key)
      if (outcome === 'new') look.push(want.cid)
    }
    if (look.length > 0) this.#options.output({ kind: 'look', peer: ledger.peer, cids: look })
  }

  /** What `look` asked for. */
  found(peer: string, blocks: readonly Found[]): void {
    const ledger = this.#ledgers.get(peer)
    if (ledger === undefined) return
    for (const { key, size } of blocks) {
      const want = ledger.get(key)
      if (want?.state !== 'looking') continue
      if (size !== undefined) this.#answer(ledger, want, size)
      else this.#miss(ledger, want)
    }
  }

  /** A block is here now: whoever wants it learns it. */
  here(key: string, size: number): void {
    for (const ledger of [...(this.#absent.get(key) ?? [])]) {
      const want = ledger.get(key)
      this.#forget(ledger, key)
      if (want !== undefined) this.#answer(ledger, want, size)
    }
  }

  /** As many turns as there is room for. */
  serve(): void {
    for (let turn = this.#queue.next(); turn !== undefined; turn = this.#queue.next()) {
      const { ledger, serving } = turn
      const pendingBytes = this.#queue.pendingBytes(ledger.peer)
      this.#options.output({ kind: 'serve', peer: ledger.peer, serving, pendingBytes })
    }
  }

  served(peer: string, { blocks, bytes }: Underway, missing: readonly string[]): number {
    this.#queue.done(peer, bytes)
    const ledger = this.#ledgers.get(peer)
    if (ledger === undefined) return 0
    const absent = new Set(missing)
    let sent = 0
    for (const { key, size } of blocks) {
      const want = ledger.get(key)
      if (absent.has(key)) {
        if (want?.state === 'sending') this.#miss(ledger, want)
        continue
      }
      if (want?.state === 'sending') ledger.remove(key)
      ledger.sent(size)
      sent++
    }
    return sent
  }

  /** What is underway and in the new list too is not sent again for that; what is not in it is wanted no more. */
  #keepOnly(ledger: Ledger, keys: ReadonlySet<string>): void {
    for (const want of [...ledger])
      if (want.state !== 'sending' || !keys.has(want.key)) this.#remove(ledger, want.key)
  }

  #answer(ledger: Ledger, want: TheirWant, size: number): void {
    if (size > limits.block) return this.#miss(ledger, want) // nobody would take it
    if (want.have) {
      ledger.remove(want.key)
      return this.#options.presence(ledger.peer, want.key, want.cid, true)
    }
    want.size = size
    this.#queue.add(ledger, want)
  }

  #miss(ledger: Ledger, want: TheirWant): void {
    want.state = 'absent'
    let all = this.#absent.get(want.key)
    if (all === undefined) {
      all = new Set()
      this.#absent.set(want.key, all)
    }
    all.add(ledger)
    if (want.sendDontHave) this.#options.presence(ledger.peer, want.key, want.cid, false)
  }

  /** A block that is underway is sent; its want is gone all the same. */
  #remove(ledger: Ledger, key: string): void {
    const want = ledger.remove(key)
    if (want === undefined) return
    if (want.state === 'queued') this.#queue.cancel(ledger.peer, want)
    this.#forget(ledger, key)
  }

  #forget(ledger: Ledger, key: string): void {
    const all = this.#absent.get(key)
    if (all?.delete(ledger) && all.size === 0) this.#absent.delete(key)
  }
}
