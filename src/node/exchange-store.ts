/**
 * What the exchange asks of a store, and how any `interface-blockstore` answers it.
 *
 * A store may answer at once or with a promise; one in memory that answers at once costs no
 * turn of the event loop.
 *
 * Floor: node.
 */
import { concat } from '../base/bytes.ts'
import type { CID } from '../wire/cid.ts'

type Soon<T> = T | Promise<T>

export interface ExchangeStore {
  /** The whole block; undefined when it is not here. `lent`: nobody will change the bytes. */
  read(cid: CID, lent?: boolean): Soon<Uint8Array | undefined>
  /** In bytes; undefined when it is not here. */
  size(cid: CID): Soon<number | undefined>
  /** The bytes hash to the CID: that was looked at. They are the store's from now on. */
  put(cid: CID, bytes: Uint8Array): Soon<unknown>
}

/** As much of a block store as is used here: ours, or one of that ecosystem. */
export interface AnyBlockstore {
  get(cid: CID, options?: { unchecked?: boolean }): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  has(cid: CID): Soon<boolean>
  put(cid: CID, bytes: Uint8Array, options?: { verified?: boolean }): Soon<unknown>
  read?(cid: CID, options?: { unchecked?: boolean }): Soon<Uint8Array | undefined>
  size?(cid: CID): Soon<number | undefined>
}

/** Our own stores tell a size without reading; of others the block is read for it. */
export function exchangeStoreOf(store: AnyBlockstore): ExchangeStore {
  const read = async (cid: CID): Promise<Uint8Array | undefined> => {
    if (!(await store.has(cid))) return undefined
    const chunks: Uint8Array[] = []
    for await (const chunk of store.get(cid)) chunks.push(chunk)
    return chunks.length === 1 ? chunks[0] : concat(...chunks)
  }
  return {
    // Whoever gets it hashes it; a block that went bad on our disk does not leave it.
    read: store.read === undefined ? read : cid => store.read!(cid),
    size: store.size === undefined ? async cid => (await read(cid))?.length : cid => store.size!(cid),
    put: (cid, bytes) => store.put(cid, bytes, { verified: true }),
  }
}
