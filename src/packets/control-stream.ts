/**
 * Frames that must come whole and in order, over packets that promise neither.
 *
 *   frames ──▶ ControlOut   length ‖ frame ‖ length ‖ frame …      bytes with an offset
 *                  └──▶ CONTROL in packets, lost, sent again ──▶ ControlIn ──▶ frames, in order
 *
 * As CRYPTO does for TLS (RFC 9000 §7.5): an ordered byte stream beside the streams, without
 * credit and with fixed bounds instead. It carries what a link says of itself and of the mesh:
 * ACCEPTED before anything else, PEERS that are larger than a packet, CHAT in its order.
 *
 * At most 64 KiB are on their way and 256 KiB wait; a peer that reads so slowly that more would,
 * is given up by the caller.
 *
 * Refuses: bytes more than 64 KiB ahead of what is in order, more pieces than packets could
 * leave there, a frame of no bytes or above 32 KiB.
 * Page: protocol/packets.md · Floor: packets.
 */
import { empty } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { type InOrder, Reassembly } from '../base/reassembly.ts'
import { SendBuffer } from '../base/send-buffer.ts'
import { readVarint, varintLength, varintWidth, writeVarint } from '../base/varint.ts'
import type { ByteWriter } from '../base/writer.ts'
import type { InFlight, Manifest } from '../wire/frames/index.ts'
import { limits } from '../wire/limits.ts'

export const defaults = {
  /** Bytes that wait to be sent at all; more, and the link is not worth having. */
  waiting: 256 * 1024,
  /** Bytes on their way; and how far ahead of the order bytes may come. Part of the protocol. */
  ahead: 64 * 1024,
  /** Pieces that wait for bytes before them: 64 KiB in packets leave below 60. */
  gaps: 1024,
  /** The longest frame: every control frame fits the smallest record. */
  frame: limits.recordLeast,
} as const

/** Behind other frames, a smaller piece is not worth its head. */
const scrap = 32
/** A frame that was put together is kept in a buffer up to this size for the next one. */
const kept = 4096
const CONTROL = 0x06
/** Reused: the buffer copies it at once. */
const head = new Uint8Array(8)

export class ControlOut {
  readonly #buffer = new SendBuffer()

  /** Puts a copy of a whole frame in line. False when too much waits: nothing was taken, and the link should end. */
  push(frame: Uint8Array): boolean {
    const width = varintLength(frame.length)
    if (this.#buffer.bytes + width + frame.length > defaults.waiting) return false
    writeVarint(head, 0, frame.length)
    this.#buffer.append(head, width)
    this.#buffer.append(frame)
    return true
  }

  /** Bytes that wait or are on their way. */
  get bytes(): number {
    return this.#buffer.bytes + this.#buffer.unacked
  }

  /** Something can leave now. */
  get waiting(): boolean {
    if (this.#buffer.lostFrom !== undefined) return true
    return this.#buffer.bytes > 0 && this.#buffer.unacked < defaults.ahead
  }

  /** Everything ever pushed was acknowledged. */
  get settled(): boolean {
    return this.#buffer.bytes === 0 && this.#buffer.unacked === 0
  }

  /** Writes CONTROL frames while they fit, lost bytes first. True when more can leave than fitted. */
  fill(w: ByteWriter, manifest: Manifest): boolean {
    const buffer = this.#buffer
    while (this.waiting) {
      const lost = buffer.lostFrom
      const from = lost ?? buffer.next
      const wanted =
        lost === undefined ? Math.min(buffer.bytes, defaults.ahead - buffer.unacked) : buffer.lostLength
      const room = w.room - 1 - varintLength(from) - varintLength(Math.min(wanted, w.room))
      if (room <= 0 || (room < scrap && room < wanted && w.length > 0)) return true
      const length = Math.min(wanted, room)
      w.varint(CONTROL).varint(from).varint(length)
      if (lost === undefined) buffer.takeNew(w, length)
      else buffer.takeLost(w, length)
      manifest.add(new SentPiece(buffer, from, length))
    }
    return false
  }
}

/** What one CONTROL frame carried. */
class SentPiece implements InFlight {
  readonly #buffer: SendBuffer
  readonly #offset: number
  readonly #length: number

  constructor(buffer: SendBuffer, offset: number, length: number) {
    this.#buffer = buffer
    this.#offset = offset
    this.#length = length
  }

  acked(): void {
    this.#buffer.acked(this.#offset, this.#length)
  }

  lost(): void {
    this.#buffer.lost(this.#offset, this.#length)
  }
}

export class ControlIn {
  readonly #pieces = new Reassembly()
  readonly #frames = new FrameCutter()

  /** Takes the bytes of a CONTROL frame. `onFrame` gets whole frames, in order; a view is valid during its call. */
  take(offset: number, bytes: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    const end = offset + bytes.length
    const pieces = this.#pieces
    if (end > pieces.contiguous + defaults.ahead)
      throw new GuildError('GH_LINK_FLOW', `control byte ${end}, ${pieces.contiguous} are in order`)
    if (offset > pieces.contiguous && pieces.gaps >= defaults.gaps && !pieces.touches(offset, end))
      throw new GuildError('GH_LINK_BUDGET', `${defaults.gaps} gaps in the control stream`)
    this.#frames.onFrame = onFrame
    pieces.add(offset, bytes, this.#frames)
  }
}

/** Cuts bytes in order into frames. */
class FrameCutter implements InOrder {
  onFrame: (frame: Uint8Array) => void = () => {}
  /** What has come of a frame and its length; grows with what has come, never by what was claimed. */
  #partial: Uint8Array = empty
  #have = 0

  push(page: Uint8Array): void {
    this.append(page)
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#have === 0) {
        const start = headEnd(bytes, at)
        const end = frameEnd(bytes, at, start, bytes.length)
        if (end <= bytes.length && end > start) {
          at = end
          this.onFrame(bytes.subarray(start, end))
          continue
        }
      }
      const count = Math.min(this.#wanted() - this.#have, bytes.length - at)
      this.#reserve(this.#have + count)
      this.#partial.set(bytes.subarray(at, at + count), this.#have)
      this.#have += count
      at += count
      if (this.#have === this.#wanted()) this.#deliver()
    }
  }

  /** How many bytes take the next step: of the length first, of the frame then. */
  #wanted(): number {
    if (this.#have === 0) return 1
    return frameEnd(this.#partial, 0, headEnd(this.#partial, 0), this.#have)
  }

  #deliver(): void {
    const frame = this.#partial.subarray(headEnd(this.#partial, 0), this.#have)
    this.#have = 0
    if (this.#partial.length > kept) this.#partial = empty
    this.onFrame(frame)
  }

  #reserve(size: number): void {
    if (this.#partial.length >= size) return
    const larger = new Uint8Array(Math.max(2 * this.#partial.length, size, 64))
    larger.set(this.#partial.subarray(0, this.#have))
    this.#partial = larger
  }
}

/** Where the frame begins whose length stands at `at`. */
function headEnd(bytes: Uint8Array, at: number): number {
  return at + varintWidth(bytes[at]!)
}

/** Where it ends; only where its head does, while that has not come whole. */
function frameEnd(bytes: Uint8Array, at: number, start: number, here: number): number {
  if (start > here) return start
  const length = readVarint(bytes, at, 'control frame length')
  if (length === 0 || length > defaults.frame)
    throw new WireError('GH_WIRE_LENGTH', 'control frame', at, `${length} bytes`)
  return start + length
}
