/**
 * The line voice: control messages a person can type into `nc`.
 *
 *   alice:Alice LF        HELLO, the first line each way: id, colon, name (the id stands for a missing name)
 *   DUPLICATE LF          REFUSED in place of HELLO: this id is taken; MAX_PEERS LF: no place left
 *   PING LF   PONG LF     are you there; yes
 *   REQUEST_PEERS LF      whom else do you know
 *   PEERS:<a>,<b> LF      line ports, host:port or [v6]:port; sent also when there are none
 *   HELP LF               what can I type
 *   anything else LF      CHAT
 *
 * The messages are those of the frames, with the same names: one set, two codecs. A line knows
 * less than a frame (no nonce, no signature, no key), so a gateway vouches for its guests.
 *
 * A chat text that would read as another message, or that begins with a space, gets one
 * space in front, and a reader takes one away: " PING" says the word. Text is kept as it came
 * and escaped where it is shown (`shownChat`), so that nobody moves another's cursor.
 *
 * Refuses: lines above the limit, broken UTF-8, an id with a colon, a blank or a control
 * character, a name with a control character, PEERS that are no addresses.
 * Page: protocol/line.md · Vectors: protocol/vectors/line.json, line-hello.json · Floor: wire.
 */
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { GuildError, WireError } from '../base/errors.ts'
import type { Note } from '../base/reader.ts'
import { visible } from '../base/text.ts'
import { parseAddress } from './address.ts'
import { limits } from './limits.ts'
import { isPeerId } from './peer-id.ts'

export type LineRefusal = 'DUPLICATE' | 'MAX_PEERS'

export type ControlMessage =
  /** `name` as it was written: absent without a colon, empty behind a bare one. */
  | { readonly message: 'HELLO'; readonly id: string; readonly name?: string }
  | { readonly message: 'REFUSED'; readonly reason: LineRefusal }
  | { readonly message: 'PING' }
  | { readonly message: 'PONG' }
  | { readonly message: 'REQUEST_PEERS' }
  /** Line ports, `host:port` or `[v6]:port`. */
  | { readonly message: 'PEERS'; readonly addresses: readonly string[] }
  | { readonly message: 'HELP' }
  | { readonly message: 'CHAT'; readonly text: string }

const LF = 0x0a
const PEERS = 'PEERS:'

/** Lines that are a word and nothing else. */
const words: Readonly<Record<string, ControlMessage>> = {
  DUPLICATE: { message: 'REFUSED', reason: 'DUPLICATE' },
  MAX_PEERS: { message: 'REFUSED', reason: 'MAX_PEERS' },
  PING: { message: 'PING' },
  PONG: { message: 'PONG' },
  REQUEST_PEERS: { message: 'REQUEST_PEERS' },
  HELP: { message: 'HELP' },
}

/** Any line but the first, with its LF. */
export function decodeLine(bytes: Uint8Array, notes?: Note[]): ControlMessage {
  const text = textOf(bytes, notes)
  const word = wordOf(text)
  if (word !== undefined) {
    note(notes, bytes, 0, bytes.length - 1, 'keyword', text)
    return ended(word, bytes, notes)
  }
  if (text.startsWith(PEERS)) {
    note(notes, bytes, 0, PEERS.length, 'keyword', 'PEERS')
    return ended({ message: 'PEERS', addresses: decodeAddresses(text, bytes, notes) }, bytes, notes)
  }
  const escaped = text.startsWith(' ')
  if (escaped) note(notes, bytes, 0, 1, 'leading space', 'chat, whatever follows')
  const said = escaped ? text.slice(1) : text
  const from = escaped ? 1 : 0
  if (bytes.length - 1 - from > limits.chatText)
    throw new WireError('GH_WIRE_LENGTH', 'text', from, `at most ${limits.chatText}`) // spec: LINE-2
  note(notes, bytes, from, bytes.length - 1, 'text', quoted(said))
  return ended({ message: 'CHAT', text: said }, bytes, notes)
}

/** The first line: HELLO, or a refusal in its place, or a person who asks for HELP. */
export function decodeFirstLine(bytes: Uint8Array, notes?: Note[]): ControlMessage {
  const text = textOf(bytes, notes)
  const word = wordOf(text)
  if (word?.message === 'REFUSED' || word?.message === 'HELP') {
    note(notes, bytes, 0, bytes.length - 1, 'keyword', text)
    return ended(word, bytes, notes)
  }
  const colon = text.indexOf(':')
  const id = colon < 0 ? text : text.slice(0, colon)
  const idLength = utf8(id).length
  const fault = idFault(id)
  if (fault !== undefined) throw new WireError('GH_WIRE_VALUE', 'id', 0, fault)
  note(notes, bytes, 0, idLength, 'id', quoted(id))
  if (colon < 0) return ended({ message: 'HELLO', id }, bytes, notes)
  note(notes, bytes, idLength, idLength + 1, 'colon', ':')
  const name = text.slice(colon + 1)
  const nameFault = lineNameFault(name)
  if (nameFault !== undefined) throw new WireError('GH_WIRE_VALUE', 'name', idLength + 1, nameFault)
  if (name !== '') note(notes, bytes, idLength + 1, bytes.length - 1, 'name', quoted(name))
  return ended({ message: 'HELLO', id, name }, bytes, notes)
}

/** One line with its LF, never two: a line end inside a text is written as an escape. */
export function encodeLine(message: ControlMessage): Uint8Array {
  return utf8(`${lineText(message)}\n`)
}

function lineText(message: ControlMessage): string {
  switch (message.message) {
    case 'HELLO':
      return message.name === undefined ? message.id : `${message.id}:${message.name}`
    case 'REFUSED':
      return message.reason
    case 'PEERS':
      return PEERS + message.addresses.join(',')
    case 'CHAT': {
      const text = message.text.replaceAll('\n', '\\n').replace(/\r$/, '\\r')
      return collides(text) ? ` ${text}` : text // spec: LINE-5
    }
    default:
      return message.message
  }
}

/** Chat as a guest reads it: `[bob] text`, on one line, nothing hidden, cut to the limit (spec: LINE-6). */
export function shownChat(name: string, text: string): ControlMessage {
  // A bracket in a name could end the name early and speak for somebody else.
  const plain = visible(name, limits.name)
  const speaker = /[[\]]/.test(plain) ? `"${plain}"` : plain
  return { message: 'CHAT', text: cut(`[${speaker}] ${visible(text, limits.chatText)}`, limits.chatText) }
}

/** What is wrong with a line id, if anything (spec: LINE-3). */
export function idFault(id: string): string | undefined {
  if (id === '') return 'an id has at least one character'
  if (isPeerId(id)) return undefined // a gateway's own
  if (utf8(id).length > limits.lineId) return `an id has at most ${limits.lineId} bytes`
  if (!/^[\p{L}\p{M}\p{N}._-]+$/u.test(id) || visible(id) !== id)
    return 'an id is made of letters, digits, dot, dash and underscore'
  return wordOf(id) !== undefined || id === 'PEERS' ? 'this word is a message' : undefined
}

/** What is wrong with a name on a line, if anything. */
export function lineNameFault(name: string): string | undefined {
  if (utf8(name).length > limits.name) return `a name has at most ${limits.name} bytes`
  return visible(name) === name ? undefined : 'a name has no control or invisible characters'
}

function collides(text: string): boolean {
  return text.startsWith(' ') || wordOf(text) !== undefined || text.startsWith(PEERS)
}

function wordOf(text: string): ControlMessage | undefined {
  return Object.hasOwn(words, text) ? words[text] : undefined
}

/** The text before the LF, which is the last byte and the only one of its kind. */
function textOf(bytes: Uint8Array, notes: Note[] | undefined): string {
  if (bytes.length > limits.line) throw new WireError('GH_WIRE_LENGTH', 'line', 0, `at most ${limits.line}`) // spec: LINE-2
  const end = bytes.indexOf(LF)
  const length = end < 0 ? bytes.length : end + 1
  if (length !== bytes.length || end < 0) {
    if (length > 0) note(notes, bytes, 0, length, 'line', `${length} bytes`)
    throw new WireError(end < 0 ? 'GH_WIRE_SHORT' : 'GH_WIRE_LONG', end < 0 ? 'line end' : 'line', length) // spec: LINE-1
  }
  try {
    return fromUtf8(bytes.subarray(0, end))
  } catch {
    throw new WireError('GH_WIRE_TEXT', 'line', 0)
  }
}

function decodeAddresses(text: string, bytes: Uint8Array, notes: Note[] | undefined): string[] {
  const addresses = text === PEERS ? [] : text.slice(PEERS.length).split(',')
  if (addresses.length > limits.peersPerFrame)
    throw new WireError('GH_WIRE_LENGTH', 'address count', PEERS.length, `at most ${limits.peersPerFrame}`)
  let at = PEERS.length
  for (const [i, address] of addresses.entries()) {
    if (i > 0) note(notes, bytes, at - 1, at, 'comma', ',')
    const fault = addressFault(address)
    if (fault !== undefined) throw new WireError('GH_WIRE_VALUE', 'address', at, fault)
    const end = at + utf8(address).length
    note(notes, bytes, at, end, 'address', address)
    at = end + 1
  }
  return addresses
}

function addressFault(address: string): string | undefined {
  if (/^\/|\s|%/.test(address)) return 'write host:port or [v6]:port'
  try {
    parseAddress(address)
    return undefined
  } catch (error) {
    if (error instanceof GuildError) return visible(error.detail, 120)
    throw error
  }
}

/** At most `max` bytes of UTF-8, ending in an ellipsis where something is left out. */
function cut(text: string, max: number): string {
  const bytes = utf8(text)
  if (bytes.length <= max) return text
  let end = max - 3
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return `${fromUtf8(bytes.subarray(0, end))}…`
}

function quoted(text: string): string {
  return `"${visible(text, 64)}"`
}

function note(
  notes: Note[] | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
  field: string,
  value: string,
): void {
  notes?.push({ offset: start, bytes: bytes.subarray(start, end), field, value })
}

function ended(message: ControlMessage, bytes: Uint8Array, notes: Note[] | undefined): ControlMessage {
  note(notes, bytes, bytes.length - 1, bytes.length, 'line end', 'LF')
  return message
}
