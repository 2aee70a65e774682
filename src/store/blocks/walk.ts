/**
 * All that some blocks lead to, each block once, without recursion.
 *
 *   root ─▶ stack of what is still to see ─▶ read ─▶ links ─▶ those not marked yet, on the stack
 *
 * A block is marked when it goes on the stack, so the stack never holds one twice: it is
 * bounded by the number of blocks on the shelf, and so is the walk, whatever a DAG looks like.
 * Raw blocks lead nowhere and are not read.
 *
 * Refuses to go on over a gap: what is not here may have led anywhere.
 *
 * Floor: store. Faults: BX-08.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { formatCid, isIdentity } from '../../wire/cid.ts'
import { contentCodecs } from '../../wire/registry.ts'
import type { Marks } from './marks.ts'
import type { Kept } from './shelf.ts'
import { type ProgressOptions, refuseAborted } from './waiting.ts'

export interface WalkOptions extends ProgressOptions {
  readonly find: (cid: CID) => Kept | undefined | Promise<Kept | undefined>
  readonly read: (cid: CID) => Promise<Uint8Array | undefined>
  readonly links: (cid: CID, bytes: Uint8Array) => readonly CID[]
}

/** Marks what `root` leads to, itself included. GH_BLOCK_MISSING names the block and the root. */
export async function markAll(root: CID, marks: Marks, options: WalkOptions): Promise<number> {
  const stack: CID[] = []
  let seen = 0
  const reach = async (cid: CID): Promise<void> => {
    if (isIdentity(cid)) {
      // Its bytes are in the name, so a walk through them ends; deeper than its 128 bytes it cannot nest.
      if (cid.code !== contentCodecs.RAW) stack.push(cid)
      return
    }
    const found = options.find(cid)
    const kept = found instanceof Promise ? await found : found
    if (kept === undefined) throw gap(cid, root)
    if (marks.add(kept.number)) {
      seen++
      if (cid.code !== contentCodecs.RAW) stack.push(cid)
    }
  }
  await reach(root)
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    refuseAborted(options.signal)
    const bytes = await options.read(next)
    if (bytes === undefined) throw gap(next, root)
    for (const link of options.links(next, bytes)) await reach(link)
    options.onProgress?.({ blocks: seen })
  }
  return seen
}

function gap(cid: CID, root: CID): GuildError {
  const from = cid === root ? '' : `, which ${formatCid(root)} leads to; get it again, or unpin what needs it`
  return new GuildError('GH_BLOCK_MISSING', `${formatCid(cid)}${from}`)
}
