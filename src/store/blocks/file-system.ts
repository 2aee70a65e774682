/**
 * The file system as the block store uses it: ten calls, handed in.
 *
 * A test hands in one that fails at a chosen call; everybody else takes the system's own.
 *
 * Floor: store.
 */
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { errorCode } from '../disk-error.ts'

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
  read(path: string): Promise<Uint8Array>
  /** Bytes; undefined where there is no such file. */
  length(path: string): Promise<number | undefined>
  unlink(path: string): Promise<void>
  /** The names in it, in no order. Empty where there is no such directory. */
  names(path: string): Promise<readonly string[]>
}

export const systemFiles: FileSystem = {
  async create(path) {
    const file = await open(path, 'w', 0o600)
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
      },
      sync: () => file.sync(),
      close: () => file.close(),
    }
  },
  rename,
  async syncDirectory(path) {
    let directory: Awaited<ReturnType<typeof open>>
    try {
      directory = await open(path, 'r')
    } catch (error) {
      // Windows does not open directories; its names are durable by themselves.
      if (process.platform === 'win32') return
      throw error
    }
    try {
      await directory.sync()
    } catch (error) {
      // Some file systems have no sync for directories, and say so in one of these ways.
      if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(errorCode(error)!)) throw error
    } finally {
      await directory.close()
    }
  },
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
  },
  async read(path) {
    const bytes = await readFile(path)
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
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
