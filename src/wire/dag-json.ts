/**
 * A value of dag-cbor as JSON can say it: for lines that programs read, and for the control socket.
 *
 *   bytes  {"/":{"bytes":"…"}}     base64 without padding
 *   link   {"/":"bafy…"}
 *
 * Whole numbers beyond 2^53 become text: as JSON numbers most readers would round them.
 *
 * Source: ipld.io/specs/codecs/dag-json. Floor: wire.
 */
import { base64 } from 'multiformats/bases/base64'
import { formatCid, isCid } from './cid.ts'
import type { CborValue } from './dag-cbor.ts'

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

export function toJson(value: CborValue): JsonValue {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { '/': { bytes: base64.baseEncode(value) } }
  if (isCid(value)) return { '/': formatCid(value) }
  if (Array.isArray(value)) return value.map(item => toJson(item as CborValue))
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]))
}
