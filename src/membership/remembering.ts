/**
 * What of the address book outlives a restart, and how it comes back.
 *
 *   book ── remembered ──▶ [ linked, longest first ][ met, latest first ] ──▶ file
 *   file ── believed ────▶ the same, times clamped, what is too old left out ──▶ book
 *
 * Remembered are addresses of peers that proved who they are: we reached them there, or they
 * came from there and said that they listen. Gossip is not: whoever planted it would find it
 * planted again. The order is that of importance, and the first peers are the anchors.
 *
 * Times come from a file, and so from a clock that may have been wrong: the future counts as
 * now, what is older than a week is forgotten (spec: BOOK-3, PT-08, PT-12; E18).
 *
 * Pure functions. Floor: membership. Page: protocol/peerbook.md.
 */
import type { Millis } from '../base/machine.ts'
import type { Address } from '../wire/address.ts'
import type { AddressBook, Entry } from './address-book.ts'
import { defaults } from './defaults.ts'

/** One address as it is kept over a restart. The address holds the peer id. */
export interface Remembered {
  readonly address: Address
  /** When a link to the peer was last known to stand. */
  readonly metAt: Millis
  /** When a dial of ours last succeeded there. */
  readonly reachedAt?: Millis | undefined
}

export interface Remembering {
  /** Since when a peer is linked; undefined when it is not. */
  readonly linkedSince: (peerId: string) => Millis | undefined
  /** A person parted from it: not to be dialled again after a restart either. */
  readonly parted: (peerId: string) => boolean
  readonly now: Millis
}

/** The most important first. */
export function remembered(book: AddressBook, { linkedSince, parted, now }: Remembering): Remembered[] {
  const rows: { readonly row: Remembered; readonly since: Millis; readonly tries: number }[] = []
  for (const { address, peerId, self, metAt, lastSuccess, failures } of book.entries()) {
    if (metAt === undefined || peerId === undefined || self || parted(peerId)) continue
    const since = linkedSince(peerId)
    const row = {
      address: { ...address, peerId },
      metAt: since === undefined ? metAt : now,
      ...(lastSuccess === undefined ? {} : { reachedAt: lastSuccess }),
    }
    if (now - row.metAt <= defaults.retention)
      rows.push({ row, since: since ?? Number.POSITIVE_INFINITY, tries: failures })
  }
  // Longest linked first; then what was met last; of one peer what was reached before what only came.
  rows.sort(
    (a, b) =>
      order(a.since, b.since) ||
      order(b.row.metAt, a.row.metAt) ||
      a.tries - b.tries ||
      order(b.row.reachedAt ?? Number.NEGATIVE_INFINITY, a.row.reachedAt ?? Number.NEGATIVE_INFINITY),
  )
  return rows.map(({ row }) => row)
}

/** What of a file is worth having, its times made sense of. */
export function believed(rows: readonly Remembered[], now: Millis): Remembered[] {
  const clamp = (at: Millis): Millis => Math.min(at, now)
  return rows
    .filter(({ metAt }) => now - metAt <= defaults.retention)
    .map(({ address, metAt, reachedAt }) => ({
      address,
      metAt: clamp(metAt),
      reachedAt: reachedAt === undefined ? undefined : clamp(reachedAt),
    }))
}

/** Nobody has met or heard of the peer there for so long that it may go. */
export function isForgotten({ metAt, heardAt }: Entry, now: Millis): boolean {
  return now - (metAt ?? heardAt) > defaults.retention
}

/** The difference of infinities is not a number. */
function order(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}
