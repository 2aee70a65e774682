/**
 * What we tell of our peers, and what we take from being told.
 *
 *   PEERS we send     linked peers first, then at most 23 % of those we know and are
 *                     not linked to; 50 in all; which ones, the lot decides for an hour
 *   PEERS we take     the first 50 entries, the first 8 addresses of each, those that
 *                     `hygiene.ts` believes; ages above 30 days count as 30 days
 *
 * Told are addresses that are known to work: the one we dialled, or the observed host
 * with the announced port; or what a peer announces in their place. Never the asker
 * itself (spec: PT-01, PT-05, PT-08).
 *
 * In a mesh of N that forms, every node is told the same N peers N times: what bytes
 * meant is remembered, so that this costs look-ups and not decoding.
 *
 * Pure functions; the die is handed in.
 * Floor: membership. Page: protocol/membership.md (spec: PEERS-3).
 */
import { copy, equal } from '../base/bytes.ts'
import type { Millis } from '../base/machine.ts'
import { type Address, decodeAddress } from '../wire/address.ts'
import { type PeerEntry, peerEntryLength } from '../wire/frames/peers.ts'
import { limits } from '../wire/limits.ts'
import { peerIdFromKey } from '../wire/peer-id.ts'
import { defaults } from './defaults.ts'
import { believable } from './hygiene.ts'

export interface Tellable {
  readonly key: Uint8Array
  readonly name: string
  readonly heardAt: Millis
  /** Encoded. */
  readonly addresses: readonly Uint8Array[]
}

/** The entries of a PEERS frame. */
export function entriesToTell(
  linked: readonly Tellable[],
  unlinked: readonly Tellable[],
  now: Millis,
  lots: Lots,
): PeerEntry[] {
  const first = lots.drawn(linked, limits.peersPerFrame, now)
  const share = Math.floor((linked.length + unlinked.length) * defaults.unlinkedShare)
  const rest = lots.drawn(unlinked, Math.min(share, limits.peersPerFrame - first.length), now)
  const entries: PeerEntry[] = []
  let bytes = 0
  for (const { key, name, heardAt, addresses } of [...first, ...rest]) {
    if (addresses.length === 0) continue
    const age = Math.max(0, Math.floor((now - heardAt) / 1000))
    const entry = { identityKey: key, name, age, addresses: addresses.slice(0, limits.addressesPerPeer) }
    bytes += peerEntryLength(entry)
    if (bytes > limits.peersBytes) break
    entries.push(entry)
  }
  return entries
}

/**
 * Of whom we tell where we cannot tell of all. The lots hold for an hour: whoever asks again and
 * again sees the same share, and not bit by bit the whole table (spec: PT-05).
 */
export class Lots {
  readonly #fraction: () => number
  readonly #lots = new Map<string, number>()
  #until: Millis = Number.NEGATIVE_INFINITY

  constructor(fraction: () => number) {
    this.#fraction = fraction
  }

  /** Those with the lowest lots; all, in order, when they fit. */
  drawn(items: readonly Tellable[], count: number, now: Millis): readonly Tellable[] {
    if (count <= 0) return []
    if (items.length <= count) return items
    return items
      .map(item => ({ item, lot: this.#lot(item, now) }))
      .sort((a, b) => a.lot - b.lot)
      .slice(0, count)
      .map(({ item }) => item)
  }

  #lot({ key }: Tellable, now: Millis): number {
    if (now >= this.#until || this.#lots.size >= LOTS) {
      this.#lots.clear()
      this.#until = now + defaults.lotsHold
    }
    const name = String.fromCharCode(...key)
    let lot = this.#lots.get(name)
    if (lot === undefined) {
      lot = this.#fraction()
      this.#lots.set(name, lot)
    }
    return lot
  }
}

/** More peers than an address book and a peer table hold. */
const LOTS = 20_000

export interface Claim {
  readonly peerId: string
  readonly heardAt: Millis
  readonly addresses: readonly Address[]
}

export interface Hearing {
  readonly ownKey: Uint8Array
  readonly own: readonly Address[]
  readonly tellerKey: Uint8Array
  /** Where the teller is, as we see it. */
  readonly teller: Address
  /** Of this peer we need not hear from others: it is linked. */
  readonly knows: (peerId: string) => boolean
  readonly now: Millis
}

/** What of a PEERS frame is worth keeping, in its order. */
export function claimsToKeep(entries: readonly PeerEntry[], hearing: Hearing, memory: Memory): Claim[] {
  const { own, ownKey, teller, tellerKey, now } = hearing
  const claims: Claim[] = []
  for (const entry of entries.slice(0, limits.peersPerFrame)) {
    if (equal(entry.identityKey, ownKey)) continue
    const ofItself = equal(entry.identityKey, tellerKey)
    const peerId = memory.peerId(entry.identityKey)
    if (!ofItself && hearing.knows(peerId)) continue
    const around = { own, teller, ofItself }
    const addresses: Address[] = []
    for (const bytes of entry.addresses.slice(0, limits.addressesPerPeer)) {
      const told = memory.address(bytes)
      const address = told && believable(told, around)
      if (address !== undefined) addresses.push(address)
    }
    claims.push({
      peerId,
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

/** What keys and addresses in bytes meant, for the last so many of each; then it begins anew. */
export class Memory {
  readonly #limit: number
  readonly #peerIds = new Map<number, Meaning<string>>()
  readonly #addresses = new Map<number, Meaning<Address | undefined>>()

  constructor(limit = 2_048) {
    this.#limit = limit
  }

  peerId(key: Uint8Array): string {
    return this.#recall(this.#peerIds, key, peerIdFromKey)
  }

  /** Undefined for a kind this version does not dial: the next one may do. */
  address(bytes: Uint8Array): Address | undefined {
    return this.#recall(this.#addresses, bytes, readAddress)
  }

  #recall<T>(known: Map<number, Meaning<T>>, bytes: Uint8Array, read: (bytes: Uint8Array) => T): T {
    const place = fnv1a(bytes)
    const old = known.get(place)
    if (old !== undefined && equal(old.bytes, bytes)) return old.value
    if (known.size >= this.#limit) known.clear()
    const value = read(bytes)
    known.set(place, { bytes: copy(bytes), value })
    return value
  }
}

/** Two that share a place push each other out, which costs time and nothing else. */
interface Meaning<T> {
  readonly bytes: Uint8Array
  readonly value: T
}

/** FNV-1a, 32 bits. */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
  return hash
}

function readAddress(bytes: Uint8Array): Address | undefined {
  try {
    return decodeAddress(bytes)
  } catch {
    return undefined
  }
}
