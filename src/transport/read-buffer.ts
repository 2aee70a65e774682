/**
 * One buffer that all sockets read into, dialled and accepted alike.
 *
 *   plain socket    a fresh 64 KiB for every read, cut to what came, through the queue of a Readable
 *   with `onread`   read into the buffer ─▶ take(bytes) ─▶ the next read
 *
 * Bytes are valid during the call only, so one buffer serves any number of sockets. It holds
 * several records, of which only the last may be cut. Node offers `onread` where it dials and
 * has no such option for a server, but a Socket made over the handle of an accepted one takes
 * it. `_handle` is no documented name: where there is none, the accepted socket stays as it
 * is and hands its bytes on by 'data', slower and otherwise the same.
 *
 * Floor: transport (shell).
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/** What one read takes at most: four of the longest records, and well within a core's cache. */
const READ_BUFFER = 256 * 1024

const readBuffer: Uint8Array = new Uint8Array(READ_BUFFER)

/** Where the bytes of a socket go; known once its pipe is made. */
export interface Reading {
  take?: (bytes: Uint8Array) => void
}

/** The `onread` of a socket: Node's option for `connect`. */
export function readingInto(reading: Reading): OnReadOpts {
  return {
    buffer: readBuffer,
    callback: (length, buffer) => {
      reading.take?.(buffer.subarray(0, length))
      return true
    },
  }
}

/** The accepted socket's connection in a socket that reads so, paused; the same socket where that cannot be. */
export function rehoused(accepted: Socket, reading: Reading, highWaterMark: number): Socket {
  const shell = accepted as unknown as { _handle?: object | null }
  const handle = shell._handle
  if (typeof handle !== 'object' || handle === null || accepted.destroyed) return accepted
  const options = {
    handle,
    onread: readingInto(reading),
    allowHalfOpen: true,
    pauseOnCreate: true,
    highWaterMark,
  }
  const socket = new Socket(options as SocketConstructorOpts)
  // Without its handle the first socket is a shell; its end tells the server that it is gone.
  shell._handle = null
  accepted.destroy()
  return socket
}
