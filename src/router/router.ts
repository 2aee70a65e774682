/**
 * Protocol ids to handlers: who answers a stream that a peer opened.
 *
 * An id nobody handles is answered both ways with PROTOCOL_UNKNOWN, so that the opener
 * learns it in one round trip (spec: STREAM-4). A handler that throws loses that stream, with code INTERNAL,
 * and is reported once; the node lives on (spec: FR-14). A handler that works with promises
 * is wrapped by the node: here everything happens within the call.
 *
 * Refuses: a second handler for one id, ids that are not /printable/ASCII.
 * Page: protocol/streams.md · Floor: router.
 */
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Stream } from '../streams/stream.ts'
import { streamCodes } from '../wire/registry.ts'
import { isProtocolId } from '../wire/stream-header.ts'

/**
 * Sets `stream.handler` before it returns; data that came along is told right after.
 * `peerId` says who opened the stream.
 */
export type ProtocolHandler = (stream: Stream, peerId: string) => void

export interface RouterOptions {
  /** A handler threw. The stream is reset already. */
  readonly onFault?: (error: GuildError, stream: Stream) => void
}

export class Router {
  readonly #handlers = new Map<string, ProtocolHandler>()
  readonly #onFault: ((error: GuildError, stream: Stream) => void) | undefined

  constructor(options: RouterOptions = {}) {
    this.#onFault = options.onFault
  }

  /** The ids with a handler, in the order they were registered. */
  get protocols(): string[] {
    return [...this.#handlers.keys()]
  }

  handle(protocol: string, handler: ProtocolHandler): void {
    if (!isProtocolId(protocol))
      throw new GuildError('GH_OPTION_INVALID', `protocol id "${protocol}": use /name/version`)
    if (this.#handlers.has(protocol))
      throw new GuildError('GH_OPTION_INVALID', `${protocol} has a handler already`)
    this.#handlers.set(protocol, handler)
  }

  /** Streams that are open stay with the handler they have. False when there was none. */
  unhandle(protocol: string): boolean {
    return this.#handlers.delete(protocol)
  }

  /** Hands a stream whose header has come to its handler. */
  route(stream: Stream, peerId: string): void {
    const handler = stream.protocol === undefined ? undefined : this.#handlers.get(stream.protocol)
    if (handler === undefined) {
      stream.abort(streamCodes.PROTOCOL_UNKNOWN)
      return
    }
    try {
      handler(stream, peerId)
    } catch (error) {
      stream.handler = undefined
      stream.abort(streamCodes.INTERNAL)
      this.#onFault?.(asGuildError(error), stream)
    }
  }
}
