/**
 * A stream that ends when its caller gives up.
 *
 * Floor: node.
 */
import { GuildError } from '../../base/errors.ts'
import type { GuildStream } from '../guild-stream.ts'

/** Ends the stream when its caller gives up; call what it returns when there is nothing left to end. */
export function leaveOn(stream: GuildStream, signal: AbortSignal | undefined, what: string): () => void {
  const leave = (): void => void stream.destroy(new GuildError('GH_ABORTED', what, { cause: signal?.reason }))
  if (signal?.aborted) leave()
  else signal?.addEventListener('abort', leave, { once: true })
  return () => signal?.removeEventListener('abort', leave)
}
