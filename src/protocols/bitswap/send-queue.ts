/**
 * Which block goes next: peers in turn, each by its own priorities, none with too much underway.
 *
 *   alice  ▓▓▓▓░░   ─┐  a turn is 256 KiB, or half of it
 *   bob    ▓▓░      ─┼─▶ for who takes far more than it gives
 *   carol  ▓▓▓▓▓▓▓░ ─┘  at 1 MiB underway a peer is passed over
 *
 * Nobody starves: every peer in line has its turn before anybody has a second one. Within one
 * peer higher priority goes first, then what came first (spec: BITSWAP-10). Bounded by the ledgers, which hold
 * 1,024 wants each.
 *
 * Floor: protocols.
 */
import { TimeHeap } from '../../base/heap.ts'
import { defaults } from './defaults.ts'
import type { Ledger, TheirWant } from './ledger.ts'
import type { Serving } from './messages.ts'

/** Bytes taken for each byte given, from where on a turn is half as large: new peers have given nothing. */
const DEBT_MUCH = 2
const DEBT_LEAST = 64 * 1024 * 1024

interface Place {
  readonly at: number
  readonly order: number
  readonly want: TheirWant
}

class Line {
  readonly ledger: Ledger
  readonly places = new TimeHeap<Place>()
  /** Bytes that wait. */
  waiting = 0
  /** Bytes handed to the host. */
  outstanding = 0

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }
}

export class SendQueue {
  /** In turn: who had one goes to the end. */
  readonly #lines = new Map<string, Line>()
  #outstanding = 0
  #order = 0

  /** Bytes handed to the host, over all peers. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** Puts a block in line that is here and has a size. */
  add(ledger: Ledger, want: TheirWant): void {
    let line = this.#lines.get(ledger.peer)
    if (line === undefined) {
      line = new Line(ledger)
      this.#lines.set(ledger.peer, line)
    }
    want.state = 'queued'
    line.places.push({ at: -want.priority, order: this.#order++, want })
    line.waiting += want.size
  }

  /** It was cancelled; its place is dropped when it comes up. */
  cancel(peer: string, want: TheirWant): void {
    const line = this.#lines.get(peer)
    if (line !== undefined && want.state === 'queued') line.waiting -= want.size
    want.state = 'absent'
  }

  /** The peer is gone, or wants nothing. What is underway is told by `done` still. */
  drop(peer: string): void {
    const line = this.#lines.get(peer)
    if (line === undefined) return
    this.#lines.delete(peer)
    this.#outstanding -= line.outstanding
  }

  pendingBytes(peer: string): number {
    return this.#lines.get(peer)?.waiting ?? 0
  }

  /** What goes next, and to whom; undefined when nothing waits, or everybody has enough underway. */
  next(): { readonly ledger: Ledger; readonly serving: Serving } | undefined {
    if (this.#outstanding >= defaults.outstandingAll) return undefined
    for (const [peer, line] of this.#lines) {
      if (line.outstanding >= defaults.outstanding) continue
      const serving = this.#turn(line)
      if (serving === undefined) continue
      this.#lines.delete(peer)
      this.#lines.set(peer, line)
      line.outstanding += serving.bytes
      this.#outstanding += serving.bytes
      return { ledger: line.ledger, serving }
    }
    return undefined
  }

  /** The peer's stream takes more: so many bytes are underway no longer. */
  done(peer: string, bytes: number): void {
    const line = this.#lines.get(peer)
    if (line === undefined) return
    const less = Math.min(bytes, line.outstanding)
    line.outstanding -= less
    this.#outstanding -= less
    if (line.outstanding === 0 && line.places.length === 0) this.#lines.delete(peer)
  }

  #turn(line: Line): Serving | undefined {
    const { ledger } = line
    const greedy = ledger.bytesSent > DEBT_LEAST && ledger.debtRatio > DEBT_MUCH
    const most = greedy ? defaults.servingBytes / 2 : defaults.servingBytes
    const blocks: { cid: TheirWant['cid']; key: string; size: number }[] = []
    let bytes = 0
    for (let place = line.places.first; place !== undefined; place = line.places.first) {
      const { want } = place
      // Cancelled meanwhile, or in line once more.
      const live = want.state === 'queued' && ledger.get(want.key) === want
      if (live && blocks.length > 0 && bytes + want.size > most) break
      line.places.pop()
      if (!live) continue
      want.state = 'sending'
      line.waiting -= want.size
      blocks.push({ cid: want.cid, key: want.key, size: want.size })
      bytes += want.size
      if (bytes >= most || blocks.length >= defaults.servingBlocks) break
    }
    return blocks.length === 0 ? undefined : { blocks, bytes }
  }
}
