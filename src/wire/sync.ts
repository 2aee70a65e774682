/**
 * The messages that keep logs the same: maps in dag-cbor, each behind its length.
 *
 *   /guild/sync-pull/1.0.0
 *     SyncPull   { after?, cursor, epoch, have?, limit, wait? }                        at most 64 KiB
 *     SyncBatch  { entries, epoch, heads?, last?, more, next_cursor, unknown? }        at most 32 MiB
 *   /guild/entries-push/1.0.0
 *     EntriesPush { entries }                                                          at most 16 MiB
 *     PushAck     { ok, reason? }                                                      at most 64 KiB
 *
 * A cursor is a place in the log of the one who answers: its count of entries when the one who asks
 * had read so far. The epoch names that log, and `after` the entry at the cursor, so that a log which
 * was put back to an old copy is seen to be another (spec: SYNC-3). `have` and `heads` name entries: whoever has
 * one has all that led to it.
 *
 * Refuses what is above its limit, and fields of another kind. Fields it does not know are
 * walked over: so the protocol can grow (spec: SYNC-1).
 *
 * Page: protocol/sync.md · Vectors: sync-pull, sync-batch, entries-push, push-ack.json · Floor: wire.
 */
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import {
  cborKinds,
  readBytes,
  readHead,
  readKey,
  readOf,
  readText,
  readTruth,
  readUint,
  skipValue,
} from './dag-cbor.ts'
import { writeBytes, writeHead, writeText, writeTruth } from './dag-cbor-write.ts'
import { limits } from './limits.ts'
import { type LogEntry, readEntry } from './log-entry.ts'

export const EPOCH_LENGTH = 16
const ID_LENGTH = 32
/** Of a PushAck's reason, in UTF-8. */
const REASON_MAX = 256

/** An entry by its place and name. */
export interface Head {
  readonly author: Uint8Array
  readonly authorSeq: number
  readonly id: Uint8Array
}

export interface SyncPull {
  /** 0: from the beginning. */
  readonly cursor: number
  /** Of the log the cursor is for; empty when none is known. */
  readonly epoch: Uint8Array
  /** Most entries wanted; the answer is bounded whatever it says. */
  readonly limit: number
  /** Id of the entry at the cursor. */
  readonly after?: Uint8Array | undefined
  /** What the asker has already, in the first pull of a stream. */
  readonly have?: readonly Head[] | undefined
  /** Nothing new: answer when there is. */
  readonly wait?: boolean | undefined
}

export interface SyncBatch {
  readonly entries: readonly LogEntry[]
  readonly nextCursor: number
  readonly epoch: Uint8Array
  /** There is more behind `nextCursor` already. */
  readonly more: boolean
  /** Id of the entry at `nextCursor`. */
  readonly last?: Uint8Array | undefined
  /** Instead of entries of others: which ones are new here. */
  readonly heads?: readonly Head[] | undefined
  /** The cursor is none of this log: begin at 0. */
  readonly unknown?: boolean | undefined
}

export interface PushAck {
  readonly ok: boolean
  readonly reason?: string | undefined
}

export function encodeSyncPull(pull: SyncPull): Uint8Array {
  const { have, wait, after, epoch, limit, cursor } = pull
  const w = new ByteWriter(256)
  writeHead(w, cborKinds.MAP, 3 + count(have, wait, after))
  if (have !== undefined) writeHeads(w, 'have', have)
  if (wait !== undefined) field(w, 'wait', () => writeTruth(w, wait))
  if (after !== undefined) field(w, 'after', () => writeBytes(w, after))
  field(w, 'epoch', () => writeBytes(w, epoch))
  field(w, 'limit', () => writeHead(w, cborKinds.UINT, limit))
  field(w, 'cursor', () => writeHead(w, cborKinds.UINT, cursor))
  return within(w.view(), limits.syncPull, 'a SyncPull')
}

export function decodeSyncPull(bytes: Uint8Array, notes?: Note[]): SyncPull {
  return readMap(bytes, notes, 'SyncPull', limits.syncPull, {
    have: r => readHeads(r, 'have'),
    wait: r => readTruth(r, 'wait'),
    after: r => exactly(r, 'after', ID_LENGTH),
    epoch: r => readEpoch(r, true),
    limit: r => clamped(r, 'limit'),
    cursor: r => clamped(r, 'cursor'),
  }) as unknown as SyncPull
}

/** `entries` as they are kept, so that nobody decodes them to pass them on. */
export function encodeSyncBatch(
  batch: Omit<SyncBatch, 'entries'> & { readonly entries: readonly Uint8Array[] },
): Uint8Array {
  const { last, more, epoch, heads, entries, unknown, nextCursor } = batch
  const w = new ByteWriter(bytesOf(entries) + (heads?.length ?? 0) * 80 + 160)
  writeHead(w, cborKinds.MAP, 4 + count(last, heads, unknown))
  if (last !== undefined) field(w, 'last', () => writeBytes(w, last))
  field(w, 'more', () => writeTruth(w, more))
  field(w, 'epoch', () => writeBytes(w, epoch))
  if (heads !== undefined) writeHeads(w, 'heads', heads)
  writeEntries(w, entries)
  if (unknown !== undefined) field(w, 'unknown', () => writeTruth(w, unknown))
  field(w, 'next_cursor', () => writeHead(w, cborKinds.UINT, nextCursor))
  return within(w.view(), limits.syncBatch, 'a SyncBatch')
}

export function decodeSyncBatch(bytes: Uint8Array, notes?: Note[]): SyncBatch {
  const { next_cursor, ...found } = readMap(bytes, notes, 'SyncBatch', limits.syncBatch, {
    last: r => exactly(r, 'last', ID_LENGTH),
    more: r => readTruth(r, 'more'),
    epoch: r => readEpoch(r, false),
    heads: r => readHeads(r, 'heads'),
    entries: r => readEntries(r),
    unknown: r => readTruth(r, 'unknown'),
    next_cursor: r => readUint(r, 'next_cursor'),
  })
  return { ...found, nextCursor: next_cursor } as SyncBatch
}

export function encodeEntriesPush(entries: readonly Uint8Array[]): Uint8Array {
  const w = new ByteWriter(bytesOf(entries) + 32)
  writeHead(w, cborKinds.MAP, 1)
  writeEntries(w, entries)
  return within(w.view(), limits.entriesPush, 'an EntriesPush')
}

export function decodeEntriesPush(bytes: Uint8Array, notes?: Note[]): LogEntry[] {
  const found = readMap(bytes, notes, 'EntriesPush', limits.entriesPush, { entries: readEntries })
  return found.entries as LogEntry[]
}

export function encodePushAck({ ok, reason }: PushAck): Uint8Array {
  const w = new ByteWriter()
  writeHead(w, cborKinds.MAP, 1 + count(reason))
  field(w, 'ok', () => writeTruth(w, ok))
  if (reason !== undefined) field(w, 'reason', () => writeText(w, reason))
  return within(w.view(), limits.pushAck, 'a PushAck')
}

export function decodePushAck(bytes: Uint8Array, notes?: Note[]): PushAck {
  return readMap(bytes, notes, 'PushAck', limits.pushAck, {
    ok: r => readTruth(r, 'ok'),
    reason: r => readText(r, 'reason', REASON_MAX),
  }) as unknown as PushAck
}

/** Cut to what a PushAck may hold. */
export function pushReason(text: string): string {
  let cut = text.slice(0, REASON_MAX)
  while (utf8(cut).length > REASON_MAX || /\p{Surrogate}/u.test(cut)) cut = cut.slice(0, -1)
  return cut
}

/** Fields that a message has to have: a map without one of them is refused. */
const required: Readonly<Record<string, readonly string[]>> = {
  SyncPull: ['epoch', 'limit', 'cursor'],
  SyncBatch: ['more', 'epoch', 'entries', 'next_cursor'],
  EntriesPush: ['entries'],
  PushAck: ['ok'],
}

function readMap(
  bytes: Uint8Array,
  notes: Note[] | undefined,
  name: string,
  most: number,
  fields: Readonly<Record<string, (r: ByteReader) => unknown>>,
): Record<string, unknown> {
  // spec: SYNC-2
  if (bytes.length > most)
    throw new WireError('GH_WIRE_LENGTH', name, 0, `${bytes.length} bytes, at most ${most}`)
  const r = new ByteReader(bytes, notes)
  const pairs = readOf(r, cborKinds.MAP, name, bytes.length)
  const found: Record<string, unknown> = {}
  let before: Uint8Array | undefined
  for (let i = 0; i < pairs; i++) {
    before = readKey(r, name, before)
    const key = fromUtf8(before)
    if (Object.hasOwn(fields, key)) found[key] = fields[key]!(r)
    else skipValue(r, `${name} field`)
  }
  r.end(name)
  for (const key of required[name]!)
    if (!Object.hasOwn(found, key)) throw new WireError('GH_WIRE_VALUE', name, 0, `no ${key}`)
  return found
}

function readEntries(r: ByteReader): LogEntry[] {
  const length = readOf(r, cborKinds.LIST, 'entries', limits.syncEntries)
  const entries: LogEntry[] = []
  for (let i = 0; i < length; i++) entries.push(readEntry(r))
  return entries
}

function writeEntries(w: ByteWriter, entries: readonly Uint8Array[]): void {
  if (entries.length > limits.syncEntries)
    throw new GuildError('GH_SYNC_TOO_LARGE', `${entries.length} entries, at most ${limits.syncEntries}`)
  field(w, 'entries', () => {
    writeHead(w, cborKinds.LIST, entries.length)
    for (const entry of entries) w.raw(entry)
  })
}

function readHeads(r: ByteReader, name: string): Head[] {
  const length = readOf(r, cborKinds.LIST, name, limits.syncHeads)
  const heads: Head[] = []
  for (let i = 0; i < length; i++) {
    const at = r.offset
    if (readOf(r, cborKinds.LIST, name, 3) !== 3) throw new WireError('GH_WIRE_VALUE', name, at, 'not three')
    const author = exactly(r, `${name} author`, 32)
    const authorSeq = readUint(r, `${name} author_seq`)
    heads.push({ author, authorSeq, id: exactly(r, `${name} id`, ID_LENGTH) })
  }
  return heads
}

function writeHeads(w: ByteWriter, name: string, heads: readonly Head[]): void {
  field(w, name, () => {
    writeHead(w, cborKinds.LIST, heads.length)
    for (const { author, authorSeq, id } of heads) {
      writeHead(w, cborKinds.LIST, 3)
      writeBytes(w, author)
      writeHead(w, cborKinds.UINT, authorSeq)
      writeBytes(w, id)
    }
  })
}

function readEpoch(r: ByteReader, mayBeEmpty: boolean): Uint8Array {
  const at = r.offset
  const epoch = readBytes(r, 'epoch', EPOCH_LENGTH)
  if (epoch.length === EPOCH_LENGTH || (mayBeEmpty && epoch.length === 0)) return epoch
  throw new WireError('GH_WIRE_VALUE', 'epoch', at, `${epoch.length} bytes`)
}

/** A whole number of any size, also a negative one: whoever asks for nonsense gets the nearest sense (spec: SYNC-4). */
function clamped(r: ByteReader, name: string): number {
  const at = r.offset
  const { kind, value } = readHead(r, name)
  if (kind === cborKinds.NEGATIVE) return 0
  if (kind !== cborKinds.UINT) throw new WireError('GH_WIRE_VALUE', name, at, `kind ${kind}`)
  return Math.min(value, Number.MAX_SAFE_INTEGER)
}

function exactly(r: ByteReader, name: string, length: number): Uint8Array {
  const at = r.offset
  const bytes = readBytes(r, name, length)
  if (bytes.length !== length) throw new WireError('GH_WIRE_VALUE', name, at, `${bytes.length} bytes`)
  return bytes
}

function field(w: ByteWriter, name: string, write: () => void): void {
  writeText(w, name)
  write()
}

function count(...optional: readonly unknown[]): number {
  return optional.filter(one => one !== undefined).length
}

function bytesOf(entries: readonly Uint8Array[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.length
  return bytes
}

function within(bytes: Uint8Array, most: number, what: string): Uint8Array {
  if (bytes.length > most)
    throw new GuildError('GH_SYNC_TOO_LARGE', `${what} of ${bytes.length} bytes, at most ${most}`)
  return bytes
}
