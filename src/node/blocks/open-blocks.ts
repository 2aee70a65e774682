/**
 * Blocks and files of a directory on which no node runs.
 *
 *   const dir = await openDataDir({ role: 'one-shot' })
 *   await using contents = await openBlocks({ dataDir: dir })
 *   console.log(String(await contents.files.add('photo.jpg')))
 *
 * Floor: node. Page: README.md.
 */
import type { Blockstore } from 'interface-blockstore'
import type { Blocks, Files } from './types.ts'

export interface OpenBlocksOptions {
  /** One that `openDataDir` holds; it stays the caller's to release. */
  readonly dataDir: { readonly path: string }
  /** Most bytes of blocks. Default: as many as there is room for. */
  readonly blockQuota?: number
  /** Called for the first block that is not there: with the store, for a node that is to use it. Default: nobody is asked. */
  readonly peers?: (store: Blockstore) => Promise<Blocks>
}

export interface OpenedBlocks extends AsyncDisposable {
  readonly blocks: Blocks
  readonly files: Files
  /** Waits for what is under way. */
  close(): Promise<void>
}

/** GH_STORE_NATIVE_MISSING, GH_STORE_NEWER, GH_STORE_FAILED. */
export async function openBlocks(options: OpenBlocksOptions): Promise<OpenedBlocks> {
  const [{ openStore }, { NodeBlocks }, { NodeFiles }] = await Promise.all([
    import('./open-store.ts'),
    import('./node-blocks.ts'),
    import('./node-files.ts'),
  ])
  const { dataDir, blockQuota, peers } = options
  const { store, close } = await openStore({ dataDir: dataDir.path, quota: blockQuota })
  const blocks = new NodeBlocks({ store, peers: peers && (() => peers(store)) })
  return { blocks, files: new NodeFiles(blocks), close, [Symbol.asyncDispose]: close }
}
