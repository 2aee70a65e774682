/**
 * Codecs: which links a block has.
 *
 *   raw        none                       dag-pb     its Links, in order
 *   identity   by its codec, like any     dag-cbor   each tag 42, in order
 *   any other  none: it is carried, and nobody looks into it (spec: BLOCK-4)
 *
 * What does not decode is refused with GH_BLOCK_INVALID, whoever wrote it, in time and memory that
 * the block's own length bounds.
 *
 * Page: protocol/block.md · Vectors: ipld/codec-fixtures, neg-dag-pb-decode-edges · Faults: CB-01, CB-02
 * Floor: content.
 */
import { decode, type PBNode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { GuildError } from '../base/errors.ts'
import { contentCodecs } from '../wire/registry.ts'
import { cborLinks, LINKS_MAX } from './cbor.ts'

const linksBy: Readonly<Record<number, (bytes: Uint8Array) => CID[]>> = {
  [contentCodecs.DAG_PB]: bytes => decodeDagPb(bytes).Links.map(link => link.Hash),
  [contentCodecs.DAG_CBOR]: cborLinks,
}

/** The links of a block, as often and in the order as they stand there. */
export function linksOf(cid: CID, bytes: Uint8Array): CID[] {
  return linksBy[cid.code]?.(bytes) ?? []
}

/** May a block of this codec link to others, as far as we can tell? */
export function hasLinks(cid: CID): boolean {
  return linksBy[cid.code] !== undefined
}

/** A dag-pb node: its data and its links. */
export function decodeDagPb(bytes: Uint8Array): PBNode {
  countLinks(bytes)
  try {
    return decode(bytes)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error))
  }
}

/** The decoder makes an object of each link: their number is looked at first. */
function countLinks(bytes: Uint8Array): void {
  let links = 0
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] === 0x12 && ++links > LINKS_MAX) throw invalid(`more than ${LINKS_MAX} links`)
    let length = 0
    let scale = 1
    do {
      at++
      if (at >= bytes.length || scale > 2 ** 28) return // the decoder will say what is wrong
      length += (bytes[at]! & 0x7f) * scale
      scale *= 128
    } while (bytes[at]! >= 0x80)
    at += 1 + length
  }
}

function invalid(why: string): GuildError {
  return new GuildError('GH_BLOCK_INVALID', `dag-pb: ${why}`)
}
