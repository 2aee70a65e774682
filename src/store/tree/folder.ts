/**
 * A folder that is written into and cannot be exchanged for another meanwhile.
 *
 * Its names are used through the folder that was opened, not through its path: on Linux as
 * `/proc/self/fd/7/name`, which is what `openat` does. Where there is no such path the folder's
 * device and number are compared before each use, which leaves a moment for somebody who may write
 * there and is fast; it never follows a symlink that lies there.
 *
 * Page: protocol/block.md (spec: TREE-1) · Faults: UX-02 · Floor: store.
 */
import { constants, existsSync } from 'node:fs'
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { GuildError } from '../../base/errors.ts'
import { diskError, errorCode } from '../disk-error.ts'

const descriptors = '/proc/self/fd'

export class Folder {
  /** For people. */
  readonly path: string
  readonly #handle: FileHandle
  readonly #through: string | undefined
  readonly #identity: { readonly dev: bigint; readonly ino: bigint }

  private constructor(
    path: string,
    handle: FileHandle,
    identity: { readonly dev: bigint; readonly ino: bigint },
    through: string | undefined,
  ) {
    this.path = path
    this.#handle = handle
    this.#identity = identity
    this.#through = through
  }

  /** The folder at `at`, shown as `path`. A symlink is refused, whatever it points to. */
  static async open(at: string, path: string = at): Promise<Folder> {
    const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants
    let handle: FileHandle
    try {
      handle = await open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ELOOP' || code === 'ENOTDIR')
        throw new GuildError(
          'GH_PATH_UNSAFE',
          `${path}: a symlink or a file is in the way of a folder; move it away`,
        )
      throw diskError(error, path)
    }
    try {
      const { dev, ino } = await handle.stat({ bigint: true })
      const through = `${descriptors}/${handle.fd}`
      return new Folder(path, handle, { dev, ino }, existsSync(through) ? through : undefined)
    } catch (error) {
      await handle.close()
      throw diskError(error, path)
    }
  }

  /** The path by which to use `name`, which has been checked to be one. */
  async at(name: string): Promise<string> {
    if (this.#through !== undefined) return `${this.#through}/${name}`
    const stats = await lstat(this.path, { bigint: true })
    if (!stats.isDirectory() || stats.dev !== this.#identity.dev || stats.ino !== this.#identity.ino)
      throw new GuildError(
        'GH_PATH_UNSAFE',
        `${this.path}: it was exchanged for another while it was written to`,
      )
    return join(this.path, name)
  }

  /** The folder `name` in this one, made if it is not there. */
  async inside(name: string): Promise<Folder> {
    const path = join(this.path, name)
    const at = await this.at(name)
    try {
      await mkdir(at)
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw diskError(error, path)
    }
    return Folder.open(at, path)
  }

  /** Permissions and time of change; what the system refuses of them is left as it is. */
  async finish(mode: number | undefined, mtime: Date | undefined): Promise<void> {
    try {
      if (mode !== undefined) await this.#handle.chmod(mode & 0o777)
      if (mtime !== undefined) await this.#handle.utimes(mtime, mtime)
    } catch (error) {
      throw diskError(error, this.path)
    }
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
