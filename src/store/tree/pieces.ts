/**
 * The bytes of a file from one position to its end, written in order; a large file past the page cache.
 *
 *   bytes ─▶ piece being filled ─full─▶ piece being written ─▶ the disk
 *                    ▲                          │
 *                    └────────── free ◀─────────┘
 *
 * A large file is gathered into pieces of 2 MiB, and one is filled while the one before it is written. What is not a whole
 * piece, and a small file, which somebody will read again soon, go through the page cache.
 *
 * Floor: store.
 */
import type { FileHandle } from 'node:fs/promises'
import { giveBackPages, PAGE, PIECE, takePages, writePages } from '../pages.ts'

/** Files of this many bytes and more: 16 MiB. */
const LARGE = 16 * 1024 * 1024

export class Pieces {
  readonly #file: FileHandle
  /** Of what is handed in next. */
  #position: number
  /** Two of them, or none: then all goes through the page cache. */
  #pages: [Uint8Array, Uint8Array] | undefined
  #filled = 0
  #writing: Promise<void> = Promise.resolve()

  /** From `position` to the end of a file that will have `length` bytes. */
  constructor(file: FileHandle, position: number, length: number) {
    this.#file = file
    this.#position = position
    if (length - position >= LARGE && position % PAGE === 0) this.#pages = takeTwo()
  }

  /** The bytes may be changed once this has ended. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#pages === undefined) {
      await writeAll(this.#file, bytes, this.#position)
      this.#position += bytes.length
      return
    }
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, PIECE - this.#filled)
      this.#pages[0].set(bytes.subarray(at, at + count), this.#filled)
      this.#filled += count
      this.#position += count
      at += count
      if (this.#filled === PIECE) await this.#turn(this.#pages)
    }
  }

  /** Waits until the piece before is written, and begins to write this one. */
  async #turn(pages: [Uint8Array, Uint8Array]): Promise<void> {
    await this.#writing
    const [full, empty] = pages
    pages[0] = empty
    pages[1] = full
    this.#filled = 0
    this.#writing = writePiece(this.#file, full, this.#position - PIECE)
    // Told to whoever waits for it next.
    this.#writing.catch(() => {})
  }

  /** What is left is written when this has ended. */
  async end(): Promise<void> {
    await this.#writing
    if (this.#pages !== undefined && this.#filled > 0)
      await writeAll(this.#file, this.#pages[0].subarray(0, this.#filled), this.#position - this.#filled)
  }

  /** Needed after `end` as well, and when there is none. */
  async close(): Promise<void> {
    await this.#writing.catch(() => {})
    for (const pages of this.#pages ?? []) giveBackPages(pages)
    this.#pages = undefined
  }
}

function takeTwo(): [Uint8Array, Uint8Array] | undefined {
  const one = takePages()
  const other = one && takePages()
  if (one !== undefined && other === undefined) giveBackPages(one)
  return one && other && [one, other]
}

async function writePiece(file: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  const past = await writePages(file.fd, piece, PIECE, position)
  await writeAll(file, piece.subarray(past), position + past)
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}
