/**
 * The parts of a node that are about content, each loaded once and when it is first needed.
 *
 *   exchange   bitswap: for the first stream of a peer, the first want, the first announcement
 *   adapter    any store of interface-blockstore, as the exchange wants it
 *   store      SQLite, codecs, blocks: for the first block that is looked for
 *   files      UnixFS: for the first file
 *
 * What is loaded already is handed out within the turn: in a simulated network, which loads
 * everything beforehand (`preload`), no disk decides when a promise settles.
 *
 * Floor: node.
 */
const loaded: {
  exchange?: typeof import('../exchange.ts')
  store?: typeof import('./open-store.ts')
  adapter?: typeof import('../exchange-store.ts')
  blocks?: typeof import('./node-blocks.ts')
  files?: typeof import('./node-files.ts')
} = {}

export async function exchangePart(): Promise<typeof import('../exchange.ts')> {
  loaded.exchange ??= await import('../exchange.ts')
  return loaded.exchange
}

export async function adapterPart(): Promise<typeof import('../exchange-store.ts')> {
  loaded.adapter ??= await import('../exchange-store.ts')
  return loaded.adapter
}

export async function storePart(): Promise<typeof import('./open-store.ts')> {
  loaded.store ??= await import('./open-store.ts')
  return loaded.store
}

export async function blocksPart(): Promise<typeof import('./node-blocks.ts')> {
  loaded.blocks ??= await import('./node-blocks.ts')
  return loaded.blocks
}

export async function filesPart(): Promise<typeof import('./node-files.ts')> {
  loaded.files ??= await import('./node-files.ts')
  return loaded.files
}

export async function loadContentParts(): Promise<void> {
  await Promise.all([exchangePart(), adapterPart(), storePart(), blocksPart(), filesPart()])
}
