/**
 * What we tell of our peers, and what we take from being told.
 *
 *   PEERS we send     linked peers first, then at most 23 % of those we know and are
 *                     not linked to; 50 in all, sampled when there are more
 *   PEERS we take     the first 50 entries, the first 8 addresses of each, those that
 *                     `hygiene.ts` believes; ages above 30 days count as 30 days
 *
 * Told are addresses that are known to work: the one we dialled, or the observed host
 * with the announced port; or what a peer announces in their place. Never the asker
 * itself (spec: PT-01, PT-05, PT-08).
 *
 * Pure functions; the die is handed in.
 * Floor: membership. Page: protocol/frames.md.
 */
import { equal } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import { type Address, decodeAddress, encodeAddress } from '../wire/address.ts'
import type { PeerEntry } from '../wire/frames/peers.ts'
import { limits } from '../wire/limits.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import { defaults } from './defaults.ts'
import { believable } from './hygiene.ts'

export interface Tellable {
  readonly key: Uint8Array
  readonly name: string
  readonly heardAt: Millis
  readonly addresses: readonly Address[]
}

/** The entries of a PEERS frame. */
export function entriesToTell(
  linked: readonly Tellable[],
  unlinked: readonly Tellable[],
  now: Millis,
  fraction: () => number,
): PeerEntry[] {
  const first = sample(linked, limits.peersPerFrame, fraction)
  const share = Math.floor((linked.length + unlinked.length) * defaults.unlinkedShare)
  const rest = sample(unlinked, Math.min(share, limits.peersPerFrame - first.length), fraction)
  const entries: PeerEntry[] = []
  for (const { key, name, heardAt, addresses } of [...first, ...rest]) {
    const told = addresses.slice(0, limits.addressesPerPeer).map(encodeAddress)
    if (told.length === 0) continue
    entries.push({
      identityKey: key,
      name,
      age: Math.max(0, Math.floor((now - heardAt) / 1000)),
      addresses: told,
    })
  }
  return entries
}

export interface Claim {
  readonly peerId: string
  readonly name: string
  readonly heardAt: Millis
  readonly addresses: readonly Address[]
}

export interface Hearing {
  readonly ownKey: Uint8Array
  readonly own: readonly Address[]
  readonly tellerKey: Uint8Array
  /** Where the teller is, as we see it. */
  readonly teller: Address
  readonly now: Millis
}

/** What of a PEERS frame is worth keeping, in its order. */
export function claimsToKeep(entries: readonly PeerEntry[], hearing: Hearing): Claim[] {
  const { own, ownKey, teller, tellerKey, now } = hearing
  const claims: Claim[] = []
  for (const entry of entries.slice(0, limits.peersPerFrame)) {
    if (equal(entry.identityKey, ownKey)) continue
    const around = { own, teller, ofItself: equal(entry.identityKey, tellerKey) }
    const addresses: Address[] = []
    for (const bytes of entry.addresses.slice(0, limits.addressesPerPeer)) {
      const told = readAddress(bytes)
      const address = told && believable(told, around)
      if (address !== undefined) addresses.push(address)
    }
    claims.push({
      peerId: peerIdFromKey(entry.identityKey),
      name: entry.name,
      heardAt: now - 1000 * Math.min(entry.age, defaults.ageMaxSeconds),
      addresses,
    })
  }
  return claims
}

/** `count` of the items by chance, each as likely as any other; all, in order, when they fit. */
export function sample<T>(items: readonly T[], count: number, fraction: () => number): T[] {
  if (count <= 0) return []
  if (items.length <= count) return [...items]
  const pool = [...items]
  for (let i = 0; i < count; i++) {
    const k = i + Math.floor(fraction() * (pool.length - i))
    const picked = pool[k]!
    pool[k] = pool[i]!
    pool[i] = picked
  }
  return pool.slice(0, count)
}

/** An address of a kind this version does not dial is skipped: the next one may do. */
function readAddress(bytes: Uint8Array): Address | undefined {
  try {
    return decodeAddress(bytes)
  } catch {
    return undefined
  }
}
