/**
 * A small file, read whole: keys and the peerbook.
 *
 *   missing ──▶ undefined
 *   a pipe, a folder, longer than it may be ──▶ what `refuse` makes of it
 *   there ──▶ its bytes
 *
 * What is no file is told before it is opened: a named pipe would keep us waiting for its
 * writer. The size is that of the file that was opened, whatever lies at the path by then.
 *
 * Floor: store.
 */
import type { Stats } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { errorCode } from './disk-error.ts'

export interface BoundedRead {
  /** Bytes; a longer file is refused unread. */
  readonly most: number
  /** The error for a file that is not read, and why in words. */
  readonly refuse: (why: string) => Error | Promise<Error>
  /** Looks at the opened file before it is read; may throw. */
  readonly look?: (stats: Stats) => void
}

/** The file's bytes, or undefined where there is none. What the disk says is thrown as it is. */
export async function readBounded(
  path: string,
  { most, refuse, look }: BoundedRead,
): Promise<Uint8Array | undefined> {
  try {
    if (!(await stat(path)).isFile()) throw await refuse('it is not a file')
    const file = await open(path, 'r')
    try {
      const stats = await file.stat()
      look?.(stats)
      if (stats.size > most) throw await refuse(`it has ${stats.size} bytes, at most ${most}`)
      const bytes = new Uint8Array(stats.size)
      const { bytesRead } = await file.read(bytes)
      return bytes.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
