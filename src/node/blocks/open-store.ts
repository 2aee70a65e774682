/**
 * The store of a node: on disk where it has a directory, else in memory, or what it was given.
 *
 *   store given          ours as it is, any other behind our limits and hashes; whoever gave it closes it
 *   a data directory     <data-dir>/blocks and <data-dir>/blocks.db
 *   neither              memory
 *
 * Floor: node.
 */
import type { Blockstore } from 'interface-blockstore'
import type { GuildError } from '../../base/errors.ts'
import { linksOf } from '../../content/codecs.ts'
import { memoryBlocks } from '../../store/blocks/memory.ts'
import type { BlockStore } from '../../store/blocks/types.ts'
import { digestOf } from './hashes.ts'

export interface OpenStoreOptions {
  readonly store?: Blockstore | undefined
  readonly dataDir?: string | undefined
  /** Bytes. */
  readonly quota?: number | undefined
  readonly onTrouble?: ((trouble: GuildError) => void) | undefined
  /** Milliseconds since 1970. */
  readonly wall?: (() => number) | undefined
}

export interface OpenedStore {
  readonly store: BlockStore
  /** Closes what was opened here. */
  close(): Promise<void>
}

export async function openStore(options: OpenStoreOptions): Promise<OpenedStore> {
  const { store: given, dataDir, quota, onTrouble, wall } = options
  const meaning = { digest: digestOf, links: linksOf, quota, onTrouble, wall }
  if (given !== undefined) {
    if (isOurs(given)) return { store: given, async close() {} }
    const { foreignBlocks } = await import('../../store/blocks/foreign.ts')
    const store = await foreignBlocks({ ...meaning, store: given })
    return { store, close: () => store.close() }
  }
  const store =
    dataDir === undefined
      ? memoryBlocks(meaning)
      : await (await import('../../store/blocks/disk.ts')).diskBlocks({ ...meaning, path: dataDir })
  return { store, close: () => store.close() }
}

function isOurs(store: Blockstore): store is BlockStore {
  return 'lease' in store && 'pins' in store && 'read' in store
}
