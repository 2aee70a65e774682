/**
 * A link without seals: the control socket's, where file permissions have said who may come.
 *
 *   +------------------+------------------------+
 *   | length, u16 BE   | frames …, in the clear |   again and again
 *   +------------------+------------------------+
 *
 *   open ─▶ closing ─▶ closed
 *
 * The records, frames and streams are those of a sealed link; there is no handshake, so it is
 * open from its first byte, and nothing of the mesh travels on it. The client opens even
 * stream ids (decision 19).
 *
 * Refuses: frames of the mesh and of admission, REKEY, an empty record, cheap frames beyond a
 * budget (spec: CONTROL-2, FR-04).
 * Page: protocol/control.md · Floor: link.
 */
import { Budget } from '../base/budget.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Machine, Millis } from '../base/machine.ts'
import { BoundedQueue } from '../base/queue.ts'
import { ByteReader } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { encodeClose } from '../wire/frames/admission.ts'
import {
  type FrameSink,
  type FrameSource,
  type LinkFrames,
  readFrame,
  type StreamFrames,
} from '../wire/frames/index.ts'
import { encodePong } from '../wire/frames/ping.ts'
import { limits } from '../wire/limits.ts'
import { type CloseCode, frameTypes } from '../wire/registry.ts'
import { closeCodeOf, errorOfCloseCode } from './link-end.ts'
import { defaults, type LinkInput, type LinkOutput } from './link-io.ts'
import { frameUnit, UnitReader } from './units.ts'

export type PlainInput = Extract<LinkInput, { kind: 'tick' | 'bytes' | 'flush' | 'carrier-closed' | 'close' }>

export type PlainOutput =
  | Extract<LinkOutput, { kind: 'write' | 'end-carrier' }>
  /** The last output but for the end of the carrier. */
  | { readonly kind: 'ended'; readonly error: GuildError; readonly byPeer: boolean }

export interface PlainLinkOptions {
  readonly streams: StreamFrames & FrameSource
}

export class PlainLink implements Machine<PlainInput, PlainOutput>, LinkFrames {
  readonly #streams: StreamFrames & FrameSource
  readonly #units = new UnitReader(limits.recordPlaintext)
  readonly #control = new BoundedQueue<Uint8Array>(defaults.controlFrames, 'refuse')
  readonly #outputs: PlainOutput[] = []
  readonly #sink: FrameSink
  readonly #cheap: Budget
  readonly #frames = new ByteWriter(new Uint8Array(limits.recordPlaintext))
  #state: 'open' | 'closing' | 'closed' = 'open'
  #deadline: Millis | undefined
  #moreToSend = false
  #ended = false

  constructor({ streams }: PlainLinkOptions, now: Millis) {
    this.#streams = streams
    this.#cheap = new Budget(defaults.cheapPerSecond, defaults.cheapBurst, now)
    this.#sink = {
      link: this,
      streams,
      mesh: { requestPeers: misplaced, peers: misplaced, chat: misplaced, mesh: misplaced },
    }
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  /** Is there anything a `flush` would send? */
  get wantsFlush(): boolean {
    return this.#state === 'open' && (this.#control.length > 0 || this.#moreToSend)
  }

  /** The layer above has frames for `fill`. */
  streamsWaiting(): void {
    this.#moreToSend = true
  }

  handle(input: PlainInput, now: Millis): void {
    if (this.#state === 'closed') return
    try {
      this.#take(input, now)
    } catch (error) {
      const fault = asGuildError(error)
      this.#close(closeCodeOf(fault), fault, now)
    }
  }

  poll(): PlainOutput | undefined {
    return this.#outputs.shift()
  }

  deadline(): Millis | undefined {
    return this.#deadline
  }

  #take(input: PlainInput, now: Millis): void {
    switch (input.kind) {
      case 'bytes':
        if (this.#state === 'closing') return
        this.#units.give(input.bytes)
        for (let unit = this.#units.next(); unit !== undefined; unit = this.#units.next()) {
          this.#record(unit, now)
          if (this.#state !== 'open') return
        }
        this.#units.settle()
        return
      case 'flush':
        return this.#flush(input.buffered)
      case 'tick':
        if (this.#deadline !== undefined && now >= this.#deadline) this.#end(new GuildError('GH_LINK_CLOSED'))
        return
      case 'carrier-closed': {
        const detail = input.error === undefined ? 'the other side hung up' : input.error.message
        return this.#end(new GuildError('GH_LINK_CLOSED', detail, { cause: input.error }), true)
      }
      case 'close':
        return this.#close(input.code, input.error, now)
    }
  }

  #record(unit: Uint8Array, now: Millis): void {
    // Streams keep views of what they are handed, and the memory of a pipe is only lent.
    const frames = unit.slice()
    const r = new ByteReader(frames)
    while (r.remaining > 0) {
      const type = frames[r.offset]
      const data = type === frameTypes.STREAM.type || type === frameTypes.STREAM_FIN.type
      if (!data && !this.#cheap.spend(1, now)) throw new GuildError('GH_LINK_BUDGET')
      readFrame(r, this.#sink)
      if (this.#state !== 'open') return
    }
  }

  padding(): void {}
  ignored(_type: number, _length: number): void {}
  pong(_nonce: Uint8Array): void {}

  ping(nonce: Uint8Array): void {
    const w = new ByteWriter(16)
    encodePong(w, nonce)
    if (!this.#control.push(w.view()))
      throw new GuildError('GH_LINK_BUDGET', 'the other side does not read its answers')
  }

  accepted(): never {
    return misplaced()
  }

  refused(): never {
    return misplaced()
  }

  drain(): never {
    return misplaced()
  }

  rekey(): never {
    return misplaced()
  }

  datagram(): never {
    return misplaced()
  }

  close(code: number, detail: string): void {
    this.#end(errorOfCloseCode(code, detail), true)
  }

  #flush(buffered: number): void {
    const chunks: Uint8Array[] = []
    let unsent = buffered
    while (unsent < defaults.unsent && this.wantsFlush) {
      const w = this.#frames.reset()
      while (this.#control.length > 0 && this.#control.peek()!.length <= w.room) w.raw(this.#control.shift()!)
      this.#moreToSend = this.#streams.fill(w)
      if (w.length === 0) break
      const unit = frameUnit(w.view())
      chunks.push(unit)
      unsent += unit.length
    }
    if (chunks.length > 0) this.#outputs.push({ kind: 'write', chunks })
  }

  #close(code: CloseCode, error: GuildError, now: Millis): void {
    if (this.#state !== 'open') return
    this.#flush(0)
    const w = new ByteWriter(16)
    encodeClose(w, code, '')
    this.#outputs.push({ kind: 'write', chunks: [frameUnit(w.view())] })
    this.#outputs.push({ kind: 'end-carrier', abruptly: false })
    this.#state = 'closing'
    this.#deadline = now + defaults.closeLinger
    this.#tell(error, false)
  }

  #end(error: GuildError, byPeer = false): void {
    this.#outputs.push({ kind: 'end-carrier', abruptly: this.#state === 'closing' })
    this.#tell(error, byPeer)
    this.#state = 'closed'
    this.#deadline = undefined
  }

  #tell(error: GuildError, byPeer: boolean): void {
    if (this.#ended) return
    this.#ended = true
    this.#outputs.push({ kind: 'ended', error, byPeer })
  }
}

function misplaced(): never {
  throw new GuildError('GH_LINK_PROTOCOL', 'a frame that has no place on a control socket')
}
