/**
 * Entries of others, on their way into the log: proved in steps, stored at once.
 *
 *   entries ─▶ a step of hashes and signatures ─▶ a turn for everybody else ─▶ … ─▶ insert
 *
 * A step takes some milliseconds, so chat and pings wait no longer for a page than that.
 *
 * Floor: node. Faults: LG-06, LG-07.
 */
import type { Suite } from '../../base/ports.ts'
import { Proof } from '../../protocols/sync/proof.ts'
import type { Drive } from '../../runtime/drive.ts'
import type { Fork, Inserted, LogStore, PullPlace } from '../../store/log/types.ts'
import type { LogEntry } from '../../wire/log-entry.ts'

export interface IngestOptions {
  readonly store: LogStore
  readonly suite: Suite
  readonly drive: Drive
  /** The log has grown by so many, from this peer. */
  readonly grown: (count: number, peerId: string) => void
  readonly forked: (fork: Fork) => void
}

export class Ingest {
  readonly #options: IngestOptions

  constructor(options: IngestOptions) {
    this.#options = options
  }

  /** GH_LOG_ENTRY and GH_LOG_GAP are the peer's doing, GH_STORE_* the disk's: nothing was stored. */
  async take(peerId: string, entries: readonly LogEntry[], place?: PullPlace): Promise<Inserted> {
    const { store, suite, drive, grown, forked } = this.#options
    const proof = new Proof(suite, entries)
    let proved = proof.step()
    while (proved === undefined) {
      await new Promise<void>(resolve => drive.defer(resolve))
      proved = proof.step()
    }
    const inserted = store.insert(proved, place && { peerId, place })
    for (const fork of inserted.forks) forked(fork)
    if (inserted.fresh > 0) grown(inserted.fresh, peerId)
    return inserted
  }
}
