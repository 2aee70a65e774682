/**
 * An engine on a desk: fed by hand, in virtual time, with what comes out laid open.
 *
 * Blocks are numbers: `cid(7)` is the name of `bytes(7)`.
 */
import { createHash } from 'node:crypto'
import { Bitswap } from '../../../src/protocols/bitswap/bitswap.ts'
import type { BitswapInput, BitswapOutput } from '../../../src/protocols/bitswap/messages.ts'
import type { BitswapHead, Want } from '../../../src/wire/bitswap.ts'
import { blockKey, type CID, makeCid } from '../../../src/wire/cid.ts'

export const SIZE = 1_000

const made = new Map<number, CID>()

export function bytes(number: number, size = SIZE): Uint8Array {
  const out = new Uint8Array(size)
  new DataView(out.buffer).setUint32(0, number)
  return out
}

export function cid(number: number): CID {
  let known = made.get(number)
  if (known === undefined) {
    known = makeCid(0x55, 0x12, new Uint8Array(createHash('sha256').update(bytes(number)).digest()))
    made.set(number, known)
  }
  return known
}

export const key = (number: number): string => blockKey(cid(number))
const numbers = new Map<string, number>()
export const numberOf = (one: CID): number => {
  for (let i = numbers.size; !numbers.has(blockKey(one)) && i < 200_000; i++) numbers.set(key(i), i)
  return numbers.get(blockKey(one))!
}

export const nothing: BitswapHead = { full: false, pendingBytes: 0, wants: [], presences: [], blocks: [] }

export function want(number: number, fields: Partial<Omit<Want, 'cid'>> = {}): Want {
  const plain = { cancel: false, priority: 1, have: false, sendDontHave: true }
  return { cid: cid(number), ...plain, ...fields }
}
export const cancelled = (number: number): Want =>
  want(number, { cancel: true, priority: 0, sendDontHave: false })

export class Desk {
  readonly engine = new Bitswap()
  now = 0
  readonly outputs: BitswapOutput[] = []

  feed(input: BitswapInput): this {
    this.engine.handle(input, this.now)
    for (let one = this.engine.poll(); one !== undefined; one = this.engine.poll()) this.outputs.push(one)
    return this
  }

  up(...peers: string[]): this {
    for (const peer of peers) this.feed({ kind: 'peer-up', peer })
    return this
  }

  wants(session: number, ...blocks: number[]): this {
    if (this.engine.session(session) === undefined) this.feed({ kind: 'open', session })
    return this.feed({ kind: 'want', session, cids: blocks.map(cid), priority: 1 })
  }

  said(peer: string, head: Partial<BitswapHead>): this {
    return this.feed({ kind: 'said', peer, head: { ...nothing, ...head } })
  }

  have(peer: string, ...blocks: number[]): this {
    return this.said(peer, { presences: blocks.map(one => ({ cid: cid(one), have: true })) })
  }

  dontHave(peer: string, ...blocks: number[]): this {
    return this.said(peer, { presences: blocks.map(one => ({ cid: cid(one), have: false })) })
  }

  /** A block comes from a peer. Was it let in? */
  comes(peer: string, block: number, good = true): boolean {
    if (this.engine.accepts(peer, cid(block), SIZE, this.now) === undefined) return false
    this.engine.progress(peer, SIZE, this.now)
    this.feed({ kind: 'block', peer, key: key(block), bytes: bytes(block), good })
    return true
  }

  /** Puts away what is to be stored. */
  store(): number[] {
    const stored: number[] = []
    for (const one of this.outputs.splice(0))
      if (one.kind === 'store') {
        stored.push(numberOf(one.cid))
        this.feed({ kind: 'stored', key: one.key, length: one.bytes.length, kept: true })
      }
    return stored
  }

  /** Until the next deadline, or as long as that. */
  pass(most: number): this {
    const until = this.now + most
    for (let at = this.engine.deadline(); at !== undefined && at <= until; at = this.engine.deadline()) {
      this.now = Math.max(this.now, at)
      this.feed({ kind: 'tick' })
    }
    this.now = until
    return this
  }

  /** All that is to be said to a peer, in words: `block 3`, `have 3`, `cancel 3`, `HAVE 3`, `DONT_HAVE 3`. */
  says(peer: string): string[] {
    const words: string[] = []
    for (let head = this.engine.take(peer); head !== undefined; head = this.engine.take(peer)) {
      for (const one of head.wants)
        words.push(`${one.cancel ? 'cancel' : one.have ? 'have' : 'block'} ${numberOf(one.cid)}`)
      for (const one of head.presences) words.push(`${one.have ? 'HAVE' : 'DONT_HAVE'} ${numberOf(one.cid)}`)
    }
    return words
  }

  kinds(kind: BitswapOutput['kind']): BitswapOutput[] {
    return this.outputs.filter(one => one.kind === kind)
  }

  get wantList(): number {
    return this.engine.figures().wantListSize
  }
}
