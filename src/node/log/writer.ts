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
import { GuildError } from '../../base/errors.ts'
import type { Identity, Suite } from '../../base/ports.ts'
import type { LogStore } from '../../store/log/types.ts'
import { limits } from '../../wire/limits.ts'
import { type LogEntry, makeEntry } from '../../wire/log-entry.ts'
import { recordOf } from './record.ts'
import type { LogRecord } from './types.ts'

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

interface Waiting {
  readonly payload: Uint8Array
  readonly timestamp: number
  readonly resolve: (record: LogRecord) => void
  readonly reject: (error: unknown) => void
}

export class LogWriter {
  readonly #options: WriterOptions
  #waiting: Waiting[] = []
  #bytes = 0
  /** Of all that is said in one turn. */
  #timestamp = 0
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
  append(payload: Uint8Array): Promise<LogRecord> {
    if (this.#closed) return Promise.reject(new GuildError('GH_NODE_STATE', 'the log is closed'))
    if (payload.length > limits.logPayload)
      return Promise.reject(
        new GuildError('GH_LOG_TOO_LARGE', `${payload.length} bytes, at most ${limits.logPayload}`),
      )
    return new Promise((resolve, reject) => {
      if (this.#bytes + payload.length > limits.logGroupBytes) this.flush()
      if (this.#waiting.length === 0) this.#timestamp = this.#options.wall()
      this.#waiting.push({ payload, timestamp: this.#timestamp, resolve, reject })
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
    for (let at = 0; at < group.length; at++) group[at]!.resolve(recordOf(head + at + 1, entries[at]!))
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
    const author = identity.publicKey
    const hash = suite.hash.bind(suite)
    const sign = (message: Uint8Array): Uint8Array => identity.sign(message)
    let prev = tip?.id
    let authorSeq = tip?.authorSeq ?? 0
    const entries: LogEntry[] = []
    const last = group.at(-1)
    for (const waiting of group) {
      const { payload, timestamp } = waiting
      const content = { prev, author, payload, userId, deviceId, timestamp, authorSeq: ++authorSeq }
      const entry = makeEntry(content, { hash, sign: waiting === last ? sign : undefined })
      entries.push(entry)
      prev = entry.id
    }
    return entries
  }
}
