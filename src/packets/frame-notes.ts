/**
 * The frames of one packet, as things to show: what each says, without what it carries.
 *
 *   03 07 00 00 07  06 00 03 …   ─▶  { type: 'ACK', ranges: [[7, 7]], … }, { type: 'CONTROL', offset: 0, length: 3 }
 *
 * The same decoder reads them that reads them for the connection. What people wrote, what streams
 * carry, reset tokens and the random bytes of challenges are left out: a log may be shown to others.
 *
 * Refuses nothing: of frames that do not decode, the notes end where sense ends.
 * Page: protocol/observability.md (spec: OBS-2) · Floor: packets.
 */
import { toHex } from '../base/bytes.ts'
import { WireError } from '../base/errors.ts'
import { ByteReader } from '../base/reader.ts'
import { type PacketSink, readPacketFrame } from '../wire/frames/index.ts'

/** Lengths in bytes; `type` as in protocol/frames.md, but that STREAM stands for STREAM_FIN as well. */
export type FrameNote =
  /** As many zero bytes. */
  | { readonly type: 'PADDING'; readonly length: number }
  /** First and last number of each range, the highest range first. */
  | {
      readonly type: 'ACK'
      readonly delayMs: number
      readonly ranges: readonly (readonly [number, number])[]
    }
  | { readonly type: 'CONTROL'; readonly offset: number; readonly length: number }
  | { readonly type: 'PROBE' }
  | {
      readonly type: 'STREAM'
      readonly stream: number
      readonly offset: number
      readonly length: number
      readonly fin: boolean
    }
  | {
      readonly type: 'RESET_STREAM'
      readonly stream: number
      readonly code: number
      readonly finalSize: number
    }
  | { readonly type: 'STOP_SENDING'; readonly stream: number; readonly code: number }
  | { readonly type: 'MAX_DATA'; readonly maximum: number }
  | { readonly type: 'MAX_STREAM_DATA'; readonly stream: number; readonly maximum: number }
  | { readonly type: 'MAX_STREAMS'; readonly maximum: number }
  | { readonly type: 'PATH_CHALLENGE' }
  | { readonly type: 'PATH_RESPONSE' }
  | {
      readonly type: 'NEW_CONNECTION_ID'
      readonly sequence: number
      readonly retirePriorTo: number
      /** Hexadecimal, as it stands on packets in the clear. */
      readonly id: string
    }
  | { readonly type: 'RETIRE_CONNECTION_ID'; readonly sequence: number }
  | { readonly type: 'DATAGRAM'; readonly length: number }
  | { readonly type: 'CLOSE'; readonly code: number }
  /** One that may be ignored, and is. */
  | { readonly type: 'UNKNOWN'; readonly number: number; readonly length: number }
  /** What is left of a packet that has more frames than anybody wants to see. */
  | { readonly type: 'MORE'; readonly length: number }

/** Of one packet: 64 KiB could hold as many PROBEs. */
const MOST = 128

export function notesOf(frames: Uint8Array): FrameNote[] {
  const notes: FrameNote[] = []
  const sink = sinkInto(notes)
  const r = new ByteReader(frames)
  try {
    while (r.remaining > 0) {
      if (notes.length >= MOST) {
        notes.push({ type: 'MORE', length: r.remaining })
        break
      }
      if (frames[r.offset] === 0) notes.push({ type: 'PADDING', length: skipPadding(r, frames) })
      else readPacketFrame(r, sink)
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
  return notes
}

/** Path-MTU probes hold a thousand of them and more. */
function skipPadding(r: ByteReader, frames: Uint8Array): number {
  const from = r.offset
  let at = from
  while (at < frames.length && frames[at] === 0) at++
  r.offset = at
  return at - from
}

const nothing = (): void => {}

function sinkInto(notes: FrameNote[]): PacketSink {
  const add = (note: FrameNote): void => void notes.push(note)
  return {
    link: {
      padding: nothing,
      ping: nothing,
      pong: nothing,
      accepted: nothing,
      refused: nothing,
      drain: nothing,
      rekey: nothing,
      datagram: nothing,
      close: code => add({ type: 'CLOSE', code }),
      ignored: (number, length) => add({ type: 'UNKNOWN', number, length }),
    },
    streams: {
      stream: (stream, offset, { length }, fin) => add({ type: 'STREAM', stream, offset, length, fin }),
      resetStream: (stream, code, finalSize) => add({ type: 'RESET_STREAM', stream, code, finalSize }),
      stopSending: (stream, code) => add({ type: 'STOP_SENDING', stream, code }),
      maxData: maximum => add({ type: 'MAX_DATA', maximum }),
      maxStreamData: (stream, maximum) => add({ type: 'MAX_STREAM_DATA', stream, maximum }),
      maxStreams: maximum => add({ type: 'MAX_STREAMS', maximum }),
    },
    packets: {
      ack: ({ delay, count, ranges }) =>
        add({
          type: 'ACK',
          delayMs: delay,
          ranges: Array.from({ length: count }, (_, i) => [ranges[2 * i]!, ranges[2 * i + 1]!] as const),
        }),
      probe: () => add({ type: 'PROBE' }),
      control: (offset, { length }) => add({ type: 'CONTROL', offset, length }),
      pathChallenge: () => add({ type: 'PATH_CHALLENGE' }),
      pathResponse: () => add({ type: 'PATH_RESPONSE' }),
      newConnectionId: (sequence, retirePriorTo, id) =>
        add({ type: 'NEW_CONNECTION_ID', sequence, retirePriorTo, id: toHex(id) }),
      retireConnectionId: sequence => add({ type: 'RETIRE_CONNECTION_ID', sequence }),
      datagram: ({ length }) => add({ type: 'DATAGRAM', length }),
    },
  }
}
