/**
 * What is said between a peer and a tracker: small JSON objects over HTTP.
 *
 *   POST /api/v1/peers/register   {"peer_id":"12D3KooW…","addrs":["/ip4/…"],"meta":{"user_id":"ann"}}
 *     guild-signature: t=1790000000000, ed25519=<88 characters of base64>
 *   ◀ 200                         {"ok":true,"ttl_sec":60}
 *
 *   GET /api/v1/peers?user_id=ann
 *   ◀ 200                         {"peers":[{"peer_id":"…","addrs":["…"],"meta":{…},"last_seen":1790000000}]}
 *
 *   ◀ 4xx, 5xx                    {"ok":false,"code":"token","error":"the token is missing or wrong"}
 *
 * What is signed is the label, the time in decimal digits and the body as it is sent, with a line
 * feed between them. So a tracker cannot be made to list a peer by somebody else, and what was said
 * once cannot be said again in its place later.
 *
 * A decoder takes fields it does not know for left out, and `null` for absent. A registration is
 * taken whole or refused; of a list a row that makes no sense spoils only itself.
 *
 * Page: protocol/tracker.md (spec: TRACKER-1, TRACKER-2) · Source: RFC 9110. Floor: wire.
 */
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import { visible } from '../base/text.ts'
import { formatMultiaddr, parseMultiaddr } from './multiaddr.ts'
import { keyFromPeerId, peerIdFromKey } from './peer-id.ts'
import { TRACKER_TEXT_MAX } from './tracker-url.ts'

/** Both sides count on these. Bytes where nothing else is said. */
export const trackerLimits = {
  /** One registration. The largest that makes sense has a fiftieth. */
  body: 1_048_576,
  /** One list, as a tracker sends it; and what a peer reads at most. */
  list: 1_048_576,
  /** Rows of one list. */
  rows: 1_000,
  /** Addresses of one peer: 8 hosts by two transports, and as many through relays. */
  addrs: 32,
  /** One address, in characters: two names of 253 and two PeerIds. */
  addr: 700,
  /** One text of `meta`, and the user asked for. */
  text: TRACKER_TEXT_MAX,
  /** Milliseconds that the clock of who signs may be off. */
  clock: 600_000,
} as const

export const REGISTER_PATH = '/api/v1/peers/register'
export const PEERS_PATH = '/api/v1/peers'
/** In lower case, as HTTP compares it. */
export const SIGNATURE_HEADER = 'guild-signature'
const LABEL = 'tracker registration v1 guild-home'

export interface PeerMeta {
  readonly device_id?: string
  readonly hostname?: string
  readonly user_id?: string
  readonly version?: string
}
const metaFields = ['device_id', 'hostname', 'user_id', 'version'] as const

export interface Registration {
  readonly peerId: string
  /** Multiaddrs as text, in their one form, none twice. */
  readonly addrs: readonly string[]
  readonly meta: PeerMeta
}

export interface ListedPeer extends Registration {
  /** Of its last registration: whole seconds since 1970, by the tracker's clock. */
  readonly lastSeen: number
}

/** Who vouches for a registration, and when. */
export interface Proof {
  /** Milliseconds since 1970, by the clock of who signs. */
  readonly time: number
  readonly signature: Uint8Array
}

export function encodeRegistration({ peerId, addrs, meta }: Registration): Uint8Array {
  return utf8(JSON.stringify({ peer_id: peerId, addrs, meta }))
}

/** A WireError names the field that is wrong, and why. */
export function decodeRegistration(bytes: Uint8Array): Registration {
  if (bytes.length > trackerLimits.body)
    throw new WireError('GH_WIRE_LENGTH', 'body', 0, `${bytes.length}, at most ${trackerLimits.body}`)
  return peerOf(parse(bytes))
}

export function encodeRegistered(ttlSec: number): Uint8Array {
  return utf8(JSON.stringify({ ok: true, ttl_sec: ttlSec }))
}

/** For how many seconds the registration stands. */
export function decodeRegistered(bytes: Uint8Array): number {
  const { ok, ttl_sec: ttl } = parse(bytes)
  if (ok !== true) throw wrong('ok', 'it is not true')
  if (typeof ttl !== 'number' || !(ttl >= 1 && ttl <= 86_400 * 30))
    throw wrong('ttl_sec', 'it is not a number of seconds from 1 to 30 days')
  return ttl
}

/** One row of a list, as JSON. */
export function encodeListedPeer({ peerId, addrs, meta, lastSeen }: ListedPeer): string {
  return JSON.stringify({ peer_id: peerId, addrs, meta, last_seen: lastSeen })
}

/** A list of such rows. */
export function encodePeerList(rows: readonly string[]): Uint8Array {
  return utf8(`{"peers":[${rows.join(',')}]}`)
}

export interface PeerList {
  readonly peers: readonly ListedPeer[]
  /** Rows that made no sense, or were too many. */
  readonly spoilt: number
}

export function decodePeerList(bytes: Uint8Array): PeerList {
  const { peers: rows } = parse(bytes)
  if (!Array.isArray(rows)) throw wrong('peers', 'it is not a list')
  const peers: ListedPeer[] = []
  for (const row of rows.slice(0, trackerLimits.rows)) {
    try {
      const { last_seen: lastSeen } = objectOf(row, 'peers')
      if (!Number.isSafeInteger(lastSeen) || (lastSeen as number) < 0)
        throw wrong('last_seen', 'it is not a time')
      peers.push({ ...peerOf(row), lastSeen: (lastSeen as number) + 0 }) // -0 is 0
    } catch (error) {
      if (!(error instanceof WireError)) throw error
    }
  }
  return { peers, spoilt: rows.length - peers.length }
}

export interface TrackerFault {
  /** One word for programs: `token`, `body`, `signature`, `clock`, `rate`, `full` … */
  readonly code: string
  readonly error: string
}

export function encodeTrackerFault({ code, error }: TrackerFault): Uint8Array {
  return utf8(JSON.stringify({ ok: false, code, error }))
}

/** What an answer says for itself; undefined when it is of somebody else. Escape it where you show it. */
export function decodeTrackerFault(bytes: Uint8Array): TrackerFault | undefined {
  try {
    const { code, error } = parse(bytes)
    if (typeof error !== 'string') return undefined
    return { code: typeof code === 'string' ? code.slice(0, 64) : '', error: error.slice(0, 512) }
  } catch {
    return undefined
  }
}

/** The bytes that are signed. */
export function signedRegistration(time: number, body: Uint8Array): Uint8Array {
  const head = utf8(`${LABEL}\n${time}\n`)
  const out = new Uint8Array(head.length + body.length)
  out.set(head)
  out.set(body, head.length)
  return out
}

/** The value of the header. */
export function encodeProof({ time, signature }: Proof): string {
  return `t=${time}, ed25519=${base64(signature)}`
}

export function decodeProof(text: string): Proof {
  const [, digits, letters] = /^t=([1-9][0-9]{0,15}),[ \t]*ed25519=([A-Za-z0-9+/]{86}==)$/.exec(text) ?? []
  const signature = letters === undefined ? undefined : fromBase64(letters)
  const time = Number(digits)
  if (signature === undefined || !Number.isSafeInteger(time))
    throw wrong(SIGNATURE_HEADER, 'write t=<milliseconds since 1970>, ed25519=<base64 of 64 bytes>')
  return { time, signature }
}

function peerOf(value: unknown): Registration {
  const row = objectOf(value, 'body')
  const peerId = peerIdOf(row.peer_id)
  return { peerId, addrs: addrsOf(row.addrs, peerId), meta: metaOf(row.meta) }
}

function peerIdOf(value: unknown): string {
  if (typeof value !== 'string') throw wrong('peer_id', 'it is not a text')
  try {
    return peerIdFromKey(keyFromPeerId(value))
  } catch (error) {
    throw wrong('peer_id', detailOf(error))
  }
}

function addrsOf(value: unknown, peerId: string): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > trackerLimits.addrs)
    throw wrong('addrs', `it is not a list of 1 to ${trackerLimits.addrs} multiaddrs`)
  return [...new Set(value.map(one => addrOf(one, peerId)))]
}

/** Any multiaddr: a tracker lists, and dials nothing (spec: TRACKER-5). */
function addrOf(value: unknown, peerId: string): string {
  if (typeof value !== 'string' || value.length > trackerLimits.addr)
    throw wrong('addrs', `one is not a text of at most ${trackerLimits.addr} characters`)
  try {
    const parts = parseMultiaddr(value)
    const last = parts.at(-1)!
    if (last.name === 'p2p' && last.value !== peerId)
      throw wrong('addrs', `"${visible(value, 120)}" is of another peer than peer_id`)
    return formatMultiaddr(parts)
  } catch (error) {
    throw error instanceof WireError ? error : wrong('addrs', detailOf(error))
  }
}

function metaOf(value: unknown): PeerMeta {
  if (value === undefined || value === null) return {}
  const given = objectOf(value, 'meta')
  const meta: Record<string, string> = {}
  for (const field of metaFields) {
    const text = given[field]
    if (text === undefined || text === null) continue
    if (typeof text !== 'string' || utf8(text).length > trackerLimits.text)
      throw wrong(`meta.${field}`, `it is not a text of at most ${trackerLimits.text} bytes`)
    // Half a surrogate pair has no bytes of its own: as UTF-8 it would come back as something else.
    meta[field] = fromUtf8(utf8(text))
  }
  return meta
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes))
  } catch {
    throw wrong('body', 'it is not JSON in UTF-8')
  }
  return objectOf(value, 'body')
}

function objectOf(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(field, 'it is not an object')
  return value as Record<string, unknown>
}

function wrong(field: string, why: string): WireError {
  return new WireError('GH_WIRE_VALUE', field, 0, why)
}

function detailOf(error: unknown): string {
  return error instanceof GuildError ? error.detail : String(error)
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

function base64(bytes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1], bytes[at + 2]]
    out += letters[a >> 2]! + letters[((a & 3) << 4) | ((b ?? 0) >> 4)]!
    out += b === undefined ? '=' : letters[((b & 15) << 2) | ((c ?? 0) >> 6)]!
    out += c === undefined ? '=' : letters[c & 63]!
  }
  return out
}

/** Undefined where the last letter holds bits that stand for nothing: each signature has one text. */
function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
  return base64(bytes) === text ? bytes : undefined
}
