/**
 * A short-lived node and its peers: it calls those it was told of, and waits a moment for theirs.
 *
 * Floor: cli.
 */
import type { CliNode } from './api.ts'

/** In milliseconds: no new peer for this long, and everybody is there; or this long in all. */
const QUIET = 300
const SETTLED = 2_000

/** The first that succeeds; when none does, the first failure: it names the address that was given first. */
export async function anyOf<T>(work: readonly Promise<T>[]): Promise<T> {
  try {
    return await Promise.any(work)
  } catch (error) {
    throw (error as AggregateError).errors[0]
  }
}

export async function settled(node: CliNode, signal: AbortSignal): Promise<void> {
  const end = performance.now() + SETTLED
  while (performance.now() < end && (await nextPeer(node, QUIET, signal)));
}

/** True once another peer is linked, false when the time is over. */
export function nextPeer(node: CliNode, wait: number, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve(false)
    const done = (came: boolean) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', enough)
      resolve(came)
    }
    const enough = () => done(false)
    const timer = setTimeout(enough, wait)
    signal.addEventListener('abort', enough, { once: true })
    node.on('peer-connected', () => done(true))
  })
}
