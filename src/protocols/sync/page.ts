/**
 * One page of a log, cut where everything in it is proved.
 *
 *   a1  a2  a3*  b1*  a4  a5*          * signed; a1 and a2 are proved by a3
 *   └──────────┘ └──┘ └─────┘          a page ends behind a3, b1 or a5, and nowhere else
 *
 * Whoever gets a page has to be able to prove it by what is in it. So it ends where no entry waits for
 * one behind it: the last such place within what was asked for, or, where the first group alone is
 * larger, behind that group (spec: SYNC-5).
 *
 * Each entry is hashed on its way out: a byte that the disk changed is found here, and is
 * nobody else's trouble (faults: LG-09).
 *
 * Page: protocol/sync.md · Floor: protocols.
 */
import { copy, equal } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Suite } from '../../base/ports.ts'
import { limits } from '../../wire/limits.ts'
import { decodeEntry, type LogEntry } from '../../wire/log-entry.ts'
import type { Head } from '../../wire/sync.ts'
import { keyOf } from './proof.ts'

/** A row of a log, as the stores have it. */
export interface PageRow {
  readonly ingestSeq: number
  readonly author: number
  readonly authorSeq: number
  readonly bytes: Uint8Array
}

/** What answering asks of a log. */
export interface LogView {
  readonly epoch: Uint8Array
  readonly head: number
  read(after: number, count: number): readonly PageRow[]
  covered(have: readonly Head[]): ReadonlyMap<number, number>
}

export const defaults = {
  /** A page stops here, whatever was asked for: less than a turn of the event loop should take. */
  bytes: 1024 * 1024,
  /** Rows read at a time. */
  rows: 256,
} as const

export interface PageOptions {
  /** Most entries; a group that is larger comes whole. */
  readonly limit: number
  /** Most bytes of them. Default 1 MiB. */
  readonly bytes?: number
  /** The reader has it already. */
  readonly skip?: (row: PageRow) => boolean
  /** False: the page ends before this entry. */
  readonly wanted?: (entry: LogEntry) => boolean
}

export interface Page {
  readonly entries: readonly Uint8Array[]
  /** Where the page ends, and the id there; undefined at 0. */
  readonly next: number
  readonly last: Uint8Array | undefined
}

/** GH_LOG_DAMAGED for an entry that is not what was stored. */
export function cutPage(
  log: Pick<LogView, 'read'>,
  after: number,
  hash: Suite['hash'],
  { limit, bytes = defaults.bytes, skip, wanted }: PageOptions,
): Page {
  const entries: Uint8Array[] = []
  /** Entries that wait for one behind them: the newest, and the ends of other chains. */
  let waits: Uint8Array | undefined
  const open = new Set<string>()
  let whole = { count: 0, next: after, last: undefined as Uint8Array | undefined }
  let size = 0
  let [at, looked] = [after, 0]
  for (;;) {
    const rows = log.read(at, Math.min(defaults.rows, limits.syncEntries - looked))
    for (const row of rows) {
      at = row.ingestSeq
      looked++
      const entry = readRow(row, hash)
      if (wanted?.(entry) === false) return page(entries, whole)
      if (skip?.(row) !== true) {
        const full = entries.length + 1 > limit || size + entry.bytes.length > bytes
        if (full && whole.next > after) return page(entries, whole)
        if (size + entry.bytes.length > limits.syncBatch / 2)
          throw new GuildError('GH_SYNC_TOO_LARGE', `the group behind ${after}`)
        entries.push(entry.bytes)
        size += entry.bytes.length
        if (waits !== undefined && entry.prev !== undefined && equal(entry.prev, waits)) waits = undefined
        else if (entry.prev !== undefined && open.size > 0) open.delete(keyOf(entry.prev))
        if (entry.signature.length === 0) {
          if (waits !== undefined) open.add(keyOf(waits))
          waits = entry.id
        }
      }
      if (waits === undefined && open.size === 0) whole = { count: entries.length, next: at, last: entry.id }
    }
    if (rows.length === 0 || looked >= limits.syncEntries) return page(entries, whole)
  }
}

/** The entry of a row; GH_LOG_DAMAGED where it is another than was stored. */
export function readRow({ ingestSeq, authorSeq, bytes }: PageRow, hash: Suite['hash']): LogEntry {
  let entry: LogEntry
  try {
    entry = decodeEntry(bytes)
  } catch (error) {
    throw new GuildError('GH_LOG_DAMAGED', `entry ${ingestSeq}`, { cause: error })
  }
  if (entry.authorSeq !== authorSeq || !equal(hash(...entry.signed), entry.id))
    throw new GuildError('GH_LOG_DAMAGED', `entry ${ingestSeq}`)
  return entry
}

function page(
  entries: readonly Uint8Array[],
  { count, next, last }: { count: number; next: number; last: Uint8Array | undefined },
): Page {
  return { entries: entries.slice(0, count), next, last: last && copy(last) }
}
