/**
 * The bytes of a file that was named, or of standard input for `-`.
 *
 * The file is opened before anything else is: a wrong name must not start a node.
 *
 * Floor: cli.
 */
import { open } from 'node:fs/promises'
import { GuildError, visible } from './api.ts'
import type { Io } from './io.ts'

export interface NamedBytes {
  /** To be shown. */
  readonly name: string
  readonly bytes: AsyncIterable<Uint8Array>
  close(): Promise<void>
}

/** GH_PATH_MISSING where there is none, GH_STORE_FAILED for what else the disk says. */
export async function openBytes(name: string, io: Pick<Io, 'stdin'>): Promise<NamedBytes> {
  if (name === '-')
    return { name: 'standard input', bytes: io.stdin as AsyncIterable<Uint8Array>, async close() {} }
  const shown = visible(name, 200)
  try {
    const file = await open(name)
    return {
      name: shown,
      bytes: file.createReadStream({ autoClose: false }),
      close: () => file.close(),
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new GuildError('GH_PATH_MISSING', `${shown}: no such file`)
    throw new GuildError('GH_STORE_FAILED', `${shown}: ${code}`, { cause: error })
  }
}
