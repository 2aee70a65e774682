/**
 * A CAR file into a store: all of it or nothing.
 *
 *   section ─▶ hashed, compared with its CID ─▶ put        a fault anywhere ─▶ what this import put is deleted
 *
 * A block that was there before stays there, whatever becomes of the import. What was put is
 * remembered by its multihash, some 40 bytes each. Where the process dies half way nothing is lost and
 * something may be left: blocks that are what they say, that nothing refers to, and that the next
 * collection takes away. Whoever collects while an import runs must hold its blocks: put them
 * through a store that keeps what is being written.
 *
 * Page: protocol/block.md (spec: CAR-3) · Faults: CA-02 · Floor: content.
 */
import type { CID } from 'multiformats/cid'
import { isIdentity } from '../../wire/cid.ts'
import {
  type Abortable,
  type BlockSink,
  type Hashes,
  nativeHashes,
  refuseAborted,
  verifyBlock,
} from '../block.ts'
import { Puts, pause } from '../puts.ts'
import { openCar } from './read.ts'

export interface CarStore extends BlockSink {
  has(cid: CID): boolean | Promise<boolean>
  delete(cid: CID): void | Promise<void>
}

export interface CarImportOptions extends Abortable {
  readonly hashes?: Hashes | undefined
  readonly onBlock?: ((cid: CID, length: number) => void) | undefined
}

export interface CarImported {
  readonly roots: readonly CID[]
  /** Sections, and the bytes of their blocks. */
  readonly blocks: number
  readonly bytes: number
  /** Blocks that were new to the store. */
  readonly added: number
}

export async function importCar(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  store: CarStore,
  { signal, hashes = nativeHashes, onBlock }: CarImportOptions = {},
): Promise<CarImported> {
  const puts = new Puts(store, signal)
  const added: CID[] = []
  let [blocks, bytes] = [0, 0]
  try {
    const car = await openCar(source, { signal })
    for await (const block of car.blocks) {
      refuseAborted(signal)
      await verifyBlock(block.cid, block.bytes, hashes)
      blocks++
      bytes += block.bytes.length
      if (!isIdentity(block.cid) && !(await store.has(block.cid))) {
        added.push(block.cid)
        await puts.put(block.cid, block.bytes)
      }
      onBlock?.(block.cid, block.bytes.length)
      await pause(block.bytes.length)
    }
    await puts.settle()
    return { roots: car.roots, blocks, bytes, added: added.length }
  } catch (error) {
    await puts.settle().catch(() => {})
    // spec: CAR-3
    for (const cid of added) await store.delete(cid)
    throw error
  }
}
