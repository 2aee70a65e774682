/**
 * CHAT: a signed message to everybody (decision 15).
 *
 *   +------+------------------+-----------+----------+----------+-----------+------------------+
 *   | 0x1a | from, 32 bytes   | time, ms  | line id  | name     | text      | signature, 64 B  |
 *   +------+------------------+-----------+----------+----------+-----------+------------------+
 *          '------------------------ signed, behind the domain -------------'
 *
 * A node that speaks for a person at its line port puts that person's line id, which is
 * otherwise empty; the node vouches for it with its signature (decision 18).
 *
 * `from` is the author's identity key, not the neighbour's who passed it on. The id
 * is SHA-256 of the signed bytes. An author's times ascend strictly, so that two
 * equal texts are two messages.
 *
 * Page: protocol/frames.md · Vectors: protocol/vectors/frames.json · Floor: wire.
 */
import { concat, utf8 } from '../../base/bytes.ts'
import type { ByteReader } from '../../base/reader.ts'
import { ByteWriter } from '../../base/writer.ts'
import { limits } from '../limits.ts'
import { frameTypes } from '../registry.ts'

export interface ChatFrame {
  readonly from: Uint8Array
  readonly timestamp: number
  /** Of the person at the author's line port; empty: the author itself. */
  readonly line: string
  readonly name: string
  readonly text: string
  readonly signature: Uint8Array
}

const domain = utf8('guild-home chat v1')

/** What the author signs, and what the id is the hash of (spec: CHAT-1). */
export function chatSignedBytes(chat: Omit<ChatFrame, 'signature'>): Uint8Array {
  const w = new ByteWriter()
  encodeBody(w, chat)
  return concat(domain, w.view())
}

export function encodeChat(w: ByteWriter, chat: ChatFrame): void {
  w.varint(frameTypes.CHAT.type)
  encodeBody(w, chat)
  w.raw(chat.signature)
}

export function decodeChat(r: ByteReader): ChatFrame {
  return {
    from: r.take(32, 'from'),
    timestamp: r.varint('time'),
    line: r.text(limits.lineId, 'line id'),
    name: r.text(limits.name, 'name'),
    text: r.text(limits.chatText, 'text'),
    signature: r.take(64, 'signature'),
  }
}

function encodeBody(w: ByteWriter, chat: Omit<ChatFrame, 'signature'>): void {
  w.raw(chat.from).varint(chat.timestamp).text(chat.line).text(chat.name).text(chat.text)
}
