/** The messages of the log and of sync as pairs of plain functions: bytes to JSON and back. */
import { toHex } from '../../src/base/bytes.ts'
import * as wire from '../../src/wire/index.ts'
import type { Codec, Json } from './codecs.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

function entryToJson({ id, prev, author, payload, signature, ...entry }: wire.LogEntry): Json {
  const { userId, deviceId, timestamp, authorSeq } = entry
  return {
    id: toHex(id),
    prev: prev === undefined ? null : toHex(prev),
    author: toHex(author),
    payload: toHex(payload),
    userId,
    deviceId,
    signature: toHex(signature),
    timestamp,
    authorSeq,
  }
}

function entryFromJson({ id, prev, author, payload, signature, ...entry }: Json): Uint8Array {
  const content = {
    ...entry,
    prev: prev === null ? undefined : hex(prev),
    author: hex(author),
    payload: hex(payload),
  }
  const sign = signature === '' ? undefined : () => hex(signature)
  return wire.makeEntry(content, { hash: () => hex(id), sign }).bytes
}

const headToJson = ({ author, authorSeq, id }: wire.Head): Json => ({
  author: toHex(author),
  authorSeq,
  id: toHex(id),
})
const headFromJson = ({ author, authorSeq, id }: Json): wire.Head => ({
  author: hex(author),
  authorSeq,
  id: hex(id),
})
/** Each value through its function, where it is there. */
function each(value: Json, by: Readonly<Record<string, (field: Json) => Json>>): Json {
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, by[key]?.(field) ?? field]))
}

export const syncCodecs: Readonly<Record<string, Codec>> = {
  'log-entry': { decode: bytes => entryToJson(wire.decodeEntry(bytes)), encode: entryFromJson },
  'sync-pull': {
    decode: bytes =>
      each(wire.decodeSyncPull(bytes), { epoch: toHex, after: toHex, have: have => have.map(headToJson) }),
    encode: value =>
      wire.encodeSyncPull(each(value, { epoch: hex, after: hex, have: have => have.map(headFromJson) })),
  },
  'sync-batch': {
    decode: bytes =>
      each(wire.decodeSyncBatch(bytes), {
        epoch: toHex,
        last: toHex,
        heads: heads => heads.map(headToJson),
        entries: entries => entries.map(entryToJson),
      }),
    encode: value =>
      wire.encodeSyncBatch(
        each(value, {
          epoch: hex,
          last: hex,
          heads: heads => heads.map(headFromJson),
          entries: entries => entries.map(entryFromJson),
        }),
      ),
  },
  'entries-push': {
    decode: bytes => wire.decodeEntriesPush(bytes).map(entryToJson),
    encode: value => wire.encodeEntriesPush(value.map(entryFromJson)),
  },
  'push-ack': { decode: bytes => wire.decodePushAck(bytes), encode: value => wire.encodePushAck(value) },
}
