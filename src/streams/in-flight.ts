/**
 * What a packet of ours carried for streams, so that its acknowledgement or its loss finds home.
 *
 *   packet 17  | MAX_DATA 8 MiB | STREAM 4, 900 bytes at 12,000 |
 *                 SentControl         SentBytes                      acked() or lost(), once
 *
 * One small object a frame. They may outlive their stream, and their link: then the call finds
 * a half that is done, and says nothing.
 *
 * Page: protocol/streams.md · Floor: streams.
 */
import type { InFlight } from '../wire/frames/index.ts'
import type { Stream } from './stream.ts'

/** Who is told what became of the frames. */
export interface Fates {
  bytesAcked(stream: Stream, offset: number, length: number, fin: boolean): void
  bytesLost(stream: Stream, offset: number, length: number, fin: boolean): void
  controlAcked(kind: number, stream: Stream | undefined): void
  controlLost(kind: number, stream: Stream | undefined, value: number): void
}

/** One STREAM frame. */
export class SentBytes implements InFlight {
  readonly #fates: Fates
  readonly #stream: Stream
  readonly #offset: number
  readonly #length: number
  readonly #fin: boolean

  constructor(fates: Fates, stream: Stream, offset: number, length: number, fin: boolean) {
    this.#fates = fates
    this.#stream = stream
    this.#offset = offset
    this.#length = length
    this.#fin = fin
  }

  acked(): void {
    this.#fates.bytesAcked(this.#stream, this.#offset, this.#length, this.#fin)
  }

  lost(): void {
    this.#fates.bytesLost(this.#stream, this.#offset, this.#length, this.#fin)
  }
}

/** One control frame: which, of which stream where it is of one, and what it said. */
export class SentControl implements InFlight {
  readonly #fates: Fates
  readonly #kind: number
  readonly #stream: Stream | undefined
  readonly #value: number

  constructor(fates: Fates, kind: number, stream: Stream | undefined, value: number) {
    this.#fates = fates
    this.#kind = kind
    this.#stream = stream
    this.#value = value
  }

  acked(): void {
    this.#fates.controlAcked(this.#kind, this.#stream)
  }

  lost(): void {
    this.#fates.controlLost(this.#kind, this.#stream, this.#value)
  }
}
