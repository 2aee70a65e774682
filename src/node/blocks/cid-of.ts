/**
 * The CID of a block: its bytes, hashed with SHA-256.
 *
 * Floor: node.
 */
import { GuildError } from '../../base/errors.ts'
import type { CID } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import { contentCodecs } from '../../wire/registry.ts'

const codecs = {
  raw: contentCodecs.RAW,
  'dag-pb': contentCodecs.DAG_PB,
  'dag-cbor': contentCodecs.DAG_CBOR,
} as const

/** Version 1. GH_BLOCK_TOO_LARGE above 2 MiB. */
export async function cidOf(
  bytes: Uint8Array,
  { codec = 'raw' }: { readonly codec?: keyof typeof codecs } = {},
): Promise<CID> {
  if (!Object.hasOwn(codecs, codec))
    throw new GuildError('GH_OPTION_INVALID', `codec: there is ${Object.keys(codecs).join(', ')}`)
  if (bytes.length > limits.block)
    throw new GuildError('GH_BLOCK_TOO_LARGE', `${bytes.length} bytes, at most ${limits.block}`)
  const { sha256Cid } = await import('../../content/block.ts')
  return sha256Cid(codecs[codec], bytes)
}
