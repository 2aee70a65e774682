/**
 * Writes past the system's page cache, out of memory that begins at a page (Linux, O_DIRECT).
 *
 *   bytes ─copy─▶ pages ─▶ the disk            what is synced at once gains nothing by the cache
 *   bytes ────────────────▶ the page cache     where it cannot be: another system, an odd length
 *
 * A block and the file made of it are then in memory once at most, and on a virtual machine a write
 * costs a tenth: there every page that the cache takes anew has to be found by the host first.
 *
 * The pages are those of a WebAssembly memory, for no other memory of Node is known to begin at one.
 * They are few and used again and again; whoever finds none free writes as ever.
 *
 * Page: protocol/decisions.md, "Large writes go past the page cache" · Floor: store.
 */
import { closeSync, constants, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { limits } from '../wire/limits.ts'
import { errorCode } from './disk-error.ts'

/** Of position, length and memory: no disk has sectors larger than this. */
export const PAGE = 4_096
/** Bytes of one piece of pages: the largest block. */
export const PIECE = limits.block
/** Pieces there are: eight blocks on their way, and a file. */
const PIECES = 10
/** Of WebAssembly. */
const UNIT = 65_536

declare const WebAssembly:
  | { readonly Memory: new (shape: { initial: number }) => { readonly buffer: ArrayBuffer } }
  | undefined

const writeAt = promisify(write)
let free: Uint8Array[] | undefined

/** PIECE bytes of pages, to be given back; undefined where there are none, or none that are free. */
export function takePages(): Uint8Array | undefined {
  free ??= made()
  return free.pop()
}

export function giveBackPages(pages: Uint8Array): void {
  free?.push(pages)
}

function made(): Uint8Array[] {
  if (constants.O_DIRECT === undefined || typeof WebAssembly === 'undefined') return []
  try {
    const { buffer } = new WebAssembly.Memory({ initial: (PIECES * PIECE) / UNIT })
    return Array.from({ length: PIECES }, (_, i) => new Uint8Array(buffer, i * PIECE, PIECE))
  } catch {
    // So much address space is not to be had here.
    return []
  }
}

/**
 * Writes the beginning of `pages` past the cache, into a file that is open for writing. How many bytes are
 * written: fewer where the system wants to write the rest, or all of it, in its own way. Errors are those of node:fs.
 */
export async function writePages(
  file: number,
  pages: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  if (length % PAGE !== 0 || position % PAGE !== 0) return 0
  let past: number
  try {
    // The same file, whatever its name is by now.
    past = openSync(`/proc/self/fd/${file}`, constants.O_WRONLY | constants.O_DIRECT)
  } catch {
    return 0
  }
  try {
    const { bytesWritten } = await writeAt(past, pages, 0, length, position)
    return bytesWritten
  } catch (error) {
    if (['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errorCode(error) ?? '')) return 0
    throw error
  } finally {
    closeSync(past)
  }
}

/** As `writePages`, for bytes that lie anywhere: they are copied into pages for it. */
export async function writePast(file: number, bytes: Uint8Array, position: number): Promise<number> {
  const fits = bytes.length <= PIECE && bytes.length % PAGE === 0
  const pages = fits ? takePages() : undefined
  if (pages === undefined) return 0
  try {
    pages.set(bytes)
    return await writePages(file, pages, bytes.length, position)
  } finally {
    giveBackPages(pages)
  }
}
