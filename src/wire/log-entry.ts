/**
 * A log entry: what one device said, in its place behind what it said before.
 *
 *   { id, prev, author, payload, user_id, device_id, signature, timestamp, author_seq }      dag-cbor
 *         '----------------- signed -----------------'          '----- signed -----'
 *
 *   signed bytes = "guild-home log entry v1" ‖ the map of the seven signed fields
 *   id           = SHA-256 of the signed bytes
 *   prev         = id of the author's entry before this one; null for its first
 *
 * `prev` chains the entries of an author, so a signature vouches for its entry and for all
 * that `prev` leads to. Of entries that an author commits together only the last is signed;
 * the signature of the others is empty (spec: LOG-3). Each number of an author names one entry: two
 * with one number are a fork, which is proof against the author (spec: LOG-5).
 *
 * The time is what the author's clock said. It orders nothing.
 *
 * Refuses: another order of keys or another key, numbers below 1, a `prev` that does not fit the
 * number, signatures of another length than 0 or 64. That `id` and signature are true is checked
 * above, where hashes are.
 *
 * Page: protocol/sync.md · Vectors: protocol/vectors/log-entry.json · Floor: wire.
 */
import { concat, empty, utf8, utf8Length } from '../base/bytes.ts'
import { carve } from '../base/carve.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { ByteWriter } from '../base/writer.ts'
import { cborKinds, readBytes, readNull, readOf, readText, readUint, skipValue } from './dag-cbor.ts'
import { writeBytes, writeHead, writeNull, writeText } from './dag-cbor-write.ts'
import { limits } from './limits.ts'

export const ENTRY_ID_LENGTH = 32
const KEY_LENGTH = 32
const SIGNATURE_LENGTH = 64
const FIELDS = 9
const SIGNED_FIELDS = 7

/** What an entry says, without its proof. */
export interface EntryContent {
  /** Of the entry before; undefined for an author's first. */
  readonly prev: Uint8Array | undefined
  /** Ed25519 public key. */
  readonly author: Uint8Array
  /** One value in dag-cbor, at most 1 MiB. */
  readonly payload: Uint8Array
  readonly userId: string
  readonly deviceId: string
  /** Milliseconds since 1970, as the author's clock had it. */
  readonly timestamp: number
  /** 1 for an author's first entry, then one more each. */
  readonly authorSeq: number
}

export interface LogEntry extends EntryContent {
  readonly id: Uint8Array
  /** Empty, or 64 bytes. */
  readonly signature: Uint8Array
  /** The whole entry as it travels and is kept. */
  readonly bytes: Uint8Array
  /** What is signed and hashed, in pieces that lie in `bytes`. */
  readonly signed: readonly Uint8Array[]
}

/** The signed bytes begin with these: the domain, then the head of a map of seven. */
const domain = concat(utf8('guild-home log entry v1'), Uint8Array.of((cborKinds.MAP << 5) | SIGNED_FIELDS))

const keys = Object.fromEntries(
  ['id', 'prev', 'author', 'payload', 'user_id', 'device_id', 'signature', 'timestamp', 'author_seq'].map(
    name => [name, keyBytes(name)],
  ),
)
/** Where an id lies in an encoded entry: behind the head, its key and its own head of two bytes. */
const ID_AT = 1 + keys.id!.length + 2

/** All but payload and names: keys of 80, id 34, prev 34, author 34, signature 66, four heads of 3, two numbers of 9. */
const AROUND = 1 + 80 + 34 + 34 + 34 + 66 + 12 + 18
const noId = new Uint8Array(ENTRY_ID_LENGTH)
const noSignature = new Uint8Array(SIGNATURE_LENGTH)

/** The id of an encoded entry, as a view: for what was decoded once and is read again. */
export function idOfEntry(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(ID_AT, ID_AT + ENTRY_ID_LENGTH)
}

/** What makes the proof. */
export interface EntryProof {
  hash(...parts: readonly Uint8Array[]): Uint8Array
  /** Absent: a later entry vouches for this one. */
  readonly sign?: ((message: Uint8Array) => Uint8Array) | undefined
}

/** An entry with its id and, where it is to be signed, its signature. Throws GH_LOG_TOO_LARGE, GH_OPTION_INVALID. */
export function makeEntry(content: EntryContent, { hash, sign }: EntryProof): LogEntry {
  const { prev, author, payload, userId, deviceId, timestamp, authorSeq } = content
  // spec: LOG-6
  if (payload.length > limits.logPayload)
    throw new GuildError('GH_LOG_TOO_LARGE', `${payload.length} bytes, at most ${limits.logPayload}`)
  checkName(userId, 'user id')
  checkName(deviceId, 'device id')
  const w = new ByteWriter(carve(payload.length + AROUND + 3 * (userId.length + deviceId.length)))
  writeHead(w, cborKinds.MAP, FIELDS)
  writeBytes(w.raw(keys.id!), noId)
  const first = w.length
  w.raw(keys.prev!)
  if (prev === undefined) writeNull(w)
  else writeBytes(w, prev)
  writeBytes(w.raw(keys.author!), author)
  w.raw(keys.payload!).raw(payload)
  writeText(w.raw(keys.user_id!), userId)
  writeText(w.raw(keys.device_id!), deviceId)
  const firstEnd = w.length
  writeBytes(w.raw(keys.signature!), sign === undefined ? empty : noSignature)
  const last = w.length
  writeHead(w.raw(keys.timestamp!), cborKinds.UINT, timestamp)
  writeHead(w.raw(keys.author_seq!), cborKinds.UINT, authorSeq)
  const bytes = w.view()
  const signed = [domain, bytes.subarray(first, firstEnd), bytes.subarray(last)]
  const id = hash(...signed) // spec: LOG-1
  bytes.set(id, ID_AT)
  let signature = empty
  if (sign !== undefined) {
    signature = sign(concat(...signed))
    bytes.set(signature, last - SIGNATURE_LENGTH)
  }
  return { prev, author, payload, userId, deviceId, timestamp, authorSeq, id, signature, bytes, signed }
}

/** Reads one entry off a longer message; all of it are views. */
export function readEntry(r: ByteReader): LogEntry {
  const begin = r.offset
  const count = readOf(r, cborKinds.MAP, 'entry', FIELDS)
  if (count !== FIELDS) throw new WireError('GH_WIRE_VALUE', 'entry', begin, `${count} fields, not ${FIELDS}`)
  key(r, 'id')
  const id = exactly(r, 'id', ENTRY_ID_LENGTH)
  const first = r.offset
  key(r, 'prev')
  const prevAt = r.offset
  const prev = readNull(r, 'prev') ? undefined : exactly(r, 'prev', ENTRY_ID_LENGTH)
  key(r, 'author')
  const author = exactly(r, 'author', KEY_LENGTH)
  key(r, 'payload')
  const payloadAt = r.offset
  skipValue(r, 'payload')
  const payload = r.bytes.subarray(payloadAt, r.offset)
  if (payload.length > limits.logPayload)
    throw new WireError('GH_WIRE_LENGTH', 'payload', payloadAt, `${payload.length} bytes`)
  key(r, 'user_id')
  const userId = readText(r, 'user_id', limits.logName)
  key(r, 'device_id')
  const deviceId = readText(r, 'device_id', limits.logName)
  const firstEnd = r.offset
  key(r, 'signature')
  const signatureAt = r.offset
  const signature = readBytes(r, 'signature', SIGNATURE_LENGTH)
  if (signature.length !== 0 && signature.length !== SIGNATURE_LENGTH)
    throw new WireError('GH_WIRE_VALUE', 'signature', signatureAt, `${signature.length} bytes`)
  const last = r.offset
  key(r, 'timestamp')
  const timestamp = readUint(r, 'timestamp')
  key(r, 'author_seq')
  const seqAt = r.offset
  const authorSeq = readUint(r, 'author_seq')
  if (authorSeq === 0) throw new WireError('GH_WIRE_VALUE', 'author_seq', seqAt, 'it begins with 1')
  if ((authorSeq === 1) !== (prev === undefined))
    // spec: LOG-2
    throw new WireError('GH_WIRE_VALUE', 'prev', prevAt, `number ${authorSeq} has ${prev ? 'one' : 'none'}`)
  const bytes = r.bytes.subarray(begin, r.offset)
  const signed = [domain, r.bytes.subarray(first, firstEnd), r.bytes.subarray(last, r.offset)]
  return { id, prev, author, payload, userId, deviceId, signature, timestamp, authorSeq, bytes, signed }
}

/** One entry, all of the bytes. */
export function decodeEntry(bytes: Uint8Array, notes?: Note[]): LogEntry {
  const r = new ByteReader(bytes, notes)
  const entry = readEntry(r)
  r.end('entry')
  return entry
}

/** What the author signs. */
export function entrySignedBytes(entry: { readonly signed: readonly Uint8Array[] }): Uint8Array {
  return concat(...entry.signed)
}

/** The same entry with no signature of its own. */
export function unsignedEntry(entry: LogEntry): LogEntry {
  if (entry.signature.length === 0) return entry
  const [, first, last] = entry.signed as [Uint8Array, Uint8Array, Uint8Array]
  const w = new ByteWriter(carve(entry.bytes.length))
  writeHead(w, cborKinds.MAP, FIELDS)
  writeBytes(w.raw(keys.id!), entry.id)
  w.raw(first).raw(keys.signature!)
  writeBytes(w, empty)
  w.raw(last)
  const bytes = w.view()
  const end = ID_AT + ENTRY_ID_LENGTH + first.length
  const signed = [domain, bytes.subarray(end - first.length, end), bytes.subarray(bytes.length - last.length)]
  return { ...entry, id: idOfEntry(bytes), signature: empty, bytes, signed }
}

function checkName(name: string, what: string): void {
  const length = utf8Length(name)
  if (length > limits.logName)
    throw new GuildError('GH_OPTION_INVALID', `a ${what} of ${length} bytes, at most ${limits.logName}`)
}

function exactly(r: ByteReader, field: string, length: number): Uint8Array {
  const at = r.offset
  const bytes = readBytes(r, field, length)
  if (bytes.length !== length) throw new WireError('GH_WIRE_VALUE', field, at, `${bytes.length} bytes`)
  return bytes
}

/** The next key has to be this one. */
function key(r: ByteReader, name: string): void {
  const wanted = keys[name]!
  const at = r.offset
  for (let i = 0; i < wanted.length; i++) {
    const byte = r.bytes[at + i]
    if (byte === undefined) throw new WireError('GH_WIRE_SHORT', `${name} key`, at)
    if (byte !== wanted[i]) throw new WireError('GH_WIRE_VALUE', `${name} key`, at, 'another key')
  }
  r.pass(wanted.length, `${name} key`)
}

function keyBytes(name: string): Uint8Array {
  const w = new ByteWriter()
  writeText(w, name)
  return w.view()
}
