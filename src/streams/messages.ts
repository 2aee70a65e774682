/**
 * Whole messages over a stream's bytes.
 *
 *   +-----------------+---------+-----------------+---------+
 *   | length, varint  | bytes … | length, varint  | bytes … |
 *   +-----------------+---------+-----------------+---------+
 *
 * A message that lies within one chunk comes back as a view of it; one that spans chunks
 * is put together in a buffer that grows with what has come, never by what was claimed.
 *
 * Refuses: a length above the maximum, a length longer written than it need be.
 * Page: protocol/streams.md · Floor: streams.
 */
import { concat, empty } from '../base/bytes.ts'
import { GuildError } from '../base/errors.ts'
import { readVarint, varintWidth } from '../base/varint.ts'
import { ByteWriter } from '../base/writer.ts'

const firstBuffer = 4096

/** The length that stands before a message. */
export function messageHead(length: number): Uint8Array {
  return new ByteWriter(8).varint(length).view()
}

/** A message with its length, in one piece. */
export function encodeMessage(message: Uint8Array): Uint8Array {
  return concat(messageHead(message.length), message)
}

/** Writes a message without a copy of it; false as `write` says it. */
export function writeMessage(stream: { write(bytes: Uint8Array): boolean }, message: Uint8Array): boolean {
  stream.write(messageHead(message.length))
  return stream.write(message)
}

export class MessageReader {
  readonly #max: number
  /** The chunk at hand, and how far it is read. */
  #chunk: Uint8Array = empty
  #at = 0
  /** The message being put together, undefined between messages. */
  #partial: Uint8Array | undefined
  #filled = 0
  #length = 0

  constructor(max: number) {
    this.#max = max
  }

  /** A message or its length has begun and is not whole: at the end of a stream, an error. */
  get partial(): boolean {
    return this.#partial !== undefined || this.#at < this.#chunk.length
  }

  /** Hands in the next bytes. Take what they hold with `next` before the following ones. */
  feed(chunk: Uint8Array): void {
    this.#chunk = this.#at < this.#chunk.length ? concat(this.#chunk.subarray(this.#at), chunk) : chunk
    this.#at = 0
  }

  /** The next whole message, or undefined until more bytes are fed. */
  next(): Uint8Array | undefined {
    if (this.#partial !== undefined) return this.#continue(this.#partial)
    const first = this.#chunk[this.#at]
    if (first === undefined) return undefined
    const width = varintWidth(first)
    if (this.#at + width > this.#chunk.length) return undefined
    const length = readVarint(this.#chunk, this.#at, 'message length')
    if (length > this.#max)
      throw new GuildError('GH_STREAM_TOO_LARGE', `${length} bytes, at most ${this.#max}`)
    const start = this.#at + width
    if (length <= this.#chunk.length - start) {
      this.#at = start + length
      return this.#chunk.subarray(start, this.#at)
    }
    this.#at = start
    this.#length = length
    this.#filled = 0
    return this.#continue(new Uint8Array(Math.min(length, firstBuffer)))
  }

  #continue(buffer: Uint8Array): Uint8Array | undefined {
    const wanted = Math.min(this.#length - this.#filled, this.#chunk.length - this.#at)
    const needed = this.#filled + wanted
    let target = buffer
    if (needed > buffer.length) {
      target = new Uint8Array(Math.min(this.#length, Math.max(2 * buffer.length, needed)))
      target.set(buffer.subarray(0, this.#filled))
    }
    target.set(this.#chunk.subarray(this.#at, this.#at + wanted), this.#filled)
    this.#at += wanted
    this.#filled = needed
    this.#partial = needed === this.#length ? undefined : target
    return this.#partial === undefined ? target : undefined
  }
}
