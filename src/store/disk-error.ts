/**
 * What the system says when a file or directory cannot be used, with the way out.
 *
 * Every failure names the path: "ENOSPC" alone helps nobody who runs three nodes.
 *
 * Floor: store.
 */
import { GuildError } from '../base/errors.ts'

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space, or choose another place',
  EDQUOT: 'the disk quota is used up; free some space, or choose another place',
  EACCES: 'permission denied; run as its owner, or choose another place',
  EPERM: 'the system does not permit it; run as its owner, or choose another place',
  EROFS: 'the file system is read-only; choose another place',
  ENOTDIR: 'a part of this path is a file; choose a path through directories',
  EEXIST: 'a file is in the way; move it, or choose another place',
  EISDIR: 'it is a directory, not a file',
  ENOENT: 'a part of this path does not exist',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the path is too long; choose a shorter one',
  EMFILE: 'too many files are open; raise the limit: ulimit -n',
  ENFILE: 'too many files are open on this machine',
  EIO: 'the disk failed to read or write',
  SQLITE_FULL: 'the disk is full; free some space, or choose another place',
  SQLITE_IOERR: 'the disk failed to read or write; look at the disk before you trust it again',
  SQLITE_CORRUPT: 'the database is damaged; move it away and restore it from a copy',
  SQLITE_NOTADB: 'this is no database; a file of something else is in the way',
  SQLITE_BUSY: 'another process is writing to it; end that one, or try again',
  SQLITE_LOCKED: 'another process is writing to it; end that one, or try again',
  SQLITE_READONLY: 'it cannot be written to; run as its owner, or choose another place',
  SQLITE_CANTOPEN: 'it cannot be opened; check its permissions, or choose another place',
}

/** GH_STORE_FAILED for `path`; an error that is already ours stays as it is. */
export function diskError(error: unknown, path: string): GuildError {
  if (error instanceof GuildError) return error
  const code = errorCode(error)
  const why = code === undefined ? String(error) : (remedies[code] ?? remedies[kindOf(code)] ?? code)
  return new GuildError('GH_STORE_FAILED', `${path}: ${why}`, { cause: error })
}

/** The system's code of an error: `ENOENT` and the like. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** SQLITE_IOERR of SQLITE_IOERR_FSYNC: what goes wrong, without where. */
function kindOf(code: string): string {
  return code.split('_').slice(0, 2).join('_')
}
