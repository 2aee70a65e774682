/**
 * Two links to one peer: which one stays?
 *
 *   new link to a peer, we have …            lower PeerId        higher PeerId
 *   ---------------------------------------------------------------------------
 *   no active link                           only                only
 *   one to another static key                replace             replace
 *   one older than 10 s (lower), 20 s        replace             replace
 *   a younger one, the new one came in       duplicate           keep
 *   a younger one, the new one went out      drain               keep
 *
 * The lower PeerId decides and keeps the link that it saw established first; the
 * higher keeps both until a DRAIN tells it which. One side decides, so the two can
 * never disagree, whatever the order in which things arrive (spec: HS-16).
 *
 * Why the lower side may refuse a second inbound link outright: it calls a link
 * established when it admitted the peer (which then hears ACCEPTED, or loses the
 * link) or heard ACCEPTED itself (the peer admitted it). Either way the first link
 * stands at both ends. Only its own dial, whose message 3 was out before the first
 * link stood, has been let in over there and must be drained.
 *
 * Another static key is another process (decision 6): the old one is dead. An old
 * link of the same process is dead at the other end, for nobody dials a peer it is
 * linked to; the ages are above the time a handshake may take, and twice that at
 * the side that does not decide.
 *
 * Refuses: more than two links to one peer, at either side.
 * Floor: membership. Page: protocol/membership.md (spec: MEM-7, DRAIN-1, HAND-16), decisions 6 and 13.
 */
import { compare } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import { defaults } from './defaults.ts'

/**
 * - `only`: the peer had no active link;
 * - `replace`: close the others at once, keep the new one;
 * - `duplicate`: refuse the new one (only ever said of an inbound link);
 * - `drain`: let the new one in and drain it;
 * - `keep`: let it in beside the other and wait for the peer's DRAIN.
 */
export type Verdict = 'only' | 'replace' | 'duplicate' | 'drain' | 'keep'

export interface SecondLink {
  /** Our PeerId is the lower one. */
  readonly lower: boolean
  /** We dialled the new link. */
  readonly outbound: boolean
  /** The new link comes from the process the old ones lead to. */
  readonly sameProcess: boolean
  /** Active links to the peer before this one. */
  readonly active: number
  /** How long the oldest of them has stood. */
  readonly age: Millis
}

/** Unsigned order of the 32 key bytes: is `own` the lower PeerId? (spec: ID-4) */
export function isLower(own: Uint8Array, other: Uint8Array): boolean {
  return compare(own, other) < 0
}

export function judge(link: SecondLink): Verdict {
  if (link.active === 0) return 'only'
  if (!link.sameProcess) return 'replace'
  if (link.lower) {
    if (link.age >= defaults.replaceAfterLower) return 'replace'
    return link.outbound ? 'drain' : 'duplicate'
  }
  if (link.age >= defaults.replaceAfterHigher) return 'replace'
  return link.active >= 2 && !link.outbound ? 'duplicate' : 'keep'
}
