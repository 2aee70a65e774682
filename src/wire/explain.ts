/**
 * Bytes, explained: what the pages show, and any program may print.
 *
 *    0  01                        frame type = PING (0x01)
 *    1  00 11 22 33 44 55 66 77   nonce = 8 bytes
 *    |  |                         '- the field as the decoder names it, and its value
 *    |  '- the bytes, eight a line
 *    '- offset, decimal
 *
 * There is no second description of the formats that could drift: the decoders
 * themselves write down what they read. Bytes that do not decode are explained as far
 * as they go, and the last note, `malformed`, says what is wrong with the rest.
 *
 * Refuses nothing and decides nothing: it is for eyes. Text in a note is already safe
 * to show.
 *
 * Page: protocol/frames.md · Floor: wire.
 */
import { toHex } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { ByteReader, type Note } from '../base/reader.ts'
import { decodeBitswapHead } from './bitswap.ts'
import { decodeCid } from './cid.ts'
import { deaf, deafToPackets } from './frames/deaf.ts'
import { readControlFrame, readFrame, readPacketFrame } from './frames/index.ts'
import { decodeHandshakeDatagram } from './handshake-datagram.ts'
import { decodeHello } from './hello.ts'
import { limits } from './limits.ts'
import { decodeFirstLine, decodeLine } from './line.ts'
import { decodeEntry } from './log-entry.ts'
import { decodeAnnouncement } from './mdns.ts'
import { decodeMessage1 } from './message-1.ts'
import { checkReserved, decodePacketHead } from './packet.ts'
import {
  closeCodes,
  contentCodecs,
  contentHashes,
  frameTypes,
  handshakeDatagrams,
  parameters,
  refusals,
  streamCodes,
} from './registry.ts'
import { decodeEntriesPush, decodePushAck, decodeSyncBatch, decodeSyncPull } from './sync.ts'

/** The frames of one record's plaintext. */
export function explainFrames(bytes: Uint8Array): Note[] {
  return explain(bytes, (r, notes) => each(r, notes, () => readFrame(r, deaf)))
}

/** The frames of one packet's plaintext. */
export function explainPacketFrames(bytes: Uint8Array): Note[] {
  return explain(bytes, (r, notes) => each(r, notes, () => readPacketFrame(r, deafToPackets)))
}

/** A packet that was opened: its head in the clear, and the frames behind it, without a tag. */
export function explainPacket(bytes: Uint8Array): Note[] {
  return explain(bytes, (r, notes) => {
    const head = decodePacketHead(r)
    checkReserved(head)
    notes[0] = {
      ...notes[0]!,
      value: `packet, key phase ${head.phase}, number of ${head.numberLength} bytes`,
    }
    each(r, notes, () => readPacketFrame(r, deafToPackets))
  })
}

/** What CONTROL frames carry, from its first byte on: frames behind their lengths. */
export function explainControl(bytes: Uint8Array): Note[] {
  return explain(bytes, (r, notes) => {
    while (r.remaining > 0) {
      const length = r.varint('frame length', limits.controlFrame)
      const end = r.offset + length
      if (end > bytes.length) throw new WireError('GH_WIRE_SHORT', 'frame', r.offset)
      const frame = new ByteReader(bytes.subarray(0, end), notes)
      frame.offset = r.offset
      name(notes, () => readControlFrame(frame, deaf))
      r.offset = end
    }
  })
}

/** A whole handshake datagram; what Noise sealed in it stays sealed. */
export function explainHandshakeDatagram(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    try {
      decodeHandshakeDatagram(bytes, notes)
    } finally {
      if (notes[0] !== undefined) notes[0] = named(notes[0], handshakeNames)
    }
  })
}

/** The payload of messages 2 and 3. */
export function explainHello(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    try {
      decodeHello(bytes, notes)
    } finally {
      nameParameters(notes)
    }
  })
}

/** The payload of message 1. */
export function explainMessage1(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    try {
      decodeMessage1(bytes, notes)
    } finally {
      nameParameters(notes)
    }
  })
}

/** What a TXT record of ours holds once opened. */
export function explainAnnouncement(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    decodeAnnouncement(bytes, notes)
  })
}

/** One CID. */
export function explainCid(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    try {
      decodeCid(bytes, notes)
    } finally {
      for (const [i, note] of notes.entries()) notes[i] = contentNamed(note)
    }
  })
}

/** The head of a bitswap message: the bytes of its blocks follow it. */
export function explainBitswap(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => {
    try {
      decodeBitswapHead(bytes, notes)
    } finally {
      for (const [i, note] of notes.entries()) {
        const meaning = bitswapNames[note.field]
        if (meaning !== undefined) notes[i] = { ...note, value: meaning(Number(note.value)) }
        else notes[i] = contentNamed(note)
      }
    }
  })
}

/** A line of the line voice. */
export function explainLine(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeLine(bytes, notes))
}

/** The first line of either side. */
export function explainFirstLine(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeFirstLine(bytes, notes))
}

/** One log entry. */
export function explainEntry(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeEntry(bytes, notes))
}

/** The messages of sync, each without the length before it. */
export function explainSyncPull(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeSyncPull(bytes, notes))
}

export function explainSyncBatch(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeSyncBatch(bytes, notes))
}

export function explainEntriesPush(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodeEntriesPush(bytes, notes))
}

export function explainPushAck(bytes: Uint8Array): Note[] {
  return explain(bytes, (_, notes) => void decodePushAck(bytes, notes))
}

function each(r: ByteReader, notes: Note[], read: () => void): void {
  try {
    while (r.remaining > 0) name(notes, read)
  } finally {
    joinPadding(notes)
  }
}

/** A packet may end in thousands of PADDING: one note for all that stand together. */
function joinPadding(notes: Note[]): void {
  let kept = 0
  for (let at = 0; at < notes.length; ) {
    const from = at
    const note = notes[at++]!
    while (isPadding(note) && isPadding(notes[at])) at++
    notes[kept++] = at - from < 2 ? note : times(note, at - from)
  }
  notes.length = kept
}

function times(note: Note, count: number): Note {
  const bytes = new Uint8Array(note.bytes.buffer, note.bytes.byteOffset, count)
  return { ...note, bytes, value: `${note.value}, ${count} times` }
}

const isPadding = (note: Note | undefined): boolean =>
  note?.field === 'frame type' && note.value === paddingNote

/** Reads one frame, and names what it says, also where it breaks off. */
function name(notes: Note[], read: () => void): void {
  const first = notes.length
  try {
    read()
  } finally {
    nameFrame(notes, first)
  }
}

const BYTES_A_LINE = 8
/** Longer fields are shown by their first lines: a record may hold 64 KiB of data. */
const BYTES_SHOWN = 32

/** The annotated dump: one line a field, more where the field is long. */
export function formatNotes(notes: readonly Note[]): string {
  let out = ''
  for (const { offset, bytes, field, value } of notes) {
    const shown = bytes.length > BYTES_SHOWN ? BYTES_SHOWN - BYTES_A_LINE : bytes.length
    out += `${line(offset, bytes.subarray(0, Math.min(BYTES_A_LINE, shown)))}${field} = ${value}\n`
    for (let at = BYTES_A_LINE; at < shown; at += BYTES_A_LINE)
      out += `${line(offset + at, bytes.subarray(at, Math.min(at + BYTES_A_LINE, shown))).trimEnd()}\n`
    if (shown < bytes.length)
      out += `${String(offset + shown).padStart(4)}  … ${bytes.length - shown} more bytes\n`
  }
  return out
}

function line(offset: number, bytes: Uint8Array): string {
  const hex = toHex(bytes).replace(/..(?=.)/g, '$& ')
  return `${String(offset).padStart(4)}  ${hex.padEnd(BYTES_A_LINE * 3 + 2)}`
}

function explain(bytes: Uint8Array, decode: (r: ByteReader, notes: Note[]) => void): Note[] {
  const notes: Note[] = []
  try {
    decode(new ByteReader(bytes, notes), notes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    // A field whose value is wrong was read and noted: the fault takes its place.
    while (wasReadAt(notes.at(-1), error.offset)) notes.pop()
    const rest = bytes.subarray(error.offset)
    notes.push({
      offset: error.offset,
      bytes: rest,
      field: 'malformed',
      value: `${error.code}: ${error.message}`,
    })
  }
  return notes
}

/** An empty field right before the fault takes no place, so it stays; one behind it goes. */
function wasReadAt(note: Note | undefined, offset: number): boolean {
  return note !== undefined && note.offset + note.bytes.length > offset
}

/** What a number stands for. */
type Names = ReadonlyMap<number, string>

const namesOf = (registry: Readonly<Record<string, number>>): Names =>
  new Map(Object.entries(registry).map(([name, value]) => [value, name]))

const frameNames: Names = new Map(Object.entries(frameTypes).map(([name, { type }]) => [type, name]))
const paddingNote = 'PADDING (0x00)'
const closeNames = namesOf(closeCodes)
const refusalNames = namesOf(refusals)
const streamNames = namesOf(streamCodes)
const parameterNames = namesOf(parameters)
const handshakeNames = namesOf(handshakeDatagrams)
const codecNames = namesOf(contentCodecs)
const hashNames = namesOf(contentHashes)

/** Which registry a frame's `code` or `reason` is from. */
const codeNames: Readonly<Record<string, Names>> = {
  CLOSE: closeNames,
  REFUSED: refusalNames,
  RESET_STREAM: streamNames,
  STOP_SENDING: streamNames,
}

function nameFrame(notes: Note[], first: number): void {
  const type = notes[first]
  if (type === undefined) return
  notes[first] = named(type, frameNames)
  const frame = frameNames.get(Number(type.value))
  const codes = frame === undefined ? undefined : codeNames[frame]
  if (codes === undefined) return
  for (let i = first + 1; i < notes.length; i++)
    if (notes[i]!.field === 'code' || notes[i]!.field === 'reason') notes[i] = named(notes[i]!, codes)
}

function contentNamed(note: Note): Note {
  if (note.field === 'CID codec') return named(note, codecNames)
  return note.field === 'CID hash' ? named(note, hashNames) : note
}

const bitswapNames: Readonly<Record<string, (value: number) => string>> = {
  flags: value => (value === 0 ? 'what changed' : 'full list'),
  'want flags': value => {
    if (value === 1) return 'cancel'
    return `want-${value & 2 ? 'have' : 'block'}${value & 4 ? ', send DONT_HAVE' : ''}`
  },
  'presence type': value => (value === 0 ? 'HAVE' : 'DONT_HAVE'),
}

function nameParameters(notes: Note[]): void {
  for (let i = 0; i < notes.length; i++)
    if (notes[i]!.field === 'parameter id') notes[i] = named(notes[i]!, parameterNames)
}

function named(note: Note, names: Names): Note {
  const value = Number(note.value)
  const name = names.get(value) ?? 'unknown'
  return { ...note, value: `${name} (0x${value.toString(16).padStart(2, '0')})` }
}
