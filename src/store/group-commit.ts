/**
 * Group commit: what is asked for in one turn of the event loop becomes durable in one transaction.
 *
 *   do(a) ─┐
 *   do(b) ─┼─▶ BEGIN  a  b  c  COMMIT ─▶ a, b and c resolve
 *   do(c) ─┘
 *
 * A commit waits for the disk, so its price is per transaction: alone each row pays all of it,
 * a thousand together pay it once. A promise resolves after the COMMIT returned, never before.
 *
 * A piece of work that throws is undone alone and fails alone. What ends the transaction as a
 * whole (the disk is full, the commit failed) fails all of them: none of them is durable.
 *
 * Refuses nothing; when `items` wait, they are committed at once, so no queue can grow.
 *
 * Floor: store. Faults: LG-02, LG-03.
 */
import { GuildError } from '../base/errors.ts'
import type { Sqlite } from './sqlite.ts'

export interface GroupOptions {
  /** Most pieces of work in one transaction. Default 1,000. */
  readonly items?: number
  /** How long the first may wait for company, in milliseconds. Default 0: until this turn has ended. */
  readonly milliseconds?: number
}

export interface Group {
  /** Runs `work` within the next transaction. Its value, once that is durable. */
  do<T>(work: () => T): Promise<T>
  /** Commits what waits, now. */
  flush(): void
  /** Commits what waits and takes no more: GH_STORE_FAILED. */
  close(): void
}

interface Item {
  readonly work: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

export function grouped(db: Sqlite, { items = 1_000, milliseconds = 0 }: GroupOptions = {}): Group {
  let waiting: Item[] = []
  let cancel: (() => void) | undefined
  let closed = false

  const flush = (): void => {
    cancel?.()
    cancel = undefined
    const batch = waiting
    waiting = []
    if (batch.length > 0) commit(db, batch)
  }
  return {
    do<T>(work: () => T): Promise<T> {
      if (closed) return Promise.reject(new GuildError('GH_STORE_FAILED', `${db.path} is closed`))
      return new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: resolve as (value: unknown) => void, reject })
        if (waiting.length >= items) flush()
        else cancel ??= later(flush, milliseconds)
      })
    },
    flush,
    close() {
      closed = true
      flush()
    },
  }
}

function later(flush: () => void, milliseconds: number): () => void {
  if (milliseconds > 0) {
    const timer = setTimeout(flush, milliseconds)
    return () => clearTimeout(timer)
  }
  const immediate = setImmediate(flush)
  return () => clearImmediate(immediate)
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

function commit(db: Sqlite, batch: readonly Item[]): void {
  let outcomes: Outcome[]
  try {
    outcomes = db.transaction(() => batch.map(item => attempt(db, item)))
  } catch (error) {
    for (const item of batch) item.reject(error)
    return
  }
  for (const [at, item] of batch.entries()) {
    const outcome = outcomes[at]!
    if ('error' in outcome) item.reject(outcome.error)
    else item.resolve(outcome.value)
  }
}

/** One piece of work inside a savepoint of its own. Throws only what has ended the whole transaction. */
function attempt(db: Sqlite, { work }: Item): Outcome {
  db.prepare('SAVEPOINT item').run()
  try {
    const value = db.read(work)
    db.prepare('RELEASE item').run()
    return { value }
  } catch (error) {
    if (!db.inTransaction || db.suspect) throw error
    db.prepare('ROLLBACK TO item').run()
    db.prepare('RELEASE item').run()
    return { error }
  }
}
