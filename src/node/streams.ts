/**
 * Streams as programs use them: open one, serve a protocol, ask one question.
 *
 * Floor: node.
 */
import { addAbortSignal } from 'node:stream'
import { concat } from '../base/bytes.ts'
import { asGuildError, GuildError } from '../base/errors.ts'
import type { Stream } from '../streams/stream.ts'
import { GuildStream } from './guild-stream.ts'
import type { Mesh } from './mesh.ts'

/** May be async: a promise it returns is watched, so that a rejection resets the stream. Other values are ignored. */
export type StreamHandler = (stream: GuildStream) => unknown

export function openStream(
  mesh: Mesh,
  peerId: string,
  protocol: string,
  signal: AbortSignal | undefined,
): GuildStream {
  const streams = mesh.connectionOf(peerId).streams
  if (streams === undefined) throw new GuildError('GH_PEER_UNKNOWN', peerId)
  const stream = new GuildStream(streams.open(protocol), protocol, peerId)
  return signal === undefined ? stream : addAbortSignal(signal, stream)
}

/** Registers a handler. What it throws, or rejects with, resets that stream and is reported once (FR-14). */
export function serve(mesh: Mesh, protocol: string, handler: StreamHandler): void {
  mesh.router.handle(protocol, (core: Stream, peerId: string) => {
    const stream = new GuildStream(core, protocol, peerId)
    const failed = (error: unknown): void => {
      // A stream that the peer broke fails its handler too: that is the peer's doing, and no news.
      if (stream.errored !== null && error === stream.errored) return
      const fault = asGuildError(error)
      stream.destroy(fault)
      mesh.fault(
        new GuildError('GH_INTERNAL', `the handler of ${protocol} failed: ${fault.message}`, {
          cause: error,
        }),
      )
    }
    try {
      Promise.resolve(handler(stream)).catch(failed)
    } catch (error) {
      failed(error)
    }
  })
}

/** Sends one message, ends, and reads the whole answer. */
export async function request(
  stream: GuildStream,
  message: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  try {
    stream.end(message)
    const parts: Uint8Array[] = []
    let length = 0
    for await (const part of stream as AsyncIterable<Uint8Array>) {
      length += part.length
      if (length > maxBytes)
        throw new GuildError('GH_STREAM_TOO_LARGE', `the answer is above ${maxBytes} bytes`)
      parts.push(part)
    }
    return concat(...parts)
  } catch (error) {
    const fault =
      error instanceof GuildError ? error : new GuildError('GH_ABORTED', 'request', { cause: error })
    stream.destroy(fault)
    throw fault
  }
}
