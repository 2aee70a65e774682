/**
 * A directory with all above it, ours alone; and the true reason when that cannot be.
 *
 * Node's own recursive mkdir says ENOENT where the system said EROFS, which would send a
 * person to look for a path that is right.
 *
 * Floor: store.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { diskError, errorCode } from './disk-error.ts'

/** Made 0700 where it is missing. Throws GH_STORE_FAILED, naming `path`. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw diskError(error, path)
    let first = path
    while (!existsSync(dirname(first))) first = dirname(first)
    try {
      mkdirSync(first, { mode: 0o700 })
      mkdirSync(path, { recursive: true, mode: 0o700 })
    } catch (reason) {
      throw diskError(reason, path)
    }
  }
}
