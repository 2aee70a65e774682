/**
 * Membership's public names.
 *
 * Floor: membership.
 */
export { AddressBook, type Entry, type Source } from './address-book.ts'
export { defaults, type MembershipDefaults } from './defaults.ts'
export { backoff, DialPlan } from './dial-plan.ts'
export { claimsToKeep, entriesToTell, sample } from './gossip.ts'
export { believable, dialable } from './hygiene.ts'
export { Liveness, liveness } from './liveness.ts'
export { Membership, type PeerView } from './membership.ts'
export type {
  Direction,
  LinkId,
  MembershipEvent,
  MembershipInput,
  MembershipOutput,
  Proof,
} from './messages.ts'
export type { MembershipOptions } from './parts.ts'
export { isLower, judge, type SecondLink, type Verdict } from './tie-break.ts'
