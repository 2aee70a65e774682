/**
 * Between the chunks of `interface-blockstore` 7 and the one piece a block is.
 *
 * Floor: node.
 */
import { concat } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { limits } from '../../wire/limits.ts'

/** The bytes of a block in one piece, at most 2 MiB of them. */
export async function together(
  bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytes) {
    length += chunk.length
    if (length > limits.block)
      throw new GuildError('GH_BLOCK_TOO_LARGE', `${length} bytes and more, at most ${limits.block}`)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? chunks[0]! : concat(...chunks)
}

export async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
