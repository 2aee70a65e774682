/**
 * Bytes on standard output, as fast as their reader takes them.
 *
 * `guild-home cat … | head -c 100` is no fault: when the reader is gone, writing resolves with
 * false, and whoever fetches stops.
 *
 * Floor: cli. Faults: CL-05.
 */
import type { Writable } from 'node:stream'

/** Writes a chunk; false when nobody reads any more. */
export async function writeRaw(stdout: Writable, chunk: Uint8Array): Promise<boolean> {
  if (stdout.destroyed || !stdout.writable) return false
  if (stdout.write(chunk)) return true
  return await new Promise(resolve => {
    const done = (open: boolean) => {
      stdout.off('drain', drained)
      stdout.off('close', gone)
      stdout.off('error', gone)
      resolve(open)
    }
    const drained = () => done(true)
    const gone = () => done(false)
    stdout.on('drain', drained)
    stdout.on('close', gone)
    stdout.on('error', gone)
  })
}
