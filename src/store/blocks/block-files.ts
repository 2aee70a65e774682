/**
 * Large blocks as files, and nothing about what they are.
 *
 *   blocks/5a/1220…5a                 a block, by its multihash in hex; the folder is its last byte
 *   blocks/5a/1220…5a.7.tmp           being written
 *   blocks/damaged/1220…5a            set aside
 *
 *   write .tmp ─▶ fsync ─▶ close ─▶ rename ─▶ fsync of the folder       one turn's files side by side
 *
 * Names come before the folder's fsync, and one fsync makes all names of a folder durable:
 * files of one turn share it. Whoever finds a block under its name finds all of it.
 *
 * Refuses to swallow any failure: a write that is not known to be durable fails.
 *
 * Floor: store.
 */
import { join } from 'node:path'
import { toHex } from '../../base/bytes.ts'
import { diskError, errorCode } from '../disk-error.ts'
import type { FileSystem } from './file-system.ts'
import { atMost } from './waiting.ts'

export interface NewFile {
  readonly multihash: Uint8Array
  readonly bytes: Uint8Array
}

/** Node's pool has four threads; twice as many keep it fed. */
const FILES_AT_ONCE = 8
const DAMAGED = 'damaged'

export class BlockFiles {
  readonly path: string
  readonly #files: FileSystem
  readonly #bounded = atMost(FILES_AT_ONCE)
  /** Folders that are known to be there. */
  readonly #folders = new Map<string, Promise<void>>()
  /** Of these, those whose names are not known to be durable. */
  readonly #unnamed = new Set<string>()
  #temporary = 0

  constructor(path: string, files: FileSystem) {
    this.path = path
    this.#files = files
  }

  fileOf(multihash: Uint8Array): string {
    return join(this.#folderOf(multihash), toHex(multihash))
  }

  /** For each file its end, in order, when all have come to it: undefined is durable. GH_STORE_FAILED names the path. */
  async writeAll(blocks: readonly NewFile[]): Promise<readonly (Error | undefined)[]> {
    const ends = await Promise.all(
      blocks.map(block => this.#bounded(() => this.#write(block)).then(() => undefined, asError)),
    )
    const folders = new Map<string, Error | undefined>()
    for (const [at, { multihash }] of blocks.entries())
      if (ends[at] === undefined) folders.set(this.#folderOf(multihash), undefined)
    // The names of new folders too, once for all of them.
    const unnamed = [...folders.keys()].filter(folder => this.#unnamed.has(folder))
    if (unnamed.length > 0) folders.set(this.path, undefined)
    await Promise.all(
      [...folders.keys()].map(folder =>
        this.#bounded(async () => {
          await this.#files
            .syncDirectory(folder)
            .catch(error => folders.set(folder, diskError(error, folder)))
        }),
      ),
    )
    const above = folders.get(this.path)
    if (above === undefined) for (const folder of unnamed) this.#unnamed.delete(folder)
    return ends.map((end, at) => end ?? above ?? folders.get(this.#folderOf(blocks[at]!.multihash)))
  }

  async #write({ multihash, bytes }: NewFile): Promise<void> {
    const path = this.fileOf(multihash)
    const temporary = `${path}.${++this.#temporary}.tmp`
    try {
      await this.#folder(this.#folderOf(multihash))
      const file = await this.#files.create(temporary)
      try {
        await file.write(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#files.rename(temporary, path)
    } catch (error) {
      await this.#files.unlink(temporary).catch(() => {})
      // Somebody has removed the folder: the next one makes it anew.
      if (errorCode(error) === 'ENOENT') this.#folders.delete(this.#folderOf(multihash))
      throw diskError(error, path)
    }
  }

  /** Undefined where there is no such file. `size` is what it should have: one byte more says that it has more. */
  async read(multihash: Uint8Array, size: number): Promise<Uint8Array | undefined> {
    const path = this.fileOf(multihash)
    try {
      return await this.#files.read(path, size)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw diskError(error, path)
    }
  }

  async length(multihash: Uint8Array): Promise<number | undefined> {
    const path = this.fileOf(multihash)
    return await this.#files.length(path).catch(error => {
      throw diskError(error, path)
    })
  }

  /** True also where there was none. */
  async remove(multihash: Uint8Array): Promise<boolean> {
    return await this.#bounded(() =>
      this.#files.unlink(this.fileOf(multihash)).then(
        () => true,
        error => errorCode(error) === 'ENOENT',
      ),
    )
  }

  /** Moves its file, or writes these bytes. Where it lies now; undefined where that cannot be done. */
  async setAside(multihash: Uint8Array, bytes?: Uint8Array): Promise<string | undefined> {
    const to = join(this.path, DAMAGED, toHex(multihash))
    try {
      await this.#files.makeDirectory(join(this.path, DAMAGED))
      if (bytes === undefined) await this.#files.rename(this.fileOf(multihash), to)
      else {
        const file = await this.#files.create(to)
        await file.write(bytes).finally(() => file.close())
      }
      return to
    } catch {
      return undefined
    }
  }

  /** Every name in every folder of blocks: what a crash left behind is among them. */
  async *names(): AsyncGenerator<{ readonly path: string; readonly name: string }> {
    for (const folder of await this.#listed(this.path)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue
      const at = join(this.path, folder)
      for (const name of await this.#listed(at)) yield { path: join(at, name), name }
    }
  }

  async unlink(path: string): Promise<void> {
    await this.#files.unlink(path).catch(error => {
      throw diskError(error, path)
    })
  }

  async #listed(path: string): Promise<readonly string[]> {
    return await this.#files.names(path).catch(error => {
      throw diskError(error, path)
    })
  }

  #folderOf(multihash: Uint8Array): string {
    return join(this.path, toHex(multihash.subarray(-1)))
  }

  /** Made once; `writeAll` syncs its name. */
  #folder(path: string): Promise<void> {
    let made = this.#folders.get(path)
    if (made === undefined) {
      made = this.#files.makeDirectory(path).then(() => {
        this.#unnamed.add(path)
      })
      this.#folders.set(path, made)
      made.catch(() => this.#folders.delete(path))
    }
    return made
  }
}

function asError(error: unknown): Error {
  return error as Error
}
