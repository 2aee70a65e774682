/**
 * A message to one peer: `/guild/message/1`.
 *
 *   opener ─▶ | length, varint | id, 16 bytes | time, varint | text, UTF-8 |   then the end of its half
 *   other  ─▶ | 0x01 |                                                         it was shown
 *
 * The link has proved who sent it, so it carries no signature, and nobody passes it on. The
 * time is the sender's wall clock in milliseconds. One byte says that it arrived: until then
 * the sender does not know, and says so.
 *
 * Refuses: a text above the maximum of a chat text, an empty one, one that is not UTF-8.
 * Page: protocol/control.md · Floor: protocols.
 */
import { fromUtf8, toHex, utf8 } from '../../base/bytes.ts'
import { GuildError, WireError } from '../../base/errors.ts'
import type { WallMillis } from '../../base/machine.ts'
import { ByteReader } from '../../base/reader.ts'
import { ByteWriter } from '../../base/writer.ts'
import { limits } from '../../wire/limits.ts'

export const MESSAGE_PROTOCOL = '/guild/message/1'
/** The one byte of an acknowledgement. */
export const SHOWN = 0x01
const ID_LENGTH = 16
/** An id, a time of eight bytes, and the text. */
export const MESSAGE_MAX: number = ID_LENGTH + 8 + limits.chatText

export interface DirectMessage {
  /** 32 hex digits. */
  readonly id: string
  readonly timestamp: WallMillis
  readonly text: string
}

export function encodeDirect(id: Uint8Array, timestamp: WallMillis, text: string): Uint8Array {
  const bytes = utf8(text)
  if (bytes.length > limits.chatText)
    throw new GuildError('GH_MESSAGE_TOO_LARGE', `${bytes.length} bytes, at most ${limits.chatText}`)
  if (bytes.length === 0) throw new GuildError('GH_OPTION_INVALID', 'a message without a text')
  return new ByteWriter(MESSAGE_MAX).raw(id.subarray(0, ID_LENGTH)).varint(timestamp).raw(bytes).view()
}

/** spec: MESSAGE-1 */
export function decodeDirect(bytes: Uint8Array): DirectMessage {
  const r = new ByteReader(bytes)
  const id = toHex(r.take(ID_LENGTH, 'id'))
  const timestamp = r.varint('time')
  const at = r.offset
  const rest = r.rest('text')
  if (rest.length === 0 || rest.length > limits.chatText)
    throw new WireError('GH_WIRE_LENGTH', 'text', at, `${rest.length} bytes`)
  try {
    return { id, timestamp, text: fromUtf8(rest) }
  } catch {
    throw new WireError('GH_WIRE_TEXT', 'text', at)
  }
}
