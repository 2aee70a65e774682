/**
 * CAR files, written: version 1, the roots and every block below them once, depth first.
 *
 * The order follows from the roots alone, so the same roots give the same file everywhere. A block
 * that is missing ends it with GH_BLOCK_MISSING; what was written until then is no whole file, and
 * whoever writes it to a disk must not give it its name yet.
 *
 * Page: protocol/block.md (spec: CAR-4) · Floor: content.
 */
import { encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { concat } from '../../base/bytes.ts'
import { leb128Length, writeLeb128 } from '../../base/varint.ts'
import { checkCid } from '../../wire/cid.ts'
import type { BlockSource } from '../block.ts'
import { type WalkOptions, walk } from '../walk.ts'

export interface CarProgress extends Omit<WalkOptions, 'order' | 'onMissing'> {
  readonly onBlock?: ((cid: CID, length: number) => void) | undefined
}

export async function* exportCar(
  source: BlockSource,
  roots: readonly CID[],
  options: CarProgress = {},
): AsyncGenerator<Uint8Array> {
  for (const root of roots) checkCid(root)
  yield carHeader(roots)
  for await (const { cid, bytes } of walk(source, roots, options)) {
    yield sectionHead(cid, bytes.length)
    yield bytes
    options.onBlock?.(cid, bytes.length)
  }
}

export function carHeader(roots: readonly CID[]): Uint8Array {
  const header = encode({ roots: [...roots], version: 1 })
  return concat(prefix(header.length), header)
}

/** What stands before the bytes of a block. */
export function sectionHead(cid: CID, length: number): Uint8Array {
  return concat(prefix(cid.bytes.length + length), cid.bytes)
}

function prefix(length: number): Uint8Array {
  const out = new Uint8Array(leb128Length(length))
  writeLeb128(out, 0, length)
  return out
}
