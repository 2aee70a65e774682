/**
 * Are these entries what they claim to be? Hashes for all, signatures for the last of each chain.
 *
 *   e1 ◀─prev─ e2 ◀─prev─ e3        e3 is signed: so e3 says e2's hash, and e2 says e1's
 *
 * Who signed e3 signed the id of e2, which is the hash of all that e2 says, and so on to the first. So
 * entries are proved from the last to the first: one that a proved one names by `prev` is proved;
 * one that nobody names has to be signed (spec: LOG-4). A page of a thousand entries of one author costs a
 * thousand hashes and one signature.
 *
 * Signatures that were not checked are not kept: what is in a log is true. Of a page with few of
 * them all are checked, so that what is said one by one keeps its own.
 *
 * In steps, because a page with a signature of somebody else in each entry takes half a second.
 *
 * Refuses: an id that is not the hash, a chain whose end is not signed, a wrong signature there. All of
 * the page goes with it (faults: LG-07).
 * Page: protocol/sync.md · Floor: protocols.
 */
import { empty, equal } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Suite } from '../../base/ports.ts'
import { entrySignedBytes, type LogEntry, unsignedEntry } from '../../wire/log-entry.ts'

export const defaults = {
  /** Up to so many signatures of a page are checked although a later one vouches for them. */
  kept: 32,
  /** One step: signatures, 0.1 ms each, and hashes, 2 µs each. */
  signatures: 24,
  hashes: 1_000,
} as const

export class Proof {
  readonly #suite: Pick<Suite, 'hash' | 'verify'>
  readonly #entries: readonly LogEntry[]
  readonly #proved: LogEntry[]
  readonly #checkAll: boolean
  /** Ids that proved entries name, apart from the one named last. */
  readonly #named = new Set<string>()
  #next: Uint8Array = empty
  #at: number

  constructor(suite: Pick<Suite, 'hash' | 'verify'>, entries: readonly LogEntry[]) {
    this.#suite = suite
    this.#entries = entries
    this.#proved = new Array(entries.length)
    this.#at = entries.length
    let signed = 0
    for (const { signature } of entries) if (signature.length > 0) signed++
    this.#checkAll = signed <= defaults.kept
  }

  /** Works for some milliseconds. The entries once all are proved, else undefined. Throws GH_LOG_ENTRY. */
  step(): readonly LogEntry[] | undefined {
    let signatures: number = defaults.signatures
    let hashes: number = defaults.hashes
    while (this.#at > 0 && signatures > 0 && hashes > 0) {
      const entry = this.#entries[this.#at - 1]!
      hashes--
      if (!equal(this.#suite.hash(...entry.signed), entry.id)) throw refused(entry, 'its id is not its hash')
      const vouched = this.#isNamed(entry.id)
      let kept = entry
      if (entry.signature.length > 0 && (this.#checkAll || !vouched)) {
        signatures--
        const good = this.#suite.verify(entry.author, entrySignedBytes(entry), entry.signature)
        if (!good && !vouched) throw refused(entry, 'its signature is wrong')
        if (!good) kept = unsignedEntry(entry)
      } else if (!vouched) throw refused(entry, 'it is not signed, nor is one behind it')
      else kept = unsignedEntry(entry)
      this.#proved[this.#at - 1] = kept
      this.#name(entry.prev)
      this.#at--
    }
    return this.#at === 0 ? this.#proved : undefined
  }

  #isNamed(id: Uint8Array): boolean {
    return equal(id, this.#next) || (this.#named.size > 0 && this.#named.has(keyOf(id)))
  }

  #name(id: Uint8Array | undefined): void {
    if (id === undefined) return
    // In a chain each names the one read next. A set is for chains that lie between each other.
    const next = this.#entries[this.#at - 2]
    if (next !== undefined && equal(next.id, id)) this.#next = id
    else this.#named.add(keyOf(id))
  }
}

/** All in one go, for few. */
export function prove(
  suite: Pick<Suite, 'hash' | 'verify'>,
  entries: readonly LogEntry[],
): readonly LogEntry[] {
  const proof = new Proof(suite, entries)
  for (;;) {
    const proved = proof.step()
    if (proved !== undefined) return proved
  }
}

/** 32 bytes as a key for maps. */
export function keyOf(id: Uint8Array): string {
  return String.fromCharCode(...id)
}

function refused({ authorSeq }: LogEntry, why: string): GuildError {
  return new GuildError('GH_LOG_ENTRY', `number ${authorSeq}: ${why}`)
}
