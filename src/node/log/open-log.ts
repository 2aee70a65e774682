/**
 * Opens the log a configuration asks for. Loaded with the first use of the log, and not before.
 *
 * Floor: node.
 */
import type { Random } from '../../base/ports.ts'
import { MemoryLog } from '../../store/log/memory.ts'
import type { LogStore } from '../../store/log/types.ts'
import { GuildLog, type GuildLogOptions } from './guild-log.ts'

export interface Whence extends Omit<GuildLogOptions, 'store'> {
  /** Handed in by the embedder. */
  readonly store: LogStore | undefined
  /** Of the database; undefined: in memory. */
  readonly path: string | undefined
  readonly random: Random
}

export async function openGuildLog({ store, path, random, ...around }: Whence): Promise<GuildLog> {
  return new GuildLog({ ...around, store: store ?? (await stored(path, random)) })
}

async function stored(path: string | undefined, random: Random): Promise<LogStore> {
  if (path === undefined) return new MemoryLog(random)
  const { openLog } = await import('../../store/log/sqlite-log.ts')
  return openLog({ path, random })
}
