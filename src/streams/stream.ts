/**
 * One stream: ordered bytes both ways, each way ended on its own.
 *
 *              we send                      we read
 *   end()      FIN behind the last byte     ended()    the peer's FIN, all bytes read
 *   reset()    RESET_STREAM, queue dropped  reset()    the peer gave up, unread bytes dropped
 *   stopped()  the peer gave up reading     stopSending()  STOP_SENDING, bytes thrown away
 *
 * Reading is by pull, and pulling is what grants credit: a stream nobody reads holds back
 * its own sender and no one else. The handler is told by direct calls, out of the very call
 * that changed something, and it may call anything from there. `ended` comes when nothing is
 * left to read: after `readable`, or from the `read` that found nothing.
 *
 * Refuses: a write after `end`. After a reset, a stop or the end of the link a write drops
 * its bytes and answers false, for the writer cannot have known.
 * Page: protocol/streams.md · Floor: streams.
 */
import { GuildError } from '../base/errors.ts'
import type { Millis } from '../base/machine.ts'
import { streamCodes } from '../wire/registry.ts'
import { ReceiveHalf } from './receive-half.ts'
import type { RingMember } from './ring.ts'
import { SendHalf } from './send-half.ts'

export interface StreamHandler {
  /** There is more to read than before. */
  readable(): void
  /** After `write` answered false: half of what was in line has left. */
  writable(): void
  /** The peer ended its side, and all of it was read. */
  ended?(): void
  /** The peer gave up sending. What was unread is gone. */
  reset(code: number): void
  /** The peer gave up reading. What was in line is gone. */
  stopped(code: number): void
  /** The link ended under an unfinished stream. What was `complete` can still be read. */
  closed?(error: GuildError): void
}

/** What a stream asks of the `Streams` it belongs to. */
export interface StreamHost {
  /** Bytes in the lines of all streams of the link. */
  buffered: number
  /** Bytes of all streams that were in packets and are kept for their acknowledgement. */
  unacked: number
  /** There may be something to send. */
  sendable(stream: Stream): void
  /** A control frame is owed. */
  owes(stream: Stream): void
  /** So many bytes were read or thrown away. */
  consumed(stream: Stream, bytes: number): void
  /** A half may have finished. */
  settle(stream: Stream): void
}

/** High marks: for one stream as long as the link holds little, and when it holds much. */
export const marks = {
  stream: 512 * 1024,
  /** 4 streams at their mark; with 256 streams at once a link then stays near 6 MiB, whoever does not read. */
  link: 2 * 1024 * 1024,
  crowded: 16 * 1024,
} as const

/** Control frames a stream owes, as bits; the last two are owed by the link. */
export const owed = { RESET: 1, STOP: 2, CREDIT: 4, LINK_CREDIT: 8, STREAMS: 16 } as const

export class Stream implements RingMember<Stream> {
  readonly id: number
  /** Known at once where we opened it, else when the header has come. */
  protocol: string | undefined
  /** Who is told. Set it in the call that hands you the stream; nothing before that is lost. */
  handler: StreamHandler | undefined
  readonly #host: StreamHost
  readonly #mark: number
  #endTold = false
  /** The code of the peer's STOP_SENDING. */
  stoppedCode: number | undefined

  // The books of `Streams`: nobody else writes these.
  readonly sending: SendHalf
  readonly receiving: ReceiveHalf
  after: Stream | undefined
  before: Stream | undefined
  owed = 0
  resetCode = 0
  stopCode = 0
  /** Beyond the peer's MAX_STREAMS: it may not be mentioned yet. */
  waiting = false
  /** What has come of an unfinished stream header. */
  header: Uint8Array | undefined
  /** The budget was paid for the peer giving this stream up. */
  charged = false

  constructor(
    id: number,
    host: StreamHost,
    credit: { readonly send: number; readonly receive: number; readonly now: Millis },
    mark: number,
  ) {
    this.id = id
    this.#host = host
    this.#mark = mark
    this.sending = new SendHalf(id, credit.send)
    this.receiving = new ReceiveHalf(credit.receive, credit.now)
  }

  /** Bytes written and not yet in a frame. */
  get buffered(): number {
    return this.sending.buffered
  }

  /** Bytes that can be read now. */
  get unread(): number {
    return this.receiving.unread
  }

  /** Everything the peer ever sent is here, its end included. */
  get complete(): boolean {
    return this.receiving.complete
  }

  /** The next bytes in order, at most `most`; undefined when none are here now. */
  read(most: number = Number.MAX_SAFE_INTEGER): Uint8Array | undefined {
    const piece = this.receiving.read(most)
    if (piece === undefined) {
      this.tellEnd()
      return undefined
    }
    this.#host.consumed(this, piece.length)
    if (this.receiving.finished) this.#host.settle(this)
    return piece
  }

  /**
   * Puts a copy of the bytes in line; themselves where they are `lent`: they never change, as those of a block.
   * False: wait for `writable` before writing more.
   */
  write(bytes: Uint8Array, lent = false): boolean {
    if (this.sending.ending) throw new GuildError('GH_STATE_EVENT', `write after end on stream ${this.id}`)
    if (!this.sending.live) return false
    if (bytes.length > 0) {
      this.sending.push(bytes, lent)
      this.#host.buffered += bytes.length
      if (this.after === undefined) this.#host.sendable(this)
    }
    return this.sending.below(this.#host.buffered >= marks.link ? marks.crowded : this.#mark)
  }

  /** Puts a copy of a message in line, its length before it. As `write` otherwise. */
  writeMessage(message: Uint8Array): boolean {
    if (this.sending.ending) throw new GuildError('GH_STATE_EVENT', `write after end on stream ${this.id}`)
    if (!this.sending.live) return false
    this.#host.buffered += this.sending.pushMessage(message)
    if (this.after === undefined) this.#host.sendable(this)
    return this.sending.below(this.#host.buffered >= marks.link ? marks.crowded : this.#mark)
  }

  /** Nothing more will be written; what is in line still leaves. */
  end(): void {
    if (!this.sending.live || this.sending.ending) return
    this.sending.end()
    this.#host.sendable(this)
  }

  /** Gives up sending. After all has been delivered, its end included, it does nothing. */
  reset(code: number = streamCodes.CANCELLED): void {
    if (!this.sending.open) return
    this.#host.unacked -= this.sending.unacked
    this.#host.buffered -= this.sending.reset()
    this.resetCode = code
    this.owed |= owed.RESET
    this.#host.owes(this)
  }

  /** Gives up reading. After everything has come it only drops what is unread. */
  stopSending(code: number = streamCodes.CANCELLED): void {
    const half = this.receiving
    if (half.finished || half.stopped) return
    const before = half.consumed
    half.stop()
    this.#host.consumed(this, half.consumed - before)
    if (half.finished) this.#host.settle(this)
    else {
      this.stopCode = code
      this.owed |= owed.STOP
      this.#host.owes(this)
    }
  }

  /** Gives up both ways. */
  abort(code: number = streamCodes.CANCELLED): void {
    this.reset(code)
    this.stopSending(code)
  }

  /** Nothing is left to send, to read or to say. */
  get finished(): boolean {
    return this.sending.state === 'done' && this.receiving.finished
  }

  /** Says `ended` once, when it is so. For `Streams`. */
  tellEnd(): void {
    if (this.#endTold || this.receiving.state !== 'dataRead' || this.receiving.stopped) return
    if (this.handler === undefined) return
    this.#endTold = true
    this.handler.ended?.()
  }
}
