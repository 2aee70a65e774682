/**
 * A fetch as the source that readers of content take.
 *
 * The last few mebibytes stay: a reader of folders looks at the first block of each file, and
 * asks for it again a moment later to write it.
 *
 * Floor: node.
 */
import { setMaxListeners } from 'node:events'
import type { CID } from 'multiformats/cid'
import type { BlockSource } from '../../content/block.ts'
import { blockKey } from '../../wire/cid.ts'
import type { FetchSession } from './types.ts'

/** Bytes. */
const KEPT = 8 * 1024 * 1024

export function sourceOf(session: FetchSession, signal?: AbortSignal): BlockSource {
  if (signal !== undefined) setMaxListeners(0, signal)
  const recent = new Map<string, Uint8Array>()
  let held = 0
  return {
    async *get(cid: CID, options?: { signal?: AbortSignal }): AsyncGenerator<Uint8Array> {
      const key = blockKey(cid)
      // Each block that is asked for ahead listens to it, and they are many.
      if (options?.signal !== undefined) setMaxListeners(0, options.signal)
      const known = recent.get(key)
      if (known !== undefined) return yield known
      const bytes = await session.get(cid, options)
      if (!recent.has(key)) {
        recent.set(key, bytes)
        held += bytes.length
      }
      for (const [oldest, block] of recent) {
        if (held <= KEPT) break
        recent.delete(oldest)
        held -= block.length
      }
      yield bytes
    },
  }
}
