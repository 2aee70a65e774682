/**
 * A folder on disk as a stream: its entries sorted by the bytes of their names, depth first.
 *
 *   directory · file · symlink · directory · … · end · end
 *
 * A symlink stays one and is never followed, not even the one that was named. Names that begin with
 * a dot are left out unless they are asked for; the path itself was asked for. What is neither file nor
 * folder nor symlink (a pipe, a socket, a device) is refused by its name, and so are names that
 * are not UTF-8: leaving them out would make a copy that lacks something and says nothing.
 *
 * A file is opened when its content is asked for and read in pieces of 1 MiB, each with memory of its own.
 *
 * Page: protocol/block.md (spec: TREE-2) · Floor: store.
 */
import { type BigIntStats, constants } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { compare, fromUtf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { visible } from '../../base/text.ts'
import { diskError } from '../disk-error.ts'

export interface EntryMetadata {
  readonly mode?: number | undefined
  readonly mtime?: { readonly seconds: number; readonly nanoseconds: number } | undefined
}

export type DiskEntry =
  | ({ readonly kind: 'directory'; readonly name: string } & EntryMetadata)
  /** Of the directory that was opened last. */
  | { readonly kind: 'end' }
  | ({
      readonly kind: 'file'
      readonly name: string
      /** When the folder was read; the file may have grown since. */
      readonly length: number
      readonly content: AsyncIterable<Uint8Array>
    } & EntryMetadata)
  | ({ readonly kind: 'symlink'; readonly name: string; readonly target: string } & EntryMetadata)

export interface ReadTreeOptions {
  /** Names that begin with a dot, too. Default false. */
  readonly hidden?: boolean | undefined
  /** Permissions, and times of change. Default neither. */
  readonly mode?: boolean | undefined
  readonly mtime?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

const PIECE = 1024 * 1024
const SMALL = 16 * 1024
const DEPTH_MAX = 512

/** The file, folder or symlink at `path`. What the disk refuses is GH_STORE_FAILED with its path. */
export async function* readTree(path: string, options: ReadTreeOptions = {}): AsyncGenerator<DiskEntry> {
  const root = resolve(path)
  const open: { readonly path: string; readonly names: string[]; at: number }[] = []
  let next: { path: string; name: string } | undefined = { path: root, name: basename(root) }
  for (;;) {
    refuseAborted(options.signal)
    if (next !== undefined) {
      const entry = await entryAt(next.path, next.name, options)
      yield entry
      if (entry.kind === 'directory') {
        if (open.length === DEPTH_MAX)
          throw new GuildError(
            'GH_PATH_UNSAFE',
            `${next.path}: more than ${DEPTH_MAX} folders inside each other`,
          )
        open.push({ path: next.path, names: await namesIn(next.path, options), at: 0 })
      }
    }
    const top = open.at(-1)
    if (top === undefined) return
    const name = top.names[top.at++]
    next = name === undefined ? undefined : { path: join(top.path, name), name }
    if (name !== undefined) continue
    open.pop()
    yield { kind: 'end' }
  }
}

async function namesIn(path: string, { hidden = false }: ReadTreeOptions): Promise<string[]> {
  let found: Buffer[]
  try {
    found = await readdir(path, { encoding: 'buffer' })
  } catch (error) {
    throw diskError(error, path)
  }
  return found
    .filter(name => hidden || name[0] !== 0x2e)
    .sort(compare)
    .map(name => {
      try {
        return fromUtf8(name)
      } catch {
        throw new GuildError(
          'GH_PATH_UNSAFE',
          `${path}: "${visible(name.toString(), 80)}" is not a name in UTF-8; rename it`,
        )
      }
    })
}

async function entryAt(path: string, name: string, options: ReadTreeOptions): Promise<DiskEntry> {
  try {
    const stats = await lstat(path, { bigint: true })
    const metadata = metadataOf(stats, options)
    if (stats.isDirectory()) return { kind: 'directory', name, ...metadata }
    if (stats.isSymbolicLink()) return { kind: 'symlink', name, target: await targetAt(path), ...metadata }
    if (stats.isFile())
      return {
        kind: 'file',
        name,
        length: Number(stats.size),
        content: contentAt(path, options.signal),
        ...metadata,
      }
    throw new GuildError(
      'GH_PATH_UNSAFE',
      `${path}: ${kindOf(stats)}, which is neither file nor folder; move it away`,
    )
  } catch (error) {
    throw diskError(error, path)
  }
}

async function targetAt(path: string): Promise<string> {
  const target = await readlink(path, { encoding: 'buffer' })
  try {
    return fromUtf8(target)
  } catch {
    throw new GuildError('GH_PATH_UNSAFE', `${path}: a symlink to a name that is not UTF-8`)
  }
}

function metadataOf({ mode, mtimeNs }: BigIntStats, options: ReadTreeOptions): EntryMetadata {
  const second = 1_000_000_000n
  const nanoseconds = ((mtimeNs % second) + second) % second
  return {
    ...(options.mode === true ? { mode: Number(mode) & 0o7777 } : {}),
    ...(options.mtime === true
      ? { mtime: { seconds: Number((mtimeNs - nanoseconds) / second), nanoseconds: Number(nanoseconds) } }
      : {}),
  }
}

function kindOf(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a named pipe'
  if (stats.isSocket()) return 'a socket'
  return 'a device'
}

/** Without following a symlink that was put there meanwhile, and without waiting for one that writes into a pipe. */
async function* contentAt(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const stats = await file.stat()
      if (!stats.isFile()) throw new GuildError('GH_PATH_UNSAFE', `${path}: it is no file any more`)
      // As long as it was when it was opened; files of the system that say 0 are read to their end.
      let left = stats.size === 0 ? Number.POSITIVE_INFINITY : stats.size
      while (left > 0) {
        refuseAborted(signal)
        const piece = new Uint8Array(Math.min(left, stats.size === 0 ? SMALL : PIECE))
        let filled = 0
        while (filled < piece.length) {
          const { bytesRead } = await file.read(piece, filled, piece.length - filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        left -= filled
        if (filled > 0) yield piece.subarray(0, filled)
        if (filled < piece.length) return
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw diskError(error, path)
  }
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new GuildError('GH_ABORTED', '', { cause: signal.reason })
}
