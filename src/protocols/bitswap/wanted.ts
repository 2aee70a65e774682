/**
 * One block we want: for whom, who may have it, whom we asked.
 *
 *   queued ──asked──▶ asked ──its bytes come──▶ arriving ──hash──▶ storing ──▶ gone
 *     ▲                 │ DONT_HAVE, silence, forged  │
 *     └─────────────────┴─────────────────────────────┘        nobody has it: standing
 *
 * Wanted by several sessions it is one want with their highest priority, and leaves when the
 * last of them has let go.
 *
 * Floor: protocols.
 */
import type { Millis } from '../../base/machine.ts'
import type { CID } from '../../wire/cid.ts'
import type { Provider } from './provider.ts'
import type { Session } from './session.ts'

export class Wanted {
  readonly key: string
  readonly cid: CID
  readonly sessions = new Set<Session>()
  priority: number
  /** First come, first asked, among equal priorities. */
  readonly order: number
  state: 'queued' | 'asked' | 'searching' | 'standing' | 'storing' = 'queued'
  /** Whom we asked for the block, and when. */
  asked: Provider | undefined
  askedAt: Millis = 0
  /** Nothing else was in line there: its answer measures the round trip. */
  alone = false
  /** Its bytes are coming from there. */
  from: Provider | undefined
  /** What it was taken for when it was asked. */
  size = 0
  /** It waits for longer than it should, and nobody else was known. */
  overdue = false
  /** So often it went to another peer for want of an answer. */
  moves = 0
  /** Counted there as searching. */
  searchedFor: Session | undefined
  /** Everybody was asked, then. */
  searchedAt: Millis | undefined
  /** Said HAVE, or announced it. */
  readonly havers = new Set<Provider>()
  /** Said DONT_HAVE, or sent wrong bytes. */
  readonly lackers = new Set<Provider>()
  /** Did not answer. Asked again when nobody else is left. */
  readonly silent = new Set<Provider>()
  /** It stands in the lists of these. */
  readonly told = new Set<Provider>()

  constructor(key: string, cid: CID, priority: number, order: number) {
    this.key = key
    this.cid = cid
    this.priority = priority
    this.order = order
  }
}
