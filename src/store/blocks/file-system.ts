/**
 * The file system as the block store uses it: ten calls, handed in.
 *
 * A test hands in one that fails at a chosen call; everybody else takes the system's own. What may
 * wait for the disk waits in the thread pool. Closing what is synced, and opening a folder that was
 * just written into, do not: they are done at once, for the way to the pool and back costs more.
 *
 * Floor: store.
 */
import { closeSync, fsync, open, openSync, read, write } from 'node:fs'
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { errorCode } from '../disk-error.ts'
import { writePast } from '../pages.ts'

const [openFile, readAt, writeAt, sync] = [
  promisify(open),
  promisify(read),
  promisify(write),
  promisify(fsync),
]

export interface OpenFile {
  write(bytes: Uint8Array): Promise<void>
  sync(): Promise<void>
  close(): Promise<void>
}

/** Errors are those of node:fs, with the system's code. */
export interface FileSystem {
  /** A new file, for its owner alone, in place of one of that name. */
  create(path: string): Promise<OpenFile>
  rename(from: string, to: string): Promise<void>
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  makeDirectory(path: string): Promise<void>
  /** A file that should have so many bytes: all of it, or that many and one more where there are more. */
  read(path: string, size: number): Promise<Uint8Array>
  /** Bytes; undefined where there is no such file. */
  length(path: string): Promise<number | undefined>
  unlink(path: string): Promise<void>
  /** The names in it, in no order. Empty where there is no such directory. */
  names(path: string): Promise<readonly string[]>
}

export const systemFiles: FileSystem = {
  async create(path) {
    const file = await openFile(path, 'w', 0o600)
    let length = 0
    return {
      async write(bytes) {
        let at = await writePast(file, bytes, length)
        while (at < bytes.length)
          at += (await writeAt(file, bytes, at, bytes.length - at, length + at)).bytesWritten
        length += at
      },
      sync: () => sync(file),
      close: async () => closeSync(file),
    }
  },
  rename,
  async syncDirectory(path) {
    let directory: number
    try {
      directory = openSync(path, 'r')
    } catch (error) {
      // Windows does not open directories; its names are durable by themselves.
      if (process.platform === 'win32') return
      throw error
    }
    try {
      await sync(directory)
    } catch (error) {
      // Some file systems have no sync for directories, and say so in one of these ways.
      if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(errorCode(error)!)) throw error
    } finally {
      closeSync(directory)
    }
  },
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  async read(path, size) {
    const file = await openFile(path, 'r')
    try {
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(size + 1).buffer)
      for (let at = 0; ; ) {
        const { bytesRead } = await readAt(file, bytes, at, bytes.length - at, at)
        at += bytesRead
        if (bytesRead === 0 || at >= size) return bytes.subarray(0, at)
      }
    } finally {
      closeSync(file)
    }
  },
  async length(path) {
    try {
      return (await stat(path)).size
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  },
  unlink,
  async names(path) {
    try {
      return await readdir(path)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  },
}
