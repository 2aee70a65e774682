/**
 * A block that is not here, said so that callers of both kinds notice.
 *
 * Programs of that ecosystem look at the name of the error, ours at its code.
 *
 * Floor: store.
 */
import type { CID } from 'multiformats/cid'
import { GuildError } from '../../base/errors.ts'
import { formatCid } from '../../wire/cid.ts'

export class BlockMissing extends GuildError {
  override readonly name: string = 'NotFoundError'
  constructor(cid: CID) {
    super('GH_BLOCK_MISSING', formatCid(cid))
  }
}
