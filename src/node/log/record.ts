/**
 * An entry as a program reads it: made of its bytes when it is looked at, and not before.
 *
 * Whoever appends thousands rarely reads the ids of all; base58 and decoding would cost more than
 * the disk.
 *
 * Floor: node.
 */
import { equal, toHex } from '../../base/bytes.ts'
import { type CborValue, decodeCbor } from '../../wire/dag-cbor.ts'
import type { LogEntry } from '../../wire/log-entry.ts'
import { peerIdFromKey } from '../../wire/peer-id.ts'
import type { LogRecord } from './types.ts'

export function recordOf(seq: number, entry: LogEntry): LogRecord {
  return new Record(seq, entry)
}

class Record implements LogRecord {
  readonly seq: number
  readonly #entry: LogEntry

  constructor(seq: number, entry: LogEntry) {
    this.seq = seq
    this.#entry = entry
  }

  get id(): string {
    return toHex(this.#entry.id)
  }

  get author(): string {
    return peerIdOf(this.#entry.author)
  }

  get authorSeq(): number {
    return this.#entry.authorSeq
  }

  get deviceId(): string {
    return this.#entry.deviceId
  }

  get userId(): string {
    return this.#entry.userId
  }

  get timestamp(): number {
    return this.#entry.timestamp
  }

  get data(): CborValue {
    return decodeCbor(this.#entry.payload)
  }

  toJSON(): LogRecord {
    const { seq, id, author, authorSeq, deviceId, userId, timestamp, data } = this
    return { seq, id, author, authorSeq, deviceId, userId, timestamp, data }
  }
}

/** The author looked at last: entries of one author follow each other. */
let last: { readonly key: Uint8Array; readonly peerId: string } | undefined

function peerIdOf(key: Uint8Array): string {
  if (last === undefined || !equal(last.key, key))
    last = { key: Uint8Array.from(key), peerId: peerIdFromKey(key) }
  return last.peerId
}
