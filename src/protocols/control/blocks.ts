/**
 * Blocks over the control socket: the messages of a stream that carries bytes both ways.
 *
 *   client ─▶ {"do":"get"}   02 CID   02 CID …   end          what it wants, as it goes
 *   node   ─▶ {"ok":{}}   01 CID bytes   {"missing":"bafy…","error":{…}} …   {"done":{…}}
 *
 *   client ─▶ {"do":"put"}   01 CID bytes …   {"pin":"bafy…"}   end
 *   node   ─▶ {"ok":{}}   {"done":{"blocks":3,"bytes":700000}}     once all of it is durable
 *
 *   client ─▶ {"do":"gc"}   end
 *   node   ─▶ {"ok":{}}   {"progress":{…}} …   {"done":{"removed":7,"bytes":70000}}
 *
 * The first byte of a message says what it is: an open brace begins JSON, 01 a block, 02 a want.
 * Block bytes travel as they are, because a file is made of nothing else.
 *
 * Refuses: a request that is none of these, a message of another kind than the request takes,
 * a block above its maximum, a CID we do not count on (spec: CONTROL-7).
 * Page: protocol/control.md · Floor: protocols.
 */
import { concat, utf8 } from '../../base/bytes.ts'
import { GuildError } from '../../base/errors.ts'
import { ByteReader } from '../../base/reader.ts'
import { visible } from '../../base/text.ts'
import { type CID, readCid } from '../../wire/cid.ts'
import { limits } from '../../wire/limits.ts'
import { type Fault, faultOf, malformed, parseObject } from './json.ts'

export { CONTROL_BLOCKS_PROTOCOL } from './requests.ts'

/** A block with its CID and its first byte. */
export const BLOCK_MESSAGE_MAX: number = limits.block + limits.cid + 1

export const kinds = { BLOCK: 0x01, WANT: 0x02, JSON: 0x7b } as const

/** What may be asked, and what its members are. */
const requests = {
  get: ['offline'],
  put: ['announce', 'undo'],
  stat: [],
  size: ['cid'],
  rm: ['cid'],
  pin: ['cid', 'direct'],
  unpin: ['cid'],
  pins: [],
  gc: [],
  verify: [],
} as const satisfies Record<string, readonly string[]>

export type BlocksAction = keyof typeof requests

export interface BlocksRequest {
  readonly do: BlocksAction
  /** As text; there for the actions that name one. */
  readonly cid?: string
  /** Of get: ask no peer. */
  readonly offline?: boolean
  /** Of put: tell the peers. */
  readonly announce?: boolean
  /** Of put: where it does not come to its end, nothing of it is kept. */
  readonly undo?: boolean
  /** Of pin: the block alone, and not what it leads to. */
  readonly direct?: boolean
}

/** What a client sends behind its request. */
export type BlocksInput =
  | { readonly kind: 'block'; readonly cid: CID; readonly bytes: Uint8Array }
  | { readonly kind: 'want'; readonly cid: CID }
  | { readonly kind: 'pin'; readonly cid: string }

/** What a node answers. */
export type BlocksOutput =
  | { readonly kind: 'block'; readonly cid: CID; readonly bytes: Uint8Array }
  | { readonly kind: 'json'; readonly value: BlocksReply }

export type BlocksReply =
  /** It is under way. */
  | { readonly ok: unknown }
  | { readonly progress: unknown }
  | { readonly missing: string; readonly error: Fault }
  | { readonly pin: { readonly cid: string; readonly recursive: boolean } }
  /** It is done, all of it. */
  | { readonly done: unknown }
  | { readonly error: Fault }

export function encodeBlock(cid: CID, bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(kinds.BLOCK), cid.bytes, bytes)
}

export function encodeWant(cid: CID): Uint8Array {
  return concat(Uint8Array.of(kinds.WANT), cid.bytes)
}

export function encodeJson(value: BlocksRequest | BlocksReply | { readonly pin: string }): Uint8Array {
  return utf8(JSON.stringify(value, (_, field: unknown) => (field === undefined ? null : field)))
}

/** spec: CONTROL-7 */
export function decodeBlocksRequest(bytes: Uint8Array): BlocksRequest {
  const message = parseObject(bytes)
  const action = message.do
  if (typeof action !== 'string' || !Object.hasOwn(requests, action))
    throw malformed(
      `"do" has to be one of ${Object.keys(requests).join(', ')}, not ${typeof action === 'string' ? `"${visible(action, 40)}"` : typeof action}`,
    )
  const known: readonly string[] = requests[action as BlocksAction]
  const { cid, offline, announce, undo, direct } = message
  if (known.includes('cid') && (typeof cid !== 'string' || cid === '' || cid.length > limits.cidText))
    throw malformed(`"cid" has to be a text of 1 to ${limits.cidText} characters`)
  for (const [name, value] of Object.entries({ offline, announce, undo, direct }))
    if (value !== undefined && value !== null && typeof value !== 'boolean')
      throw malformed(`"${name}" has to be true or false`)
  return {
    do: action as BlocksAction,
    ...(known.includes('cid') && { cid: cid as string }),
    ...(known.includes('offline') && { offline: offline === true }),
    ...(known.includes('announce') && { announce: announce !== false }),
    ...(known.includes('undo') && { undo: undo === true }),
    ...(known.includes('direct') && { direct: direct === true }),
  }
}

/** What stands behind the request: a view of the message, which has to be copied where it is kept. */
export function decodeBlocksInput(action: BlocksAction, message: Uint8Array): BlocksInput {
  const kind = message[0]
  if (action === 'put' && kind === kinds.BLOCK) return { kind: 'block', ...blockOf(message) }
  if (action === 'put' && kind === kinds.JSON) {
    const { pin } = parseObject(message)
    if (typeof pin !== 'string' || pin.length > limits.cidText) throw malformed('"pin" has to be a CID')
    return { kind: 'pin', cid: pin }
  }
  if (action === 'get' && kind === kinds.WANT) {
    const r = new ByteReader(message)
    r.u8('kind')
    const cid = readCid(r)
    r.end('want')
    return { kind: 'want', cid }
  }
  throw malformed(`a message that "${action}" does not take`)
}

/** A view of the message, too. */
export function decodeBlocksOutput(message: Uint8Array): BlocksOutput {
  if (message[0] === kinds.BLOCK) return { kind: 'block', ...blockOf(message) }
  const value = parseObject(message)
  if ('error' in value)
    return { kind: 'json', value: { ...value, error: faultOf(value.error) } as BlocksReply }
  return { kind: 'json', value: value as unknown as BlocksReply }
}

export function errorOf({ code, detail }: Fault): GuildError {
  return new GuildError(code, detail)
}

function blockOf(message: Uint8Array): { cid: CID; bytes: Uint8Array } {
  const r = new ByteReader(message)
  r.u8('kind')
  const cid = readCid(r)
  if (r.remaining > limits.block)
    throw new GuildError('GH_BLOCK_TOO_LARGE', `${r.remaining} bytes, at most ${limits.block}`)
  return { cid, bytes: message.subarray(r.offset) }
}
