/**
 * The two bitswap streams between this node and one peer.
 *
 *   ours    heads and blocks out, opened when there is something to say
 *   theirs  heads and blocks in ─▶ inlet ─▶ hash as it comes ─▶ engine
 *
 * Each side writes on the stream it opened, and only there (spec: BITSWAP-1). When ours ends
 * while the peer stays, a new one is opened and told everything; a peer without bitswap is let
 * alone until it speaks of itself.
 *
 * Back-pressure: blocks are handed to the stream as far as it takes them, and nothing is read
 * while what came has not found its place in the store.
 *
 * Floor: node.
 */
import { equal } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { type BlockHash, blockHash } from '../crypto/block-hash.ts'
import type { Bitswap } from '../protocols/bitswap/bitswap.ts'
import { Inlet, type InletSink } from '../protocols/bitswap/inlet.ts'
import type { BitswapInput, Serving } from '../protocols/bitswap/messages.ts'
import type { Stream } from '../streams/stream.ts'
import { type BitswapHead, type BlockHead, bitswapPreamble } from '../wire/bitswap.ts'
import type { CID } from '../wire/cid.ts'
import { streamCodes } from '../wire/registry.ts'

/** Until a stream that broke is opened again, doubling. */
const AGAIN_FIRST = 250
const AGAIN_MOST = 30_000
/** Read at once; the loop then goes round. */
const PIECE = 256 * 1024

/** What it asks of the exchange. */
export interface PeerHost {
  readonly engine: Bitswap
  now(): number
  feed(input: BitswapInput): void
  /** Opens a stream; throws where there is no link. */
  open(peer: string): Stream
  after(wait: number, work: () => void): () => void
  /** Nothing is to be read now. */
  readonly full: boolean
}

/** A block whose bytes come. */
interface Landing {
  readonly cid: CID
  readonly key: string
  readonly bytes: Uint8Array
  readonly hash: BlockHash
  filled: number
}

export class ExchangePeer implements InletSink {
  readonly peer: string
  readonly #host: PeerHost
  #out: Stream | undefined
  #in: Stream | undefined
  #inlet: Inlet | undefined
  /** Our stream takes no more for now; these are told when it does. */
  #blocked = false
  readonly #waiting: { serving: Serving; missing: string[] }[] = []
  #landing: Landing | undefined
  #again = AGAIN_FIRST
  #cancelAgain: (() => void) | undefined
  #deaf = false
  #gone = false

  constructor(peer: string, host: PeerHost) {
    this.peer = peer
    this.#host = host
  }

  // What we say

  /** Says all there is to say, as far as the stream takes it. */
  speak(): void {
    while (!this.#blocked && !this.#gone && this.#cancelAgain === undefined && !this.#deaf) {
      const stream = this.#opened()
      if (stream === undefined) return
      const head = this.#host.engine.take(this.peer)
      if (head === undefined) return
      this.#write(stream, bitswapPreamble(head))
    }
  }

  /** Sends blocks, those of them that are here. */
  send(serving: Serving, bytes: readonly (Uint8Array | undefined)[], pendingBytes: number): void {
    const missing: string[] = []
    const blocks: BlockHead[] = []
    const bodies: Uint8Array[] = []
    for (const [i, { cid, key }] of serving.blocks.entries()) {
      const body = bytes[i]
      if (body === undefined) missing.push(key)
      else {
        blocks.push({ cid, length: body.length })
        bodies.push(body)
      }
    }
    const stream = this.#opened()
    // Without a stream nothing leaves: the peer is told so as soon as there is one.
    if (stream === undefined) missing.splice(0, missing.length, ...serving.blocks.map(({ key }) => key))
    else if (blocks.length > 0) {
      this.#write(stream, bitswapPreamble({ full: false, pendingBytes, wants: [], presences: [], blocks }))
      for (const body of bodies) this.#write(stream, body, true)
    }
    if (this.#blocked) this.#waiting.push({ serving, missing })
    else this.#host.feed({ kind: 'served', peer: this.peer, serving, missing })
  }

  /** Bytes of a block are lent: a store gives what nobody changes. */
  #write(stream: Stream, bytes: Uint8Array, lent = false): void {
    if (!stream.write(bytes, lent) && stream === this.#out) this.#blocked = true
  }

  #opened(): Stream | undefined {
    if (this.#out !== undefined) return this.#out
    if (this.#gone || this.#cancelAgain !== undefined) return undefined
    let stream: Stream
    try {
      stream = this.#host.open(this.peer)
    } catch {
      this.#broken() // the link is going; what comes next tells
      return undefined
    }
    this.#out = stream
    stream.handler = {
      // The other side has nothing to say here: it ends its half, which reading finds out.
      readable: () => {
        if (stream.read() !== undefined) stream.abort(streamCodes.PROTOCOL)
      },
      writable: () => {
        if (stream === this.#out) this.#unblock()
      },
      reset: () => {},
      stopped: code => {
        if (stream === this.#out) this.#cut(code)
      },
      closed: () => {
        if (stream === this.#out) this.#cut(streamCodes.CANCELLED)
      },
    }
    return stream
  }

  #unblock(): void {
    this.#blocked = false
    this.#again = AGAIN_FIRST
    for (const told of this.#waiting.splice(0)) this.#host.feed({ kind: 'served', peer: this.peer, ...told })
    this.speak()
  }

  /** Our stream ended before its time. */
  #cut(code: number): void {
    this.#out = undefined
    if (code === streamCodes.PROTOCOL_UNKNOWN) {
      this.#deaf = true
      this.#unblock()
      this.#host.feed({ kind: 'deaf', peer: this.peer })
    } else {
      this.#broken()
      this.#unblock()
    }
  }

  /** Another stream in a moment, or when the peer is linked anew. */
  #broken(): void {
    if (this.#cancelAgain !== undefined || this.#gone) return
    this.#cancelAgain = this.#host.after(this.#again, () => {
      this.#cancelAgain = undefined
      this.#host.feed({ kind: 'retold', peer: this.peer })
      this.speak()
    })
    this.#again = Math.min(AGAIN_MOST, 2 * this.#again)
  }

  // What the peer says

  /** The peer opened its stream. One at a time: a second one means that the first is of no use to it. */
  attend(stream: Stream): void {
    this.#hangUp(streamCodes.CANCELLED)
    this.#in = stream
    this.#inlet = new Inlet(this)
    if (this.#deaf) {
      this.#deaf = false
      this.#host.feed({ kind: 'retold', peer: this.peer })
    }
    stream.end() // what we have to say goes over our own
    const over = (): void => {
      if (stream === this.#in) this.#hangUp(undefined)
    }
    stream.handler = {
      readable: () => this.read(),
      writable: () => {},
      ended: over,
      reset: over,
      stopped: () => {},
      closed: over,
    }
  }

  /** Reads what has come, unless there is no place for it. */
  read(): void {
    const stream = this.#in
    const inlet = this.#inlet
    if (stream === undefined || inlet === undefined) return
    try {
      while (!this.#host.full && stream === this.#in) {
        const piece = stream.read(PIECE)
        if (piece === undefined) return
        inlet.feed(piece)
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#hangUp(streamCodes.PROTOCOL)
      this.#host.feed({ kind: 'broke', peer: this.peer })
    }
  }

  head(head: BitswapHead): void {
    this.#host.feed({ kind: 'said', peer: this.peer, head })
  }

  block({ cid, length }: BlockHead): boolean {
    const { engine } = this.#host
    const key = engine.accepts(this.peer, cid, length, this.#host.now())
    if (key === undefined) return false
    const hash = blockHash(cid.multihash.code, cid.multihash.digest.length)
    if (hash === undefined) return false
    // Its own memory, for the store keeps it; not zeroed, for every byte of it is written before it is told.
    const { buffer } = Buffer.allocUnsafeSlow(length)
    this.#landing = { cid, key, bytes: new Uint8Array(buffer), hash, filled: 0 }
    return true
  }

  bytes(piece: Uint8Array): void {
    const landing = this.#landing!
    landing.hash.update(piece)
    landing.bytes.set(piece, landing.filled)
    landing.filled += piece.length
    this.#host.engine.progress(this.peer, piece.length, this.#host.now())
  }

  end(): void {
    const { cid, key, bytes, hash } = this.#landing!
    this.#landing = undefined
    const { digest } = cid.multihash
    // spec: BITSWAP-2; faults: BX-01
    const good = equal(new Uint8Array(hash.digest()).subarray(0, digest.length), digest)
    this.#host.feed({ kind: 'block', peer: this.peer, key, bytes, good })
  }

  /** The stream is over; or it is cut, with a code. */
  #hangUp(code: number | undefined): void {
    const stream = this.#in
    if (stream === undefined) return
    this.#in = undefined
    this.#inlet = undefined
    const landing = this.#landing
    this.#landing = undefined
    if (code !== undefined) stream.abort(code)
    if (landing !== undefined) this.#host.feed({ kind: 'cut', peer: this.peer, key: landing.key })
    this.#host.feed({ kind: 'hung-up', peer: this.peer })
  }

  /** The peer is gone, or we are. */
  close(): void {
    this.#gone = true
    this.#cancelAgain?.()
    this.#waiting.length = 0
    const out = this.#out
    this.#out = undefined
    out?.reset(streamCodes.CANCELLED)
    this.#hangUp(streamCodes.CANCELLED)
  }
}
