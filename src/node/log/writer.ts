/**
 * What this device says: numbered, chained, signed once for all that was said in one turn.
 *
 *   append(a) ─┐
 *   append(b) ─┼─▶ draft, hash, chain ─▶ sign the last ─▶ one transaction ─▶ all resolve
 *   append(c) ─┘
 *
 * A signature costs 36 µs and a commit waits for the disk; both are paid once for a group. The group's
 * last entry is the signed one, and says the hashes of the others (spec: LOG-3). An append that resolved
 * is durable; one that rejected is not in the log, and its number is given to the next.
 *
 * Floor: node. Faults: LG-02, LG-03.
 */
import { empty } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import type { Identity, Suite } from '../../base/ports.ts'
import type { LogStore } from '../../store/log/types.ts'
import { limits } from '../../wire/limits.ts'
import { draftEntry, entrySignedBytes, type LogEntry, sealEntry } from '../../wire/log-entry.ts'

export interface WriterOptions {
  readonly store: LogStore
  readonly suite: Pick<Suite, 'hash'>
  readonly identity: Identity
  readonly wall: () => number
  readonly userId: string
  readonly deviceId: string
  /** Runs work once this turn has ended. */
  readonly defer: (work: () => void) => void
  /** The log has grown. */
  readonly written: (count: number) => void
}

/** An entry and its place in the log. */
export interface Written {
  readonly seq: number
  readonly entry: LogEntry
}

interface Waiting {
  readonly payload: Uint8Array
  readonly timestamp: number
  readonly resolve: (written: Written) => void
  readonly reject: (error: unknown) => void
}

export class LogWriter {
  readonly #options: WriterOptions
  #waiting: Waiting[] = []
  #bytes = 0
  #deferred = false
  #closed = false
  readonly #flush = (): void => {
    this.#deferred = false
    this.flush()
  }

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** `payload` is one value in dag-cbor. Resolves once it is durable. */
  append(payload: Uint8Array): Promise<Written> {
    if (this.#closed) return Promise.reject(new GuildError('GH_NODE_STATE', 'the log is closed'))
    if (payload.length > limits.logPayload)
      return Promise.reject(
        new GuildError('GH_LOG_TOO_LARGE', `${payload.length} bytes, at most ${limits.logPayload}`),
      )
    return new Promise((resolve, reject) => {
      if (this.#bytes + payload.length > limits.logGroupBytes) this.flush()
      this.#waiting.push({ payload, timestamp: this.#options.wall(), resolve, reject })
      this.#bytes += payload.length
      if (this.#waiting.length >= limits.logGroup) this.flush()
      else if (!this.#deferred) {
        this.#deferred = true
        this.#options.defer(this.#flush)
      }
    })
  }

  /** Commits what waits, now. */
  flush(): void {
    const group = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    if (group.length === 0) return
    const { store } = this.#options
    let entries: readonly LogEntry[]
    const { head } = store
    try {
      entries = this.#chain(group)
      store.insert(entries)
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    for (const [at, { resolve }] of group.entries()) resolve({ seq: head + at + 1, entry: entries[at]! })
    this.#options.written(group.length)
  }

  /** Commits what waits and takes no more. */
  close(): void {
    this.#closed = true
    this.flush()
  }

  #chain(group: readonly Waiting[]): LogEntry[] {
    const { store, suite, identity, userId, deviceId } = this.#options
    const tip = store.tip(identity.publicKey)
    let prev = tip?.id
    let authorSeq = tip?.authorSeq ?? 0
    const entries: LogEntry[] = []
    for (const [at, { payload, timestamp }] of group.entries()) {
      authorSeq++
      const author = identity.publicKey
      const draft = draftEntry({ prev, author, payload, userId, deviceId, timestamp, authorSeq })
      const id = suite.hash(...draft.signed)
      const signature = at === group.length - 1 ? identity.sign(entrySignedBytes(draft)) : empty
      entries.push(sealEntry(draft, id, signature))
      prev = id
    }
    return entries
  }
}
