/**
 * A stream to a peer as Node programs know streams: a Duplex over the protocol core.
 *
 * Works in `stream.pipeline`, `for await`, with `drained()`, half-close (`end` on one
 * side leaves the other open) and AbortSignals. Back-pressure goes end to end: `write`
 * answers false when 512 KiB wait, the peer's credit follows what is read here.
 * Destroying it resets both directions.
 *
 * Bytes have no borders; `send` and `receive` keep messages apart by a length before each.
 * They go past the buffers of Node's streams, so that a message costs a copy and not a call.
 *
 * Floor: node.
 */
import { Duplex } from 'node:stream'
import { type ErrorCode, GuildError } from '../base/errors.ts'
import { encodeMessage } from '../streams/messages.ts'
import type { Stream } from '../streams/stream.ts'
import { streamCodes } from '../wire/registry.ts'
import { Inbox, type MessageHandler, type ReceiveOptions } from './inbox.ts'

/** Bytes Node keeps on each side of the core's own lines. */
const AHEAD = 64 * 1024
/** So that a write of 64 KiB, as pipes and files make them, is not told to wait when the core has room. */
const AHEAD_OUT = 2 * AHEAD

/** What a stream is told when the other side cuts it. */
const errorOfCode: Readonly<Record<number, ErrorCode>> = {
  [streamCodes.PROTOCOL_UNKNOWN]: 'GH_STREAM_PROTOCOL_UNKNOWN',
  [streamCodes.TOO_LARGE]: 'GH_STREAM_TOO_LARGE',
  [streamCodes.LIMIT]: 'GH_STREAM_LIMIT',
}

export class GuildStream extends Duplex {
  readonly id: number
  readonly protocol: string
  readonly peerId: string
  readonly #core: Stream
  #wantsData = false
  #writeWaits: ((error?: Error | null) => void) | undefined
  /** Why writing is over although reading may go on. */
  #writeOver: GuildError | undefined
  /** `send` answered false, and nothing was told since. */
  #sendWaits = false
  /** The peer ended its side and all of it was read: said once, perhaps before anybody reads. */
  #inputOver = false
  /** Where messages go once `receive` was called. */
  #inbox: Inbox | undefined

  /** Made by the node; programs get one from `open` or a handler. */
  constructor(core: Stream, protocol: string, peerId: string) {
    super({ allowHalfOpen: true, readableHighWaterMark: AHEAD, writableHighWaterMark: AHEAD_OUT })
    this.#core = core
    this.id = core.id
    this.protocol = protocol
    this.peerId = peerId
    // A peer that resets a stream must never end the process of somebody who does not listen
    // for 'error'; who reads, writes or pipes is told there.
    this.on('error', () => {})
    core.handler = {
      readable: () => this.#pump(),
      writable: () => this.#writeDone(),
      ended: () => this.#inputEnded(),
      reset: code => this.destroy(this.#error(code, 'GH_STREAM_RESET')),
      stopped: code => this.#stopWriting(this.#error(code, 'GH_STREAM_STOPPED')),
      closed: error => {
        if (core.complete) this.#stopWriting(error)
        else this.destroy(error)
      },
    }
  }

  /** Resolves when `write` may be called again after it answered false; rejects when that will never be. */
  drained(): Promise<void> {
    const over = this.errored ?? (this.destroyed ? new GuildError('GH_STREAM_RESET', 'destroyed here') : null)
    if (over !== null) return Promise.reject(over)
    if (!this.writableNeedDrain && !this.#sendWaits) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const done = (): void => {
        this.off('drain', done)
        this.off('close', done)
        if (this.destroyed) reject(this.errored ?? new GuildError('GH_STREAM_RESET', 'destroyed here'))
        else resolve()
      }
      this.once('drain', done)
      this.once('close', done)
    })
  }

  /**
   * Sends one message with its length before it, for a peer that calls `receive`. The bytes
   * are copied: the buffer may be used again at once. False as `write` says it: wait for
   * 'drain' or `drained()`. Messages sent in one turn of the event loop leave together.
   */
  send(message: Uint8Array): boolean {
    // Behind bytes that Node still holds, or where Node has to complain: the long way.
    if (this.writableLength > 0 || !this.writable || this.#writeOver !== undefined)
      return this.write(encodeMessage(message))
    const more = this.#core.writeMessage(message)
    if (!more) this.#sendWaits = true
    return more
  }

  /**
   * Hands over the messages a peer sends with `send`, one by one and in order, instead of bytes.
   * The message is valid during the call: copy what you keep. A handler that returns a promise
   * is waited for, and holds the sender back meanwhile. Resolves when the peer has ended its side
   * behind a whole message; rejects, and resets the stream, when a message is above `maxBytes`
   * (default 1 MiB) or the handler fails.
   */
  receive(onMessage: MessageHandler, options: ReceiveOptions = {}): Promise<void> {
    if (this.#wantsData || this.#inbox !== undefined)
      throw new GuildError('GH_STATE_EVENT', 'receive: this stream is being read already')
    const inbox = new Inbox(this, this.#core, onMessage, options)
    // Known before it reads: reading may find the end, which is told here.
    this.#inbox = inbox
    inbox.pump()
    if (this.#inputOver) inbox.end()
    return inbox.done
  }

  /**
   * The chunks, until the peer ends its side. Node's own iterator would then destroy both
   * directions; this one leaves ours open, so that an answer can follow. Leaving the loop
   * early still destroys the stream.
   */
  override async *[Symbol.asyncIterator](): NodeJS.AsyncIterator<Buffer> {
    let whole = false
    try {
      for await (const chunk of this.iterator({ destroyOnReturn: false })) yield chunk
      whole = true
    } finally {
      if (!whole) this.destroy()
    }
  }

  override _read(): void {
    this.#wantsData = true
    this.#pump()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#writeOver !== undefined || this.#core.write(chunk)) done()
    else this.#writeWaits = done
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#core.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // What was written before a clean end is still on its way: only a broken stream is reset.
    if (error !== null || !this.writableEnded) this.#core.reset(resetCodeOf(error))
    if (error !== null || !this.readableEnded) this.#core.stopSending(resetCodeOf(error))
    this.#writeDone(error)
    done(error)
  }

  #pump(): void {
    if (this.#inbox !== undefined) return this.#inbox.pump()
    while (this.#wantsData) {
      const chunk = this.#core.read()
      if (chunk === undefined) return
      this.#wantsData = this.push(chunk)
    }
  }

  #inputEnded(): void {
    this.#inputOver = true
    if (this.#inbox === undefined) this.push(null)
    else this.#inbox.end()
  }

  #writeDone(error: Error | null = null): void {
    const waits = this.#writeWaits
    this.#writeWaits = undefined
    waits?.(error)
    if (!this.#sendWaits) return
    this.#sendWaits = false
    if (error === null && !this.writableNeedDrain) this.emit('drain')
  }

  /** The peer reads no more. What it still sends can be read; then the stream fails. */
  #stopWriting(error: GuildError): void {
    if (this.writableFinished || this.#writeOver !== undefined) return
    this.#writeOver = error
    if (this.readableEnded) this.destroy(error)
    else {
      this.once('end', () => this.destroy(error))
      this.#writeDone()
    }
  }

  #error(code: number, otherwise: ErrorCode): GuildError {
    return new GuildError(errorOfCode[code] ?? otherwise, `${this.protocol}, code ${code}`)
  }
}

/** What the peer is told when this side gives up. */
function resetCodeOf(error: Error | null): number {
  if (error === null) return streamCodes.CANCELLED
  const code = (error as { code?: unknown }).code
  if (code === 'GH_STREAM_TOO_LARGE') return streamCodes.TOO_LARGE
  return code === 'ABORT_ERR' || code === 'GH_ABORTED' ? streamCodes.CANCELLED : streamCodes.INTERNAL
}
