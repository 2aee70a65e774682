/**
 * A stream of entries, written to disk: below the target and nowhere else.
 *
 *   .guild-part-3f2a…  ◀── bytes ── blocks          a file grows under a name of ours
 *          │ all there, none too many
 *          └─ link ─▶ name                          appears whole, and over nothing that was there
 *
 * A part that a killed process left is taken up again: what it holds is compared with the blocks,
 * and written on from where the two begin to differ. So no length has to be believed, and a file
 * that is done was compared with its blocks or written from them, every byte. A file or
 * symlink that is there already and the same is left alone; one that differs is in the way, unless it
 * may be replaced (spec: TREE-3, TREE-4).
 *
 * Permissions are those of this user's new files; with `mode` those of the entry, without set-user
 * bits. Symlinks are made as they are, wherever they point, and never gone through.
 *
 * Refuses names that are ways (names.ts), an entry whose folder is not the one being written, and a
 * symlink where a folder should be.
 * Page: protocol/block.md (spec: TREE-1) · Faults: UX-01, UX-02, UX-03 · Floor: store.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import {
  type FileHandle,
  link,
  lstat,
  open,
  readlink,
  realpath,
  rename,
  symlink,
  unlink,
} from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import { diskError, errorCode } from '../disk-error.ts'
import { Folder } from './folder.ts'
import { checkName, PART_PREFIX } from './names.ts'
import { Pieces } from './pieces.ts'
import type { EntryMetadata } from './read.ts'

export type WriteEntry = EntryMetadata & { readonly path: readonly string[] } & (
    | { readonly kind: 'directory' }
    | { readonly kind: 'symlink'; readonly target: string }
    | { readonly kind: 'file'; readonly length: number; read(offset: number): AsyncIterable<Uint8Array> }
  )

export interface WriteTreeOptions {
  /** Take the place of files and symlinks that are there and differ. Default false. */
  readonly replace?: boolean | undefined
  /** Permissions and times of the entries. Default neither. */
  readonly mode?: boolean | undefined
  readonly mtime?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Is told the bytes that were written, or found to be there, since it was told last. */
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly platform?: NodeJS.Platform | undefined
}

export interface WrittenTree {
  readonly files: number
  readonly directories: number
  readonly symlinks: number
  readonly bytes: number
}

const SMALL_MAX = 256 * 1024
const SMALL_AT_ONCE = 8

interface Open extends EntryMetadata {
  readonly folder: Folder
  readonly path: readonly string[]
}

/** Writes the entries, parents before children, to `target`, whose folder must exist. */
export async function writeTree(
  entries: Iterable<WriteEntry> | AsyncIterable<WriteEntry>,
  target: string,
  options: WriteTreeOptions = {},
): Promise<WrittenTree> {
  const platform = options.platform ?? process.platform
  const written = { files: 0, directories: 0, symlinks: 0, bytes: 0 }
  // The way to the target is the user's own, symlinks and all; from there on none is gone through.
  const parent = await Folder.open(
    await realpath(dirname(resolve(target))).catch(error => {
      throw diskError(error, dirname(resolve(target)))
    }),
  )
  const open: Open[] = []
  let any = false
  // Small files are written a few at once: each is many short waits. Large ones have their turn alone.
  const small = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const settle = async (most: number): Promise<void> => {
    while (small.size > most) await Promise.race(small)
    if (failure !== undefined) throw failure.error
  }
  try {
    for await (const entry of entries) {
      refuseAborted(options.signal)
      const { path } = entry
      while (open.length > 0 && !isBelow(path, open.at(-1)!.path)) {
        await settle(0)
        await closeLast(open, options)
      }
      // spec: TREE-1
      if (path.length === 0 ? any : open.length !== path.length)
        throw new GuildError('GH_PATH_UNSAFE', `${visible(path.join('/'), 200)}: its folder is not there`)
      any = true
      if (path.length > 0) checkName(path.at(-1)!, platform)
      const folder = open.at(-1)?.folder ?? parent
      const name = path.at(-1) ?? basename(resolve(target))
      switch (entry.kind) {
        case 'directory':
          open.push({ folder: await folder.inside(name), path, mode: entry.mode, mtime: entry.mtime })
          written.directories++
          break
        case 'symlink':
          await writeSymlink(folder, name, entry.target, options)
          written.symlinks++
          break
        case 'file':
          if (entry.length > SMALL_MAX) {
            await settle(0)
            await writeFile(folder, name, entry, options)
          } else {
            await settle(SMALL_AT_ONCE - 1)
            const one: Promise<void> = writeFile(folder, name, entry, options)
              .catch(error => {
                failure ??= { error }
              })
              .finally(() => small.delete(one))
            small.add(one)
          }
          written.files++
          written.bytes += entry.length
      }
    }
    await settle(0)
    while (open.length > 0) await closeLast(open, options)
    return written
  } finally {
    await Promise.all(small)
    for (const { folder } of open) await folder.close()
    await parent.close()
  }
}

function isBelow(path: readonly string[], folder: readonly string[]): boolean {
  return path.length > folder.length && folder.every((name, i) => path[i] === name)
}

async function closeLast(open: Open[], options: WriteTreeOptions): Promise<void> {
  const { folder, mode, mtime } = open.at(-1)!
  await folder.finish(
    options.mode === true ? mode : undefined,
    options.mtime === true ? dateOf(mtime) : undefined,
  )
  open.pop()
  await folder.close()
}

async function writeSymlink(
  folder: Folder,
  name: string,
  target: string,
  { replace = false }: WriteTreeOptions,
): Promise<void> {
  const path = join(folder.path, name)
  const at = await folder.at(name)
  try {
    await symlink(target, at)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw diskError(error, path)
    const there = await readlink(at).catch(() => undefined)
    if (there === target) return
    if (!replace || there === undefined) throw inTheWay(path)
    const part = await folder.at(partName(name))
    await unlink(part).catch(() => {})
    await symlink(target, part)
    await rename(part, at)
  }
}

type FileEntry = WriteEntry & { readonly kind: 'file' }

async function writeFile(
  folder: Folder,
  name: string,
  entry: FileEntry,
  options: WriteTreeOptions,
): Promise<void> {
  const path = join(folder.path, name)
  const at = await folder.at(name)
  const part = await folder.at(partName(name))
  try {
    const there = await lstat(at).catch(() => undefined)
    if (there?.isFile() === true && there.size === entry.length && (await isSame(at, entry, options))) {
      // A process that was killed right behind `link` left its other name.
      await unlink(part).catch(() => {})
      return
    }
    if (there !== undefined && (options.replace !== true || there.isDirectory())) throw inTheWay(path)
    await fill(part, entry, path, options)
    if (options.replace === true) await rename(part, at)
    else await appear(part, at, path)
  } catch (error) {
    throw diskError(error, path)
  }
}

/** Over nothing: `link` fails where something is, and `rename` would not. */
async function appear(part: string, at: string, path: string): Promise<void> {
  try {
    await link(part, at)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw inTheWay(path)
    // A file system without hard links: look, then rename.
    if ((await lstat(at).catch(() => undefined)) !== undefined) throw inTheWay(path)
    await rename(part, at)
    return
  }
  await unlink(part)
}

/** What a part holds that can never become the file. */
const hopeless: readonly string[] = [
  'GH_UNIXFS_INVALID',
  'GH_BLOCK_INVALID',
  'GH_BLOCK_MISMATCH',
  'GH_PATH_UNSAFE',
]

async function fill(part: string, entry: FileEntry, path: string, options: WriteTreeOptions): Promise<void> {
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const file = await open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666)
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.nlink !== 1)
      throw new GuildError(
        'GH_PATH_UNSAFE',
        `${path}: something else lies where it would be written; remove ${PART_PREFIX}…`,
      )
    await compareAndWrite(file, stats.size, entry, path, options)
    if (options.mode === true && entry.mode !== undefined) await file.chmod(entry.mode & 0o777)
    const mtime = options.mtime === true ? dateOf(entry.mtime) : undefined
    if (mtime !== undefined) await file.utimes(mtime, mtime)
  } catch (error) {
    if (error instanceof GuildError && hopeless.includes(error.code)) await unlink(part).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
}

async function compareAndWrite(
  file: FileHandle,
  had: number,
  { length, read }: FileEntry,
  path: string,
  { signal, onProgress }: WriteTreeOptions,
): Promise<void> {
  let known = had // bytes of the part that may still be right
  let at = 0
  let pieces: Pieces | undefined // from where it is not
  try {
    for await (const bytes of read(0)) {
      refuseAborted(signal)
      // spec: TREE-4
      if (at + bytes.length > length)
        throw new GuildError('GH_UNIXFS_INVALID', `${path}: more than the ${length} bytes it should have`)
      const same = at + bytes.length <= known && (await holds(file, at, bytes))
      if (!same) {
        known = 0
        pieces ??= new Pieces(file, at, length)
        await pieces.write(bytes)
      }
      at += bytes.length
      onProgress?.(bytes.length)
    }
    await pieces?.end()
  } finally {
    await pieces?.close()
  }
  if (at !== length)
    throw new GuildError('GH_UNIXFS_INVALID', `${path}: ${at} bytes where it should have ${length}`)
  if (had > length) await file.truncate(length)
}

async function isSame(
  at: string,
  { read }: FileEntry,
  { signal, onProgress }: WriteTreeOptions,
): Promise<boolean> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const file = await open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    let position = 0
    for await (const bytes of read(0)) {
      refuseAborted(signal)
      if (!(await holds(file, position, bytes))) return false
      position += bytes.length
    }
    onProgress?.(position)
    return true
  } finally {
    await file.close()
  }
}

async function holds(file: FileHandle, position: number, bytes: Uint8Array): Promise<boolean> {
  const there = new Uint8Array(bytes.length)
  for (let at = 0; at < there.length; ) {
    const { bytesRead } = await file.read(there, at, there.length - at, position + at)
    if (bytesRead === 0) return false
    at += bytesRead
  }
  return Buffer.compare(there, bytes) === 0
}

/** The same for one name every time, so that a part is found again; short, whatever the name. */
function partName(name: string): string {
  return PART_PREFIX + createHash('sha256').update(name).digest('hex').slice(0, 16)
}

function dateOf(mtime: EntryMetadata['mtime']): Date | undefined {
  if (mtime === undefined) return undefined
  const date = new Date(mtime.seconds * 1000 + mtime.nanoseconds / 1e6)
  return Number.isNaN(date.getTime()) ? undefined : date
}

function inTheWay(path: string): GuildError {
  return new GuildError(
    'GH_STORE_FAILED',
    `${path}: something else is there; move it, or choose another place`,
  )
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new GuildError('GH_ABORTED', '', { cause: signal.reason })
}
