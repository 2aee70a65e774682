/**
 * The bitswap engine: asks peers for what we want, and gives them what they want.
 *
 *              heads in ─▶ serving ─▶ look, serve          fetching ─▶ store, nowhere
 *                   └────▶ fetching                             │
 *                          outboxes ◀── wants, cancels, HAVE ───┘─▶ speak, then `take`
 *
 * A thin coordinator: `fetching.ts` is our half, `serving.ts` theirs, `outbox.ts` what a peer
 * is to be told, `standing.ts` who is believed. Messages are composed when the host asks for
 * them (`take`), so that all that was decided in one turn leaves in one message. Bytes of
 * blocks never come here; the host asks with `accepts` before it takes any.
 *
 * Floor: protocols. Page: protocol/bitswap.md.
 */
import type { Machine, Millis } from '../../base/machine.ts'
import type { BitswapHead } from '../../wire/bitswap.ts'
import { blockKey, type CID } from '../../wire/cid.ts'
import { defaults } from './defaults.ts'
import { Fetching } from './fetching.ts'
import type {
  BitswapFigures,
  BitswapInput,
  BitswapOutput,
  LedgerFigures,
  SessionFigures,
} from './messages.ts'
import { Outbox } from './outbox.ts'
import { Provider } from './provider.ts'
import { Serving } from './serving.ts'
import type { Session } from './session.ts'
import { Standing } from './standing.ts'

interface Peer {
  readonly out: Outbox
  provider: Provider
  /** The host was told that there is something to say. */
  told: boolean
}

export class Bitswap implements Machine<BitswapInput, BitswapOutput> {
  readonly #peers = new Map<string, Peer>()
  readonly #outputs: BitswapOutput[] = []
  readonly #fetching: Fetching
  readonly #serving: Serving
  readonly #standing = new Standing()
  /** Blocks that came lately, with who waited for them: a second copy is known as one. */
  readonly #lately = new Map<string, readonly Session[]>()
  #at = 0
  #blocksSent = 0
  #bytesSent = 0
  #blocksReceived = 0
  #bytesReceived = 0
  #duplicateBlocks = 0
  #duplicateBytes = 0
  #badBlocks = 0
  #strayBlocks = 0

  constructor() {
    const output = (one: BitswapOutput): void => void this.#outputs.push(one)
    this.#fetching = new Fetching({ output, speak: provider => this.#speak(provider.id) })
    this.#serving = new Serving({
      output,
      presence: (peer, key, cid, have) => {
        this.#peers.get(peer)?.out.presence(key, cid, have)
        this.#speak(peer)
      },
    })
  }

  handle(input: BitswapInput, now: Millis): void {
    this.#take(input, now)
    this.#serving.serve()
  }

  poll(): BitswapOutput | undefined {
    if (this.#at < this.#outputs.length) return this.#outputs[this.#at++]
    this.#outputs.length = 0
    this.#at = 0
    return undefined
  }

  deadline(): Millis | undefined {
    return this.#fetching.deadline()
  }

  /** The next message without blocks for a peer; undefined when nothing is left to say. */
  take(peer: string): BitswapHead | undefined {
    const one = this.#peers.get(peer)
    if (one === undefined) return undefined
    const head = one.out.take()
    if (head === undefined) one.told = false
    return head
  }

  /**
   * Are the bytes of this block to be taken and hashed? Its key if so; undefined: they are to be thrown
   * away as they come. Whatever the answer, a block is told of once.
   */
  accepts(peer: string, cid: CID, length: number, now: Millis): string | undefined {
    const provider = this.#peers.get(peer)?.provider
    if (provider === undefined || this.#standing.refuses(peer, now)) return undefined
    const key = blockKey(cid)
    if (this.#fetching.accepts(provider, key, now)) return key
    const want = this.#fetching.list.get(key)
    const sessions = want?.sessions ?? this.#lately.get(key)
    if (sessions !== undefined) {
      this.#duplicateBlocks++
      this.#duplicateBytes += length
      for (const session of sessions) session.twice(length)
      return undefined
    }
    this.#strayBlocks++
    // faults: BX-02
    if (!this.#standing.stray(peer, length, now)) this.#misdeed(peer, 'blocks nobody asked for', now)
    return undefined
  }

  /** Bytes of a block that was accepted came. */
  progress(peer: string, bytes: number, now: Millis): void {
    this.#peers.get(peer)?.provider.progress(bytes, now)
  }

  figures(): BitswapFigures {
    return {
      blocksSent: this.#blocksSent,
      bytesSent: this.#bytesSent,
      blocksReceived: this.#blocksReceived,
      bytesReceived: this.#bytesReceived,
      duplicateBlocks: this.#duplicateBlocks,
      duplicateBytes: this.#duplicateBytes,
      badBlocks: this.#badBlocks,
      strayBlocks: this.#strayBlocks,
      wantListSize: this.#fetching.list.size,
    }
  }

  /** Bytes asked for and not yet stored, sizes guessed. */
  get inFlight(): number {
    return this.#fetching.inFlight
  }

  session(id: number): SessionFigures | undefined {
    return this.#fetching.sessions.get(id)?.figures()
  }

  ledgers(): LedgerFigures[] {
    return [...this.#serving.ledgers].map(ledger => ledger.figures())
  }

  /** What we want, in the order it was wanted. */
  wantList(): { cid: CID; priority: number; asked: string | undefined }[] {
    return [...this.#fetching.list].map(({ cid, priority, asked }) => ({ cid, priority, asked: asked?.id }))
  }

  #take(input: BitswapInput, now: Millis): void {
    switch (input.kind) {
      case 'tick':
        return this.#fetching.tick(now)
      case 'peer-up':
        return this.#up(input.peer, now)
      case 'peer-down':
        return this.#down(input.peer, now)
      case 'deaf':
        return this.#deafen(input.peer, now)
      case 'retold':
        return this.#retell(input.peer)
      case 'hung-up':
        return this.#serving.clear(input.peer)
      case 'broke':
        return this.#misdeed(input.peer, 'what is no bitswap', now)
      case 'said':
        return this.#said(input.peer, input.head, now)
      case 'found':
        return this.#serving.found(input.peer, input.blocks)
      case 'served': {
        const sent = this.#serving.served(input.peer, input.serving, input.missing)
        this.#blocksSent += sent
        const gone = new Set(input.missing)
        for (const { key, size } of sent === 0 ? [] : input.serving.blocks)
          if (!gone.has(key)) this.#bytesSent += size
        return
      }
      case 'block':
        return this.#block(input.peer, input.key, input.bytes, input.good, now)
      case 'cut': {
        const provider = this.#peers.get(input.peer)?.provider
        if (provider !== undefined) this.#fetching.cut(provider, input.key)
        return
      }
      case 'stored':
        if (input.kept) this.#serving.here(input.key, input.length)
        return this.#fetching.stored(input.key, now)
      case 'have':
        return this.#have(input.cid, input.size, input.announce, now)
      case 'open':
        return this.#fetching.open(input.session)
      case 'want':
        return this.#fetching.want(input.session, input.cids, input.priority, now)
      case 'unwant':
        return this.#fetching.unwant(input.session, input.keys, now)
      case 'close':
        return this.#fetching.close(input.session, now)
    }
  }

  #up(peer: string, now: Millis): void {
    if (this.#peers.has(peer)) this.#down(peer, now)
    const out = new Outbox()
    const provider = new Provider(peer, out, now)
    this.#peers.set(peer, { out, provider, told: false })
    this.#serving.up(peer)
    if (this.#standing.refuses(peer, now)) provider.usable = false
    else this.#fetching.up(provider, now)
  }

  #down(peer: string, now: Millis): void {
    const one = this.#peers.get(peer)
    if (one === undefined) return
    this.#peers.delete(peer)
    this.#serving.down(peer)
    this.#fetching.down(one.provider, now)
  }

  /** It is not asked until it says something of itself. */
  #deafen(peer: string, now: Millis): void {
    const one = this.#peers.get(peer)
    if (one !== undefined) this.#fetching.down(one.provider, now)
  }

  #retell(peer: string): void {
    const one = this.#peers.get(peer)
    if (one === undefined) return
    one.out.retell()
    one.told = false
    this.#speak(peer)
  }

  #said(peer: string, { full, wants, presences }: BitswapHead, now: Millis): void {
    const one = this.#peers.get(peer)
    const ledger = this.#serving.ledger(peer)
    if (one === undefined || ledger === undefined || this.#standing.refuses(peer, now)) return
    if (!one.provider.usable) {
      // It said it had no bitswap; it has.
      one.provider = new Provider(peer, one.out, now)
      this.#fetching.up(one.provider, now)
    }
    this.#serving.wants(ledger, wants, full)
    for (const { cid, have } of presences)
      if (have) this.#fetching.have(one.provider, blockKey(cid), now)
      else {
        this.#fetching.dontHave(one.provider, blockKey(cid), now)
        one.out.disown(blockKey(cid), cid)
      }
    this.#speak(peer)
  }

  #block(peer: string, key: string, bytes: Uint8Array, good: boolean, now: Millis): void {
    const provider = this.#peers.get(peer)?.provider
    if (!good) {
      this.#badBlocks++
      // Before it is judged, so that the want is with another peer already.
      if (provider !== undefined) this.#fetching.forged(provider, key, now)
      return this.#misdeed(peer, 'bytes that do not hash to their name', now)
    }
    if (provider === undefined) return
    const sessions = this.#fetching.came(provider, key, bytes, now)
    if (sessions.length === 0) return
    this.#serving.ledger(peer)?.received(bytes.length)
    this.#blocksReceived++
    this.#bytesReceived += bytes.length
    if (this.#lately.size >= defaults.lately) this.#lately.delete(this.#lately.keys().next().value!)
    this.#lately.set(key, sessions)
  }

  #have(cid: CID, size: number, announce: boolean, now: Millis): void {
    const key = blockKey(cid)
    this.#fetching.here(key, now)
    this.#serving.here(key, size)
    if (!announce) return
    for (const [id, { out, provider }] of this.#peers) {
      if (!provider.usable) continue
      out.presence(key, cid, true)
      this.#speak(id)
    }
  }

  /** spec: BITSWAP-8 */
  #misdeed(peer: string, why: string, now: Millis): void {
    const refused = this.#standing.misdeed(peer, now)
    this.#outputs.push({ kind: 'misdeed', peer, why, refused })
    const one = this.#peers.get(peer)
    if (!refused || one === undefined) return
    this.#fetching.down(one.provider, now)
    this.#serving.clear(peer)
  }

  #speak(peer: string): void {
    const one = this.#peers.get(peer)
    if (one === undefined || one.told || !one.out.waiting) return
    one.told = true
    this.#outputs.push({ kind: 'speak', peer })
  }
}
