/**
 * One buffer that all sockets read into, dialled and accepted alike.
 *
 *   plain socket    a fresh 64 KiB for every read, cut to what came, through the queue of a Readable
 *   with `onread`   read into the buffer ─▶ take(bytes) ─▶ the next read
 *
 * Bytes are valid during the call only, so one buffer serves any number of sockets. It holds
 * several records, of which only the last may be cut. Node offers `onread` where it dials and
 * has no such option for a server, but what the option sets can be set on an accepted socket too. The names
 * for that are not documented: where they are not found, the socket hands its bytes on by 'data', slower
 * and otherwise the same.
 *
 * Floor: transport (shell).
 */
import type { OnReadOpts, Socket } from 'node:net'

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

/** Where Node keeps the buffer of a socket, and whom it tells. */
interface Places {
  readonly buffer: symbol
  readonly told: symbol
}

/** The same for every socket of this Node. */
let places: Places | undefined

/** An accepted socket, still paused, reads into the buffer from now on. False: it cannot, and says what comes by 'data'. */
export function shareBuffer(accepted: Socket, reading: Reading): boolean {
  places ??= placesOf(accepted)
  const { _handle: handle } = accepted as { _handle?: { useUserBuffer?: unknown } | null }
  if (places === undefined || typeof handle?.useUserBuffer !== 'function') return false
  const { buffer, callback } = readingInto(reading)
  Object.assign(accepted, { [places.buffer]: buffer, [places.told]: callback })
  handle.useUserBuffer(buffer)
  return true
}

function placesOf(socket: Socket): Places | undefined {
  const own = Object.getOwnPropertySymbols(socket)
  const [buffer, told] = ['kBuffer', 'kBufferCb'].map(name => own.find(one => one.description === name))
  return buffer && told && { buffer, told }
}
