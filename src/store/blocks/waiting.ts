/**
 * Small things that wait: a signal asked, one at a time, so many at a time.
 *
 * Floor: store.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { GuildError } from '../../base/errors.ts'
import { limits } from '../../wire/limits.ts'
import type { BlockBytes } from './types.ts'

export type { ProgressOptions } from './types.ts'

/** GH_ABORTED once the signal has fired. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new GuildError('GH_ABORTED', 'of the block store', { cause: signal.reason })
}

/** Lets everybody else have a turn. */
export async function breathe(): Promise<void> {
  await turn()
}

/** Work of which at most `most` runs at a time; the rest waits in its order. */
export function atMost(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async work => {
    if (running >= most) await new Promise<void>(go => waiting.push(go))
    else running++
    try {
      return await work()
    } finally {
      // The place is handed on, so nobody slips in between.
      const next = waiting.shift()
      if (next === undefined) running--
      else next()
    }
  }
}

/** One block in one piece. GH_BLOCK_TOO_LARGE as soon as its chunks are too many. */
export async function gather(bytes: BlockBytes): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) {
    refuseLarge(bytes.length)
    return bytes
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of bytes) {
    length += chunk.length
    refuseLarge(length)
    chunks.push(chunk)
  }
  if (chunks.length === 1) return chunks[0]!
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

function refuseLarge(length: number): void {
  if (length > limits.block)
    throw new GuildError('GH_BLOCK_TOO_LARGE', `${length} bytes, at most ${limits.block}`)
}
