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
 * Over packets each frame leaves a note in the packet's manifest. On a loss (RFC 9000 §13.3) data
 * goes again as it was, at the head of the ring; a control frame is owed again with what is true
 * then, and only if it is still the newest and still means something.
 *
 * Page: protocol/streams.md (spec: STREAM-13, STREAM-14) · Floor: streams.
 */
import type { ByteWriter } from '../base/writer.ts'
import type { FrameSource, Manifest } from '../wire/frames/index.ts'
import {
  encodeMaxData,
  encodeMaxStreamData,
  encodeMaxStreams,
  encodeResetStream,
  encodeStopSending,
} from '../wire/frames/stream-control.ts'
import { type Fates, SentBytes, SentControl } from './in-flight.ts'
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
/** Behind a good load, a smaller piece costs the receiver more than it brings: of a record, of a packet. */
const scrap = { record: 256, packet: 32 } as const

export class Outgoing implements FrameSource, Fates {
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
  fill(w: ByteWriter, manifest?: Manifest): boolean {
    if (this.#closed) return false
    this.#awake = true
    // Sending an end may let a new stream in: the second round says so in the same record.
    this.#awake =
      this.#fillControl(w, manifest) || this.#fillData(w, manifest) || this.#fillControl(w, manifest)
    return this.#awake && !this.#closed
  }

  // What became of frames. After the end of the link nothing of it matters.

  bytesAcked(stream: Stream, offset: number, length: number, fin: boolean): void {
    if (this.#closed) return
    const half = stream.sending
    const before = half.unacked
    half.acked(offset, length, fin)
    this.#host.unacked -= before - half.unacked
    if (half.state === 'done') this.#host.settle(stream)
  }

  bytesLost(stream: Stream, offset: number, length: number, fin: boolean): void {
    if (this.#closed) return
    stream.sending.bytesLost(offset, length, fin)
    if (!stream.sending.again) return
    this.#ring.lead(stream)
    this.wake()
  }

  controlAcked(kind: number, stream: Stream | undefined): void {
    if (this.#closed || stream === undefined || kind !== owed.RESET) return
    if (stream.sending.state !== 'resetSent') return
    stream.sending.delivered()
    this.#host.settle(stream)
  }

  controlLost(kind: number, stream: Stream | undefined, value: number): void {
    if (this.#closed) return
    if (stream !== undefined) {
      if (!stillMeant(kind, stream, value)) return
      stream.owed |= kind
      return this.owes(stream)
    }
    if (kind === owed.STREAMS) this.#peer.lost(value)
    else this.#credit.lost(value)
    if (this.#peer.due || this.#credit.due) this.wake()
  }

  #fillControl(w: ByteWriter, manifest: Manifest | undefined): boolean {
    if (this.#credit.due) {
      if (w.room < longestControl) return true
      const maximum = this.#credit.grant()
      encodeMaxData(w, maximum)
      manifest?.add(new SentControl(this, owed.LINK_CREDIT, undefined, maximum))
    }
    for (const stream of this.#control) {
      while (stream.owed !== 0) {
        if (w.room < longestControl) return true
        this.#writeOwed(w, stream, manifest)
      }
      this.#control.delete(stream)
      this.#host.settle(stream)
    }
    if (!this.#peer.due) return false
    if (w.room < longestControl) return true
    const count = this.#peer.grant()
    encodeMaxStreams(w, count)
    manifest?.add(new SentControl(this, owed.STREAMS, undefined, count))
    return false
  }

  /** One frame a call, the most urgent first. */
  #writeOwed(w: ByteWriter, stream: Stream, manifest: Manifest | undefined): void {
    const { sending, receiving } = stream
    if (stream.owed & owed.RESET) {
      stream.owed &= ~owed.RESET
      encodeResetStream(w, stream.id, stream.resetCode, sending.offset)
      if (manifest === undefined)
        sending.delivered() // a record is delivered, or the link is over
      else manifest.add(new SentControl(this, owed.RESET, stream, 0))
    } else if (stream.owed & owed.STOP) {
      stream.owed &= ~owed.STOP
      if (receiving.finished) return
      encodeStopSending(w, stream.id, stream.stopCode)
      manifest?.add(new SentControl(this, owed.STOP, stream, 0))
    } else {
      stream.owed = 0
      if (receiving.state !== 'recv' || receiving.stopped) return
      const maximum = receiving.grant()
      encodeMaxStreamData(w, stream.id, maximum)
      manifest?.add(new SentControl(this, owed.CREDIT, stream, maximum))
    }
  }

  /** True when it ran out of room. */
  #fillData(w: ByteWriter, manifest: Manifest | undefined): boolean {
    const ring = this.#ring
    const least = manifest === undefined ? scrap.record : scrap.packet
    let passed = 0
    for (let stream = ring.head; stream !== undefined && passed < ring.size; stream = ring.head) {
      const half = stream.sending
      if (!half.sendable) {
        ring.remove(stream)
        continue
      }
      const credit = this.#credit.left
      if (credit === 0 && !half.finOnly && !half.again) {
        passed++ // only an end, or what has had its credit, may pass without
        ring.advance()
        continue
      }
      if (w.length >= 1024 && w.room < least && (half.again || half.buffered > w.room)) return true
      const written = half.fill(w, ring.size > 1 ? Math.min(quantum, credit) : credit)
      if (written < 0) return true
      passed = 0
      this.#credit.send(written)
      this.#host.buffered -= written
      this.#host.unacked += written
      if (half.sendable) ring.advance()
      else ring.remove(stream)
      if (manifest === undefined) this.bytesAcked(stream, half.filledFrom, half.filled, half.filledFin)
      else manifest.add(new SentBytes(this, stream, half.filledFrom, half.filled, half.filledFin))
      if (half.takeWritable()) this.#options.writable(stream)
    }
    return false
  }
}

/** Is a frame that was lost still the newest of its kind, and of use? */
function stillMeant(kind: number, stream: Stream, value: number): boolean {
  const { sending, receiving } = stream
  if (kind === owed.RESET) return sending.state === 'resetSent'
  if (kind === owed.STOP) return !receiving.finished
  return receiving.granted === value && receiving.state === 'recv' && !receiving.stopped
}
