/**
 * Reading ahead, in order: the next things are asked for before the first of them is taken.
 *
 *   items   a  b  c  d  e  f …
 *           │  └──┴──┴── under way, at most `window`
 *           └─ taken next, however the others come in
 *
 * So a walk over a store that is far away is limited by what the way can carry, and not by how long
 * one question takes. Whoever stops taking stops the asking; what was asked for and is not taken is
 * let go.
 *
 * Floor: content.
 */
/** Blocks asked for ahead of the one that is read. */
export const WINDOW = 32

/** `work` of each item, in the order of the items, up to `window` at once. */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<Result>,
  window: number = WINDOW,
): AsyncGenerator<Result> {
  const underway: Promise<Result>[] = []
  for (const item of items) {
    underway.push(quiet(work(item)))
    if (underway.length >= Math.max(1, window)) yield await underway.shift()!
  }
  while (underway.length > 0) yield await underway.shift()!
}

/** A failure is thrown where the promise is awaited, and nowhere if it never is. */
export function quiet<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => {})
  return promise
}

export interface Stop {
  readonly signal: AbortSignal
  /** Lets go of what was asked for; harmless when all has come. */
  now(): void
}

/** A signal of our own that also hears the caller's. */
export function follow(caller: AbortSignal | undefined): Stop {
  const own = new AbortController()
  const abort = (): void => own.abort(caller?.reason)
  if (caller?.aborted === true) abort()
  else caller?.addEventListener('abort', abort, { once: true })
  return {
    signal: own.signal,
    now() {
      caller?.removeEventListener('abort', abort)
      own.abort()
    },
  }
}
