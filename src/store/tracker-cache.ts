/**
 * Whom trackers told of: the table `peer_book`, for the day when no tracker answers.
 *
 *   a list came ─▶ rows, with the time of now        a week without a word ─▶ the row goes
 *   no list came ─▶ the rows of our user, the latest first
 *
 * It stands beside `peers.json` (`peerbook.ts`), and holds another thing: there are the peers whom
 * this node has met itself, here are claims of trackers, by user. So the one needs no database, and
 * the other can be thrown away.
 *
 * A row that has not changed is written again once an hour, so that a list that comes every half
 * minute does not wear out a disk.
 *
 * Floor: store. Page: protocol/peerbook.md (spec: BOOK-6).
 */
import type { WallMillis } from '../base/machine.ts'
import type { Sqlite } from './sqlite.ts'

export interface ToldPeer {
  readonly peerId: string
  readonly userId: string | undefined
  /** Multiaddrs. */
  readonly addrs: readonly string[]
}

/** Seven days (E18). */
export const RETENTION = 604_800_000
const ROWS_MAX = 1_000
const REWRITE = 3_600_000

export class TrackerCache {
  readonly #db: Sqlite
  /** What was last written of a peer, and when. */
  readonly #written = new Map<string, { readonly what: string; readonly at: WallMillis }>()

  constructor(db: Sqlite) {
    this.#db = db
  }

  /** A tracker's list. Answers how many rows were written. */
  keep(peers: readonly ToldPeer[], now: WallMillis): number {
    const fresh = peers.slice(0, ROWS_MAX).filter(peer => {
      const before = this.#written.get(peer.peerId)
      return before?.what !== textOf(peer) || now - before.at >= REWRITE || before.at > now
    })
    if (fresh.length === 0) return 0
    this.#db.transaction(() => {
      const put = this.#db.prepare(
        'REPLACE INTO peer_book (peer_id, user_id, addrs, heard_at) VALUES (?, ?, ?, ?)',
      )
      for (const { peerId, userId, addrs } of fresh)
        put.run(peerId, userId ?? null, JSON.stringify(addrs), now)
      this.#db.prepare('DELETE FROM peer_book WHERE heard_at < ?').run(now - RETENTION)
      this.#db
        .prepare(
          'DELETE FROM peer_book WHERE peer_id IN (SELECT peer_id FROM peer_book ORDER BY heard_at DESC LIMIT -1 OFFSET ?)',
        )
        .run(ROWS_MAX)
    })
    for (const peer of fresh) this.#written.set(peer.peerId, { what: textOf(peer), at: now })
    // Of peers that are gone for good nothing need be known here.
    if (this.#written.size > 2 * ROWS_MAX) this.#written.clear()
    return fresh.length
  }

  /** Of this user, or of everybody; those heard of last stand first. A time in the future counts as now. */
  recall(userId: string | undefined, now: WallMillis): ToldPeer[] {
    const rows = this.#db.read(() =>
      this.#db
        .prepare(
          `SELECT peer_id, user_id, addrs FROM peer_book
           WHERE heard_at >= ? AND (? IS NULL OR user_id = ?) ORDER BY heard_at DESC, peer_id LIMIT ?`,
        )
        .all(now - RETENTION, userId ?? null, userId ?? null, ROWS_MAX),
    ) as { peer_id: string; user_id: string | null; addrs: string }[]
    return rows.flatMap(({ peer_id: peerId, user_id: user, addrs }) => {
      const list = addrsOf(addrs)
      return list.length === 0 ? [] : [{ peerId, userId: user ?? undefined, addrs: list }]
    })
  }
}

function textOf({ userId, addrs }: ToldPeer): string {
  return JSON.stringify([userId ?? null, addrs])
}

/** What is in a file may be of another hand. */
function addrsOf(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value.filter(one => typeof one === 'string') : []
  } catch {
    return []
  }
}
