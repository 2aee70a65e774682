/**
 * Messages out of a stream: what `GuildStream.receive` sets going.
 *
 *   core ── chunks ─▶ MessageReader ── messages ─▶ handler      by plain calls, no promise per message
 *
 * It reads past Node's Readable, which only learns of the end, so that 'end' and 'close' come as
 * always. While a handler's promise is open nothing is read, and the sender runs out of credit.
 *
 * Floor: node.
 */
import type { Duplex } from 'node:stream'
import { asGuildError, GuildError } from '../base/errors.ts'
import { MessageReader } from '../streams/messages.ts'
import type { Stream } from '../streams/stream.ts'

/** Takes one message. What it returns matters only when it is a promise. */
export type MessageHandler = (message: Uint8Array) => unknown

export interface ReceiveOptions {
  /** Longest message taken. Default 1 MiB. */
  readonly maxBytes?: number
}

export class Inbox {
  /** Settles when no more messages will come. */
  readonly done: Promise<void>
  readonly #stream: Duplex
  readonly #core: Stream
  readonly #reader: MessageReader
  readonly #onMessage: MessageHandler
  #fail!: (error: unknown) => void
  /** The handler is at work: called, or its promise is open. */
  #busy = false
  #ended = false

  constructor(stream: Duplex, core: Stream, onMessage: MessageHandler, options: ReceiveOptions) {
    this.#stream = stream
    this.#core = core
    this.#reader = new MessageReader(options.maxBytes ?? 1024 * 1024)
    this.#onMessage = onMessage
    this.done = new Promise((resolve, reject) => {
      this.#fail = reject
      const closed = (): void => reject(stream.errored ?? new GuildError('GH_STREAM_RESET', 'destroyed here'))
      stream.once('end', resolve)
      // A peer may be gone before anybody asked for its messages: 'close' comes only once.
      if (stream.closed) closed()
      else stream.once('close', closed)
    })
    // A stream that is destroyed fails this promise too, and not everybody waits for it.
    this.done.catch(() => {})
  }

  /** Hands on all messages that are here. */
  pump(): void {
    if (this.#busy) return
    this.#busy = true
    try {
      this.#busy = this.#deliver()
    } catch (error) {
      this.#break(error)
    }
    if (!this.#busy && this.#ended) this.#finish()
  }

  /** The peer ended its side, and the core has nothing left. */
  end(): void {
    this.#ended = true
    if (!this.#busy) this.#finish()
  }

  /** True when the handler is to be waited for. */
  #deliver(): boolean {
    for (;;) {
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        const work = this.#onMessage(message)
        if (isPromise(work)) {
          work.then(
            () => {
              this.#busy = false
              this.pump()
            },
            error => this.#break(error),
          )
          return true
        }
        if (this.#stream.destroyed) return false
      }
      const chunk = this.#core.read()
      if (chunk === undefined) return false
      this.#reader.feed(chunk)
    }
  }

  #finish(): void {
    if (this.#stream.destroyed || this.#stream.readableEnded) return
    if (this.#reader.partial)
      return this.#break(new GuildError('GH_WIRE_SHORT', 'the stream ended inside a message'))
    this.#stream.push(null)
    this.#stream.resume()
  }

  #break(error: unknown): void {
    this.#fail(error)
    this.#stream.destroy(asGuildError(error))
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
