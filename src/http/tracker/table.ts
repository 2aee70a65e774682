/**
 * Who is registered: one row a peer, gone when its time to live has passed without a word.
 *
 *   registration ─▶ who vouches? ─▶ not older than the last? ─▶ room? ─▶ row, freshest last
 *                       │                   │                    │
 *                    unsigned             stale            full · crowded
 *
 * A row that stands by a signature is only replaced by one that is signed too, and later. What was
 * signed is remembered beyond the row, for as long as its time would still be taken: so nobody who
 * has heard a registration brings an old one back (spec: TRACKER-3).
 *
 * Bounds (spec: TR-07): rows in all, rows that came from one place. A peer that is registered
 * always renews. Times are those of a clock that only goes forward; the wall clock's only end up in
 * `lastSeen`, so that a jump of it ends nobody.
 *
 * No I/O. Floor: http. Page: protocol/tracker.md (spec: TRACKER-4).
 */
import { encodeListedPeer, type Registration, trackerLimits } from '../../wire/tracker.ts'

export interface TableLimits {
  /** Rows in all, and so of one token. */
  readonly rows: number
  readonly rowsPerPlace: number
}

export const tableLimits: TableLimits = { rows: 4_096, rowsPerPlace: 256 }

/** A row as it is kept over a restart. */
export interface KeptRow extends Registration {
  readonly place: string
  /** Milliseconds since 1970. */
  readonly seen: number
  /** What the peer said when it signed, by its clock; absent: it did not sign. */
  readonly signedAt?: number
}

interface Row extends KeptRow {
  /** On the clock that only goes forward. */
  readonly until: number
  readonly json: string
}

export type Admission = 'taken' | 'stale' | 'unsigned' | 'full' | 'crowded'

export class Table {
  readonly #ttl: number
  readonly #limits: TableLimits
  /** In the order of their last registration, which is that of their end. */
  readonly #rows = new Map<string, Row>()
  readonly #places = new Map<string, number>()
  /** Of rows that are gone: what was signed last, and until when that matters. */
  readonly #signed = new Map<string, { readonly at: number; readonly until: number }>()

  /** `ttl` in milliseconds. */
  constructor(ttl: number, limits: TableLimits = tableLimits) {
    this.#ttl = ttl
    this.#limits = limits
  }

  get size(): number {
    return this.#rows.size
  }

  get places(): number {
    return this.#places.size
  }

  admit(row: KeptRow, now: number): Admission {
    const { peerId, place, signedAt } = row
    const old = this.#rows.get(peerId)
    const before = old?.signedAt ?? this.#signed.get(peerId)?.at
    if (signedAt === undefined && old?.signedAt !== undefined) return 'unsigned'
    if (signedAt !== undefined && before !== undefined && signedAt < before) return 'stale'
    if (old === undefined && this.#rows.size >= this.#limits.rows) return 'full'
    const crowd = this.#places.get(place) ?? 0
    if (old?.place !== place && crowd >= this.#limits.rowsPerPlace) return 'crowded'
    if (old !== undefined) this.#remove(old)
    this.#put(row, now)
    return 'taken'
  }

  /** A row of an earlier run: its peer has a whole time to live to be heard of again. */
  restore(row: KeptRow, now: number): void {
    this.#put(row, now)
  }

  /** Drops what has passed; answers whose rows those were. */
  expire(now: number): string[] {
    const gone: string[] = []
    for (const row of this.#rows.values()) {
      if (row.until > now) break
      this.#remove(row)
      gone.push(row.peerId)
      if (row.signedAt !== undefined)
        this.#signed.set(row.peerId, { at: row.signedAt, until: now + 2 * trackerLimits.clock })
    }
    for (const [peerId, { until }] of this.#signed) {
      if (until > now && this.#signed.size <= this.#limits.rows) break
      this.#signed.delete(peerId)
    }
    return gone
  }

  /** Rows as JSON, the freshest first: of one user, or of everybody. */
  list(userId: string | undefined): string[] {
    const out: string[] = []
    let bytes = '{"peers":[]}'.length
    for (const { meta, json } of [...this.#rows.values()].reverse()) {
      if (userId !== undefined && meta.user_id !== userId) continue
      bytes += Buffer.byteLength(json) + 1
      if (out.length === trackerLimits.rows || bytes > trackerLimits.list) break
      out.push(json)
    }
    return out
  }

  #put(row: KeptRow, now: number): void {
    const { peerId, place, seen } = row
    const json = encodeListedPeer({ ...row, lastSeen: Math.max(0, Math.floor(seen / 1000)) })
    this.#rows.set(peerId, { ...row, until: now + this.#ttl, json })
    this.#signed.delete(peerId)
    this.#places.set(place, (this.#places.get(place) ?? 0) + 1)
  }

  #remove({ peerId, place }: Row): void {
    this.#rows.delete(peerId)
    const left = this.#places.get(place)! - 1
    if (left === 0) this.#places.delete(place)
    else this.#places.set(place, left)
  }
}
