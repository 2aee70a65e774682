/**
 * What leaves: the frames streams owe, then their data, in turn.
 *
 *   record  | MAX_DATA | RESET_STREAM … | MAX_STREAMS | STREAM a | STREAM b | STREAM c | STREAM a …
 *             control first                             16 KiB each when several want to send
 *
 * One stream alone gets all the room: a bulk transfer is one frame a record, which its
 * receiver keeps without a copy. Nothing is queued twice: a stream that owes a frame stands
 * in one set, a stream with data in one ring, and leaves both when it is finished.
 *
 * Page: protocol/streams.md · Floor: streams.
 */
import type { ByteWriter } from '../base/writer.ts'
import type { FrameSource } from '../wire/frames/index.ts'
import {
  encodeMaxData,
  encodeMaxStreamData,
  encodeMaxStreams,
  encodeResetStream,
  encodeStopSending,
} from '../wire/frames/stream-control.ts'
import type { LinkCredit } from './link-credit.ts'
import type { PeerIds } from './peer-ids.ts'
import { Ring } from './ring.ts'
import { owed, type Stream, type StreamHost } from './stream.ts'

export interface OutgoingOptions {
  readonly credit: LinkCredit
  readonly peer: PeerIds
  readonly host: StreamHost
  /** Called once when there is something to send after there was nothing. */
  readonly wake: () => void
  /** Tells a stream's writer that it may go on. */
  readonly writable: (stream: Stream) => void
}

/** Turn of one stream when several have data: 64 KiB records then serve four. */
const quantum = 16 * 1024
/** The longest control frame: RESET_STREAM with three numbers of eight bytes. */
const longestControl = 25

export class Outgoing implements FrameSource {
  readonly #options: OutgoingOptions
  readonly #credit: LinkCredit
  readonly #peer: PeerIds
  readonly #host: StreamHost
  /** Streams with data to send, in turn. */
  readonly #ring = new Ring<Stream>()
  /** Streams that owe a control frame, in the order they came to owe it. */
  readonly #control = new Set<Stream>()
  /** The link was asked to flush, or is at it, and has not been told yet that nothing is left. */
  #awake = false
  #closed = false

  constructor(options: OutgoingOptions) {
    this.#options = options
    this.#credit = options.credit
    this.#peer = options.peer
    this.#host = options.host
  }

  /** The stream may have bytes or its end to send. */
  sendable(stream: Stream): void {
    if (stream.waiting || !stream.sending.sendable || this.#closed) return
    this.#ring.add(stream)
    this.wake()
  }

  /** The stream owes a control frame. */
  owes(stream: Stream): void {
    if (stream.waiting || this.#closed) return
    this.#control.add(stream)
    this.wake()
  }

  /** The stream is finished, or its link. */
  drop(stream: Stream): void {
    this.#ring.remove(stream)
    this.#control.delete(stream)
  }

  wake(): void {
    if (this.#awake || this.#closed) return
    this.#awake = true
    this.#options.wake()
  }

  close(): void {
    this.#closed = true
  }

  /** Writes what fits. True when more is waiting and may be sent. */
  fill(w: ByteWriter): boolean {
    if (this.#closed) return false
    this.#awake = true
    // Sending an end may let a new stream in: the second round says so in the same record.
    this.#awake = this.#fillControl(w) || this.#fillData(w) || this.#fillControl(w)
    return this.#awake && !this.#closed
  }

  #fillControl(w: ByteWriter): boolean {
    if (this.#credit.due) {
      if (w.room < longestControl) return true
      encodeMaxData(w, this.#credit.grant())
    }
    for (const stream of this.#control) {
      while (stream.owed !== 0) {
        if (w.room < longestControl) return true
        this.#writeOwed(w, stream)
      }
      this.#control.delete(stream)
      this.#host.settle(stream)
    }
    if (!this.#peer.due) return false
    if (w.room < longestControl) return true
    encodeMaxStreams(w, this.#peer.grant())
    return false
  }

  /** One frame a call, the most urgent first. */
  #writeOwed(w: ByteWriter, stream: Stream): void {
    const { sending, receiving } = stream
    if (stream.owed & owed.RESET) {
      stream.owed &= ~owed.RESET
      encodeResetStream(w, stream.id, stream.resetCode, sending.offset)
      sending.delivered()
    } else if (stream.owed & owed.STOP) {
      stream.owed &= ~owed.STOP
      if (!receiving.finished) encodeStopSending(w, stream.id, stream.stopCode)
    } else {
      stream.owed = 0
      if (receiving.state === 'recv' && !receiving.stopped)
        encodeMaxStreamData(w, stream.id, receiving.grant())
    }
  }

  /** True when it ran out of room. */
  #fillData(w: ByteWriter): boolean {
    const ring = this.#ring
    let passed = 0
    for (let stream = ring.head; stream !== undefined && passed < ring.size; stream = ring.head) {
      const half = stream.sending
      if (!half.sendable) {
        ring.remove(stream)
        continue
      }
      const credit = this.#credit.left
      if (credit === 0 && !half.finOnly) {
        passed++ // only an end may pass without credit
        ring.advance()
        continue
      }
      // Behind a good load, a scrap costs the receiver more than it brings.
      if (w.length >= 1024 && w.room < 256 && half.buffered > w.room) return true
      const written = half.fill(w, ring.size > 1 ? Math.min(quantum, credit) : credit)
      if (written < 0) return true
      passed = 0
      this.#credit.send(written)
      this.#host.buffered -= written
      if (half.sendable) ring.advance()
      else ring.remove(stream)
      if (half.state === 'dataSent') {
        half.delivered() // a record is delivered, or the link is over
        this.#host.settle(stream)
      } else if (half.takeWritable()) this.#options.writable(stream)
    }
    return false
  }
}
