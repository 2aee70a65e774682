/**
 * A file replaced as a whole: whoever reads it finds the old text or the new, never a part.
 *
 *   write <path>.tmp ─▶ fsync ─▶ rename to <path> ─▶ fsync of the directory
 *
 * The temporary name is always the same, so that what a crash leaves behind is one file and not
 * a hundred. Only one process may write at a time: the lock of the data directory sees to that.
 *
 * Floor: store. Page: protocol/peerbook.md (spec: BOOK-1).
 */
import { open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError } from './disk-error.ts'

/** Readable by its owner alone. GH_STORE_FAILED names the path and what to do. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const file = await open(temporary, 'w', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => {})
    throw diskError(error, path)
  }
  await syncDirectory(dirname(path))
}

/** So that a new name survives a power cut. Not every system lets a directory be opened. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  } catch {
    // The file itself is on disk; its name follows a moment later.
  }
}
