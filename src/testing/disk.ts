/**
 * The disk of a simulated host: small files, replaced whole, and how they once were.
 *
 *   replace a ─▶ replace b ─▶ replace a ─▶ now
 *      ▲────────────── rewind ────────────┘     restored from an old copy; or wiped: a new disk
 *
 * What was replaced is there after a crash, as after an fsync; what a dead program still meant
 * to write is not.
 *
 * Refuses to grow: the last copies only are kept, 64 of them.
 *
 * Floor: testing.
 */
import { copy } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import type { Files } from '../base/ports.ts'
import { BoundedQueue } from '../base/queue.ts'
import type { Process } from './process.ts'

/** Everything on the disk, and since when. */
interface Image {
  readonly at: Millis
  readonly files: ReadonlyMap<string, Uint8Array>
}

const IMAGES_MAX = 64

export class Disk {
  #now: Image = { at: 0, files: new Map() }
  readonly #images = new BoundedQueue<Image>(IMAGES_MAX)

  /** The files as one process sees them. */
  files(process: Process): Files {
    return {
      read: async name => {
        const bytes = this.#now.files.get(name)
        return bytes && copy(bytes)
      },
      replace: async (name, bytes) => {
        if (!process.alive) return new Promise(() => {})
        this.#become(process.world.now, new Map(this.#now.files).set(name, copy(bytes)))
      },
    }
  }

  /** As it was at that time, or as far back as is known. */
  rewind(to: Millis, now: Millis): void {
    let found: Image | undefined
    for (let left = this.#images.length; left > 0; left--) {
      const image = this.#images.shift()!
      if (image.at <= to || found === undefined) found = image
      this.#images.push(image)
    }
    if (this.#now.at <= to || found === undefined) return
    this.#become(now, found.files)
  }

  /** A new disk. */
  wipe(now: Millis): void {
    this.#become(now, new Map())
  }

  #become(at: Millis, files: ReadonlyMap<string, Uint8Array>): void {
    this.#images.push(this.#now)
    this.#now = { at, files }
  }
}
