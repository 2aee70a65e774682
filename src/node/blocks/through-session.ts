/**
 * Blocks read by a session of their own, as `interface-blockstore` gives them.
 *
 * Floor: node.
 */
import type { Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { oneChunk } from './chunks.ts'
import type { FetchSession } from './types.ts'

export async function* getOne(session: FetchSession, cid: CID): AsyncGenerator<Uint8Array> {
  try {
    yield await session.get(cid)
  } finally {
    await session.close()
  }
}

export async function* getEach(
  session: FetchSession,
  source: Iterable<CID> | AsyncIterable<CID>,
): AsyncGenerator<Pair> {
  try {
    for await (const cid of source) yield { cid, bytes: oneChunk(await session.get(cid)) }
  } finally {
    await session.close()
  }
}
