/**
 * What may be asked of a running node, and what it answers: the messages of the control socket.
 *
 *   client ─▶ {"do":"status"}                                  one message, then the end of its half
 *   node   ─▶ {"ok":{…}}  or  {"error":{"code":"GH_…","detail":"…"}}
 *   node   ─▶ {"event":{…}} {"dropped":3} …                    behind the "ok" of "events" only
 *
 * JSON text in UTF-8, each message behind its length: a person can read it in a capture, and
 * any language can speak it. It never crosses a network, so its size does not matter.
 *
 * Refuses: anything that is not one of these objects, texts and addresses above their maximum.
 * Page: protocol/control.md · Floor: protocols.
 */
import { utf8 } from '../../base/bytes.ts'
import { visible } from '../../base/text.ts'
import { limits } from '../../wire/limits.ts'
import { type Fault, faultOf, malformed, parseObject } from './json.ts'
import { decodeLogRequest, type LogRequest } from './log.ts'

export const CONTROL_PROTOCOL = '/guild/control/1'
/** Bytes both ways: `blocks.ts`, which is loaded for the first stream. */
export const CONTROL_BLOCKS_PROTOCOL = '/guild/control/blocks/1'

/** Longest request: a chat text, escaped at worst to six bytes each, and its frame of JSON. */
export const REQUEST_MAX: number = 6 * limits.chatText + 4_096 // 102,400
/** Longest answer: the status of ten thousand peers. */
export const ANSWER_MAX: number = 16 * 1024 * 1024
/** An address, or a peer's id or name, in characters. */
const WORD_MAX = 1_024

export type ControlRequest =
  | { readonly do: 'status' }
  | { readonly do: 'connect'; readonly address: string }
  /** To all, or `to` one: a PeerId, the beginning of one, or a name. */
  | { readonly do: 'send'; readonly text: string; readonly to?: string }
  | { readonly do: 'events' }
  | LogRequest

export type ControlReply =
  | { readonly ok: unknown }
  | { readonly error: Fault }
  | { readonly event: unknown }
  /** So many events were left out, because they were not read in time. */
  | { readonly dropped: number }

export function encodeControl(message: ControlRequest | ControlReply): Uint8Array {
  // An absent figure stays in its place, so that each row has the same keys.
  return utf8(JSON.stringify(message, (_, value: unknown) => (value === undefined ? null : value)))
}

/** spec: CONTROL-4 */
export function decodeRequest(bytes: Uint8Array): ControlRequest {
  const message = parseObject(bytes)
  const log = decodeLogRequest(message)
  if (log !== undefined) return log
  switch (message.do) {
    case 'status':
    case 'events':
      return { do: message.do }
    case 'connect':
      return { do: 'connect', address: word(message.address, 'address') }
    case 'send': {
      const { text, to } = message
      if (typeof text !== 'string') throw malformed('"text" has to be a text')
      return { do: 'send', text, ...(to === undefined || to === null ? {} : { to: word(to, 'to') }) }
    }
    default:
      throw malformed(
        `"do" has to be status, connect, send, events, log-append, log-entries or sync, not ${shown(message.do)}`,
      )
  }
}

export function decodeReply(bytes: Uint8Array): ControlReply {
  const message = parseObject(bytes)
  if ('ok' in message) return { ok: message.ok }
  if ('event' in message) return { event: message.event }
  if (Number.isSafeInteger(message.dropped)) return { dropped: message.dropped as number }
  return { error: faultOf(message.error) }
}

function word(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '' || value.length > WORD_MAX)
    throw malformed(`"${name}" has to be a text of 1 to ${WORD_MAX} characters`)
  return value
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `"${visible(value, 40)}"` : typeof value
}
